package pdp_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

type probeConfig struct {
	Flag  bool     `config:"flag" default:"true" doc:"d"`
	Plain bool     `config:"plain" doc:"d"`
	Level int64    `config:"level" default:"7" doc:"d"`
	Text  string   `config:"text" default:"x" doc:"d"`
	List  []string `config:"list" doc:"d"`
	Maybe *int64   `config:"maybe" doc:"d"`
}

// decode reads a configuration through an executor and returns what it got.
func decode(t *testing.T, text string) (got probeConfig, problems []string) {
	t.Helper()
	registry, err := pdp.NewRegistry(nil, []pdp.ExecutorInfo{{
		ID: "probe", Doc: "probe", Events: pdp.AllEvents,
		New: pdp.Configure(func(c probeConfig) (pdp.Executor, error) { got = c; return probeExecutor(nil), nil }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := pdp.NewCompiler(registry, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, errs := c.Compile(policySet(t, `{"profiles":[{"name":"p","executors":[{"executor":"probe"`+text+`}]}]}`), nil)
	for _, e := range errs {
		problems = append(problems, strings.TrimPrefix(e.Path, "/profiles/0/executors/0/configuration/")+": "+e.Problem)
	}
	return got, problems
}

// Values are read as Keycloak reads them (executors-request.md, "Configuration
// reading"; executors-client.md 0.3).
func TestConfigurationReading(t *testing.T) {
	preset := probeConfig{Flag: true, Level: 7, Text: "x"}
	with := func(change func(*probeConfig)) probeConfig {
		c := preset
		change(&c)
		return c
	}
	for text, want := range map[string]probeConfig{
		``: preset, `{}`: preset,
		`{"flag":null,"plain":"","level":"","text":null,"list":null,"maybe":null}`: preset,
		`{"flag":" False ","plain":"TRUE"}`:                                        with(func(c *probeConfig) { c.Flag, c.Plain = false, true }),
		`{"flag":0,"plain":2}`:                                                     with(func(c *probeConfig) { c.Flag, c.Plain = false, true }),
		`{"level":1.9}`:                                                            with(func(c *probeConfig) { c.Level = 1 }),
		`{"level":" 12 "}`:                                                         with(func(c *probeConfig) { c.Level = 12 }),
		`{"text":""}`:                                                              with(func(c *probeConfig) { c.Text = "" }),
		`{"text":3.5}`:                                                             with(func(c *probeConfig) { c.Text = "3.5" }),
		`{"list":["a",1,true]}`:                                                    with(func(c *probeConfig) { c.List = []string{"a", "1", "true"} }),
		`{"maybe":0}`:                                                              with(func(c *probeConfig) { c.Maybe = new(int64) }),
	} {
		if text != "" {
			text = `,"configuration":` + text
		}
		got, problems := decode(t, text)
		if len(problems) > 0 {
			t.Errorf("%s: %v", text, problems)
		}
		if diff := cmp.Diff(want, got); diff != "" && len(want.List) == len(got.List) {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestConfigurationRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"flag":"yes"}`:     `flag: expected true or false, got the text "yes"`,
		`{"flag":"fAlse"}`:   `flag: expected true or false, got the text "fAlse"`,
		`{"flag":0.5}`:       `flag: expected true or false, got 0.5`,
		`{"flag":[]}`:        `flag: expected true or false, got a list`,
		`{"level":"abc"}`:    `level: expected a whole number, got the text "abc"`,
		`{"level":"3600.5"}`: `level: expected a whole number, got the text "3600.5"`,
		`{"level":1e300}`:    `level: expected a whole number, got 1e+300`,
		`{"maybe":{}}`:       `maybe: expected a whole number, got an object`,
		`{"text":[]}`:        `text: expected a text, got a list`,
		`{"list":""}`:        `list: expected a list of texts, got the text ""`,
		`{"list":"a##b"}`:    `list: expected a list of texts, got the text "a##b"`,
		`{"list":[{}]}`:      `list: element 0: expected a text, got an object`,
		`{"list":[null]}`:    `list: element 0: expected a text, got null`,
		`{"flga":true}`:      `flga: unknown configuration key; did you mean "flag"?`,
	} {
		_, problems := decode(t, `,"configuration":`+text)
		if len(problems) != 1 || problems[0] != want {
			t.Errorf("%s: got %q, want %q", text, problems, want)
		}
	}
}

// FuzzConfiguration decodes any object: no panic, and what is refused is refused
// with its place.
func FuzzConfiguration(f *testing.F) {
	for _, seed := range []string{`{}`, `{"flag":"TRUE","level":"12","list":["a"],"maybe":1}`, `{"list":[[]],"flag":{"a":null}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := &structpb.Struct{}
		if protojson.Unmarshal([]byte(text), s) != nil {
			return
		}
		if _, problems := decode(t, `,"configuration":`+protojson.Format(s)); len(problems) > 0 {
			for _, p := range problems {
				if strings.HasPrefix(p, ":") {
					t.Errorf("a problem without a place: %q", p)
				}
			}
		}
	})
}
