package gateway

import (
	"context"
	"fmt"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// methods are those that routes can have, in the order of `Allow`.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// probe knows which methods a path has. It is a second mux over the same paths,
// so that both match alike.
type probe struct{ mux *runtime.ServeMux }

// verdict is the writer by which a handler of the probe says that it was reached.
// Nothing is ever written to it.
type verdict struct {
	http.ResponseWriter
	reached bool
}

func newProbe(bindings []binding) (*probe, error) {
	mux := runtime.NewServeMux(
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptReserved),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithErrorHandler(func(context.Context, *runtime.ServeMux, runtime.Marshaler, http.ResponseWriter, *http.Request, error) {
		}),
		runtime.WithRoutingErrorHandler(func(context.Context, *runtime.ServeMux, runtime.Marshaler, http.ResponseWriter, *http.Request, int) {}),
	)
	ending := verbs(bindings)
	for _, b := range bindings {
		if err := mux.HandlePath(b.method, b.path, reach(ending[b.path])); err != nil {
			return nil, fmt.Errorf("%s: %w", b.path, err)
		}
	}
	return &probe{mux}, nil
}

func reach(verbs []string) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		if v, ok := w.(*verdict); ok && !missing(r, verbs, params) {
			v.reached = true
		}
	}
}

// allowed returns the methods that the path of r has; none means that there is
// no such path.
func (p *probe) allowed(r *http.Request) []string {
	var found []string
	for _, method := range methods {
		asked := r.WithContext(r.Context())
		asked.Method, asked.Body = method, http.NoBody
		v := &verdict{}
		p.mux.ServeHTTP(v, asked)
		if !v.reached {
			continue
		}
		found = append(found, method)
		if method == http.MethodGet {
			// RFC 9110 section 9.3.2: HEAD is GET without content.
			found = append(found, http.MethodHead)
		}
	}
	return found
}
