package document_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/document"
)

func TestParse(t *testing.T) {
	for name, tc := range map[string]struct{ path, in, want string }{
		"json":               {"a.json", `{"b":[1,-2.5e3,true,null,"x"],"a":{}}`, `{"b":[1,-2.5e3,true,null,"x"],"a":{}}`},
		"json escapes":       {"a.json", `"\ud83d\ude00\/\n"`, `"😀/\n"`},
		"json with tabs":     {"a.json", "{\n\t\"a\":\t1\r\n}", `{"a":1}`},
		"byte order mark":    {"a.json", "\ufeff{}", `{}`},
		"json without name":  {"-", `{"a":1}`, `{"a":1}`},
		"yaml without name":  {"-", "a: 1\n", `{"a":1}`},
		"yaml scalars":       {"a.yaml", "[~, null, true, FALSE, 1, -2, 1.5, 1e3, x, '1', \"\\u00e9\"]", `[null,null,true,false,1,-2,1.5,1e3,"x","1","é"]`},
		"yaml 1.1 words":     {"a.yaml", "[yes, no, on, off, y]", `["yes","no","on","off","y"]`},
		"yaml dates":         {"a.yaml", "a: 2026-11-22\nb: 2026-11-22T12:00:00Z\n", `{"a":"2026-11-22","b":"2026-11-22T12:00:00Z"}`},
		"yaml blocks":        {"a.yml", "a: |\n  x\n  y\nb: >-\n  x\n  y\n", `{"a":"x\ny\n","b":"x y"}`},
		"yaml quoted key":    {"a.yaml", "\"true\": 1\n'2': 3\n", `{"true":1,"2":3}`},
		"yaml comment":       {"a.yaml", "# c\n---\na: 1 # d\n", `{"a":1}`},
		"yaml member of set": {"a.yaml", "- a: 1\n  b: 2\n- {}\n", `[{"a":1,"b":2},{}]`},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := document.Parse(tc.path, []byte(tc.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(n.JSON())); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	deep := strings.Repeat("[", 66) + strings.Repeat("]", 66)
	for name, tc := range map[string]struct{ path, in, want string }{
		"empty":             {"a.json", " \n", "a.json: the file is empty"},
		"empty yaml":        {"a.yaml", "# nothing\n", "a.yaml: the file is empty"},
		"no UTF-8":          {"a.json", "\"\xff\"", "a.json: expected UTF-8"},
		"lone surrogate":    {"a.json", `"\ud800"`, "a.json:1:"},
		"duplicate":         {"a.json", "{\"a\":1,\n \"a\":2}", `a.json:2:2: member "a" is given twice`},
		"deep duplicate":    {"a.json", "{\"x\":[{\"a\":1,\"a\":2}]}", `a.json:1:14: member "a" is given twice`},
		"truncated":         {"a.json", "{\"a\":\n", "a.json:2:1: expected JSON: the text ends too early"},
		"trailing":          {"a.json", "{}\n{}", "a.json:2:1: expected nothing after the document"},
		"trailing garbage":  {"a.json", "{} x", "a.json:1:4: expected nothing after the document"},
		"comma":             {"a.json", "[1,]", "a.json:1:3: expected JSON"},
		"too deep":          {"a.json", deep, "nested deeper than 64"},
		"yaml too deep":     {"a.yaml", deep, "nested deeper than 64"},
		"yaml duplicate":    {"a.yaml", "a: 1\nb: 2\na: 3\n", `a.yaml:3:1: key "a" is given twice`},
		"yaml documents":    {"a.yaml", "a: 1\n---\nb: 1\n", "expected one document"},
		"yaml alias":        {"a.yaml", "a: &x [1]\nb: *x\n", "a.yaml:2:4: aliases are not supported"},
		"yaml merge":        {"a.yaml", "<<: {a: 1}\n", "a.yaml:1:1: expected a text as key"},
		"yaml number key":   {"a.yaml", "1: x\n", "a.yaml:1:1: expected a text as key, got 1"},
		"yaml complex key":  {"a.yaml", "? [a]\n: x\n", "expected a text as key"},
		"yaml hexadecimal":  {"a.yaml", "a: 0x1F\n", "a.yaml:1:4: the number 0x1F has no JSON form"},
		"yaml octal":        {"a.yaml", "a: 0o17\n", "has no JSON form"},
		"yaml underscore":   {"a.yaml", "a: 1_000\n", "has no JSON form"},
		"yaml infinity":     {"a.yaml", "a: .inf\n", "has no JSON form"},
		"yaml not a number": {"a.yaml", "a: .nan\n", "has no JSON form"},
		"yaml binary":       {"a.yaml", "a: !!binary AA==\n", "tag !!binary is not supported"},
		"yaml own tag":      {"a.yaml", "a: !x y\n", "tag !x is not supported"},
		"yaml tagged list":  {"a.yaml", "a: !x [b]\n", "a.yaml:1:4: tag !x is not supported"},
		"yaml tagged map":   {"a.yaml", "!!set {a: }\n", "a.yaml:1:1: tag !!set is not supported"},
		"yaml syntax":       {"a.yaml", "a: [\n", "expected YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := document.Parse(tc.path, []byte(tc.in))
			var own *document.Error
			if !errors.As(err, &own) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	for path, in := range map[string]string{"a.json": "{\n  \"a\": {\n    \"b\": [true, 7]\n  }\n}", "a.yaml": "\na:\n    b: [true, 7]\n"} {
		n, err := document.Parse(path, []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		seven := n.Get("a").Get("b").Items[1]
		if seven.Text != "7" || seven.Line != 3 || in[strings.LastIndexByte(in[:strings.IndexByte(in, '7')], '\n')+seven.Column] != '7' {
			t.Errorf("%s: %q stands at %d:%d", path, seven.Text, seven.Line, seven.Column)
		}
	}
}

func TestDecode(t *testing.T) {
	n, err := document.Parse("p.yaml", []byte(`
name: p
enabled: true
enforcement: ENFORCEMENT_WARN
conditions:
  - condition: c
    configuration: {any: [1, {x: null}]}
updateTime: 2026-11-22T12:00:00Z
revision: "7"
description: null
`))
	if err != nil {
		t.Fatal(err)
	}
	p := &clientpolicyv1.Policy{}
	if err := document.Decode("p.yaml", n, p); err != nil {
		t.Fatal(err)
	}
	if p.GetName() != "p" || !p.GetEnabled() || p.GetRevision() != 7 || p.Description != nil || len(p.GetConditions()) != 1 {
		t.Errorf("got %v", p)
	}
}

func TestDecodeReportsEveryProblem(t *testing.T) {
	n, err := document.Parse("s.yaml", []byte(`
profiles:
  - nam: p
    executors: {}
policies:
  - name: 7
    enabled: "true"
    enforcement: WARN
    events: [EVENT_VEW]
    conditions:
      - condition: c
        configuration: []
    updateTime: 7
  - x
policy_set: 1
`))
	if err != nil {
		t.Fatal(err)
	}
	err = document.Decode("s.yaml", n, &clientpolicyv1.PolicySet{})
	for _, want := range []string{
		`s.yaml:3:5: unknown member "nam" of Profile; did you mean "name"?`,
		`s.yaml:4:16: expected a list, got an object`,
		`s.yaml:6:11: expected a text, got a number`,
		`s.yaml:7:14: expected true or false, got a text`,
		`s.yaml:8:18: unknown value "WARN"`,
		`s.yaml:9:14: unknown value "EVENT_VEW"; did you mean "EVENT_VIEW"?`,
		`s.yaml:12:24: expected an object, got a list`,
		`s.yaml:13:17: expected a text, got a number`,
		`s.yaml:14:5: expected an object, got a text`,
		`s.yaml:15:1: unknown member "policy_set" of PolicySet`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("message lacks %q:\n%v", want, err)
		}
	}
}

func TestDecodeRefusesWhatProtobufRefuses(t *testing.T) {
	n, err := document.Parse("p.json", []byte(`{"revision":"seven"}`))
	if err != nil {
		t.Fatal(err)
	}
	err = document.Decode("p.json", n, &clientpolicyv1.Policy{})
	if err == nil || !strings.HasPrefix(err.Error(), "p.json:1:1: ") {
		t.Errorf("got %v", err)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.yaml", "a.JSON", "c.yml", "d.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "sub.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	got, err := document.Files(dir)
	want := []string{filepath.Join(dir, "a.JSON"), filepath.Join(dir, "b.yaml"), filepath.Join(dir, "c.yml")}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	if _, err := document.Files(filepath.Join(dir, "sub.json")); err == nil {
		t.Error("a directory without documents was accepted")
	}
	if _, err := document.Files(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a missing file was accepted")
	}
}

func TestReadBounds(t *testing.T) {
	huge := strings.NewReader(`"` + strings.Repeat("x", document.MaxBytes) + `"`)
	if _, err := document.Read("-", huge); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("got %v", err)
	}
	if _, err := document.Read("-", strings.NewReader("{}")); err != nil {
		t.Error(err)
	}
}

// FuzzParse wants that whatever is read can be written and read again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,true,null,"x"]}`, "a: 1\nb: [x, 'y']\n", "a: &x 1\nb: *x\n", "{}{}", "\"\\ud800\"", "? a\n: b\n"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, in string, asJSON bool) {
		path := "in.yaml"
		if asJSON {
			path = "in.json"
		}
		n, err := document.Parse(path, []byte(in))
		if err != nil {
			return
		}
		again, err := document.Parse("again.json", n.JSON())
		if err != nil {
			t.Fatalf("%q became %q: %v", in, n.JSON(), err)
		}
		if string(again.JSON()) != string(n.JSON()) {
			t.Errorf("%q became %q, then %q", in, n.JSON(), again.JSON())
		}
	})
}
