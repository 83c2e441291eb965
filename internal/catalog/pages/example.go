package pages

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

// outcome says what a case shows of a provider; it is empty for what an example
// cannot show.
type outcome func(id string, c *decided) string

// example is a case with its title.
type example struct {
	*decided
	title string
}

// examples shows cases of a provider: those that are named, else the shortest one
// of each outcome.
func examples(id string, e *evidence, list []named, of outcome, show func(*decided) (string, error)) (string, error) {
	chosen, err := choose(id, e, list, of)
	if err != nil {
		return "", err
	}
	if err := sufficient(id, e, chosen, of); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, c := range chosen {
		text, err := show(c.decided)
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.Name, err)
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s", c.title, text)
	}
	return b.String(), nil
}

func choose(id string, e *evidence, list []named, of outcome) ([]example, error) {
	if len(list) == 0 {
		return shortest(id, e.cases, of), nil
	}
	var chosen []example
	for _, n := range list {
		i := slices.IndexFunc(e.cases, func(c *decided) bool { return c.Name == n.Case && of(id, c) != "" })
		if i < 0 {
			return nil, fmt.Errorf("examples: no vector %q that can be shown", n.Case)
		}
		chosen = append(chosen, example{e.cases[i], cmp.Or(n.Title, n.Case)})
	}
	return chosen, nil
}

// shortest returns the shortest case of each outcome, in the order of outcomes.
func shortest(id string, cases []*decided, of outcome) (chosen []example) {
	best := map[string]*decided{}
	for _, c := range cases {
		if o := of(id, c); o != "" && (best[o] == nil || len(c.RequestJSON) < len(best[o].RequestJSON)) {
			best[o] = c
		}
	}
	for _, o := range slices.Sorted(maps.Keys(best)) {
		chosen = append(chosen, example{best[o], o + ": " + best[o].Name})
	}
	return chosen
}

// sufficient demands an example of each side that the vectors show.
func sufficient(id string, e *evidence, chosen []example, of outcome) error {
	for _, side := range []string{passes, refuses, "YES", "NO"} {
		is := func(c *decided) bool { return strings.Contains(of(id, c), side) }
		if slices.ContainsFunc(e.cases, is) && !slices.ContainsFunc(chosen, func(c example) bool { return is(c.decided) }) {
			return fmt.Errorf("examples: none is of the outcome %q", side)
		}
	}
	if len(chosen) == 0 || len(chosen) > 4 {
		return fmt.Errorf("examples: there are %d, want 1 to 4", len(chosen))
	}
	return nil
}

// The outcomes of executors.
const (
	passes  = "Passes"
	refuses = "Refused"
	affects = passes + " with an effect"
)

// executorOutcome says what the executor came to in a case that has no other.
func executorOutcome(id string, c *decided) string {
	if len(c.Set.Profiles) != 1 || len(c.Set.Profiles[0].Executors) != 1 || len(c.answer.AppliedPolicies) != 1 {
		return ""
	}
	policies := c.answer.Trace.Policies
	applied := slices.IndexFunc(policies, func(p *pb.PolicyTrace) bool { return p.Applied })
	if len(policies[applied].Executors) != 1 {
		return ""
	}
	x := policies[applied].Executors[0]
	switch {
	case x.Executor != id:
		return ""
	case x.Outcome == pb.ExecutorTrace_OUTCOME_REJECT:
		return refuses
	case x.Outcome == pb.ExecutorTrace_OUTCOME_PASS && len(x.Mutations)+len(x.Obligations) > 0:
		return affects
	case x.Outcome == pb.ExecutorTrace_OUTCOME_PASS:
		return passes
	}
	return ""
}

// executorExample shows configuration, request and answer.
func executorExample(c *decided) (string, error) {
	data, err := configurationJSON(c.Set.Profiles[0].Executors[0].Configuration)
	if err != nil {
		return "", err
	}
	configuration, err := fold(data, "", 0)
	if err != nil {
		return "", err
	}
	request, err := excerpt(c.RequestJSON, "options")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Configuration:\n\n```json\n%s\n```\n\nRequest:\n\n```json\n%s\n```\n\nAnswer at %s:\n\n",
		configuration, request, c.Request.Options.EvaluationTime.AsTime().Format(time.RFC3339))
	return b.String() + answerText(c.answer), nil
}

// configurationJSON returns a configuration with its members sorted: those of a
// Struct have no order, and protojson varies its blanks.
func configurationJSON(s *structpb.Struct) (json.RawMessage, error) {
	data, err := protojson.Marshal(cmp.Or(s, &structpb.Struct{}))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return json.Marshal(v)
}

// inline shows a configuration within a line.
func inline(s *structpb.Struct) (string, error) {
	data, err := configurationJSON(s)
	if err != nil || string(data) == "{}" {
		return "–", err
	}
	flat, err := flatten(data)
	return code(flat), err
}

// conditionOutcome says what the condition's votes in a case are that has no other.
func conditionOutcome(id string, c *decided) string {
	found := map[string]bool{}
	for _, p := range c.answer.Trace.Policies {
		if len(p.Conditions) != 1 || p.Conditions[0].Condition != id {
			return ""
		}
	}
	for _, i := range telling(c) {
		found[voteName(c.answer.Trace.Policies[i].Conditions[0].Vote)] = true
	}
	return strings.Join(sorted(found), " and ")
}

// telling returns the policies of a case without those that turn a configuration
// round: they show nothing new, save for a condition that has nothing else to set.
func telling(c *decided) (list []int) {
	for i, p := range c.Set.Policies {
		fields := p.Conditions[0].Configuration.GetFields()
		if fields[pdp.NegativeLogicKey] == nil || len(fields) == 1 {
			list = append(list, i)
		}
	}
	return list
}

func voteName(v pb.ConditionTrace_Vote) string {
	return strings.TrimPrefix(v.String(), "VOTE_")
}

// conditionExample shows the request, and the vote under each configuration.
func conditionExample(c *decided) (string, error) {
	request, err := excerpt(c.RequestJSON, "options")
	if err != nil {
		return "", err
	}
	var rows [][]string
	for _, i := range telling(c) {
		configuration, err := inline(c.Set.Policies[i].Conditions[0].Configuration)
		if err != nil {
			return "", err
		}
		vote := c.answer.Trace.Policies[i].Conditions[0]
		rows = append(rows, []string{configuration, voteName(vote.Vote), negation(vote) + vote.Reason})
	}
	head := []string{"configuration", "vote", "because"}
	return fmt.Sprintf("```json\n%s\n```\n\n%s", request, table(head, rows)), nil
}

func negation(vote *pb.ConditionTrace) string {
	if vote.Negated && vote.Vote != pb.ConditionTrace_VOTE_FAULT {
		return "turned round: "
	}
	return ""
}
