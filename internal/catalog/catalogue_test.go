package catalog_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sidegate/sidegate/conditions"
	"github.com/sidegate/sidegate/executors"
	"github.com/sidegate/sidegate/pdp"
)

// listed is what Keycloak 26.7.3 lists of its conditions and executors.
type listed struct {
	Providers []listedProvider `json:"providers"`
	// Unlisted exist, behind a feature that was off.
	Unlisted []listedProvider `json:"notListedLive"`
}

type listedProvider struct {
	ID         string           `json:"id"`
	Kind       string           `json:"kind"`
	Properties []listedProperty `json:"properties"`
}

type listedProperty struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Default  any      `json:"defaultValue"`
	Options  []string `json:"options"`
	Required bool     `json:"required"`
}

// extra are the keys that Sidegate reads as Keycloak does, and Keycloak does not list.
var extra = map[string][]string{
	"acr-condition":              {pdp.NegativeLogicKey},
	"client-type":                {pdp.NegativeLogicKey},
	"intent-client-bind-checker": {"intent-name"},
	"secure-client-uris":         {"allow-http-on-localhost"},
}

func readListed(t *testing.T) listed {
	t.Helper()
	data, err := os.ReadFile("testdata/catalogue.json")
	if err != nil {
		t.Fatal(err)
	}
	var l listed
	if err := json.Unmarshal(data, &l); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l listed) find(kind, id string) (listedProvider, bool) {
	for _, p := range append(l.Providers, l.Unlisted...) {
		if p.Kind == kind && p.ID == id {
			return p, true
		}
	}
	return listedProvider{}, false
}

// TestCatalogueIsKeycloaks compares keys, types, defaults, options and which keys
// are required with what Keycloak lists, so that its console and tools find the
// forms that they know.
func TestCatalogueIsKeycloaks(t *testing.T) {
	keycloak := readListed(t)
	for _, c := range conditions.All() {
		properties := append([]pdp.Property{{Key: pdp.NegativeLogicKey, Type: "boolean", Default: "false"}}, c.New.Properties...)
		compare(t, keycloak, "condition", c.ID, properties)
		checkDefaults(t, c)
	}
	for _, x := range executors.All() {
		compare(t, keycloak, "executor", x.ID, x.New.Properties)
	}
}

// TestAllProvidersAreThere refuses a binary that lacks one of Keycloak's providers:
// its policies could not be taken over.
func TestAllProvidersAreThere(t *testing.T) {
	there := map[string]int{}
	for _, c := range conditions.All() {
		there["condition "+c.ID]++
	}
	for _, x := range executors.All() {
		there["executor "+x.ID]++
	}
	keycloak := readListed(t)
	for _, p := range append(keycloak.Providers, keycloak.Unlisted...) {
		if there[p.Kind+" "+p.ID] != 1 {
			t.Errorf("%s %s: there are %d, want 1", p.Kind, p.ID, there[p.Kind+" "+p.ID])
		}
	}
	if got := len(keycloak.Providers) + len(keycloak.Unlisted); got != 14+38 {
		t.Errorf("Keycloak lists %d providers, want 14 conditions and 38 executors", got)
	}
}

func compare(t *testing.T, keycloak listed, kind, id string, properties []pdp.Property) {
	t.Helper()
	p, ok := keycloak.find(kind, id)
	if !ok {
		t.Errorf("%s %s: unknown to Keycloak", kind, id)
		return
	}
	want, got := map[string]string{}, map[string]string{}
	for _, q := range p.Properties {
		want[q.Name] = q.String()
	}
	for _, key := range extra[id] {
		want[key] = "not listed"
	}
	for _, q := range properties {
		got[q.Key] = shown(q, want[q.Key] == "not listed")
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s %s (-Keycloak +Sidegate):\n%s", kind, id, d)
	}
}

// String shows what a property must be like.
func (q listedProperty) String() string {
	form := ""
	switch v := q.Default.(type) {
	case nil:
	case []any:
		words := make([]string, len(v))
		for i := range v {
			words[i] = fmt.Sprint(v[i])
		}
		form = strings.Join(words, ",")
	case float64:
		form = fmt.Sprintf("%.0f", v)
	default:
		form = fmt.Sprint(v)
	}
	return describe(q.Type, form, q.Options, q.Required)
}

// shown shows what a property is like. One that Keycloak does not list must be
// hidden from its forms; the negation is no provider's own and hidden by its id.
func shown(q pdp.Property, unlisted bool) string {
	if unlisted && (q.Hidden || q.Key == pdp.NegativeLogicKey) {
		return "not listed"
	}
	if q.Hidden {
		return "hidden"
	}
	form := q.Form
	if form == "" {
		form = q.Default
	}
	return describe(q.Type, form, q.Options, q.Required)
}

func describe(kind, form string, options []string, required bool) string {
	return fmt.Sprintf("type %s, default %q, options %q, required %t", kind, form, options, required)
}

// checkDefaults refuses defaults of conditions that would hold: those that Keycloak
// lists only fill a form in.
func checkDefaults(t *testing.T, c pdp.ConditionInfo) {
	t.Helper()
	for _, p := range c.New.Properties {
		if p.Default != "" {
			t.Errorf("condition %s: %s has the default %q, which evaluation would use; make it the form's", c.ID, p.Key, p.Default)
		}
	}
}
