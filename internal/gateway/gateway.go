package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// ErrLimits is the error of limits that are missing or not positive.
var ErrLimits = errors.New("limits are not positive")

// Options tune the REST surface.
type Options struct {
	// Limits bound bodies; required are decision_message_bytes (`:evaluate`),
	// document_bytes (every other body) and depth.
	Limits *clientpolicyv1.Limits
	// Log takes what is wrong with the server itself; nil means nowhere.
	Log *zap.Logger
	// Admit, if given, is asked before a body is read. Its error, best a gRPC
	// status, is the answer.
	Admit func(*http.Request) error
	// Annotate, if given, returns metadata that the server alone can know, such as
	// the verified client certificate. It adds to what the gateway sends; nothing
	// from outside can have set the same keys, save `authorization`, `if-match`,
	// `x-sidegate-revision` and `x-change-comment-bin`.
	Annotate func(*http.Request) metadata.MD
}

// gateway is the handler.
type gateway struct {
	options Options
	log     *zap.Logger
	mux     *runtime.ServeMux
	routes  map[string]*route
	probe   *probe
}

// New returns the REST surface of the services behind conn. It judges no
// credentials: conn must lead through the interceptors that do.
func New(conn grpc.ClientConnInterface, o Options) (http.Handler, error) {
	if o.Limits.GetDecisionMessageBytes() <= 0 || o.Limits.GetDocumentBytes() <= 0 || o.Limits.GetDepth() <= 0 {
		return nil, fmt.Errorf("gateway options: %w", ErrLimits)
	}
	g := &gateway{options: o, log: o.Log}
	if g.log == nil {
		g.log = zap.NewNop()
	}
	var err error
	if g.routes, err = compile(bindings); err != nil {
		return nil, fmt.Errorf("gateway routes: %w", err)
	}
	if g.probe, err = newProbe(bindings); err != nil {
		return nil, fmt.Errorf("gateway routes: %w", err)
	}
	g.mux = g.newMux()
	if err := register(g.mux, upstream{conn}); err != nil {
		return nil, fmt.Errorf("gateway register: %w", err)
	}
	return withDocument(g), nil
}

func (g *gateway) newMux() *runtime.ServeMux {
	return runtime.NewServeMux(
		// Only this mode lets a name hold an encoded slash.
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptReserved),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithWriteContentLength(),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, codec{depth: int(g.options.Limits.GetDepth())}),
		runtime.WithIncomingHeaderMatcher(incoming),
		runtime.WithOutgoingHeaderMatcher(outgoing),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithMetadata(g.annotate),
		runtime.WithMiddlewares(g.guard),
		runtime.WithErrorHandler(g.failed),
		runtime.WithRoutingErrorHandler(g.unrouted),
	)
}

// register hands the generated handlers clients, not servers: a server would be
// called past its interceptors.
func register(mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
	ctx := context.Background()
	return errors.Join(
		clientpolicyv1.RegisterPolicyDecisionServiceHandlerClient(ctx, mux, clientpolicyv1.NewPolicyDecisionServiceClient(conn)),
		clientpolicyv1.RegisterRealmServiceHandlerClient(ctx, mux, clientpolicyv1.NewRealmServiceClient(conn)),
		clientpolicyv1.RegisterPolicyAdminServiceHandlerClient(ctx, mux, clientpolicyv1.NewPolicyAdminServiceClient(conn)),
		clientpolicyv1.RegisterServerServiceHandlerClient(ctx, mux, clientpolicyv1.NewServerServiceClient(conn)),
	)
}

// ServeHTTP implements [http.Handler].
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	clean, p := sanitize(r)
	if p != nil {
		p.write(w)
		return
	}
	g.mux.ServeHTTP(w, clean)
}
