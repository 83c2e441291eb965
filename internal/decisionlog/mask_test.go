package decisionlog_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
	"github.com/sidegate/sidegate/pdp"
)

// TestClassified fails when a message grows a member that nobody has classified.
func TestClassified(t *testing.T) {
	missing, dead := decisionlog.Unclassified()
	if len(missing) > 0 || len(dead) > 0 {
		t.Errorf("fields without a class: %v; classes without a field: %v", missing, dead)
	}
}

// plant puts a text of its own into every text of a message, names of members
// included.
type plant struct {
	form func(n int) string
	// at is where each text stands, by the text.
	at map[string]string
}

func (p *plant) text(at string) string {
	s := p.form(len(p.at))
	p.at[s] = at
	return s
}

func (p *plant) message(m protoreflect.Message, at string) {
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		name := string(m.Descriptor().Name()) + "." + string(f.Name())
		switch {
		case f.ContainingOneof() != nil && !f.HasOptionalKeyword() && m.WhichOneof(f.ContainingOneof()) != nil:
		case f.IsMap() && f.MapKey().Kind() == protoreflect.StringKind:
			p.mapping(m.Mutable(f).Map(), f, name)
		case f.IsList():
			p.list(m.Mutable(f).List(), f, name)
		case f.Message() != nil:
			p.object(m.Mutable(f).Message(), name)
		case f.Kind() == protoreflect.StringKind:
			m.Set(f, protoreflect.ValueOfString(p.text(name)))
		}
	}
	_ = at
}

func (p *plant) object(m protoreflect.Message, name string) {
	switch of := m.Interface().(type) {
	case *structpb.Struct:
		of.Fields = map[string]*structpb.Value{
			p.text(name):    structpb.NewStringValue(p.text(name)),
			"nested":        structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{"x": structpb.NewStringValue(p.text(name))}}),
			"list":          structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue(p.text(name))}}),
			"nonce":         structpb.NewStringValue(p.text(name)),
			"client_secret": structpb.NewStringValue(p.text(name)),
		}
	case *structpb.Value:
		of.Kind = &structpb.Value_StringValue{StringValue: p.text(name)}
	default:
		if strings.HasPrefix(string(m.Descriptor().FullName()), "clientpolicy.v1.") {
			p.message(m, name)
		}
	}
}

func (p *plant) list(l protoreflect.List, f protoreflect.FieldDescriptor, name string) {
	switch {
	case f.Message() != nil:
		p.object(l.AppendMutable().Message(), name)
	case f.Kind() == protoreflect.StringKind:
		l.Append(protoreflect.ValueOfString(p.text(name)))
	}
}

// mapping plants an unknown name with a text, and texts under names whose values
// are secrets.
func (p *plant) mapping(m protoreflect.Map, f protoreflect.FieldDescriptor, name string) {
	v := f.MapValue()
	names := []string{p.text(name)}
	if v.Kind() == protoreflect.StringKind {
		names = append(names, "client_secret", "state", "client.secret.rotated", "code_challenge", "request_uri")
	}
	for _, key := range names {
		k := protoreflect.ValueOfString(key).MapKey()
		switch {
		case v.Message() != nil:
			p.object(m.Mutable(k).Message(), name)
		case v.Kind() == protoreflect.StringKind:
			m.Set(k, protoreflect.ValueOfString(p.text(name)))
		default:
			m.Set(k, v.Default())
		}
	}
}

// planted is an entry with a text in every place; the answer repeats all of them.
func planted(form func(n int) string) (*decisionlog.Entry, *plant) {
	p := &plant{form: form, at: map[string]string{}}
	e := rejected("master", 1)
	e.Request = &pb.EvaluateRequest{}
	p.message(e.Request.ProtoReflect(), "")
	// These hold names of realms and members, or the request is refused.
	e.Request.Realm, e.Request.Omitted, e.Request.ProposedMask = "master", nil, nil
	maps.DeleteFunc(p.at, func(_, at string) bool {
		return at == "EvaluateRequest.realm" || at == "EvaluateRequest.omitted" || at == "EvaluateRequest.proposed_mask"
	})
	for s, at := range p.at {
		f := &pb.Finding{Policy: "fapi", Description: "found " + s + " at " + at, Actual: s, Expected: "https://a.example/?x=" + s, Remedy: "not '" + s + "'", Field: s}
		e.Response.Findings = append(e.Response.Findings, f)
		e.Response.Mutations = append(e.Response.Mutations, &pb.Mutation{
			Op: pb.Mutation_OP_SET, Path: "/attributes/client.secret", Value: structpb.NewStringValue(s), Previous: structpb.NewStringValue(s),
		})
	}
	e.Response.Error.Description = e.Response.Findings[0].Description
	e.Audit, e.Response.Findings = e.Response.Findings[:64], e.Response.Findings[64:128]
	e.Proposed, e.Response.Mutations = e.Response.Mutations[:64], e.Response.Mutations[64:128]
	return e, p
}

// surfaced are the fields whose texts are in the file or among the lines of JSON.
func surfaced(t *testing.T, e *decisionlog.Entry, p *plant) []string {
	t.Helper()
	o := options(t)
	var lines bytes.Buffer
	o.NDJSON.Writer = &lines
	l := open(t, o)
	record(t, l, e)
	if d := get(t, l, "master", decisionID(1)); d.GetRequest() == nil {
		t.Error("the request was dropped, so the test shows nothing")
	}
	closeLog(t, l)
	file, err := os.ReadFile(o.File)
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for s, field := range p.at {
		if bytes.Contains(file, []byte(s)) || bytes.Contains(lines.Bytes(), []byte(s)) {
			at = append(at, field)
		}
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// TestPlantedCredentials plants what looks like a credential everywhere. None
// surfaces, but where an id of a client or a user has to stand.
func TestPlantedCredentials(t *testing.T) {
	for name, form := range map[string]func(n int) string{
		"random":   func(n int) string { return fmt.Sprintf("Zx9kQ2mWv7Lp4Rt8Yb3Nc6Hd1Fg5Js%04d", n) },
		"JWT":      func(n int) string { return fmt.Sprintf("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0%04dIn0.", n) },
		"header":   func(n int) string { return fmt.Sprintf("Basic dXNlcjpwYXNz%04d", n) },
		"PEM":      func(n int) string { return fmt.Sprintf("-----BEGIN PRIVATE KEY-----%04d-----END PRIVATE KEY-----", n) },
		"userinfo": func(n int) string { return fmt.Sprintf("https://user:hunter2-%04d@client.example/cb", n) },
		"query":    func(n int) string { return fmt.Sprintf("https://client.example/cb?code=hunter2-%04d", n) },
		"fragment": func(n int) string { return fmt.Sprintf("https://client.example/cb#access_token=hunter2-%04d", n) },
	} {
		t.Run(name, func(t *testing.T) {
			e, p := planted(form)
			var want []string
			if name == "random" || name == "query" {
				want = []string{"Actor.username", "Client.client_id", "Client.id", "ClientMetadataDocument.url"}
			}
			if diff := cmp.Diff(want, surfaced(t, e, p)); diff != "" {
				t.Errorf("surfaced (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlantedWords plants harmless looking words everywhere. They surface where the
// table of the documentation says that a name is kept, and nowhere else.
func TestPlantedWords(t *testing.T) {
	e, p := planted(func(n int) string { return fmt.Sprintf("planted-word-%04d", n) })
	kept := map[string]bool{"name": true, "client": true, "user": true, "audience": true}
	var want []string
	for field, class := range decisionlog.Classes() {
		if kept[class] {
			want = append(want, field)
		}
	}
	// Names of unknown parameters and attributes are told, their values are not.
	want = append(want, "OAuthRequest.parameters", "OAuthRequest.effective_parameters", "OAuthRequest.pushed_parameters", "Client.attributes",
		"RequestObject.claims", "JwtFacts.claims", "TokenFacts.claims", "ClientMetadataDocument.content")
	slices.Sort(want)
	got := surfaced(t, e, p)
	want = slices.DeleteFunc(want, func(field string) bool {
		return strings.HasPrefix(field, "Finding.") || strings.HasPrefix(field, "RestrictScopes.")
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("surfaced (-want +got):\n%s", diff)
	}
}

// TestMask shows what becomes of a request, part by part.
func TestMask(t *testing.T) {
	const challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	for _, c := range []struct {
		name      string
		request   *pb.EvaluateRequest
		want      *pb.EvaluateRequest
		masked    []string
		unmatched string
	}{
		{
			name: "parameters keep their names",
			request: &pb.EvaluateRequest{Request: &pb.OAuthRequest{Parameters: map[string]string{
				"response_type": "code", "client_id": "app", "state": "af0ifjsldkj", "nonce": "n-0S6", "code_verifier": "dBjftJeZ4CVP",
				"redirect_uri": "https://app.example/cb?tenant=7", "scope": "openid", "x-custom": "anything", "login_hint": "alice@example.com",
				"code_challenge": challenge, "code_challenge_method": "S256",
			}}},
			want: &pb.EvaluateRequest{Request: &pb.OAuthRequest{
				Parameters: map[string]string{
					"response_type": "code", "client_id": "app", "redirect_uri": "https://app.example/cb?tenant=masked", "scope": "openid",
					"code_challenge": challenge, "code_challenge_method": "S256",
				},
				ParameterNames: []string{
					"client_id", "code_challenge", "code_challenge_method", "code_verifier", "login_hint", "nonce", "redirect_uri",
					"response_type", "scope", "state", "x-custom",
				},
			}},
			masked: []string{
				"/request/parameters/code_verifier", "/request/parameters/login_hint", "/request/parameters/nonce",
				"/request/parameters/redirect_uri", "/request/parameters/state", "/request/parameters/x-custom",
			},
		},
		{
			name: "a challenge under plain is the verifier",
			request: &pb.EvaluateRequest{Request: &pb.OAuthRequest{
				Parameters: map[string]string{"code_challenge": challenge, "code_challenge_method": "plain"}, ParameterNames: []string{"code_challenge", "code_challenge_method", "code"},
			}, Session: &pb.SessionFacts{CodeChallenge: challenge}},
			want: &pb.EvaluateRequest{Request: &pb.OAuthRequest{
				Parameters: map[string]string{"code_challenge_method": "plain"}, ParameterNames: []string{"code", "code_challenge", "code_challenge_method"},
			}, Session: &pb.SessionFacts{}, Omitted: []string{"/session/codeChallenge"}},
			masked: []string{"/request/parameters/code_challenge", "/session/codeChallenge"},
		},
		{
			name: "nothing masked leaves the names alone",
			request: &pb.EvaluateRequest{Request: &pb.OAuthRequest{Parameters: map[string]string{"scope": "openid"}}, Session: &pb.SessionFacts{
				CodeChallenge: challenge, CodeChallengeMethod: "S256", DpopJkt: challenge}},
			want: &pb.EvaluateRequest{Request: &pb.OAuthRequest{Parameters: map[string]string{"scope": "openid"}}, Session: &pb.SessionFacts{
				CodeChallenge: challenge, CodeChallengeMethod: "S256", DpopJkt: challenge}},
		},
		{
			name: "merged parameters: presence stays, other values are omitted",
			request: &pb.EvaluateRequest{Request: &pb.OAuthRequest{
				EffectiveParameters: map[string]string{"state": "af0ifjsldkj", "binding_message": "pay 5", "scope": "openid"},
				PushedParameters:    map[string]string{"nonce": "n-0S6", "claims": "{}"},
			}},
			want: &pb.EvaluateRequest{
				Request: &pb.OAuthRequest{
					EffectiveParameters: map[string]string{"state": "", "scope": "openid"}, PushedParameters: map[string]string{"nonce": ""},
				},
				Omitted: []string{"/request/effectiveParameters/binding_message", "/request/pushedParameters/claims"},
			},
			masked: []string{
				"/request/effectiveParameters/binding_message", "/request/effectiveParameters/state", "/request/pushedParameters/claims", "/request/pushedParameters/nonce",
			},
		},
		{
			name: "a reference to a pushed request",
			request: &pb.EvaluateRequest{Request: &pb.OAuthRequest{Parameters: map[string]string{
				"request_uri": "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c"}}},
			want: &pb.EvaluateRequest{Request: &pb.OAuthRequest{Parameters: map[string]string{
				"request_uri": "urn:ietf:params:oauth:request_uri:masked"}}},
			masked: []string{"/request/parameters/request_uri"},
		},
		{
			name: "headers, free JSON and texts nobody needs",
			request: &pb.EvaluateRequest{
				Request:       &pb.OAuthRequest{Headers: map[string]string{"x-forwarded-for": "10.0.0.1", "cookie": "session=1"}},
				ExternalFacts: object(t, "risk", "high"),
				Client:        &pb.Client{ClientId: proto.String("app"), Description: proto.String("call 555"), Secret: proto.String("hunter2"), Extra: object(t, "x", "y")},
				Tls:           &pb.TransportSecurity{Version: "TLSv1.3", SubjectDn: "CN=alice", ClientCertificateSha256: "not a digest"},
				Source:        &pb.Source{RemoteAddress: "192.0.2.7", RemoteHost: "not a host"},
			},
			want: &pb.EvaluateRequest{
				Request: &pb.OAuthRequest{}, Client: &pb.Client{ClientId: proto.String("app")}, Tls: &pb.TransportSecurity{Version: "TLSv1.3"},
				Source: &pb.Source{RemoteAddress: "192.0.2.7"},
				Omitted: []string{
					"/client/description", "/client/extra", "/externalFacts", "/request/headers", "/source/remoteHost",
					"/tls/clientCertificateSha256", "/tls/subjectDn",
				},
			},
			masked: []string{
				"/client/description", "/client/extra", "/client/secret", "/externalFacts", "/request/headers", "/source/remoteHost",
				"/tls/clientCertificateSha256", "/tls/subjectDn",
			},
		},
		{
			name: "client attributes",
			request: &pb.EvaluateRequest{Client: &pb.Client{Attributes: map[string]string{
				"pkce.code.challenge.method": "S256", "tls.client.certificate.bound.access.tokens": "true", "custom.switch": "false", "custom/tier": "gold",
				"client.secret.rotated": "hunter2", "client.secret.creation.time": "1700000000", "jwks.string": `{"keys":[]}`,
				"post.logout.redirect.uris": "https://a.example/x##+##https://u:p@b.example/?s=1",
			}}},
			want: &pb.EvaluateRequest{
				Client: &pb.Client{Attributes: map[string]string{
					"pkce.code.challenge.method": "S256", "tls.client.certificate.bound.access.tokens": "true", "custom.switch": "false",
					"client.secret.creation.time": "1700000000", "post.logout.redirect.uris": "https://a.example/x##+##https://masked:masked@b.example/?s=masked",
				}},
				Omitted: []string{"/client/attributes/custom~1tier", "/client/attributes/jwks.string"},
			},
			masked: []string{
				"/client/attributes/client.secret.rotated", "/client/attributes/custom~1tier", "/client/attributes/jwks.string",
				"/client/attributes/post.logout.redirect.uris",
			},
		},
		{
			name: "lists keep their length",
			request: &pb.EvaluateRequest{Client: &pb.Client{RedirectUris: []string{
				"https://app.example/cb", "https://app.example/cb#frag", "no uri at all", "com.app:/cb", "javascript:alert(1)", "*", "/realms/x/*"}}},
			want: &pb.EvaluateRequest{Client: &pb.Client{RedirectUris: []string{
				"https://app.example/cb", "https://app.example/cb#masked", "masked", "com.app:/cb", "javascript:masked", "*", "/realms/x/*"}}},
			masked: []string{"/client/redirectUris/1", "/client/redirectUris/2", "/client/redirectUris/4"},
		},
		{
			name: "claims",
			request: &pb.EvaluateRequest{
				Token: &pb.TokenFacts{Claims: object(t, "sub", "u1", "email", "a@b.example", "aud", []any{"account", "https://rs.example/?k=1"}, "exp", 1.7e9, "iat", "soon",
					"nbf", 1.7e9, "scope", 4711,
					"cnf", map[string]any{"jkt": challenge, "other": "x"}, "jti", 4711, "act", map[string]any{"sub": "svc"})},
				ClientAuthentication: &pb.ClientAuthentication{Authenticator: "client-jwt", Assertion: &pb.JwtFacts{Alg: "PS256", Claims: object(t, "iss", "app", "x", true)}},
			},
			want: &pb.EvaluateRequest{
				Token: &pb.TokenFacts{Claims: object(t, "sub", "u1", "aud", []any{"account", "https://rs.example/?k=masked"}, "exp", 1.7e9, "nbf", 1.7e9,
					"cnf", map[string]any{"jkt": challenge}, "jti", "")},
				ClientAuthentication: &pb.ClientAuthentication{Authenticator: "client-jwt", Assertion: &pb.JwtFacts{Alg: "PS256", Claims: object(t, "iss", "app")}},
				Omitted:              []string{"/clientAuthentication/assertion/claims/x", "/token/claims/act", "/token/claims/cnf/other", "/token/claims/email", "/token/claims/iat", "/token/claims/scope"},
			},
			masked: []string{
				"/clientAuthentication/assertion/claims/x", "/token/claims/act", "/token/claims/aud/1", "/token/claims/cnf/other", "/token/claims/email",
				"/token/claims/iat", "/token/claims/jti", "/token/claims/scope",
			},
		},
		{
			name: "a serialized object cannot be judged again",
			request: &pb.EvaluateRequest{
				Request: &pb.OAuthRequest{
					RequestObject: &pb.RequestObject{Compact: "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.", Source: pb.RequestObject_SOURCE_REQUEST}, Parameters: map[string]string{"scope": "openid"}},
				ClientAuthentication: &pb.ClientAuthentication{Assertion: &pb.JwtFacts{Compact: "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.", Claims: object(t, "sub", "app")}},
			},
			want: &pb.EvaluateRequest{
				Request:              &pb.OAuthRequest{Parameters: map[string]string{"scope": "openid"}, ParameterNames: []string{"request", "scope"}},
				ClientAuthentication: &pb.ClientAuthentication{Assertion: &pb.JwtFacts{Claims: object(t, "sub", "app")}},
				Omitted:              []string{"/request/requestObject"},
			},
			masked: []string{"/clientAuthentication/assertion/compact", "/request/requestObject"},
		},
		{
			name:    "what was omitted already stays so",
			request: &pb.EvaluateRequest{Omitted: []string{"/actor", "/client/name"}, Client: &pb.Client{Name: proto.String("App")}},
			want:    &pb.EvaluateRequest{Omitted: []string{"/actor", "/client/name"}, Client: &pb.Client{}},
			masked:  []string{"/client/name"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := rejected("master", 1)
			before := proto.CloneOf(c.request)
			e.Request = c.request
			d := stored(t, options(t), e)
			c.want.Realm = "master"
			if diff := cmp.Diff(c.want, d.GetRequest(), protocmp.Transform()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.masked, d.GetMasked()); diff != "" {
				t.Errorf("masked (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, c.request, protocmp.Transform()); diff != "" {
				t.Errorf("the request of the caller was changed:\n%s", diff)
			}
			for _, p := range d.GetRequest().GetOmitted() {
				if problem := pdp.CheckFact(p); problem != "" {
					t.Errorf("omitted: %s", problem)
				}
			}
		})
	}
}

// TestMaskAnswer shows what becomes of texts and values of an answer.
func TestMaskAnswer(t *testing.T) {
	e := rejected("master", 1)
	e.Request.Request.Parameters["state"] = "af0ifjsldkj"
	e.Response.Findings[0].Actual = "state is af0ifjsldkj"
	e.Response.Findings[0].Expected = "not 'https://u:p@a.example/?q=1', but S256: see RFC"
	e.Response.Findings[0].Description = "assertion eyJhbGciOiJub25lIn0.eyJhIjoxfQ. is bad"
	set := func(path string, value any) *pb.Mutation {
		v, err := structpb.NewValue(value)
		if err != nil {
			t.Fatal(err)
		}
		return &pb.Mutation{Op: pb.Mutation_OP_SET, Path: path, Value: v}
	}
	e.Response.Mutations = []*pb.Mutation{
		set("/secret", "hunter2"), set("/attributes/client.secret.rotated", "hunter2"), set("/attributes/dpop.bound.access.tokens", "true"),
		set("/attributes/custom", "hunter2"), set("/attributes/custom", "true"), set("/fullScopeAllowed", false),
		set("/redirectUris", []any{"https://a.example/?q=1"}), set("/nothing", "hunter2"), set("/protocolMappers", []any{"hunter2"}),
	}
	d := stored(t, options(t), e)
	f := d.GetFindings()[0]
	if f.GetActual() != "masked" || f.GetExpected() != "not 'https://masked:masked@a.example/?q=masked', but S256: see RFC" || f.GetDescription() != "assertion masked is bad" {
		t.Errorf("finding: %v", f)
	}
	var values []any
	for _, m := range d.GetMutations() {
		values = append(values, m.GetValue().AsInterface())
	}
	want := []any{nil, nil, "true", nil, "true", false, []any{"https://a.example/?q=masked"}, nil, nil}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	masked := []string{
		"/findings/0/actual", "/findings/0/description", "/findings/0/expected",
		"/mutations/0/value", "/mutations/1/value", "/mutations/3/value", "/mutations/6/value/0", "/mutations/7/value", "/mutations/8/value", "/request/parameters/state",
	}
	if diff := cmp.Diff(masked, d.GetMasked()); diff != "" {
		t.Errorf("masked (-want +got):\n%s", diff)
	}
}

// TestConfiguredMask leaves out what is configured besides.
func TestConfiguredMask(t *testing.T) {
	o := options(t)
	o.Mask = []string{
		"/request/parameters/scope", "/actor/groups", "/client/redirectUris/*", "/client/attributes/*", "/token/claims/sub", "/actor/clientRoles/*/roles",
		"/source", "/request/effectiveParameters",
	}
	e := rejected("master", 1)
	e.Request = &pb.EvaluateRequest{
		Request: &pb.OAuthRequest{Parameters: map[string]string{"scope": "openid", "prompt": "login"}, EffectiveParameters: map[string]string{"scope": "openid"}},
		Actor:   &pb.Actor{Username: "alice", Groups: []string{"/staff"}, ClientRoles: map[string]*pb.RoleList{"app": {Roles: []string{"admin"}}}},
		Client:  &pb.Client{ClientId: proto.String("app"), RedirectUris: []string{"https://a.example"}, Attributes: map[string]string{"a": "true", "b": "false"}},
		Token:   &pb.TokenFacts{Claims: object(t, "sub", "u1", "scope", "openid")},
		Source:  &pb.Source{RemoteAddress: "192.0.2.1"},
	}
	d := stored(t, o, e)
	want := &pb.EvaluateRequest{
		Realm:   "master",
		Request: &pb.OAuthRequest{Parameters: map[string]string{"prompt": "login"}, ParameterNames: []string{"prompt", "scope"}},
		Actor:   &pb.Actor{Username: "alice", ClientRoles: map[string]*pb.RoleList{"app": {}}},
		Client:  &pb.Client{ClientId: proto.String("app")},
		Token:   &pb.TokenFacts{Claims: object(t, "scope", "openid")},
		Omitted: []string{
			"/actor/clientRoles/app/roles", "/actor/groups", "/client/attributes/a", "/client/attributes/b", "/client/redirectUris",
			"/request/effectiveParameters", "/source", "/token/claims/sub",
		},
	}
	if diff := cmp.Diff(want, d.GetRequest(), protocmp.Transform()); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	masked := slices.Sorted(slices.Values(append([]string{"/request/parameters/scope"}, want.Omitted...)))
	if diff := cmp.Diff(masked, d.GetMasked()); diff != "" {
		t.Errorf("masked (-want +got):\n%s", diff)
	}
}

// TestDropRequests keeps decisions without their requests.
func TestDropRequests(t *testing.T) {
	o := options(t)
	o.DropRequests = true
	e := rejected("master", 1)
	e.Request.Request.Parameters["state"] = "af0ifjsldkj"
	e.Response.Mutations = []*pb.Mutation{{Op: pb.Mutation_OP_SET, Path: "/secret", Value: structpb.NewStringValue("hunter2")}}
	d := stored(t, o, e)
	if d.GetRequest() != nil || !slices.Equal(d.GetMasked(), []string{"/mutations/0/value"}) || d.GetClientId() != "client-1" {
		t.Errorf("kept %v", d)
	}
}

// TestMaskFlood masks all texts of an answer when more was left out of the request
// than can be looked for in them.
func TestMaskFlood(t *testing.T) {
	e := rejected("master", 1)
	var facts []any
	for n := range 600 {
		facts = append(facts, fmt.Sprintf("fact-%d", n), fmt.Sprintf("value-%d", n))
	}
	e.Request.ExternalFacts = object(t, facts...)
	e.Response.Findings[0].Actual, e.Response.Findings[0].Expected = "harmless", ""
	f := stored(t, options(t), e).GetFindings()[0]
	if f.GetActual() != "masked" || f.GetExpected() != "" || f.GetExecutor() != "pkce-enforcer" {
		t.Errorf("kept %v", f)
	}
}
