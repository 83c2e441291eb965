package pdp

import (
	"fmt"
	"slices"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// RequestError is what is wrong with a request: malformed, incomplete, or with a
// secret in it. It is never an answer.
type RequestError struct {
	// Field is the JSON pointer into the request.
	Field string
	// Problem says what is wrong and how to mend it.
	Problem string
}

// Error returns the place and the problem.
func (e *RequestError) Error() string { return e.Field + ": " + e.Problem }

func requestError(field, format string, args ...any) *RequestError {
	return &RequestError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// need is a set of required members (contract 2.1).
type need uint8

const (
	needClient need = 1 << iota
	needProposed
	needChannel
	needRequest
	needToken
	needSubject
)

// requiredMembers tells what an event requires (contract 2.1, "Required members").
var requiredMembers = func() (table [eventCount]need) {
	for e := range table {
		table[e] = needClient
	}
	table[0] = 0
	table[Register] = needProposed | needChannel
	table[Update] = needClient | needProposed | needChannel
	table[Registered] = needClient | needChannel
	table[Updated] = needClient | needChannel
	table[PreAuthorizationRequest] = needRequest
	table[PreTokenRequest] = needRequest
	for _, e := range []Event{
		AuthorizationRequest, PushedAuthorizationRequest, TokenRequest, ServiceAccountTokenRequest,
		ResourceOwnerPasswordCredentialsRequest, BackchannelAuthenticationRequest, BackchannelTokenRequest,
		DeviceAuthorizationRequest, DeviceTokenRequest, TokenExchangeRequest, JWTAuthorizationGrant, TokenRefresh,
	} {
		table[e] |= needRequest
	}
	for _, e := range []Event{TokenRefresh, TokenRevoke, TokenIntrospect, UserinfoRequest, LogoutRequest} {
		table[e] |= needToken
	}
	table[TokenExchangeRequest] |= needSubject
	table[JWTAuthorizationGrant] |= needSubject
	return table
}()

// checkRequired refuses an unknown event and the absence of what an event requires.
func checkRequired(req *pb.EvaluateRequest) error {
	if req.Event == 0 {
		return requestError("/event", "required; send one of the 35 names that begin with EVENT_")
	}
	if !KnownEvent(req.Event) {
		return requestError("/event", "unknown event %d; send one of the 35 names that begin with EVENT_", req.Event)
	}
	needs := requiredMembers[req.Event]
	if needs&needToken != 0 && req.Event == LogoutRequest && req.Request.GetLogout() == pb.OAuthRequest_LOGOUT_FRONT_CHANNEL {
		needs &^= needToken
	}
	for i := range members {
		if m := &members[i]; needs&m.need != 0 && !m.present(req) {
			return requestError(m.pointer, "required on %s and missing", EventName(req.Event))
		}
	}
	return nil
}

// members are those that an event may require.
var members = [...]struct {
	need    need
	pointer string
	present func(*pb.EvaluateRequest) bool
}{
	{needClient, "/client", func(r *pb.EvaluateRequest) bool { return r.Client != nil }},
	{needProposed, "/proposedClient", func(r *pb.EvaluateRequest) bool { return r.ProposedClient != nil }},
	{needChannel, "/registration/channel", func(r *pb.EvaluateRequest) bool { return knownChannel(r.Registration.GetChannel()) }},
	{needRequest, "/request", func(r *pb.EvaluateRequest) bool { return r.Request != nil }},
	{needToken, "/token", func(r *pb.EvaluateRequest) bool { return r.Token != nil }},
	{needSubject, "/subjectToken", func(r *pb.EvaluateRequest) bool { return r.SubjectToken != nil }},
}

// RequiredMembers returns JSON pointers to the members of a request without which
// an event cannot be judged. A front-channel LOGOUT_REQUEST comes without the token.
func RequiredMembers(e Event) []string {
	if !KnownEvent(e) {
		return nil
	}
	var list []string
	for _, m := range members {
		if requiredMembers[e]&m.need != 0 {
			list = append(list, m.pointer)
		}
	}
	return list
}

func knownChannel(c Channel) bool { return c >= ChannelAdmin && c <= ChannelMetadataDocument }

// CheckFact returns what is wrong with a JSON pointer that names a fact of a
// request, as in `omitted`, or "". Below the members of a message anything goes
// that a map or a free JSON object can hold.
func CheckFact(pointer string) string {
	if !strings.HasPrefix(pointer, "/") {
		return fmt.Sprintf("%q is no JSON pointer; it must begin with a slash", pointer)
	}
	return checkPointer((*pb.EvaluateRequest)(nil).ProtoReflect().Descriptor(), pointer)
}

// CheckClientPointer is [CheckFact] for a pointer into the client, as in `proposedMask`.
func CheckClientPointer(pointer string) string {
	if !strings.HasPrefix(pointer, "/") {
		return fmt.Sprintf("%q is no JSON pointer; it must begin with a slash", pointer)
	}
	return checkPointer((*pb.Client)(nil).ProtoReflect().Descriptor(), pointer)
}

func checkPointer(d protoreflect.MessageDescriptor, pointer string) string {
	parts := strings.Split(pointer[1:], "/")
	for i, part := range parts {
		f := d.Fields().ByJSONName(part)
		if f == nil {
			return fmt.Sprintf("%q names no member: unknown %q%s", pointer, part, Suggest(part, memberNames(d)))
		}
		if f.IsMap() || f.IsList() || f.Message() == nil || f.Message().ParentFile().Package() != d.ParentFile().Package() {
			if i+1 < len(parts) && !f.IsMap() && f.Message() == nil {
				return fmt.Sprintf("%q points into %q, which has no members", pointer, part)
			}
			return ""
		}
		d = f.Message()
	}
	return ""
}

func memberNames(d protoreflect.MessageDescriptor) []string {
	names := make([]string, 0, d.Fields().Len())
	for i := range d.Fields().Len() {
		names = append(names, d.Fields().Get(i).JSONName())
	}
	return slices.Sorted(slices.Values(names))
}
