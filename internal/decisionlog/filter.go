package decisionlog

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/filter"
	"github.com/sidegate/sidegate/pdp"
)

// Filter says which decisions are shown: those of which everything that is set is
// true. The zero value shows all.
type Filter struct {
	decision pb.EvaluateResponse_Decision
	reason   pb.EvaluateResponse_Reason
	event    pb.Event

	clientID, user, caller, policy, executor, traceID string

	revision     int64
	since, until time.Time
}

// AuditFilter says which audit records are shown: those of which everything that
// is set is true. The zero value shows all.
type AuditFilter struct {
	kind          pb.AuditRecord_Kind
	caller, realm string
	method, code  string
	since, until  time.Time
}

// Keys of filters.
var (
	followKeys      = []string{"decision", "reason", "event", "clientId", "user", "caller", "policy", "executor", "revision", "traceId"}
	listKeys        = append(slices.Clip(followKeys), "since", "until")
	auditFollowKeys = []string{"kind", "caller", "realm", "method", "code"}
	auditKeys       = append(slices.Clip(auditFollowKeys), "since", "until")
)

// ParseFilter reads the filter of a list of decisions.
func ParseFilter(s string) (Filter, error) { return parseFilter(s, listKeys) }

// ParseFollowFilter reads the filter of who follows decisions: it has no time.
func ParseFollowFilter(s string) (Filter, error) { return parseFilter(s, followKeys) }

// ParseAuditFilter reads the filter of a list of audit records.
func ParseAuditFilter(s string) (AuditFilter, error) { return parseAuditFilter(s, auditKeys) }

// ParseAuditFollowFilter reads the filter of who follows audit records.
func ParseAuditFollowFilter(s string) (AuditFilter, error) {
	return parseAuditFilter(s, auditFollowKeys)
}

// eachTerm hands out the terms of a filter and says whose value is wrong.
func eachTerm(s string, known []string, set func(filter.Term) error) error {
	terms, err := filter.Parse(s, known)
	if err != nil {
		return err
	}
	for _, t := range terms {
		if err := set(t); err != nil {
			return fmt.Errorf("the value of %q %w", t.Key, err)
		}
	}
	return nil
}

func parseFilter(s string, known []string) (f Filter, err error) {
	if err := eachTerm(s, known, f.set); err != nil {
		return Filter{}, err
	}
	return f, inOrder(f.since, f.until)
}

func (f *Filter) set(t filter.Term) (err error) {
	switch t.Key {
	case "decision":
		f.decision, err = enumValue[pb.EvaluateResponse_Decision](t.Value, "DECISION_", pb.EvaluateResponse_Decision_value)
	case "reason":
		f.reason, err = enumValue[pb.EvaluateResponse_Reason](t.Value, "REASON_", pb.EvaluateResponse_Reason_value)
	case "event":
		f.event, err = enumValue[pb.Event](t.Value, "EVENT_", pb.Event_value)
	case "clientId":
		f.clientID = t.Value
	case "user":
		f.user = t.Value
	case "caller":
		f.caller = t.Value
	case "policy":
		f.policy = t.Value
	case "executor":
		f.executor = t.Value
	case "traceId":
		f.traceID = strings.ToLower(t.Value)
	case "revision":
		f.revision, err = revisionValue(t.Value)
	case "since":
		f.since, err = timeValue(t.Value)
	case "until":
		f.until, err = timeValue(t.Value)
	}
	return err
}

func parseAuditFilter(s string, known []string) (f AuditFilter, err error) {
	if err := eachTerm(s, known, f.set); err != nil {
		return AuditFilter{}, err
	}
	return f, inOrder(f.since, f.until)
}

func (f *AuditFilter) set(t filter.Term) (err error) {
	switch t.Key {
	case "kind":
		f.kind, err = enumValue[pb.AuditRecord_Kind](t.Value, "KIND_", pb.AuditRecord_Kind_value)
	case "caller":
		f.caller = t.Value
	case "realm":
		f.realm = t.Value
	case "method":
		f.method = t.Value
	case "code":
		f.code = t.Value
	case "since":
		f.since, err = timeValue(t.Value)
	case "until":
		f.until, err = timeValue(t.Value)
	}
	return err
}

// enumValue reads the name of an enum value, with its prefix or without.
func enumValue[E ~int32](s, prefix string, values map[string]int32) (E, error) {
	if n := values[prefix+strings.TrimPrefix(s, prefix)]; n != 0 {
		return E(n), nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if values[name] != 0 {
			names = append(names, strings.TrimPrefix(name, prefix))
		}
	}
	s = shortened(s, 64)
	return 0, fmt.Errorf("is %q, which is none%s", s, pdp.Suggest(s, names))
}

func revisionValue(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("is %q, expected a revision, 1 or more", shortened(s, 64))
	}
	return n, nil
}

func timeValue(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("is %q, expected a time of RFC 3339 such as 2026-11-22T10:00:00Z", shortened(s, 64))
	}
	return t, nil
}

func inOrder(since, until time.Time) error {
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return fmt.Errorf("until %v is not after since %v; swap them", until.Format(time.RFC3339), since.Format(time.RFC3339))
	}
	return nil
}

// search is a filter for the decisions of one realm, pseudonyms included.
type search struct {
	Filter
	clientAlias, userAlias string
}

// search makes the filter ready. A client or a user is found under the plain id
// and under the pseudonym.
func (l *Log) search(realm string, f Filter) search {
	f.clientID, f.user = cleanID(f.clientID, nothing), cleanID(f.user, nothing)
	return search{f, l.pseudonyms.of(kindClient, realm, f.clientID), l.pseudonyms.of(kindUser, realm, f.user)}
}

// mayMatch looks at the bytes of a decision, so that most that do not match need
// not be decoded.
func (s *search) mayMatch(message []byte) bool {
	return holds(message, s.clientID, s.clientAlias) && holds(message, s.user, s.userAlias) &&
		holds(message, s.traceID, "") && holds(message, s.caller, "") && holds(message, s.policy, "") && holds(message, s.executor, "")
}

// holds reports whether a message has a text in it, or its alias.
func holds(message []byte, text, alias string) bool {
	return text == "" || bytes.Contains(message, []byte(text)) || alias != "" && bytes.Contains(message, []byte(alias))
}

// matches judges everything but the times, which the key tells.
func (s *search) matches(d *pb.LoggedDecision) bool {
	return is(s.decision, d.GetDecision()) && is(s.reason, d.GetReason()) && is(s.event, d.GetEvent()) &&
		(is(s.clientID, d.GetClientId()) || is(s.clientAlias, d.GetClientId()) && s.clientAlias != "") &&
		(is(s.user, d.GetUser()) || is(s.userAlias, d.GetUser()) && s.userAlias != "") &&
		is(s.caller, d.GetCaller()) && is(s.traceID, d.GetTraceId()) && is(s.revision, d.GetRevision()) &&
		(s.policy == "" || slices.Contains(d.GetAppliedPolicies(), s.policy)) &&
		(s.executor == "" || slices.ContainsFunc(d.GetFindings(), func(f *pb.Finding) bool { return f.GetExecutor() == s.executor }))
}

// is reports whether a value is the one wanted, or any will do.
func is[T comparable](want, got T) bool {
	var any T
	return want == any || want == got
}

// within reports whether a key lies in the time asked for: since included, until
// not.
func (f *Filter) within(k key) bool {
	return (f.since.IsZero() || k.time >= keyTime(f.since)) && (f.until.IsZero() || k.time < keyTime(f.until))
}

func (f *AuditFilter) matches(r *pb.AuditRecord) bool {
	t := r.GetTime().AsTime()
	return is(f.kind, r.GetKind()) && is(f.caller, r.GetCaller()) && is(f.realm, r.GetRealm()) &&
		is(f.method, r.GetMethod()) && is(f.code, r.GetCode()) &&
		(f.since.IsZero() || !t.Before(f.since)) && (f.until.IsZero() || t.Before(f.until))
}
