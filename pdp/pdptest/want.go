package pdptest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Want is what an answer must be. Only the members present are checked. The zero
// value checks nothing and agrees with no answer; only the loader makes others.
type Want struct {
	members map[string]any // generic JSON, numbers as json.Number, times filled in
}

// Names returns the names of the members present, sorted.
func (w Want) Names() []string { return slices.Sorted(maps.Keys(w.members)) }

// expectation is one member of `want`: how it is read and how it is checked. A
// member that has no entry is an error, so none can be read and then forgotten.
type expectation struct {
	read  func(r *reader, v *value, place string)
	check func(want any, got answer) []string
}

// expectations returns all members of `want`.
func expectations() map[string]expectation {
	return map[string]expectation{
		"decision":          {isDecision, checkDecision},
		"error":             {isPolicyError, checkError},
		"client":            {isClient, checkClient},
		"absent":            {isClientPointers, checkAbsent},
		"unchanged":         {isTrue, checkUnchanged},
		"obligations":       {isObligations, checkObligations},
		"appliedPolicies":   {isNames, checkAppliedPolicies},
		"reason":            {isReason, checkReason},
		"wireError":         {isPolicyError, checkWireError},
		"findings":          {isFindings, checkFindings},
		"mutations":         {isMutations, checkMutations},
		"proposedMutations": {isMutations, checkProposedMutations},
		"status":            {isStatus, checkStatus},
	}
}

// Descriptors of what `want` holds.
var (
	response   = (&clientpolicyv1.EvaluateResponse{}).ProtoReflect().Descriptor()
	client     = (&clientpolicyv1.Client{}).ProtoReflect().Descriptor()
	obligation = (&clientpolicyv1.Obligation{}).ProtoReflect().Descriptor().Oneofs().ByName("obligation")
)

func (r *reader) want(v *value, place string) Want {
	if !r.is(v, place, object) {
		return Want{}
	}
	all, before := expectations(), len(r.problems)
	for _, m := range v.members {
		e, ok := all[m.name]
		if !ok {
			r.fail(below(place, m.name), "unknown member: expected %s", strings.Join(wantNames(), ", "))
			continue
		}
		e.read(r, m.value, below(place, m.name))
	}
	switch {
	case len(r.problems) > before:
		return Want{}
	case len(v.members) == 0:
		r.fail(place, "checks nothing: name at least the decision")
	case v.member("status") != nil && len(v.members) > 1:
		r.fail(place+"/status", "a refused call has no answer: leave out all other members")
	}
	members, _ := v.generic().(map[string]any) // an object, see above
	return Want{members}
}

func wantNames() []string {
	return slices.Sorted(maps.Keys(expectations()))
}

func isDecision(r *reader, v *value, place string) { r.enumOf("decision", v, place) }
func isReason(r *reader, v *value, place string)   { r.enumOf("reason", v, place) }

// enumOf demands a value of a member of the answer that is ever sent.
func (r *reader) enumOf(field protoreflect.Name, v *value, place string) {
	ed := response.Fields().ByName(field).Enum()
	shape{reader: r}.enum(v, ed, place)
	if v.kind == text && v.text == string(ed.Values().ByNumber(0).Name()) {
		r.fail(place, "is never sent: expected one of %s", enumNames(ed))
	}
}

func isPolicyError(r *reader, v *value, place string) { r.like("error", v, place) }
func isClient(r *reader, v *value, place string)      { r.like("client", v, place) }
func isFindings(r *reader, v *value, place string)    { r.eachLike("findings", v, place) }
func isMutations(r *reader, v *value, place string)   { r.eachLike("mutations", v, place) }

// like demands a subset of a member of the answer.
func (r *reader) like(field protoreflect.Name, v *value, place string) {
	shape{reader: r, times: true}.message(v, response.Fields().ByName(field).Message(), place)
}

func (r *reader) eachLike(field protoreflect.Name, v *value, place string) {
	if !r.is(v, place, list) {
		return
	}
	for i, item := range v.items {
		r.like(field, item, fmt.Sprintf("%s/%d", place, i))
	}
}

func isNames(r *reader, v *value, place string) {
	if !r.is(v, place, list) {
		return
	}
	for i, item := range v.items {
		r.is(item, fmt.Sprintf("%s/%d", place, i), text)
	}
}

func isObligations(r *reader, v *value, place string) {
	isNames(r, v, place)
	var names []string
	for i := range obligation.Fields().Len() {
		names = append(names, obligation.Fields().Get(i).JSONName())
	}
	for i, item := range v.items {
		if item.kind == text && !slices.Contains(names, item.text) {
			r.fail(fmt.Sprintf("%s/%d", place, i), "unknown obligation %q: expected one of %s",
				item.text, strings.Join(names, ", "))
		}
	}
}

func isClientPointers(r *reader, v *value, place string) {
	isNames(r, v, place)
	for i, item := range v.items {
		at := fmt.Sprintf("%s/%d", place, i)
		tokens, ok := pointer(item.text)
		switch {
		case item.kind != text: // reported above
		case !ok:
			r.fail(at, "%q is no JSON pointer: write \"/attributes/name\"", item.text)
		case client.Fields().ByJSONName(tokens[0]) == nil:
			r.fail(at, "%q points to no member of a client", item.text)
		}
	}
}

func isTrue(r *reader, v *value, place string) {
	if v.kind != boolean || v.text != "true" {
		r.fail(place, "is %s: only true can be asked for; use mutations for changes", v.json())
	}
}

// statusNames are the names of gRPC status codes, by number.
var statusNames = [...]string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED",
	"NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
	"ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}

func isStatus(r *reader, v *value, place string) {
	if !r.is(v, place, text) {
		return
	}
	// OK is no refusal: a call that is answered has a decision to check.
	if !slices.Contains(statusNames[1:], v.text) {
		r.fail(place, "unknown status %q: expected one of %s", v.text, strings.Join(statusNames[1:], ", "))
	}
}
