package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// maxStreams bounds the streams under way. Each takes one of the calls that the
// one connection behind the gateway can have: without a bound, those who follow
// would shut everybody else out.
const maxStreams = 256

// streaming is how a route's items are asked for.
type streaming struct {
	// method is the name of the rpc as gRPC spells it.
	method           string
	request, message protoreflect.MessageType
	// document is the field of the message that holds the item.
	document protoreflect.FieldDescriptor
	// forms are the ways in which the items can be written, the usual one first.
	forms []*form
}

func newStreaming(m protoreflect.MethodDescriptor) (*streaming, error) {
	s := &streaming{method: fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()), forms: []*form{lines, events}}
	if m.FullName() == export {
		s.forms = []*form{rows, table}
	}
	var err error
	if s.request, err = protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName()); err != nil {
		return nil, err
	}
	if s.message, err = protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName()); err != nil {
		return nil, err
	}
	if s.document = m.Output().Fields().ByName("document"); s.document == nil || s.document.Message() == nil {
		return nil, fmt.Errorf("message %s has no document", m.Output().FullName())
	}
	return s, nil
}

// follow answers with the items of a stream as they come. The generated handler
// would neither tell a refusal by its status, nor show that an idle stream is
// alive, nor end it when the server stops.
func (g *gateway) follow(w http.ResponseWriter, r *http.Request, route *route, params map[string]string) {
	f := choose(r.Header.Get(headerAccept), route.stream.forms)
	if f == nil {
		unacceptable(route.stream.forms).write(w)
		return
	}
	select {
	case g.streams <- struct{}{}:
		defer func() { <-g.streams }()
	default:
		blank(http.StatusServiceUnavailable, fmt.Sprintf("%d streams are under way, which is the limit; try again when others have ended", maxStreams)).write(w)
		return
	}
	base, cancel := context.WithCancel(r.Context())
	defer cancel()
	ctx, err := runtime.AnnotateContext(base, g.mux, r, route.stream.method, runtime.WithHTTPPathPattern(route.path))
	if err != nil {
		g.translate(base, err).write(w)
		return
	}
	o := newOutlet(w, f, g.options.Stopping)
	defer o.hasten()()
	g.relay(ctx, cancel, o, r, route.stream, params)
}

// relay writes the items of one stream.
func (g *gateway) relay(ctx context.Context, cancel func(), o *outlet, r *http.Request, s *streaming, params map[string]string) {
	source, err := g.open(ctx, r, s, params)
	if err == nil {
		err = o.unbound()
	}
	if err != nil {
		g.translate(ctx, err).write(o.w)
		return
	}
	if head, _ := ctx.Value(headKey{}).(bool); head || o.begin() != nil {
		return
	}
	arrivals := receive(ctx, source, s)
	// Nobody is left behind who still reads.
	defer func() {
		cancel()
		for range arrivals {
			continue
		}
	}()
	g.pump(ctx, o, arrivals)
}

// open asks for a stream and waits until it is accepted, which a service tells by
// its headers. A refusal before them is an error.
func (g *gateway) open(ctx context.Context, r *http.Request, s *streaming, params map[string]string) (grpc.ClientStream, error) {
	request, err := s.ask(r, params)
	if err != nil {
		return nil, err
	}
	source, err := g.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, s.method)
	if err != nil {
		return nil, err
	}
	// At io.EOF the stream has ended, and says why when it is read.
	if err := source.SendMsg(request); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := source.CloseSend(); err != nil {
		return nil, err
	}
	header, err := source.Header()
	if err != nil || header != nil {
		return source, err
	}
	if err := source.RecvMsg(s.message.New().Interface()); !errors.Is(err, io.EOF) {
		return nil, err
	}
	return ended{source}, nil
}

// ended is a stream that has ended without an item.
type ended struct{ grpc.ClientStream }

// RecvMsg implements grpc.ClientStream.
func (ended) RecvMsg(any) error { return io.EOF }

// ask makes the request, of a path and a query that were checked.
func (s *streaming) ask(r *http.Request, params map[string]string) (proto.Message, error) {
	request := s.request.New().Interface()
	for name, value := range params {
		if err := runtime.PopulateFieldFromPath(request, name, value); err != nil {
			return nil, fmt.Errorf("path variable %s: %w", name, err)
		}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if err := runtime.PopulateQueryParameters(request, values, utilities.NewDoubleArray(nil)); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return request, nil
}

// arrival is an item, or why there is none any more.
type arrival struct {
	item proto.Message
	err  error
}

// receive reads items until there are no more or ctx ends.
func receive(ctx context.Context, source grpc.ClientStream, s *streaming) <-chan arrival {
	arrivals := make(chan arrival)
	go func() {
		defer close(arrivals)
		for {
			m := s.message.New()
			err := source.RecvMsg(m.Interface())
			select {
			case arrivals <- arrival{m.Get(s.document).Message().Interface(), err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return arrivals
}
