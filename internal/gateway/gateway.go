package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

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
	// Stopping, if given, is closed when the server begins to stop: streams end.
	Stopping <-chan struct{}
	// KeepAlive is the time without an item after which a stream shows that it is
	// alive; 0 means 15 seconds.
	KeepAlive time.Duration
}

// gateway is the handler.
type gateway struct {
	options Options
	log     *zap.Logger
	mux     *runtime.ServeMux
	conn    grpc.ClientConnInterface
	routes  map[string]*route
	verbs   map[string][]string
	probe   *probe
	// streams has an element for every stream under way.
	streams chan struct{}
	crossed *http.CrossOriginProtection
}

// New returns the REST surface of the services behind conn. It judges no
// credentials: conn must lead through the interceptors that do.
func New(conn grpc.ClientConnInterface, o Options) (http.Handler, error) {
	if o.Limits.GetDecisionMessageBytes() <= 0 || o.Limits.GetDocumentBytes() <= 0 || o.Limits.GetDepth() <= 0 || o.KeepAlive < 0 {
		return nil, fmt.Errorf("gateway options: %w", ErrLimits)
	}
	g := &gateway{
		options: o, log: o.Log, conn: upstream{conn}, verbs: verbs(bindings),
		streams: make(chan struct{}, maxStreams), crossed: http.NewCrossOriginProtection(),
	}
	if g.log == nil {
		g.log = zap.NewNop()
	}
	if g.options.KeepAlive == 0 {
		g.options.KeepAlive = keepAlive
	}
	var err error
	if g.routes, err = compile(bindings); err != nil {
		return nil, fmt.Errorf("gateway routes: %w", err)
	}
	if g.probe, err = newProbe(bindings); err != nil {
		return nil, fmt.Errorf("gateway routes: %w", err)
	}
	g.mux = g.newMux()
	if err := register(g.mux, g.conn); err != nil {
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
// called past its interceptors. Those of streams are registered for their paths
// alone: the middleware answers before them.
func register(mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
	ctx := context.Background()
	return errors.Join(
		clientpolicyv1.RegisterPolicyDecisionServiceHandlerClient(ctx, mux, clientpolicyv1.NewPolicyDecisionServiceClient(conn)),
		clientpolicyv1.RegisterRealmServiceHandlerClient(ctx, mux, clientpolicyv1.NewRealmServiceClient(conn)),
		clientpolicyv1.RegisterPolicyAdminServiceHandlerClient(ctx, mux, clientpolicyv1.NewPolicyAdminServiceClient(conn)),
		clientpolicyv1.RegisterRevisionServiceHandlerClient(ctx, mux, clientpolicyv1.NewRevisionServiceClient(conn)),
		clientpolicyv1.RegisterCatalogueServiceHandlerClient(ctx, mux, clientpolicyv1.NewCatalogueServiceClient(conn)),
		clientpolicyv1.RegisterDecisionLogServiceHandlerClient(ctx, mux, clientpolicyv1.NewDecisionLogServiceClient(conn)),
		clientpolicyv1.RegisterAuditLogServiceHandlerClient(ctx, mux, clientpolicyv1.NewAuditLogServiceClient(conn)),
		clientpolicyv1.RegisterServerServiceHandlerClient(ctx, mux, clientpolicyv1.NewServerServiceClient(conn)),
	)
}

// ServeHTTP implements [http.Handler].
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if err := g.crossed.Check(r); err != nil {
		// A body of another type than JSON is refused for the same reason, but not
		// every write has one.
		blank(http.StatusForbidden, "a page of another origin sent this; only pages of this server can make a browser write").write(w)
		return
	}
	clean, p := sanitize(r)
	if p != nil {
		p.write(w)
		return
	}
	g.mux.ServeHTTP(w, clean)
}
