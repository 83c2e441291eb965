package catalog_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"google.golang.org/protobuf/types/known/structpb"
)

// walkVectors evaluates every vector whose policies compile, after prepare changed
// its request, and explains the answer.
func walkVectors(t *testing.T, prepare func(*pb.EvaluateRequest), look func(v vector, resp *pb.EvaluateResponse)) {
	t.Helper()
	compiler, err := catalog.Compiler(profiles.None)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range allVectors(t) {
		realm, errs := compiler.Compile(v.Set, &pb.RealmSettings{Compatibility: &v.Compatibility})
		if len(errs) > 0 {
			continue
		}
		req := v.RequestFor("vectors")
		prepare(req)
		if resp, err := explained(realm, req); err == nil {
			look(v, resp)
		}
	}
}

func explained(realm *pdp.Realm, req *pb.EvaluateRequest) (*pb.EvaluateResponse, error) {
	req.Options.Explain = true
	resp := &pb.EvaluateResponse{}
	if err := pdp.CheckInput(req, pdp.DefaultLimits()); err != nil {
		return nil, err
	}
	return resp, realm.Evaluate(req, pdp.Env{Now: now}, resp)
}

// Every finding says what is wrong, where, what was expected, which clause asks for
// it and how to mend it. A fault is ours, and no standard stands behind the executor
// that refuses everything nor behind the refusal of metadata documents.
func TestFindingsHelp(t *testing.T) {
	findings, executors := 0, map[string]bool{}
	walkVectors(t, func(*pb.EvaluateRequest) {}, func(v vector, resp *pb.EvaluateResponse) {
		for _, f := range tracedFindings(resp) {
			findings++
			executors[f.Executor] = true
			if lacks := lacking(f); len(lacks) > 0 {
				t.Errorf("%s: finding without %s: %v", v.name, strings.Join(lacks, ", "), f)
			}
		}
	})
	if findings < 1000 || len(executors) < 30 {
		t.Errorf("%d findings of %d executors: too few to prove anything", findings, len(executors))
	}
}

// tracedFindings are all findings, those that only an audit notes too.
func tracedFindings(resp *pb.EvaluateResponse) []*pb.Finding {
	findings := slices.Clone(resp.Findings)
	for _, p := range resp.Trace.GetPolicies() {
		for _, x := range p.Executors {
			for _, f := range x.Findings {
				if !slices.Contains(findings, f) {
					findings = append(findings, f)
				}
			}
		}
	}
	return findings
}

func lacking(f *pb.Finding) (lacks []string) {
	want := map[string]string{
		"description": f.Description, "field": f.Field, "expected": f.Expected, "spec": f.Spec, "remedy": f.Remedy,
	}
	switch {
	case strings.HasPrefix(f.Description, "could not decide: "):
		want = map[string]string{"description": f.Description, "spec": f.Spec}
	case f.Executor == "reject-request":
		delete(want, "field")
		delete(want, "expected")
		delete(want, "spec")
	case f.Field == "/registration/channel":
		delete(want, "spec")
	}
	for name, text := range want {
		if strings.TrimSpace(text) == "" {
			lacks = append(lacks, name)
		}
	}
	slices.Sort(lacks)
	return lacks
}

// marker is a planted secret; it is valid base64url.
const marker = "PLANTEDSECRET00A"

// No secret that a request may carry comes out of an answer: neither the verifier
// nor what proves it, nor a serialized assertion, a claim that names no party, a
// header, the password of a URI, or a secret in a metadata document.
func TestNoSecretIsTold(t *testing.T) {
	answers := 0
	for name, prepare := range map[string]func(*pb.EvaluateRequest){
		"claims as sent":    func(r *pb.EvaluateRequest) { plant(r, plantClaims) },
		"claims serialized": func(r *pb.EvaluateRequest) { plant(r, serialize) },
		"userinfo":          func(r *pb.EvaluateRequest) { plant(r, plantClaims); plantUserinfo(r) },
	} {
		t.Run(name, func(t *testing.T) {
			walkVectors(t, prepare, func(v vector, resp *pb.EvaluateResponse) {
				answers++
				for _, text := range textsOf(resp) {
					if strings.Contains(text, marker) {
						t.Errorf("%s: a planted secret is told: %s", v.name, text)
					}
				}
			})
		})
	}
	if answers < 10000 {
		t.Errorf("%d answers: too few to prove anything", answers)
	}
}

// textsOf are the texts of an answer that go to people and into logs.
func textsOf(resp *pb.EvaluateResponse) []string {
	texts := []string{resp.Error.GetDescription(), resp.WireError.GetDescription()}
	for _, f := range tracedFindings(resp) {
		texts = append(texts, f.Description, f.Field, f.Expected, f.Actual, f.Remedy)
	}
	for _, p := range resp.Trace.GetPolicies() {
		texts = append(texts, p.Reason)
		for _, c := range p.Conditions {
			texts = append(texts, c.Reason)
		}
		for _, x := range p.Executors {
			texts = append(texts, x.Reason)
		}
	}
	return texts
}

// plant puts secrets wherever a request has room for one.
func plant(r *pb.EvaluateRequest, jwt func(claims **structpb.Struct, compact *string)) {
	if q := r.Request; q != nil {
		for _, parameters := range []map[string]string{q.Parameters, q.EffectiveParameters, q.PushedParameters} {
			for _, name := range []string{"code_verifier", "code_challenge", "state", "nonce", "login_hint", "unheard_of"} {
				if _, sent := parameters[name]; sent || name == "code_verifier" && parameters != nil {
					parameters[name] = strings.Repeat(marker, 3)
				}
			}
		}
		q.Headers = map[string]string{"x-forwarded-for": marker}
		if o := q.RequestObject; o != nil {
			jwt(&o.Claims, &o.Compact)
		}
	}
	if a := r.ClientAuthentication.GetAssertion(); a != nil {
		jwt(&a.Claims, &a.Compact)
	}
	if s := r.Session; s != nil && s.CodeChallenge != "" {
		s.CodeChallenge = strings.Repeat(marker, 3)
	}
	for _, token := range []*pb.TokenFacts{r.Token, r.SubjectToken} {
		if token != nil {
			plantClaims(&token.Claims, new(string))
		}
	}
	if c := r.ClientMetadataDocument.GetContent(); c.GetFields() != nil {
		c.Fields["client_secret"] = structpb.NewStringValue(marker)
	}
}

func plantClaims(claims **structpb.Struct, compact *string) {
	if *compact != "" {
		*compact += marker
	}
	if *claims == nil {
		return
	}
	if (*claims).Fields == nil {
		(*claims).Fields = map[string]*structpb.Value{}
	}
	for _, name := range []string{"jti", "email", "nonce", "state", "login_hint", "client_secret", "code_challenge"} {
		(*claims).Fields[name] = structpb.NewStringValue(marker)
	}
}

// serialize makes a JWS of the claims, planted.
func serialize(claims **structpb.Struct, compact *string) {
	if *claims == nil {
		plantClaims(claims, compact)
		return
	}
	plantClaims(claims, new(string))
	payload, err := json.Marshal((*claims).AsMap())
	if err != nil {
		return
	}
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"PS256","kid":"` + marker + `"}`))
	*claims, *compact = nil, header+"."+base64.RawURLEncoding.EncodeToString(payload)+"."+marker
}

// plantUserinfo gives every URI of the clients and the redirect URI a password.
func plantUserinfo(r *pb.EvaluateRequest) {
	for _, c := range []*pb.Client{r.Client, r.ProposedClient} {
		if c == nil {
			continue
		}
		for _, text := range []*string{c.RootUrl, c.AdminUrl, c.BaseUrl, c.ClientId} {
			if text != nil {
				*text = withPassword(*text)
			}
		}
		for _, list := range [][]string{c.RedirectUris, c.WebOrigins} {
			for i := range list {
				list[i] = withPassword(list[i])
			}
		}
		for key, value := range c.Attributes {
			c.Attributes[key] = withPassword(value)
		}
	}
	if q := r.Request; q != nil {
		q.RedirectUri, q.AssertionConsumerServiceUrl = withPassword(q.RedirectUri), withPassword(q.AssertionConsumerServiceUrl)
		for _, name := range []string{"redirect_uri", "client_id"} {
			if uri, sent := q.Parameters[name]; sent {
				q.Parameters[name] = withPassword(uri)
			}
		}
	}
}

func withPassword(uri string) string { return strings.Replace(uri, "://", "://user:"+marker+"@", 1) }
