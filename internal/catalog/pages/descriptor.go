package pages

import (
	"strings"

	"github.com/sidegate/sidegate/pdp"
)

// provider is what the descriptors of conditions and executors have in common.
type provider struct {
	id, kind, doc, verb string
	spec                []string
	events              pdp.EventSet
	properties          []pdp.Property
	// traits are sentences about flags of the descriptor.
	traits []string
}

// The kinds of providers.
const (
	kindCondition = "Condition"
	kindExecutor  = "Executor"
)

func conditionOf(c *pdp.ConditionInfo) *provider {
	p := &provider{c.ID, kindCondition, c.Doc, "Votes on", c.Spec, c.Events, c.New.Properties, nil}
	if c.Events != pdp.AllEvents {
		p.traits = append(p.traits, "On all other events it abstains.")
	}
	if c.MayFault {
		p.traits = append(p.traits, "It may be unable to decide although no fact is named as omitted: "+
			"what it reads was withheld, or cannot be known. The request is then rejected with `server_error`.")
	}
	return p
}

func executorOf(x *pdp.ExecutorInfo) *provider {
	p := &provider{x.ID, kindExecutor, x.Doc, "Acts on", x.Spec, x.Events, x.New.Properties, nil}
	if x.Delta {
		p.traits = append(p.traits, "An UPDATE is judged by the effective client: the stored one with the submitted "+
			"fields laid over it. Under `COMPATIBILITY_KEYCLOAK` the submitted fields alone are judged; "+
			"see [differences](../differences.md).")
	}
	if x.UnsafeRedirect {
		p.traits = append(p.traits, "An objection at the authorization endpoint is delivered as a page, "+
			"never by a redirect to the URI that was refused (RFC 9700 §4.11.2).")
	}
	return p
}

func configuration(p *provider) string {
	common := ""
	if p.kind == kindCondition {
		common = "\n" + prose("Besides, as every condition: "+code(pdp.NegativeLogicKey)+
			", a boolean that turns YES and NO round; default `false`.")
	}
	if len(p.properties) == 0 {
		return "None.\n" + common
	}
	var rows [][]string
	var offers strings.Builder
	for _, q := range p.properties {
		rows = append(rows, []string{code(q.Key), q.Type, defaultOf(q), q.Doc})
		if len(q.Options) > 0 {
			offers.WriteString(bullet("Forms offer for " + code(q.Key) + ": " + codes(q.Options) + "."))
		}
		if q.Form != "" {
			offers.WriteString(bullet("Forms propose for " + code(q.Key) + ": " + code(q.Form) + "; that is no default."))
		}
		if q.Hidden {
			offers.WriteString(bullet("Forms do not show " + code(q.Key) + "; it is read all the same."))
		}
	}
	text := table([]string{"key", "type", "default", "meaning"}, rows)
	if offers.Len() > 0 {
		text += "\n" + offers.String()
	}
	return text + common
}

func defaultOf(q pdp.Property) string {
	switch {
	case q.Required:
		return "required"
	case q.Default == "":
		return "none"
	}
	return code(q.Default)
}

func eventList(s pdp.EventSet) string {
	switch missing := s ^ pdp.AllEvents; {
	case missing == 0:
		return "all events"
	case len(missing.List()) < 10:
		return "all events but " + names(missing)
	}
	return names(s)
}

func names(s pdp.EventSet) string {
	var list []string
	for _, e := range s.List() {
		list = append(list, pdp.EventName(e))
	}
	return strings.Join(list, ", ")
}
