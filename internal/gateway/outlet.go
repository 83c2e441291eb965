package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sidegate/sidegate/internal/gateway/strictjson"
)

const (
	// keepAlive is the time without an item after which a stream shows that it
	// is alive: below the minute after which proxies give up.
	keepAlive = 15 * time.Second
	// patience is how long a caller may leave unread what was written.
	patience = time.Minute
	// farewell is how long it may be left unread when the server stops: who does
	// not read may not hold up the end.
	farewell = time.Second
)

// outlet is an answer that items are written to.
type outlet struct {
	*form
	w        http.ResponseWriter
	control  *http.ResponseController
	stopping <-chan struct{}
}

func newOutlet(w http.ResponseWriter, f *form, stopping <-chan struct{}) *outlet {
	w.Header().Set(headerType, f.media)
	return &outlet{form: f, w: w, control: http.NewResponseController(w), stopping: stopping}
}

// hasten cuts short what is being written when the server stops. The answer may
// be left only after done has returned.
func (o *outlet) hasten() (done func()) {
	left, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-o.stopping:
			// Where there are no deadlines nothing was begun.
			_ = o.control.SetWriteDeadline(time.Now().Add(farewell))
		case <-left:
		}
	}()
	return func() {
		close(left)
		<-over
	}
}

// unbound lifts the deadlines of the connection, which are for calls that have one
// answer: nothing more is read, and each write sets its own.
func (o *outlet) unbound() error {
	if err := errors.Join(o.control.SetReadDeadline(time.Time{}), o.control.SetWriteDeadline(time.Time{})); err != nil {
		return status.Errorf(codes.Internal, "connection deadlines: %v", err)
	}
	return nil
}

// begin sends the headers, before there is an item.
func (o *outlet) begin() error { return errors.Join(o.write(o.head), o.control.Flush()) }

// write writes a part of the answer.
func (o *outlet) write(part []byte) error {
	if err := o.control.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	// Asked after the deadline was set: the one that hasten set may be gone by that.
	select {
	case <-o.stopping:
		if err := o.control.SetWriteDeadline(time.Now().Add(farewell)); err != nil {
			return err
		}
	default:
	}
	_, err := o.w.Write(part)
	return err
}

// put writes an item. One that is awaited goes out at once; of an export, which
// is read as a whole, as many together as there is room for.
func (o *outlet) put(part []byte) error {
	if err := o.write(part); err != nil || o.whole {
		return err
	}
	return o.control.Flush()
}

// stir shows that the stream is alive, where its form can, and puts off the
// deadline, which can end even a connection that has nothing to write (HTTP/2).
func (o *outlet) stir() error { return errors.Join(o.write(o.idle), o.control.Flush()) }

// pump writes items until they end, the caller goes or the server stops.
func (g *gateway) pump(ctx context.Context, o *outlet, arrivals <-chan arrival) {
	idle := time.NewTicker(g.options.KeepAlive)
	defer idle.Stop()
	for {
		select {
		case a, more := <-arrivals:
			if !more {
				a.err = status.FromContextError(ctx.Err()).Err() // the caller is gone
			}
			if errors.Is(a.err, io.EOF) {
				return
			}
			part, err := o.frame(a)
			if err != nil {
				g.fail(ctx, o, err)
				return
			}
			if o.put(part) != nil {
				return // the caller is gone, or does not read
			}
			idle.Reset(g.options.KeepAlive)
		case <-idle.C:
			if o.stir() != nil {
				return
			}
		case <-g.options.Stopping:
			o.abandon(status.New(codes.Unavailable, "the server is stopping; ask again"))
			return
		}
	}
}

// frame prints what has arrived.
func (o *outlet) frame(a arrival) ([]byte, error) {
	if a.err != nil {
		return nil, a.err
	}
	part, err := o.item(a.item)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "stream item: %v", err)
	}
	return part, nil
}

// fail tells of a failure in the middle of a stream what may be told of it.
func (g *gateway) fail(ctx context.Context, o *outlet, err error) {
	p := g.translate(ctx, err)
	st := status.New(convert(ctx, err).Code(), p.Detail)
	if p.Reason != "" {
		detailed, err := st.WithDetails(&errdetails.ErrorInfo{Domain: domain, Reason: p.Reason})
		if err == nil {
			st = detailed
		}
	}
	o.abandon(st)
}

// abandon ends an answer that is not complete. Where its end means that it is,
// the connection is cut: nobody may take a part for the whole.
func (o *outlet) abandon(st *status.Status) {
	body, err := strictjson.Marshal(st.Proto())
	if o.fault != nil && err == nil {
		// Whether the caller hears of it or not, this is the end.
		_ = errors.Join(o.write(o.fault(trim(body))), o.control.Flush())
	}
	if o.whole {
		panic(http.ErrAbortHandler)
	}
}
