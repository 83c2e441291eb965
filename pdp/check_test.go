package pdp_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

// Every text of a request is held to the limit and to UTF-8: each text field is
// set by reflection, so that none can be forgotten.
func TestCheckInputReachesEveryText(t *testing.T) {
	limits := pdp.DefaultLimits()
	limits.StringBytes = 8
	fields := 0
	for _, text := range []string{"123456789", "\xff"} {
		eachText((&pb.EvaluateRequest{}).ProtoReflect().Descriptor(), nil, func(path []protoreflect.FieldDescriptor) {
			fields++
			req := &pb.EvaluateRequest{}
			plant(req.ProtoReflect(), path, text)
			if err := pdp.CheckInput(req, limits); err == nil {
				t.Errorf("%v with %q: accepted", path, text)
			}
		})
	}
	if fields < 150 {
		t.Errorf("only %d fields were reached", fields)
	}
}

// eachText calls yield with the path of every text below a message.
func eachText(d protoreflect.MessageDescriptor, path []protoreflect.FieldDescriptor, yield func([]protoreflect.FieldDescriptor)) {
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		here := append(path[:len(path):len(path)], f)
		switch {
		case f.IsMap():
			yield(here)
			if f.MapValue().Kind() == protoreflect.MessageKind {
				eachText(f.MapValue().Message(), here, yield)
			}
		case f.Kind() == protoreflect.StringKind:
			yield(here)
		case f.Message() == nil, f.Message().Name() == "Timestamp":
		case f.Message().FullName() == "google.protobuf.Struct":
			yield(here)
		default:
			eachText(f.Message(), here, yield)
		}
	}
}

// plant puts a text at the end of a path.
func plant(m protoreflect.Message, path []protoreflect.FieldDescriptor, text string) {
	f, last := path[0], len(path) == 1
	value := protoreflect.ValueOfString(text)
	switch {
	case f.IsMap() && last:
		entry := m.Mutable(f).Map().NewValue()
		m.Mutable(f).Map().Set(value.MapKey(), entry)
	case f.IsMap():
		entry := m.Mutable(f).Map().NewValue()
		plant(entry.Message(), path[1:], text)
		m.Mutable(f).Map().Set(protoreflect.ValueOfString("k").MapKey(), entry)
	case last && f.Message() != nil && f.IsList():
		list := m.Mutable(f).List()
		list.Append(protoreflect.ValueOfMessage(object(text).ProtoReflect()))
	case last && f.Message() != nil:
		m.Set(f, protoreflect.ValueOfMessage(object(text).ProtoReflect()))
	case last && f.IsList():
		m.Mutable(f).List().Append(value)
	case last:
		m.Set(f, value)
	default:
		plant(m.Mutable(f).Message(), path[1:], text)
	}
}

func object1(key, value string) *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{key: structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue(value)}})}}
}

func object(text string) *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{"k": structpb.NewListValue(&structpb.ListValue{
		Values: []*structpb.Value{structpb.NewStringValue(text)},
	})}}
}

// Each limit holds at its value and one past it.
func TestCheckInputLimits(t *testing.T) {
	l := pdp.DefaultLimits()
	for name, make := range map[string]func(past int) *pb.EvaluateRequest{
		"string": func(past int) *pb.EvaluateRequest {
			return &pb.EvaluateRequest{Issuer: strings.Repeat("x", l.StringBytes+past)}
		},
		"redirect URIs": func(past int) *pb.EvaluateRequest {
			uris := strings.Split(strings.Repeat("u ", l.RedirectURIs+past-1)+"u", " ")
			return &pb.EvaluateRequest{ProposedClient: &pb.Client{RedirectUris: uris}}
		},
		"depth of objects": func(past int) *pb.EvaluateRequest {
			return &pb.EvaluateRequest{ExternalFacts: nested(l.Depth + past)}
		},
		"depth of lists": func(past int) *pb.EvaluateRequest {
			return &pb.EvaluateRequest{Token: &pb.TokenFacts{Claims: nestedLists(l.Depth + past)}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := pdp.CheckInput(make(0), l); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			if err := pdp.CheckInput(make(1), l); err == nil {
				t.Error("one past the limit: accepted")
			}
		})
	}
}

// What JSON cannot hold is refused.
func TestCheckInputRefusesWhatJSONCannotHold(t *testing.T) {
	for _, v := range []*structpb.Value{{}, structpb.NewNumberValue(math.NaN()), structpb.NewNumberValue(math.Inf(1))} {
		req := &pb.EvaluateRequest{ExternalFacts: &structpb.Struct{Fields: map[string]*structpb.Value{"k": v}}}
		if err := pdp.CheckInput(req, pdp.DefaultLimits()); err == nil {
			t.Errorf("%v: accepted", v)
		}
	}
}

func nested(depth int) *structpb.Struct {
	s := &structpb.Struct{}
	for range depth - 1 {
		s = &structpb.Struct{Fields: map[string]*structpb.Value{"o": structpb.NewStructValue(s)}}
	}
	return s
}

func nestedLists(depth int) *structpb.Struct {
	v := structpb.NewBoolValue(true)
	for range depth - 1 {
		v = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{v}})
	}
	return &structpb.Struct{Fields: map[string]*structpb.Value{"l": v}}
}

// A secret where a fact belongs is refused by its place, and never repeated.
func TestCheckInputRefusesSecrets(t *testing.T) {
	const planted = "s3cr3t-value"
	refuse := func(req *pb.EvaluateRequest, field string) {
		t.Helper()
		var problem *pdp.RequestError
		err := pdp.CheckInput(req, pdp.DefaultLimits())
		if !errors.As(err, &problem) || problem.Field != field {
			t.Errorf("%s: got %v", field, err)
		} else if strings.Contains(err.Error(), planted) {
			t.Errorf("%s: the message repeats the secret", field)
		}
	}
	for _, name := range []string{
		"code", "client_secret", "client_assertion", "refresh_token", "access_token", "token", "subject_token", "actor_token",
		"assertion", "id_token_hint", "password", "request", "device_code", "auth_req_id",
	} {
		m := map[string]string{name: planted}
		refuse(&pb.EvaluateRequest{Request: &pb.OAuthRequest{Parameters: m}}, "/request/parameters/"+name)
		refuse(&pb.EvaluateRequest{Request: &pb.OAuthRequest{EffectiveParameters: m}}, "/request/effectiveParameters/"+name)
		refuse(&pb.EvaluateRequest{Request: &pb.OAuthRequest{PushedParameters: m}}, "/request/pushedParameters/"+name)
		names := &pb.EvaluateRequest{Request: &pb.OAuthRequest{ParameterNames: []string{name}}}
		if err := pdp.CheckInput(names, pdp.DefaultLimits()); err != nil {
			t.Errorf("the name %s alone: %v", name, err)
		}
	}
	for _, name := range []string{"authorization", "Proxy-Authorization", "cookie", "DPoP"} {
		refuse(&pb.EvaluateRequest{Request: &pb.OAuthRequest{Headers: map[string]string{name: planted}}}, "/request/headers/"+name)
	}
	for member, c := range map[string]*pb.Client{
		"secret": {Secret: proto.String(planted)}, "registrationAccessToken": {RegistrationAccessToken: proto.String(planted)},
		"attributes/client.secret.rotated": {Attributes: map[string]string{"client.secret.rotated": planted}},
		"extra/secret":                     {Extra: &structpb.Struct{Fields: map[string]*structpb.Value{"secret": structpb.NewStringValue(planted)}}},
	} {
		refuse(&pb.EvaluateRequest{Client: c}, "/client/"+member)
		refuse(&pb.EvaluateRequest{ProposedClient: c}, "/proposedClient/"+member)
	}
	allowed := &pb.EvaluateRequest{Request: &pb.OAuthRequest{Parameters: map[string]string{"code_verifier": "v", "scope": "openid"}}}
	if err := pdp.CheckInput(allowed, pdp.DefaultLimits()); err != nil {
		t.Error(err)
	}
}

// What an event requires stands in contract 2.1; dropping any of it is refused by
// its place, and so is an unknown event.
func TestRequiredMembers(t *testing.T) {
	required := map[pb.Event][]string{
		pdp.Register:                {"proposedClient", "registration"},
		pdp.Update:                  {"client", "proposedClient", "registration"},
		pdp.Registered:              {"client", "registration"},
		pdp.Updated:                 {"client", "registration"},
		pdp.PreAuthorizationRequest: {"request"}, pdp.PreTokenRequest: {"request"},
		pdp.TokenRefresh: {"client", "request", "token"},
		pdp.TokenRevoke:  {"client", "token"}, pdp.TokenIntrospect: {"client", "token"},
		pdp.UserinfoRequest: {"client", "token"}, pdp.LogoutRequest: {"client", "token"},
		pdp.TokenExchangeRequest:  {"client", "request", "subjectToken"},
		pdp.JWTAuthorizationGrant: {"client", "request", "subjectToken"},
	}
	for _, e := range []pb.Event{
		pdp.AuthorizationRequest, pdp.PushedAuthorizationRequest, pdp.TokenRequest, pdp.ServiceAccountTokenRequest,
		pdp.ResourceOwnerPasswordCredentialsRequest, pdp.BackchannelAuthenticationRequest, pdp.BackchannelTokenRequest,
		pdp.DeviceAuthorizationRequest, pdp.DeviceTokenRequest,
	} {
		required[e] = []string{"client", "request"}
	}
	realm := compile(t, &pb.PolicySet{})
	for _, event := range pdp.AllEvents.List() {
		members, ok := required[event]
		if !ok {
			members = []string{"client"}
		}
		fields := (&pb.EvaluateRequest{}).ProtoReflect().Descriptor().Fields()
		for _, name := range []string{"client", "proposedClient", "registration", "request", "token", "subjectToken"} {
			req := requestFor(event)
			req.ProtoReflect().Clear(fields.ByJSONName(name))
			err := realm.Evaluate(req, pdp.Env{Now: now}, &pb.EvaluateResponse{})
			needed := false
			for _, m := range members {
				needed = needed || m == name
			}
			if needed != (err != nil) {
				t.Errorf("%s without %s: got error %v, want one: %v", pdp.EventName(event), name, err, needed)
			}
		}
	}
	for _, event := range []pb.Event{0, 36, -1, 1000} {
		if err := realm.Evaluate(&pb.EvaluateRequest{Event: event}, pdp.Env{}, &pb.EvaluateResponse{}); err == nil {
			t.Errorf("event %d: judged", event)
		}
	}
	logout := requestFor(pdp.LogoutRequest)
	logout.Token, logout.Request.Logout = nil, pb.OAuthRequest_LOGOUT_FRONT_CHANNEL
	evaluate(t, realm, logout)
}

func TestPointers(t *testing.T) {
	for pointer, ok := range map[string]bool{
		"/client": true, "/client/clientRoles": true, "/actor/groups": true, "/tls": true, "/actor/clientRoles/shop": true,
		"/client/attributes/a.b": true, "/token/claims/cnf": true, "/request/parameters/scope": true,
		"client": false, "": false, "/clint": false, "/client/clientRole": false, "/client/clientId/x": false, "/tls/": false,
	} {
		if problem := pdp.CheckFact(pointer); (problem == "") != ok {
			t.Errorf("%q: got %q, want it to be right: %v", pointer, problem, ok)
		}
	}
}

// FuzzCheckInput walks requests of any shape: no panic, and what passes evaluates
// without one.
func FuzzCheckInput(f *testing.F) {
	realm := compile(f, rejectAll())
	for _, seed := range []string{
		`{"event":"EVENT_VIEW","client":{"clientId":"a"}}`,
		`{"event":"EVENT_UPDATE","client":{},"proposedClient":{"attributes":{"a":""}},"proposedMask":["/redirectUris"],"registration":{"channel":"CHANNEL_ADMIN"},"omitted":["/tls"]}`,
		`{"event":"EVENT_TOKEN_REVOKE","client":{},"token":{"claims":{"cnf":{"jkt":[1,null,{"a":[[]]}]}}},"options":{"explain":true,"returnClient":true}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		req := &pb.EvaluateRequest{}
		if protojson.Unmarshal(data, req) != nil && proto.Unmarshal(data, req) != nil {
			return
		}
		if pdp.CheckInput(req, pdp.DefaultLimits()) != nil {
			return
		}
		resp := &pb.EvaluateResponse{}
		if err := realm.Evaluate(req, pdp.Env{Now: now}, resp); err == nil && resp.Decision != pb.EvaluateResponse_DECISION_REJECT {
			t.Errorf("got %v from a policy that rejects everything", resp.Decision)
		}
	})
}
