package decisionlog

import (
	"slices"
	"strconv"
	"strings"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Bounds of a record.
const (
	maxRecordBytes = 256 << 10
	maxListItems   = 128
)

// wholeRequest is the JSON pointer to the request as a whole (RFC 6901 section 5).
const wholeRequest = ""

// build makes the record of a decision: masked, with pseudonyms, and within the
// bounds. Nothing in it but what it shares with the entry is secret.
func (l *Log) build(e *Entry, realm string, share float64) *pb.LoggedDecision {
	m := &masker{realm: realm, issuer: e.Request.GetIssuer(), pseudonyms: l.pseudonyms}
	request := m.request(e.Request, l.mask)
	d := &pb.LoggedDecision{
		DecisionId: e.Response.GetDecisionId(), Time: timestamppb.New(e.Time), Caller: shortened(e.Caller, maxNameBytes),
		Realm: realm, Revision: e.Revision, Event: e.Request.GetEvent(),
		Decision: e.Response.GetDecision(), Reason: e.Response.GetReason(),
		Duration: durationpb.New(max(e.Duration, time.Duration(0))), TraceId: shortened(e.TraceID, maxNameBytes),
		SampleRate: share, AppliedPolicies: cut(e.Response.GetAppliedPolicies()),
	}
	d.ClientId, _ = m.text(clientID, shortened(clientOf(e.Request), maxNameBytes-8))
	d.User, _ = m.text(userID, shortened(userOf(e.Request), maxNameBytes-8))
	m.answer(e, d)
	d.Request, d.Masked = request, slices.Sorted(slices.Values(m.masked))
	if l.options.DropRequests {
		d.Request, d.Masked = nil, answerPointers(d.Masked)
	}
	if m.overflow {
		dropRequest(d)
	}
	m.hide(d)
	limit(d)
	return d
}

// request copies a request without what must not be kept.
func (m *masker) request(src *pb.EvaluateRequest, mask []maskPath) *pb.EvaluateRequest {
	dst := &pb.EvaluateRequest{}
	m.facts = true
	m.message(src.ProtoReflect(), dst.ProtoReflect())
	for _, path := range mask {
		m.prune(dst.ProtoReflect(), path)
	}
	m.facts = false
	dst.Realm = m.realm
	if dst.Request != nil {
		dst.Request.ParameterNames = m.names(src.GetRequest(), dst.Request)
	}
	for _, pointer := range slices.Sorted(slices.Values(m.omitted)) {
		if !slices.Contains(dst.Omitted, pointer) {
			dst.Omitted = append(dst.Omitted, pointer)
		}
	}
	return dst
}

// names are the names of all parameters that were received, of those too whose
// values were left out; none when all are kept and none were named (decision API,
// section 2.1).
func (m *masker) names(src, dst *pb.OAuthRequest) []string {
	names := dst.GetParameterNames()
	if object := src.GetRequestObject(); object != nil && dst.RequestObject == nil {
		names = append(names, received(object.GetSource())...)
	}
	if len(names) == 0 && len(src.GetParameterNames()) == 0 && len(src.GetParameters()) == len(dst.GetParameters()) {
		return nil
	}
	for parameter := range src.GetParameters() {
		if !keepName(parameter) {
			parameter = maskedText
		}
		names = append(names, parameter)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// received are the parameters that count as received with a request object.
func received(s pb.RequestObject_Source) []string {
	switch s {
	case pb.RequestObject_SOURCE_REQUEST:
		return []string{oauth.ParamRequest}
	case pb.RequestObject_SOURCE_REQUEST_URI, pb.RequestObject_SOURCE_PUSHED:
		return []string{oauth.ParamRequestURI}
	}
	return nil
}

// answer copies what was answered, and what audit adds.
func (m *masker) answer(e *Entry, d *pb.LoggedDecision) {
	r := e.Response
	if r.GetError() != nil {
		d.Error = copyAs(m, "error", r.GetError())
	}
	if r.GetWireError() != nil {
		d.WireError = copyAs(m, "wireError", r.GetWireError())
	}
	d.Findings = copyList(m, "findings", r.GetFindings(), e.Audit)
	d.Mutations = copyList(m, "mutations", r.GetMutations(), nil)
	d.ProposedMutations = copyList(m, "proposedMutations", r.GetProposedMutations(), e.Proposed)
	d.Obligations = copyList(m, "obligations", r.GetObligations(), nil)
}

func copyAs[M proto.Message](m *masker, segment string, src M) (dst M) {
	m.at(segment, func() {
		to := src.ProtoReflect().New()
		m.message(src.ProtoReflect(), to)
		dst = to.Interface().(M)
	})
	return dst
}

func copyList[M proto.Message](m *masker, segment string, first, second []M) (list []M) {
	m.at(segment, func() {
		for i, src := range slices.Concat(first, second) {
			if i == maxListItems {
				m.note()
				return
			}
			list = append(list, copyAs(m, strconv.Itoa(i), src))
		}
	})
	return list
}

func cut(list []string) []string { return slices.Clone(list[:min(len(list), maxListItems)]) }

// clientOf is the client id of a request: of the stored client, else of the
// proposed one, else as it was sent.
func clientOf(r *pb.EvaluateRequest) string {
	return firstOf(
		r.GetClient().GetClientId(), r.GetProposedClient().GetClientId(),
		r.GetRequest().GetEffectiveParameters()[oauth.ParamClientID], r.GetRequest().GetParameters()[oauth.ParamClientID],
		r.GetRequest().GetPushedParameters()[oauth.ParamClientID],
		r.GetRequest().GetRequestObject().GetClaims().GetFields()[oauth.ParamClientID].GetStringValue(),
		r.GetClientMetadataDocument().GetUrl(),
	)
}

// userOf is the user of a request: id, else name.
func userOf(r *pb.EvaluateRequest) string {
	token, subject := r.GetToken().GetClaims().GetFields(), r.GetSubjectToken().GetClaims().GetFields()
	return firstOf(
		token["sub"].GetStringValue(), subject["sub"].GetStringValue(),
		token["preferred_username"].GetStringValue(), subject["preferred_username"].GetStringValue(),
		r.GetActor().GetUsername(),
		r.GetRequest().GetEffectiveParameters()["username"], r.GetRequest().GetParameters()["username"],
	)
}

func firstOf(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// spared are the fields in which a client id or user that is found is not meant:
// what administrators chose, and what this server made.
var spared = map[protoreflect.FullName]bool{}

func init() {
	for _, field := range []protoreflect.FullName{
		"LoggedDecision.decision_id", "LoggedDecision.caller", "LoggedDecision.realm", "LoggedDecision.applied_policies",
		"LoggedDecision.trace_id", "EvaluateRequest.realm", "PolicyError.code",
		"Finding.policy", "Finding.profile", "Finding.executor", "Finding.condition", "Finding.error", "Finding.spec",
		"Mutation.policy", "Mutation.profile", "Mutation.executor",
		"Obligation.policy", "Obligation.profile", "Obligation.executor", "AuthenticationFlow.alias",
	} {
		spared[protoPackage+field] = true
	}
}

func spare(f protoreflect.FieldDescriptor) bool { return spared[f.FullName()] }

// hide replaces the plain ids of clients and users wherever else they stand.
func (m *masker) hide(d *pb.LoggedDecision) {
	if m.pseudonyms == nil || len(m.identities) == 0 {
		return
	}
	// The longest first: one id can be part of another.
	slices.SortStableFunc(m.identities, func(a, b identity) int { return len(b.id) - len(a.id) })
	mapTexts(d.ProtoReflect(), spare, func(s string) string {
		for _, of := range m.identities {
			s = replaceID(s, of.id, of.kept, true)
		}
		return s
	})
}

func dropRequest(d *pb.LoggedDecision) {
	if d.Request != nil {
		d.Request, d.Masked = nil, append(answerPointers(d.Masked), wholeRequest)
	}
}

// answerPointers are those that do not point into the request.
func answerPointers(masked []string) []string {
	return slices.DeleteFunc(masked, func(p string) bool {
		member, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
		return (*pb.EvaluateRequest)(nil).ProtoReflect().Descriptor().Fields().ByJSONName(member) != nil
	})
}

// limit makes a record small enough: first without the request, then with shorter
// and shorter lists.
func limit(d *pb.LoggedDecision) {
	if d.SizeVT() <= maxRecordBytes {
		return
	}
	dropRequest(d)
	for n := maxListItems; n > 0 && d.SizeVT() > maxRecordBytes; {
		n /= 2
		d.Findings = shorter(d, "/findings", d.Findings, n)
		d.Mutations = shorter(d, "/mutations", d.Mutations, n)
		d.ProposedMutations = shorter(d, "/proposedMutations", d.ProposedMutations, n)
		d.Obligations = shorter(d, "/obligations", d.Obligations, n)
		d.AppliedPolicies = shorter(d, "/appliedPolicies", d.AppliedPolicies, n)
	}
}

// shorter cuts a list and notes that it did.
func shorter[T any](d *pb.LoggedDecision, pointer string, list []T, n int) []T {
	if len(list) <= n {
		return list
	}
	if !slices.Contains(d.Masked, pointer) {
		d.Masked = append(d.Masked, pointer)
	}
	return list[:n]
}
