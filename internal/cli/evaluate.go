package cli

import (
	"context"
	"errors"
	"net/http"
	"time"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/sidegate/sidegate/pdp/profiles"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
)

// Values of --compatibility.
const (
	compatibilitySafe     = "SAFE"
	compatibilityKeycloak = "KEYCLOAK"
)

// evaluating is one run of evaluate.
type evaluating struct {
	*app
	file                    string
	policies, compatibility string
	securityProfile         string
	explain                 bool
}

func (a *app) evaluate() *cobra.Command {
	e := &evaluating{app: a, compatibility: compatibilitySafe}
	c := &cobra.Command{
		Use:   "evaluate -f REQUEST",
		Short: "Ask for a decision",
		Long: "Asks the administration API, with --grpc the decision listener, or with --policies the engine in\n" +
			"this process. Exit codes: 0 allow, 10 reject, 1 failed, 2 usage, 3 not reachable.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return e.run(c) },
	}
	c.Flags().StringVarP(&e.file, "file", "f", "", "file with an EvaluateRequest as JSON or YAML, or - for standard input")
	a.realmFlag(c)
	c.Flags().BoolVar(&e.explain, "explain", false, "show how the decision came about")
	a.grpcFlag(c, "decision listener to ask: host:port or unix:///path")
	c.Flags().StringVar(&e.policies, "policies", "", "file with a policy set, to decide in this process")
	c.Flags().Var(choice{&e.compatibility, []string{compatibilitySafe, compatibilityKeycloak}}, "compatibility", "the realm's setting, with --policies")
	c.Flags().StringVar(&e.securityProfile, "security-profile", profiles.None, "none, lax, strict or a JSON file, with --policies")
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func (e *evaluating) run(c *cobra.Command) error {
	if err := e.check(c); err != nil {
		return err
	}
	req, err := e.request()
	if err != nil {
		return err
	}
	resp, err := e.ask(c.Context(), req)
	if err != nil {
		return plain(err)
	}
	if err := e.printDecision(resp); err != nil {
		return err
	}
	switch resp.GetDecision() {
	case clientpolicyv1.EvaluateResponse_DECISION_ALLOW:
		return nil
	case clientpolicyv1.EvaluateResponse_DECISION_REJECT:
		return quiet(exitReject)
	default:
		return errors.New("the answer holds no decision; server and command may be of different versions")
	}
}

// check refuses flags that do not go together.
func (e *evaluating) check(c *cobra.Command) error {
	offline := e.policies != ""
	switch {
	case e.file == "":
		return usage("evaluate: --file is required")
	case e.file == "-" && e.policies == "-":
		return usage("evaluate: --file and --policies cannot both be standard input")
	case offline && (e.flags.GRPC != "" || e.flags.Server != "" || e.context != ""):
		return usage("evaluate: --policies decides in this process; leave out --server, --context and --grpc")
	case e.flags.GRPC != "" && e.flags.Server != "":
		return usage("evaluate: give --server or --grpc, not both")
	}
	for _, name := range []string{"compatibility", "security-profile"} {
		if !offline && c.Flags().Changed(name) {
			return usage("evaluate: --%s has an effect with --policies only; a server has its own", name)
		}
	}
	return nil
}

// request reads the request from the file.
func (e *evaluating) request() (*clientpolicyv1.EvaluateRequest, error) {
	n, err := document.Read(e.file, e.In)
	if err != nil {
		return nil, err
	}
	req := &clientpolicyv1.EvaluateRequest{}
	if err := document.Decode(e.file, n, req); err != nil {
		return nil, err
	}
	if req.Realm, err = e.realmOf(req); err != nil {
		return nil, err
	}
	if e.explain {
		if req.Options == nil {
			req.Options = &clientpolicyv1.EvaluateOptions{}
		}
		req.Options.Explain = true
	}
	return req, nil
}

// realmOf is the realm that is named, else that of the request, else the usual one.
func (e *evaluating) realmOf(req *clientpolicyv1.EvaluateRequest) (string, error) {
	switch {
	case e.flags.Realm != "":
		return e.flags.Realm, nil
	case req.GetRealm() != "" || e.policies != "":
		return req.GetRealm(), nil
	}
	r, err := e.remote()
	if err == nil && r.Realm == "" {
		return "", usage("evaluate: the request names no realm; pass --realm")
	}
	return r.Realm, err
}

func (e *evaluating) ask(ctx context.Context, req *clientpolicyv1.EvaluateRequest) (*clientpolicyv1.EvaluateResponse, error) {
	if e.policies != "" {
		return e.offline(req)
	}
	r, err := e.remote()
	if err != nil {
		return nil, err
	}
	if r.GRPC != "" && e.flags.Server == "" {
		d, err := dialDecisions(r)
		if err != nil {
			return nil, err
		}
		defer d.close()
		return d.evaluate(ctx, req)
	}
	client, err := e.connect()
	if err != nil {
		return nil, err
	}
	body, err := protojson.Marshal(req)
	if err != nil {
		return nil, err
	}
	return client.evaluate(ctx, req.GetRealm(), body)
}

func (e *evaluating) offline(req *clientpolicyv1.EvaluateRequest) (*clientpolicyv1.EvaluateResponse, error) {
	n, err := document.Read(e.policies, e.In)
	if err != nil {
		return nil, err
	}
	set := &clientpolicyv1.PolicySet{}
	if err := document.Decode(e.policies, n, set); err != nil {
		return nil, err
	}
	engine, err := newEngine(e.securityProfile)
	if err != nil {
		return nil, err
	}
	compatibility := clientpolicyv1.RealmSettings_COMPATIBILITY_SAFE
	if e.compatibility == compatibilityKeycloak {
		compatibility = clientpolicyv1.RealmSettings_COMPATIBILITY_KEYCLOAK
	}
	return engine.evaluate(set, compatibility, req, time.Now)
}

// evaluate asks the administration API for a decision.
func (c *api) evaluate(ctx context.Context, realm string, request []byte) (*clientpolicyv1.EvaluateResponse, error) {
	got, err := c.do(ctx, call{method: http.MethodPost, path: realmPath(realm, ":evaluate"), body: request})
	if err != nil {
		return nil, err
	}
	resp := &clientpolicyv1.EvaluateResponse{}
	return resp, document.Decode("answer", got.body, resp)
}
