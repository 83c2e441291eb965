package server_test

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// shape is how secrets look: as a word that anybody might choose, or as a key.
type shape struct {
	name, format string
	found        *regexp.Regexp
}

var shapes = []shape{
	{"word", "plant-%04d", regexp.MustCompile(`plant-(\d{4})`)},
	{"key", "Kd8sJq2LxV0pRw5TnB7mYc3Hf%04dUe1", regexp.MustCompile(`Kd8sJq2LxV0pRw5TnB7mYc3Hf(\d{4})`)},
}

// planter plants a secret in every place of a request and notes the places.
type planter struct {
	format string
	places []string
}

// secret is the one of a place; a place has one.
func (p *planter) secret(place string) string {
	n := slices.Index(p.places, place)
	if n < 0 {
		n = len(p.places)
		p.places = append(p.places, place)
	}
	return fmt.Sprintf(p.format, n)
}

// value is a text with the secret of a place. In an URI it stands where secrets do.
func (p *planter) value(place string) string {
	s, name := p.secret(place), strings.ToLower(place[strings.LastIndexAny(place, "/")+1:])
	for _, part := range []string{"uri", "url", "origin", "htu", "issuer", "resource", "logo", "policyuri"} {
		if strings.Contains(name, part) && name != "jku" {
			return "https://" + s + ":" + s + "@app.example/callback?token=" + s + "#" + s
		}
	}
	return s
}

// The names under which free maps and objects are asked for what they hold.
var (
	parameterNames = strings.Fields(`response_type response_mode client_id redirect_uri scope state nonce code_challenge
		code_challenge_method code_verifier login_hint login_hint_token claims request_uri acr_values resource audience prompt
		username registration dpop_jkt user_code binding_message max_age client_notification_token SAMLRequest RelayState
		grant_type client_assertion_type id_token device_secret logout_token kc_idp_hint requested_subject requested_issuer`)
	attributeNames = strings.Fields(`jwks.string jwks.url jwt.credential.public.key jwt.credential.certificate saml.signing.private.key
		saml.encryption.private.key x509.subjectdn x509.ca-subjectdn acr.loa.map default.acr.values pkce.code.challenge.method
		request.uris post.logout.redirect.uris logoUri policyUri tosUri backchannel.logout.url frontchannel.logout.url
		client.secret.creation.time client.secret.expiration.time login_theme request.object.signature.alg ciba.backchannel.token.delivery.mode
		tls.client.certificate.bound.access.tokens dpop.bound.access.tokens token.endpoint.auth.signing.alg my.password`)
	headerNames = strings.Fields(`user-agent referer origin x-forwarded-for x-ssl-client-cert x-api-key accept`)
	claimNames  = strings.Fields(`iss sub aud azp client_id jti nonce sid email preferred_username scope acr redirect_uri code_challenge
		code_challenge_method state login_hint act client_secret authorization_details client_name contacts jwks jwks_uri logo_uri
		redirect_uris grant_types token_endpoint_auth_method software_statement response_type`)
)

// message fills every member.
func (p *planter) message(m protoreflect.Message, place string) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		at := place + "/" + f.JSONName()
		switch {
		case strings.HasSuffix(at, "/secret"), strings.HasSuffix(at, "/registrationAccessToken"): // refused; see forbidden
		case f.IsMap():
			p.mapping(m.Mutable(f).Map(), f, at)
		case f.IsList():
			list := m.Mutable(f).List()
			list.Append(p.leaf(list.NewElement(), f, at))
		default:
			m.Set(f, p.leaf(m.NewField(f), f, at))
		}
	}
}

func (p *planter) leaf(v protoreflect.Value, f protoreflect.FieldDescriptor, at string) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(p.text(at))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	case protoreflect.MessageKind:
		switch of := v.Message().Interface().(type) {
		case *timestamppb.Timestamp:
			of.Seconds = 1_700_000_000
		case *structpb.Struct:
			of.Fields = p.object(at, true)
		default:
			p.message(v.Message(), at)
		}
		return v
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(1)
	default:
		return protoreflect.ValueOfInt32(1)
	}
}

// text is a text of a place that says what it must to be taken.
func (p *planter) text(at string) string {
	switch at[strings.LastIndex(at, "/")+1:] {
	case "compact":
		part := base64.RawURLEncoding.EncodeToString
		return part([]byte(`{"alg":"PS256","kid":"`+p.secret(at+"/kid")+`"}`)) + "." +
			part([]byte(`{"sub":"`+p.secret(at+"/sub")+`","aud":"`+p.secret(at+"/aud")+`","exp":1}`)) + "." + part([]byte(p.secret(at)))
	case "omitted":
		return "/request/headers/" + p.secret(at)
	case "proposedMask":
		return "/attributes/" + p.secret(at)
	}
	return p.value(at)
}

// mapping fills a map under a planted key and under known ones.
func (p *planter) mapping(m protoreflect.Map, f protoreflect.FieldDescriptor, at string) {
	names := map[string][]string{"attributes": attributeNames, "headers": headerNames}[f.JSONName()]
	if strings.HasSuffix(strings.ToLower(f.JSONName()), "parameters") {
		names = parameterNames
	}
	put := func(key, at string) {
		m.Set(protoreflect.ValueOfString(key).MapKey(), p.leaf(m.NewValue(), f.MapValue(), at))
	}
	put(p.secret(at+"/KEY"), at+"/VALUE")
	for _, name := range names {
		put(name, at+"/"+name)
	}
}

func (p *planter) object(at string, deep bool) map[string]*structpb.Value {
	text := func(at string) *structpb.Value { return structpb.NewStringValue(p.value(at)) }
	o := map[string]*structpb.Value{p.secret(at + "/KEY"): text(at + "/VALUE")}
	if !deep {
		return o
	}
	for _, name := range claimNames {
		o[name] = text(at + "/" + name)
	}
	o["cnf"] = structpb.NewStructValue(&structpb.Struct{Fields: p.object(at+"/cnf", false)})
	o["list"] = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{text(at + "/list")}})
	return o
}

// Kinds of request. One that says more than can be masked is not kept; of a JWT that
// is left to be parsed nothing else is read.
const (
	everything = iota
	serialized
	parsed
	kinds
)

// request is one with everything in it, or so much that what is masked can be kept.
func (p *planter) request(realm string, event clientpolicyv1.Event, kind int) *clientpolicyv1.EvaluateRequest {
	req := &clientpolicyv1.EvaluateRequest{}
	p.message(req.ProtoReflect(), "")
	req.Realm, req.Event, req.Options = realm, event, &clientpolicyv1.EvaluateOptions{ReturnClient: true, Explain: kind == parsed}
	switch kind {
	case serialized:
		req.Request.RequestObject.Claims, req.ClientAuthentication.Assertion.Claims = nil, nil
	case parsed:
		req.Client.Attributes, req.ProposedClient.Attributes, req.ClientMetadataDocument = nil, nil, nil
		req.Request.PushedParameters, req.Request.EffectiveParameters = nil, nil
	}
	if realm == "faulty" { // and its provider looks these up for nobody
		req.Request.RequestObject, req.Dpop, req.Client.BaseUrl = nil, nil, nil
	}
	return req
}

// forbidden are members that a request must not have, by their places.
func forbidden(p *planter) map[string]func(*clientpolicyv1.EvaluateRequest) {
	all := map[string]func(*clientpolicyv1.EvaluateRequest){}
	add := func(place string, set func(r *clientpolicyv1.EvaluateRequest, secret string)) {
		s := p.secret("forbidden " + place)
		all[place] = func(r *clientpolicyv1.EvaluateRequest) { set(r, s) }
	}
	add("client", func(r *clientpolicyv1.EvaluateRequest, s string) { r.Client.Secret = &s })
	add("client token", func(r *clientpolicyv1.EvaluateRequest, s string) { r.ProposedClient.RegistrationAccessToken = &s })
	add("rotated", func(r *clientpolicyv1.EvaluateRequest, s string) { r.Client.Attributes["client.secret.rotated"] = s })
	add("extra", func(r *clientpolicyv1.EvaluateRequest, s string) {
		r.Client.Extra.Fields["secret"] = structpb.NewStringValue(s)
	})
	for _, name := range strings.Fields("code client_secret client_assertion refresh_token access_token token subject_token actor_token assertion id_token_hint password request device_code auth_req_id") {
		add(name, func(r *clientpolicyv1.EvaluateRequest, s string) { r.Request.Parameters[name] = s })
		add("pushed "+name, func(r *clientpolicyv1.EvaluateRequest, s string) { r.Request.PushedParameters[name] = s })
	}
	for _, name := range []string{"authorization", "cookie", "dpop", "proxy-authorization", "Authorization"} {
		add("header "+name, func(r *clientpolicyv1.EvaluateRequest, s string) { r.Request.Headers[name] = s })
	}
	add("too long", func(r *clientpolicyv1.EvaluateRequest, s string) {
		r.Client.Name = proto.String(strings.Repeat(s, 1<<14))
	})
	add("no UTF-8", func(r *clientpolicyv1.EvaluateRequest, s string) { r.Request.Method = s + "\xff" })
	add("unknown fact", func(r *clientpolicyv1.EvaluateRequest, s string) { r.Client, r.ProposedClient.Name = nil, &s })
	return all
}

// kept are places whose texts the log keeps, and why. {client} stands for both
// clients, {parameters} for the three maps of them, {token} for both tokens.
type kept struct {
	because, places string
	// ids are replaced by pseudonyms where the log uses them.
	ids bool
}

var allowed = []kept{
	{because: "who a decision is about: decisions are found and erased by it", ids: true, places: `/{client}/clientId /{client}/id
		/clientMetadataDocument/url /clientMetadataDocument/content/client_id /actor/username /actor/clientRoles/KEY
		/request/{parameters}/client_id /request/{parameters}/audience /request/{parameters}/username /request/{parameters}/requested_subject
		/request/requestObject/claims/client_id /request/requestObject/claims/iss /clientAuthentication/assertion/claims/iss
		/clientAuthentication/assertion/claims/sub /clientAuthentication/assertion/claims/aud /{token}/claims/sub /{token}/claims/aud
		/{token}/claims/azp /{token}/claims/client_id /{token}/claims/preferred_username`},
	{because: "administrators chose the name, and conditions compare it", places: `/{client}/type /{client}/clientRoles /{client}/defaultRoles
		/{client}/defaultClientScopes /{client}/optionalClientScopes /actor/realmRoles /actor/groups /actor/clientRoles/VALUE/roles
		/clientScopes/default /clientScopes/optional /clientScopes/notInTokenScope /credentialOffer/requestedConfigurationIds
		/credentialOffer/offeredConfigurationIds /identityProvider /acrLoaMap/KEY /request/{parameters}/kc_idp_hint`},
	{because: "a word of the protocol, and executors judge it", places: `/{client}/protocol /{client}/clientAuthenticatorType
		/{client}/attributes/acr.loa.map /{client}/attributes/default.acr.values /{client}/attributes/dpop.bound.access.tokens
		/{client}/attributes/pkce.code.challenge.method /{client}/attributes/request.object.signature.alg
		/{client}/attributes/tls.client.certificate.bound.access.tokens /{client}/attributes/token.endpoint.auth.signing.alg
		/request/method /request/samlProtocolBinding /request/{parameters}/scope /request/{parameters}/response_type
		/request/{parameters}/response_mode /request/{parameters}/grant_type /request/{parameters}/client_assertion_type
		/request/{parameters}/code_challenge_method /request/{parameters}/acr_values /request/{parameters}/prompt
		/request/requestObject/claims/scope /request/requestObject/claims/response_type /request/requestObject/claims/code_challenge_method
		/request/requestObject/alg /request/requestObject/kid /request/requestObject/typ /clientAuthentication/assertion/alg
		/clientAuthentication/assertion/kid /clientAuthentication/assertion/typ /clientAuthentication/assertionType
		/clientAuthentication/authenticator /tls/version /tls/cipher /dpop/alg /dpop/htm /session/scope /session/acr
		/session/codeChallengeMethod /{token}/claims/scope /{token}/claims/acr /clientMetadataDocument/cacheControl
		/clientMetadataDocument/content/grant_types /clientMetadataDocument/content/scope /clientMetadataDocument/content/token_endpoint_auth_method`},
	{because: "whom a request object is for: the issuer, which a finding quotes", places: `/request/requestObject/claims/aud`},
	{because: "the name of a member, without its value", places: `/omitted /proposedMask /request/parameterNames /request/duplicateParameters
		/{client}/attributes/KEY /request/{parameters}/KEY /request/requestObject/claims/KEY /clientAuthentication/assertion/claims/KEY
		/{token}/claims/KEY /{token}/claims/cnf/KEY /clientMetadataDocument/content/KEY`},
}

// eventName is the place of an event that is none: whoever sends it is told so.
const eventName = "the name of an event"

// keptOf are the places that are kept under some settings. What looks like a key is
// kept of nothing but ids, and those only as they are.
func keptOf(s shape, pseudonyms bool) []string {
	var list []string
	for _, k := range allowed {
		if s.name != "word" && !k.ids || pseudonyms && k.ids {
			continue
		}
		for _, place := range strings.Fields(k.places) {
			list = append(list, expand(place)...)
		}
	}
	return list
}

func expand(place string) []string {
	for mark, all := range map[string][]string{
		"{client}": {"client", "proposedClient"}, "{token}": {"token", "subjectToken"}, "{parameters}": {"parameters", "effectiveParameters", "pushedParameters"},
	} {
		if strings.Contains(place, mark) {
			var list []string
			for _, one := range all {
				list = append(list, strings.Replace(place, mark, one, 1))
			}
			return list
		}
	}
	return []string{place}
}
