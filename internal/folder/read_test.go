package folder_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/folder"
)

// write makes files, by path and content, in a directory.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// names are the names of profiles and policies, in order.
func names(s *pb.PolicySet) (list []string) {
	for _, p := range s.GetProfiles() {
		list = append(list, p.GetName())
	}
	for _, p := range s.GetPolicies() {
		list = append(list, p.GetName())
	}
	return list
}

func TestWholeRealm(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"main.yaml": `
settings: {compatibility: COMPATIBILITY_KEYCLOAK, requireIfMatch: true}
profiles:
  - name: pkce
    executors: [{executor: pkce-enforcer, configuration: {auto-configure: "true"}}]
  - {name: none, executors: []}
  - {name: absent}
policies:
  - name: all
    description: everybody
    enabled: true
    mode: STRICT
    enforcement: ENFORCEMENT_WARN
    events: [EVENT_TOKEN_REQUEST]
    conditions: [{condition: any-client}]
    profiles: [pkce]
    etag: '"ignored"'
`, "other.json": `{"policies":[]}`, "third.yml": "profiles:\n"})
	realms, err := folder.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(realms) != 3 || realms["other"] == nil || len(names(realms["third"].Set)) != 0 {
		t.Fatalf("got realms %v", realms)
	}
	got := realms["main"]
	if s := got.Settings; s.GetCompatibility() != pb.RealmSettings_COMPATIBILITY_KEYCLOAK || !s.GetRequireIfMatch() {
		t.Errorf("settings: got %v", s)
	}
	if diff := cmp.Diff([]string{"pkce", "none", "absent", "all"}, names(got.Set)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for i, want := range [][]string{nil, {"executors"}, nil} {
		if diff := cmp.Diff(want, got.Set.Profiles[i].GetEmptyMembers()); diff != "" {
			t.Errorf("empty members of profile %d, -want +got:\n%s", i, diff)
		}
	}
	p := got.Set.Policies[0]
	want := &pb.Policy{
		Name: "all", Description: new("everybody"), Enabled: new(true), Mode: new("STRICT"), Profiles: []string{"pkce"},
		Conditions:  []*pb.PolicyCondition{{Condition: "any-client"}},
		Enforcement: pb.Policy_ENFORCEMENT_WARN, Events: []pb.Event{pb.Event_EVENT_TOKEN_REQUEST}, Etag: `"ignored"`,
	}
	if diff := cmp.Diff(want, p, protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{filepath.Join(dir, "main.yaml")}, got.Files); diff != "" {
		t.Errorf("files, -want +got:\n%s", diff)
	}
}

func TestPartsOfARealm(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"main/b.yaml":             "name: b\nconditions: []\n",
		"main/b/z.json":           `{"name":"bz","enabled":true}`,
		"main/b/deep/x.yaml":      "{policies: [{name: bdx1}, {name: bdx2}], profiles: [{name: p1}]}",
		"main/a.yaml":             "{name: p0, executors: []}",
		"main/settings.yaml":      "settings: {compatibility: COMPATIBILITY_SAFE}",
		"main/keycloak.json":      `{"profiles":[{"name":"kp","executors":[]}],"globalProfiles":[]}`,
		"main/policies.json":      `{"policies":[{"name":"kq"}],"globalPolicies":null}`,
		"main/events.yaml":        "{name: only, events: [EVENT_VIEW]}",
		"main/README.md":          "for people",
		"main/.hidden.yaml":       "[",
		"main/old.yaml~":          "[",
		"my%20realm%25.yaml":      "policies: []",
		"%2Ehidden/p.yaml":        "policies: []",
		"NOTES.txt":               "for people",
		".git/config":             "x",
		"%c3%bcml%C3%A4ut/p.json": "{\"policies\":[]}",
	})
	realms, err := folder.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for name := range realms {
		got = append(got, name)
	}
	want := []string{"main", "my realm%", ".hidden", "ümläut"}
	if len(got) != len(want) {
		t.Errorf("got realms %q, want %q", got, want)
	}
	for _, name := range want {
		if realms[name] == nil {
			t.Errorf("realm %q is missing", name)
		}
	}
	// By byte order of the path: a dot is before a slash.
	if diff := cmp.Diff([]string{"p0", "p1", "kp", "b", "bdx1", "bdx2", "bz", "only", "kq"}, names(realms["main"].Set)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestKubernetesVolume(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"..2026_11_22/main.yaml":    "policies: [{name: a}]",
		"..2026_11_22/parts/p.yaml": "policies: [{name: b}]",
	})
	link(t, "..2026_11_22", filepath.Join(dir, "..data"))
	link(t, "..data/main.yaml", filepath.Join(dir, "main.yaml"))
	link(t, "..data/parts", filepath.Join(dir, "parts"))
	realms, err := folder.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(realms) != 2 || names(realms["main"].Set)[0] != "a" || names(realms["parts"].Set)[0] != "b" {
		t.Errorf("got %v", realms)
	}
}

func TestReadRefusals(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "o.yaml")
	if err := os.WriteFile(outside, []byte("policies: []"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		files map[string]string
		links map[string]string // target by path
		want  []string
		lacks string
	}{
		{name: "no realms", want: []string{"expected a file or directory for each realm"}},
		{name: "realm without files", files: map[string]string{"main/.keep": ""}, want: []string{"main: realm \"main\" has no files; write `policies: []`"}},
		{name: "unknown ending", files: map[string]string{"main.yaml": "policies: []", "main.yamll": "policies: []"}, want: []string{"main.yamll: expected a name that ends in .yaml, .yml or .json"}},
		{name: "unknown ending of a part", files: map[string]string{"main/p.toml": "x", "main/q.yaml": "policies: []"}, want: []string{"main/p.toml: expected a name"}},
		{name: "realm in two files", files: map[string]string{"main.yaml": "policies: []", "main.json": "{}"}, want: []string{`main.yaml: realm "main" is in`, "main.json already"}},
		{name: "file and directory", files: map[string]string{"main.yaml": "policies: []", "main/p.yaml": "policies: []"}, want: []string{`realm "main" is in`}},
		{name: "one name in two spellings", files: map[string]string{"a%62.yaml": "policies: []", "ab.yaml": "policies: []"}, want: []string{`realm "ab" is in`}},
		{name: "bad percent sign", files: map[string]string{"a%.yaml": "policies: []"}, want: []string{"a%.yaml: expected %25 for a percent sign"}},
		{name: "slash in a name", files: map[string]string{"a%2Fb.yaml": "policies: []"}, want: []string{"may not contain / or :"}},
		{name: "dots as name", files: map[string]string{"%2E%2E.yaml": "policies: []"}, want: []string{"nor be . or .."}},
		{name: "line break in a name", files: map[string]string{"a%0Ab.yaml": "policies: []"}, want: []string{"cannot be printed"}},
		{name: "name that is no UTF-8", files: map[string]string{"a%FF.yaml": "policies: []"}, want: []string{"in UTF-8"}},
		{name: "empty name", files: map[string]string{"x/.keep": "", "%20/p.yaml": "policies: [{}]"}, want: []string{"the name is missing"}},
		{name: "link out", links: map[string]string{"main.yaml": outside}, want: []string{"main.yaml: the link leads out of the folder"}},
		{name: "link out by dots", links: map[string]string{"main.yaml": "../x/o.yaml"}, want: []string{"main.yaml: the link leads out of the folder"}},
		{name: "link of a directory out", files: map[string]string{"main/p.yaml": "policies: []"}, links: map[string]string{"main/more": filepath.Dir(outside)}, want: []string{"main/more: the link leads out of the folder"}},
		{name: "broken link", links: map[string]string{"main.yaml": "nowhere.yaml"}, want: []string{"main.yaml: no such file or directory"}},
		{name: "links in a circle", files: map[string]string{"main/p.yaml": "name: p\nenabled: true"}, links: map[string]string{"main/a": "../main", "main/b": "../main"}, want: []string{"main"}},
		{name: "empty file", files: map[string]string{"main.yaml": ""}, want: []string{"main.yaml: the file is empty"}},
		{name: "empty realm", files: map[string]string{"main.yaml": "{}"}, want: []string{"main.yaml:1:1: expected a realm", "write `policies: []`"}},
		{name: "list", files: map[string]string{"main.yaml": "[]"}, want: []string{"main.yaml:1:1: expected a realm"}},
		{name: "null", files: map[string]string{"main.yaml": "~"}, want: []string{"main.yaml:1:1: expected a realm"}},
		{name: "part of nothing", files: map[string]string{"main/p.yaml": "{}"}, want: []string{"main/p.yaml:1:1: expected a set (with profiles and policies), a profile"}},
		{name: "policy as realm", files: map[string]string{"main.yaml": "name: p\nenabled: true"}, want: []string{"put a single profile or policy into a directory"}},
		{name: "unknown member", files: map[string]string{"main.yaml": "\npolices: []"}, want: []string{`main.yaml:2:1: unknown member "polices"; did you mean "policies"`}},
		{name: "unknown member of an item", files: map[string]string{"main.yaml": "policies:\n  - {name: a, modes: STRICT}"}, want: []string{`main.yaml:2:15: unknown member "modes" of Policy; did you mean "mode"`}},
		{name: "unknown setting", files: map[string]string{"main/s.yaml": "settings: {compat: 1}"}, want: []string{`main/s.yaml:1:12: unknown member "compat" of RealmSettings; known are compatibility`}},
		{name: "wrong type", files: map[string]string{"main.yaml": "policies: {}"}, want: []string{"main.yaml:1:11: expected a list, got an object"}},
		{name: "wrong type in an item", files: map[string]string{"main.yaml": "policies: [{name: a, enabled: 1}]"}, want: []string{"main.yaml:1:31: expected true or false, got a number"}},
		{name: "key twice", files: map[string]string{"main.yaml": "policies: []\npolicies: []"}, want: []string{`main.yaml:2:1: key "policies" is given twice`}},
		{name: "member twice", files: map[string]string{"main.json": `{"policies":[],"policies":[]}`}, want: []string{`main.json:1:16: member "policies" is given twice`}},
		{name: "trailing data", files: map[string]string{"main.json": `{"policies":[]} x`}, want: []string{"main.json:1:17: expected nothing after the document"}},
		{name: "two documents", files: map[string]string{"main.yaml": "policies: []\n---\npolicies: []"}, want: []string{"expected one document in a file"}},
		{name: "alias", files: map[string]string{"main.yaml": "policies: &p []\nprofiles: *p"}, want: []string{"aliases are not supported"}},
		{name: "no UTF-8", files: map[string]string{"main.yaml": "policies: [\xff]"}, want: []string{"expected UTF-8"}},
		{name: "policy twice", files: map[string]string{"main/a.yaml": "policies: [{name: p}]", "main/b.yaml": "{enabled: true, name: p}"}, want: []string{`main/b.yaml:1:23: policy "p" is given twice; the other is at `, "main/a.yaml:1:12"}},
		{name: "profile twice", files: map[string]string{"main.yaml": "profiles: [{name: p}, {name: p}]"}, want: []string{`profile "p" is given twice`}},
		{name: "settings twice", files: map[string]string{"main/a.yaml": "settings: {}", "main/b.yaml": "settings: {}"}, want: []string{"main/b.yaml:1:11: the realm has settings at ", "main/a.yaml:1:11 already"}},
		{name: "item without a name", files: map[string]string{"main/a.yaml": "policies: [{enabled: true}]"}, want: []string{"main/a.yaml:1:12: the name is missing"}},
		{name: "wire form of an empty list", files: map[string]string{"main.yaml": "profiles: [{name: p, emptyMembers: [executors]}]"}, want: []string{`main.yaml:1:22: unknown member "emptyMembers"; write an empty list as []`}},
		{name: "built-in profiles", files: map[string]string{"main/a.json": `{"profiles":[],"globalProfiles":[{"name":"fapi-1-baseline"}]}`}, want: []string{"main/a.json:1:33: built-in items cannot be changed; leave out globalProfiles"}},
		{name: "all at once", files: map[string]string{"a.yaml": "x: 1", "b/b.yaml": "[", "c%.json": "", "d.toml": ""}, want: []string{"a.yaml:1:1", "b/b.yaml: expected YAML", "c%.json", "d.toml"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tc.files)
			for path, target := range tc.links {
				link(t, target, filepath.Join(dir, path))
			}
			realms, err := folder.Read(dir)
			if err == nil {
				t.Fatalf("accepted: %v", realms)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("message lacks %q:\n%v", want, err)
				}
			}
			if tc.lacks != "" && strings.Contains(err.Error(), tc.lacks) {
				t.Errorf("message has %q:\n%v", tc.lacks, err)
			}
		})
	}
}

func TestDirectoryRefusals(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file, "/nowhere/at/all"} {
		if _, err := folder.Read(dir); err == nil {
			t.Errorf("%q: accepted", dir)
		}
	}
}

// TestReadLimits goes to every limit and one beyond.
func TestReadLimits(t *testing.T) {
	const padding = `{"policies":[]}`
	for _, tc := range []struct {
		name  string
		most  int
		files func(n int) map[string]string
		want  string
	}{
		{"bytes of a file", 16 << 20, func(n int) map[string]string {
			return map[string]string{"main.json": padding + strings.Repeat(" ", n-len(padding))}
		}, "expected at most 16777216 bytes"},
		{"bytes of a realm", 16 << 20, func(n int) map[string]string {
			return map[string]string{"main/a.json": padding + strings.Repeat(" ", 8<<20), "main/b.json": padding + strings.Repeat(" ", n-8<<20-2*len(padding))}
		}, "expected at most 16777216 bytes in the files of realm"},
		{"files and directories", 10_000, func(n int) map[string]string {
			files := map[string]string{"main.yaml": "policies: []"}
			for i := range n - 1 { // hidden ones are quick, and count
				files[fmt.Sprintf(".p%d", i)] = ""
			}
			return files
		}, "expected at most 10000 files and directories"},
		{"depth of directories", 64, func(n int) map[string]string {
			return map[string]string{strings.Repeat("d/", n) + "p.yaml": "policies: []"}
		}, "at most 64 levels deep"},
		{"depth of a document", 64, func(n int) map[string]string {
			n -= 6 // the set, its list, the item, its list, the executor, the configuration
			return map[string]string{"main.json": `{"profiles":[{"name":"p","executors":[{"executor":"e","configuration":{"k":` +
				strings.Repeat("[", n) + "0" + strings.Repeat("]", n) + "}}]}]}"}
		}, "nested deeper than 64"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tc.files(tc.most))
			if _, err := folder.Read(dir); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			dir = t.TempDir()
			write(t, dir, tc.files(tc.most+1))
			if _, err := folder.Read(dir); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("beyond the limit: got %v", err)
			}
		})
	}
}

// TestProblemsAreBounded counts what is told of a directory full of mistakes.
func TestProblemsAreBounded(t *testing.T) {
	for n, want := range map[int]int{100: 100, 101: 101, 150: 101} {
		dir, files := t.TempDir(), map[string]string{}
		for i := range n {
			files[fmt.Sprintf("r%d.yaml", i)] = "[]"
		}
		write(t, dir, files)
		_, err := folder.Read(dir)
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != want {
			t.Errorf("%d problems: got %d lines, want %d", n, len(lines), want)
		}
		if last := lines[len(lines)-1]; n > 100 && !strings.Contains(last, fmt.Sprintf("and %d problems more", n-100)) {
			t.Errorf("%d problems: the last line is %q", n, last)
		}
	}
}

// TestExampleOfThePage opens the example of docs/folder.md.
func TestExampleOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/folder.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("there is no example")
	}
	f := start(t, map[string]string{"main.yaml": example})
	f.want("main", "everybody")
}
