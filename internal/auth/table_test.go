package auth_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/sidegate/sidegate/internal/auth"
)

var update = flag.Bool("update", false, "write the table in the documentation instead of comparing")

const (
	page       = "../../docs/authentication.md"
	beginTable = "<!-- table: who may call what; go test ./internal/auth -run Documented -update -->\n"
	endTable   = "<!-- end of table -->\n"
)

// Every RPC of the contract stands in the table, and nothing else but those that
// are open does.
func TestTableIsComplete(t *testing.T) {
	missing := map[string]bool{}
	for _, r := range allRPCs(t) {
		missing[r.name] = true
	}
	for _, rule := range auth.Rules() {
		if rule.Where == auth.Nowhere {
			if !strings.HasPrefix(rule.Method, "/grpc.health.v1.Health/") && !strings.HasPrefix(rule.Method, "/grpc.reflection.v1") {
				t.Errorf("%s is open", rule.Method)
			}
			continue
		}
		if !missing[rule.Method] {
			t.Errorf("%s is listed but no RPC of the contract", rule.Method)
		}
		if rule.Role == auth.NoRole {
			t.Errorf("%s is closed to everybody", rule.Method)
		}
		delete(missing, rule.Method)
	}
	for method := range missing {
		t.Errorf("%s is not listed", method)
	}
}

// The table in the documentation is the one in the code.
func TestTableIsDocumented(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(data), beginTable)
	got, after, foundEnd := strings.Cut(rest, endTable)
	if !found || !foundEnd {
		t.Fatalf("%s has no table between %q and %q", page, beginTable, endTable)
	}
	want := rendered(t)
	if *update {
		if err := os.WriteFile(page, []byte(before+beginTable+want+endTable+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read the change, then run go test ./internal/auth -run Documented -update (-code +%s):\n%s", page, diff)
	}
}

// rendered is the table as Markdown, with the paths of the REST form.
func rendered(t *testing.T) string {
	t.Helper()
	routes := routes(t)
	var b strings.Builder
	b.WriteString("| RPC | REST | needs |\n|---|---|---|\n")
	rules := auth.Rules()
	slices.SortStableFunc(rules, func(x, y auth.Rule) int { return int(rank(y)) - int(rank(x)) })
	for _, r := range rules {
		method := strings.TrimPrefix(r.Method, "/")
		route := routes[strings.ReplaceAll(method, "/", ".")]
		if route != "" {
			route = "`" + route + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.TrimPrefix(method, "clientpolicy.v1."), route, needs(r))
	}
	return b.String()
}

// rank puts what anybody may do last, and what administrators alone may do first.
func rank(r auth.Rule) auth.Role { return r.Role }

func needs(r auth.Rule) string {
	switch r.Where {
	case auth.InRealm:
		return r.Role.String() + " in the realm"
	case auth.InAnyRealm:
		return r.Role.String() + " in any realm"
	}
	return "nothing"
}

// routes are the methods and paths by the names of the RPCs.
func routes(t *testing.T) map[string]string {
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
	found := map[string]string{}
	for _, rule := range file.HTTP.Rules {
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			if path := rule[method]; path != "" {
				found[rule["selector"]] = strings.ToUpper(method) + " " + path
			}
		}
	}
	if len(found) < 40 {
		t.Fatalf("only %d routes found", len(found))
	}
	return found
}
