package openapi_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"

	"github.com/sidegate/sidegate/gen/openapi"
)

// bindings returns the routes of proto/ as `METHOD PATH ID`, and whether they have
// a body.
func bindings(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile("../../proto/clientpolicy/v1/clientpolicy.http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		HTTP struct {
			Rules []map[string]string `yaml:"rules"`
		} `yaml:"http"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	routes := map[string]bool{}
	for _, rule := range file.HTTP.Rules {
		selector := strings.Split(rule["selector"], ".")
		id := strings.Join(selector[len(selector)-2:], "_")
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			if path := rule[method]; path != "" {
				path = strings.ReplaceAll(path, "{decision_id}", "{decisionId}")
				routes[fmt.Sprint(strings.ToUpper(method), " ", path, " ", id)] = rule["body"] != ""
			}
		}
	}
	if len(routes) == 0 || len(routes) != len(file.HTTP.Rules) {
		t.Fatalf("%d rules of %d read", len(routes), len(file.HTTP.Rules))
	}
	return routes
}

func TestDocumentHasTheRoutesOfTheBindings(t *testing.T) {
	want := bindings(t)
	for path, item := range load(t).Paths.Map() {
		if strings.HasPrefix(path, "/realms/") {
			continue // no proto has these
		}
		for method, op := range item.Operations() {
			key := fmt.Sprint(method, " ", path, " ", op.OperationID)
			body, there := want[key]
			if !there {
				t.Errorf("the bindings do not have %s", key)
			}
			if body != (op.RequestBody != nil) {
				t.Errorf("%s: bindings and document disagree about a body", key)
			}
			delete(want, key)
		}
	}
	for key := range want {
		t.Errorf("the document does not have %s", key)
	}
}

var variable = regexp.MustCompile(`\{\w+\}`)

// Every path takes the methods that the document names, and no others.
func TestServerHasTheRoutesOfTheDocument(t *testing.T) {
	c := newContract(t, start(t))
	for path, item := range load(t).Paths.Map() {
		if strings.HasPrefix(path, "/realms/") {
			continue // without principals with a password these do not exist
		}
		var want []string
		for method := range item.Operations() {
			want = append(want, method)
			if method == http.MethodGet {
				want = append(want, http.MethodHead)
			}
		}
		got := c.misrouted(t, variable.ReplaceAllString(path, "1"), http.MethodOptions, http.StatusMethodNotAllowed)
		allowed := strings.Split(got.header.Get("Allow"), ", ")
		slices.Sort(want)
		slices.Sort(allowed)
		if !slices.Equal(allowed, want) {
			t.Errorf("%s: the server takes %v, the document names %v", path, allowed, want)
		}
	}
	for _, path := range []string{"/", "/v1", "/v1/realms/", "/v1/realms/x/nothing", "/v1/realms/x:nothing", "/openapi.yaml"} {
		c.misrouted(t, path, http.MethodGet, http.StatusNotFound)
	}
}

// misrouted asks for what no operation is; the answer must be a problem.
func (c *contract) misrouted(t *testing.T, path, method string, want int) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, c.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := c.send(t, request, 0)
	if got.status != want || got.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%s %s: got %d %s", method, path, got.status, got.body)
	}
	c.problem(t, got)
	var value any
	decode(t, got.body, &value)
	if err := loadStrict(t).Components.Schemas["Problem"].Value.VisitJSON(value); err != nil {
		t.Errorf("%s %s: %v", method, path, err)
	}
	return got
}

func TestDocumentIsServedToEverybody(t *testing.T) {
	i := start(t)
	response, err := i.http.Get(i.base + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("got %s, %v", response.Status, response.Header)
	}
	doc, err := openapi3.NewLoader().LoadFromIoReader(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	committed, err := openapi3.NewLoader().LoadFromData(openapi.JSON)
	if err != nil {
		t.Fatal(err)
	}
	if doc.Paths.Len() == 0 || doc.Paths.Len() != committed.Paths.Len() {
		t.Errorf("got %d paths, want %d", doc.Paths.Len(), committed.Paths.Len())
	}
}
