package pdptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// answer is what a Decide function returned.
type answer struct {
	*clientpolicyv1.EvaluateResponse
	err  error
	want map[string]any // all that the case wants
}

// Check compares an answer with what the case wants and returns the differences;
// none means that they agree. Where the case does not want a `status`, an error
// is a difference.
func Check(c *Case, resp *clientpolicyv1.EvaluateResponse, err error) []string {
	if len(c.Want.members) == 0 {
		return []string{"want: checks nothing"}
	}
	if _, refusal := c.Want.members["status"]; !refusal {
		switch {
		case err != nil:
			return []string{fmt.Sprintf("call: got error %v, want an answer", err)}
		case resp == nil:
			return []string{"call: got neither an answer nor an error"}
		}
	}
	var differences []string
	all := expectations()
	got := answer{resp, err, c.Want.members}
	for _, name := range c.Want.Names() {
		differences = append(differences, all[name].check(c.Want.members[name], got)...)
	}
	return differences
}

func checkStatus(want any, got answer) []string {
	if got.err == nil {
		return []string{fmt.Sprintf("status: got an answer (%s), want %s", got.GetDecision(), want)}
	}
	s, ok := status.FromError(got.err)
	if code := int(s.Code()); ok && code < len(statusNames) && statusNames[code] == want {
		return nil
	}
	return []string{fmt.Sprintf("status: got %v, want %s", got.err, want)}
}

func checkDecision(want any, got answer) []string {
	name := got.GetDecision().String()
	if name == want {
		return nil
	}
	if e := got.GetError(); e != nil {
		name += fmt.Sprintf(" (%s: %s)", e.GetCode(), e.GetDescription())
	}
	return []string{fmt.Sprintf("decision: got %s, want %s", name, want)}
}

func checkReason(want any, got answer) []string {
	return differ(want, got.GetReason().String(), "reason")
}

func checkError(want any, got answer) []string {
	return differ(want, message(got.GetError()), "error")
}

func checkWireError(want any, got answer) []string {
	return differ(want, message(got.GetWireError()), "wireError")
}

func checkClient(want any, got answer) []string {
	return differ(want, message(got.GetClient()), "client")
}

// checkUnchanged also refuses what policies under WARN would have changed, unless
// the case says itself what that is.
func checkUnchanged(_ any, got answer) []string {
	var differences []string
	for _, m := range got.GetMutations() {
		differences = append(differences, fmt.Sprintf("unchanged: got mutation %s", show(message(m))))
	}
	if _, own := got.want["proposedMutations"]; own {
		return differences
	}
	for _, m := range got.GetProposedMutations() {
		differences = append(differences, fmt.Sprintf("unchanged: got proposed mutation %s", show(message(m))))
	}
	return differences
}

func checkObligations(want any, got answer) []string {
	var names, wanted []string
	for _, o := range got.GetObligations() {
		name := "(none set)"
		if fd := o.ProtoReflect().WhichOneof(obligation); fd != nil {
			name = fd.JSONName()
		}
		names = append(names, name)
	}
	for _, w := range anyList(want) {
		wanted = append(wanted, fmt.Sprint(w))
	}
	return differ(set(wanted), set(names), "obligations")
}

// set returns the names sorted and once each, as a JSON list.
func set(names []string) []any {
	slices.Sort(names)
	return stringList(slices.Compact(names))
}

func checkAppliedPolicies(want any, got answer) []string {
	return differ(want, stringList(got.GetAppliedPolicies()), "appliedPolicies")
}

func checkFindings(want any, got answer) []string {
	return inOrder(want, messages(got.GetFindings()), "findings")
}

func checkMutations(want any, got answer) []string {
	return inOrder(want, messages(got.GetMutations()), "mutations")
}

func checkProposedMutations(want any, got answer) []string {
	return inOrder(want, messages(got.GetProposedMutations()), "proposedMutations")
}

// inOrder compares as many subsets with as many objects.
func inOrder(want any, got []any, place string) []string {
	wanted := anyList(want)
	if len(wanted) != len(got) {
		return []string{fmt.Sprintf("%s: got %d, want %d: got %s", place, len(got), len(wanted), show(got))}
	}
	var differences []string
	for i, w := range wanted {
		differences = append(differences, differ(w, got[i], fmt.Sprintf("%s/%d", place, i))...)
	}
	return differences
}

func checkAbsent(want any, got answer) []string {
	doc, ok := message(got.GetClient()).(map[string]any)
	if !ok {
		return []string{"absent: the answer has no client that can be read"}
	}
	var differences []string
	for _, w := range anyList(want) {
		tokens, ok := pointer(fmt.Sprint(w))
		if !ok {
			differences = append(differences, fmt.Sprintf("absent: %v is no JSON pointer", w))
			continue
		}
		if v := resolve(doc, tokens); !empty(v) {
			differences = append(differences, fmt.Sprintf("absent: %s is %s", w, show(v)))
		}
	}
	return differences
}

// pointer splits a JSON pointer that points below the document.
func pointer(s string) ([]string, bool) {
	rest, ok := strings.CutPrefix(s, "/")
	if !ok {
		return nil, false
	}
	tokens := strings.Split(rest, "/")
	for i, t := range tokens {
		// RFC 6901 §4: "~1" first, then "~0".
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return tokens, true
}

// resolve follows a pointer; nil where nothing is.
func resolve(v any, tokens []string) any {
	for _, t := range tokens {
		switch in := v.(type) {
		case map[string]any:
			v = in[t]
		case []any:
			i, err := strconv.ParseUint(t, 10, 31)
			if err != nil || int(i) >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return false
	}
}

func anyList(v any) []any {
	l, _ := v.([]any) // checked when the file was loaded
	return l
}

func stringList(names []string) []any {
	l := make([]any, len(names))
	for i, n := range names {
		l[i] = n
	}
	return l
}

func messages[M proto.Message](in []M) []any {
	l := make([]any, len(in))
	for i, m := range in {
		l[i] = message(m)
	}
	return l
}

// message returns the generic JSON of a message, with zero scalars and empty
// lists shown, so that they can be asked for; nil for an absent one.
func message(m proto.Message) any {
	if !m.ProtoReflect().IsValid() {
		return nil
	}
	data, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return fmt.Sprintf("(no JSON form: %v)", err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return fmt.Sprintf("(no JSON form: %v)", err)
	}
	return v
}
