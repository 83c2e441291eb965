package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// decisionTimeout bounds a decision, connecting included.
const decisionTimeout = 2 * time.Second

// engine decides in this process.
type engine struct{ compiler *pdp.Compiler }

func newEngine(securityProfile string) (*engine, error) {
	compiler, err := catalog.Compiler(securityProfile)
	if err != nil {
		return nil, err
	}
	return &engine{compiler}, nil
}

// evaluate judges one request as a server with default limits would. What it
// refuses has the gRPC status that a server answers with.
func (e *engine) evaluate(set *clientpolicyv1.PolicySet, compatibility clientpolicyv1.RealmSettings_Compatibility,
	req *clientpolicyv1.EvaluateRequest, clock func() time.Time,
) (*clientpolicyv1.EvaluateResponse, error) {
	realm, problems := e.compiler.Compile(set, &clientpolicyv1.RealmSettings{Compatibility: &compatibility})
	if err := pdp.JoinErrors(problems); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the policies cannot be used: %v", err)
	}
	if err := pdp.CheckInput(req, pdp.DefaultLimits()); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the request is refused: %v", err)
	}
	resp := &clientpolicyv1.EvaluateResponse{}
	if err := realm.Evaluate(req, pdp.Env{Now: clock(), Clock: clock}, resp); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the request is refused: %v", err)
	}
	return resp, nil
}

// decisions is a decision listener.
type decisions struct {
	client *client.Client
	target string
}

// dialDecisions makes the client of a decision listener. It asks nothing yet.
func dialDecisions(r remote) (*decisions, error) {
	target := r.GRPC
	if rest, ok := strings.CutPrefix(target, "unix:"); ok && !strings.HasPrefix(rest, "//") && strings.HasPrefix(rest, "/") {
		target = "unix://" + rest
	}
	options := []client.Option{client.WithTimeout(decisionTimeout)}
	token, err := r.bearer()
	if err != nil {
		return nil, err
	}
	secure, err := r.tlsTo(target)
	if err != nil {
		return nil, err
	}
	if secure != nil {
		options = append(options, client.WithTLS(secure))
	}
	if token != "" {
		options = append(options, client.WithToken(token))
	}
	c, err := client.Dial(target, options...)
	if err != nil {
		return nil, usage("grpc: %w", err)
	}
	return &decisions{c, target}, nil
}

func (d *decisions) close() { _ = d.client.Close() } // nothing is under way

// evaluate asks for one decision; a listener that is not there is marked so.
func (d *decisions) evaluate(ctx context.Context, req *clientpolicyv1.EvaluateRequest) (*clientpolicyv1.EvaluateResponse, error) {
	resp, err := d.client.Evaluate(ctx, req)
	s, ok := status.FromError(errors.Unwrap(err))
	switch {
	case err == nil || !ok:
	case s.Code() == codes.Unavailable || s.Code() == codes.DeadlineExceeded:
		return nil, unreachable(fmt.Errorf("decision listener %s cannot be reached: %s", d.target, s.Message()))
	default:
		return nil, s.Err()
	}
	return resp, err
}
