package pdptest_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp/pdptest"
)

// now has a fraction, which the loader must cut.
var now = time.Unix(1_800_000_000, 987_000_000)

const nowText = "2027-01-15T08:00:00Z"

// load reads one file with the given content.
func load(content string) (*pdptest.File, error) {
	files := fstest.MapFS{"f.json": {Data: []byte(content)}}
	return pdptest.LoadFile(files, "f.json", now)
}

// oneCase returns a file with a case that has the given members besides the
// required ones, `want` among the given.
func oneCase(members string) string {
	return `{"about": "a", "cases": [{"name": "c", "origin": "sidegate", ` + members + `}]}`
}

func mustLoad(t *testing.T, members string) *pdptest.Case {
	t.Helper()
	f, err := load(oneCase(members))
	if err != nil {
		t.Fatal(err)
	}
	return f.Cases[0]
}

const (
	anyRequest = `"request": {"event": "EVENT_VIEW"}`
	anyWant    = `"want": {"decision": "DECISION_ALLOW"}`
)

func TestLoadRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)
	for name, tt := range map[string]struct {
		content string
		want    []string // words of the error
	}{
		"no JSON":               {"{\n  \"about\": x}", []string{"line 2 column 12"}},
		"empty":                 {"", []string{"f.json", "not one JSON document"}},
		"trailing data":         {oneCase(anyRequest+","+anyWant) + "\n{}", []string{"line 2 column 1", "not one JSON document"}},
		"not UTF-8":             {"{\"about\": \"\xff\"}", []string{"not UTF-8"}},
		"too deep":              {oneCase(anyWant + `, "request": {"externalFacts": ` + deep + `}`), []string{"nested deeper than 64"}},
		"no object":             {`[]`, []string{"is a list: expected an object"}},
		"unknown file member":   {`{"about": "a", "cases": [], "note": 1}`, []string{"/note", "unknown member: expected about, cases"}},
		"member in other case":  {`{"About": "a", "cases": []}`, []string{"/About", "unknown member", `lacks the member "about"`}},
		"no cases":              {`{"about": "a", "cases": []}`, []string{"/cases", "is empty"}},
		"about is no string":    {`{"about": 1, "cases": []}`, []string{"/about", "is a number: expected a string"}},
		"about is empty":        {`{"about": "", "cases": []}`, []string{"/about: is empty"}},
		"cases is no list":      {`{"about": "a", "cases": {}}`, []string{"/cases: is an object: expected a list"}},
		"case is no object":     {`{"about": "a", "cases": [1]}`, []string{"/cases/0: is a number: expected an object"}},
		"duplicate JSON member": {oneCase(anyRequest + "," + anyWant + `, "want": {}`), []string{"/cases/0/want", "duplicate member"}},
		"duplicate in Struct":   {oneCase(anyWant + `, "request": {"externalFacts": {"a/b": 1, "a/b": 2}}`), []string{"/externalFacts/a~1b", "duplicate member"}},
		"duplicate case name": {`{"about": "a", "cases": [` + strings.Repeat(
			`{"name": "c", "origin": "sidegate", `+anyRequest+`,`+anyWant+`},`, 1) +
			`{"name": "c", "origin": "sidegate", ` + anyRequest + `,` + anyWant + `}]}`,
			[]string{`case "c"`, "/cases/1/name", "duplicate name"}},
		"unknown case member":    {oneCase(anyRequest + "," + anyWant + `, "wants": {}`), []string{`case "c"`, "/cases/0/wants", "unknown member"}},
		"no want":                {oneCase(anyRequest), []string{"/cases/0", `lacks the member "want"`}},
		"no request":             {oneCase(anyWant), []string{"/cases/0", `lacks the member "request"`}},
		"compatibility":          {oneCase(anyRequest + "," + anyWant + `, "compatibility": "safe"`), []string{"/cases/0/compatibility", `expected "SAFE" or "KEYCLOAK"`}},
		"compatibility null":     {oneCase(anyRequest + "," + anyWant + `, "compatibility": null`), []string{"/cases/0/compatibility"}},
		"request with realm":     {oneCase(anyWant + `, "request": {"realm": "r"}`), []string{"/cases/0/request/realm", "leave it out"}},
		"unknown request member": {oneCase(anyWant + `, "request": {"client": {"clientID": "x"}}`), []string{"/cases/0/request/client/clientID", "unknown member of Client: expected one of access, "}},
		"proto spelling":         {oneCase(anyWant + `, "request": {"proposed_client": {}}`), []string{"/request/proposed_client", "unknown member of EvaluateRequest: expected one of acrLoaMap, actor"}},
		"unknown event":          {oneCase(anyWant + `, "request": {"event": "VIEW"}`), []string{"/request/event", `unknown value "VIEW": expected one of EVENT_REGISTER`}},
		"enum as number":         {oneCase(anyWant + `, "request": {"event": 5}`), []string{"/request/event", "is a number: expected a string"}},
		"bool as string":         {oneCase(anyWant + `, "request": {"client": {"enabled": "true"}}`), []string{"/request/client/enabled", "expected a boolean"}},
		"string as number":       {oneCase(anyWant + `, "request": {"client": {"name": 1}}`), []string{"/request/client/name", "expected a string"}},
		"map value":              {oneCase(anyWant + `, "request": {"client": {"attributes": {"a": true}}}`), []string{"/request/client/attributes/a", "expected a string"}},
		"map":                    {oneCase(anyWant + `, "request": {"client": {"attributes": []}}`), []string{"/request/client/attributes", "expected an object"}},
		"list":                   {oneCase(anyWant + `, "request": {"client": {"redirectUris": "x"}}`), []string{"/request/client/redirectUris", "expected a list"}},
		"list item":              {oneCase(anyWant + `, "request": {"client": {"redirectUris": [null]}}`), []string{"/request/client/redirectUris/0", "is null: expected a string"}},
		"Struct":                 {oneCase(anyWant + `, "request": {"externalFacts": []}`), []string{"/request/externalFacts", "expected an object"}},
		"number out of range":    {oneCase(anyWant + `, "request": {"acrLoaMap": {"a": 3000000000}}`), []string{"/cases/0/request: does not read as EvaluateRequest", "3000000000"}},
		"timestamp":              {oneCase(anyWant + `, "request": {"session": {"authTime": "yesterday"}}`), []string{"/cases/0/request", "yesterday"}},
		"relative time":          {oneCase(anyWant + `, "request": {"externalFacts": {"a": ["@now +3"]}}`), []string{"/request/externalFacts/a/0", `unreadable time "@now +3"`}},
		"profiles null":          {oneCase(anyRequest + "," + anyWant + `, "profiles": null`), []string{"/cases/0/profiles", "expected a list"}},
		"profile etag":           {oneCase(anyRequest + "," + anyWant + `, "profiles": [{"name": "p", "etag": "x"}]`), []string{"/cases/0/profiles/0/etag", "output only"}},
		"profile emptyMembers":   {oneCase(anyRequest + "," + anyWant + `, "profiles": [{"emptyMembers": []}]`), []string{"/profiles/0/emptyMembers", "output only"}},
		"policy global":          {oneCase(anyRequest + "," + anyWant + `, "policies": [{"name": "p", "global": false}]`), []string{"/cases/0/policies/0/global", "output only"}},
		"executor typo":          {oneCase(anyRequest + "," + anyWant + `, "profiles": [{"executors": [{"executer": "x"}]}]`), []string{"/profiles/0/executors/0/executer", "unknown member of ProfileExecutor: expected one of configuration, executor"}},
		"short enforcement":      {oneCase(anyRequest + "," + anyWant + `, "policies": [{"enforcement": "WARN"}]`), []string{"/policies/0/enforcement", "expected one of ENFORCEMENT_ENFORCE, ENFORCEMENT_WARN"}},
		"policy event":           {oneCase(anyRequest + "," + anyWant + `, "policies": [{"events": ["EVENT_X"]}]`), []string{"/policies/0/events/0", "unknown value"}},
	} {
		t.Run(name, func(t *testing.T) { refuses(t, tt.content, tt.want) })
	}
}

func refuses(t *testing.T, content string, words []string) {
	t.Helper()
	f, err := load(content)
	if err == nil || f != nil {
		t.Fatalf("got %v, %v, want an error", f, err)
	}
	var fe *pdptest.FileError
	if !errors.As(err, &fe) || fe.Path != "f.json" {
		t.Errorf("got %T, want a FileError of the file", err)
	}
	for _, w := range append(words, "f.json: ") {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error lacks %q: %v", w, err)
		}
	}
}

func TestLoadRefusesWant(t *testing.T) {
	for want, words := range map[string]string{
		`{}`:                                   "/cases/0/want: checks nothing",
		`[]`:                                   "/cases/0/want: is a list",
		`{"decison": "DECISION_ALLOW"}`:        "/want/decison: unknown member: expected absent, appliedPolicies",
		`{"decision": "ALLOW"}`:                `/want/decision: unknown value "ALLOW"`,
		`{"decision": "DECISION_UNSPECIFIED"}`: "/want/decision: is never sent",
		`{"decision": null}`:                   "/want/decision: is null",
		`{"reason": "REASON_X"}`:               "/want/reason: unknown value",
		`{"error": {"code": "x", "description": "y"}}`:      "/want/error/description: \"description\" is never compared",
		`{"wireError": {"description": "y"}}`:               "/want/wireError/description: \"description\" is never compared",
		`{"error": {"status": 400}}`:                        "/want/error/status: unknown member of PolicyError: expected one of code, delivery, httpStatus",
		`{"error": {"delivery": "REDIRECT"}}`:               "/want/error/delivery: unknown value",
		`{"client": {"clientID": "x"}}`:                     "/want/client/clientID: unknown member of ",
		`{"client": null}`:                                  "/want/client: is null",
		`{"absent": "/attributes/x"}`:                       "/want/absent: is a string",
		`{"absent": [1]}`:                                   "/want/absent/0: is a number",
		`{"absent": ["attributes"]}`:                        "/want/absent/0: \"attributes\" is no JSON pointer",
		`{"absent": ["/atributes/x"]}`:                      "/want/absent/0: \"/atributes/x\" points to no member",
		`{"unchanged": false}`:                              "/want/unchanged: is false",
		`{"unchanged": "true"}`:                             "/want/unchanged: is \"true\"",
		`{"obligations": {}}`:                               "/want/obligations: is an object",
		`{"obligations": ["suppressRefreshTokens"]}`:        "/want/obligations/0: unknown obligation",
		`{"appliedPolicies": [1]}`:                          "/want/appliedPolicies/0: is a number",
		`{"findings": {}}`:                                  "/want/findings: is an object",
		`{"findings": [{"code": "x"}]}`:                     "/want/findings/0/code: unknown member of ",
		`{"mutations": [{"op": "SET"}]}`:                    "/want/mutations/0/op: unknown value",
		`{"proposedMutations": ["x"]}`:                      "/want/proposedMutations/0: is a string",
		`{"status": "InvalidArgument"}`:                     "/want/status: unknown status",
		`{"status": "OK"}`:                                  "/want/status: unknown status",
		`{"status": 3}`:                                     "/want/status: is a number",
		`{"status": "NOT_FOUND", "reason": "REASON_FAULT"}`: "/want/status: a refused call has no answer",
	} {
		t.Run(want, func(t *testing.T) {
			refuses(t, oneCase(anyRequest+`, "want": `+want), []string{words, `case "c"`})
		})
	}
}

func TestLoadReportsAllProblemsUpToALimit(t *testing.T) {
	_, err := load(oneCase(`"request": {"x": 1, "y": 2}, "want": {"z": 3}`))
	for _, w := range []string{"/request/x", "/request/y", "/want/z"} {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error lacks %q: %v", w, err)
		}
	}
	var many strings.Builder
	for range 200 {
		many.WriteString(`"VIEW",`)
	}
	_, err = load(oneCase(anyRequest + "," + anyWant + `, "policies": [{"events": [` + many.String() + `"X"]}]`))
	if n := strings.Count(err.Error(), "\n") + 1; n != 51 || !strings.Contains(err.Error(), "more problems than 50") {
		t.Errorf("got %d problems, want 50 and a note: %v", n, err)
	}
}

func TestLoadSize(t *testing.T) {
	ok := oneCase(anyRequest + "," + anyWant)
	pad := strings.Repeat(" ", pdptest.MaxFileSize-len(ok))
	if _, err := load(ok + pad); err != nil {
		t.Errorf("file of the greatest size: %v", err)
	}
	refuses(t, ok+pad+" ", []string{"larger than 16777216 bytes"})
}

func TestLoadFinds(t *testing.T) {
	ok := &fstest.MapFile{Data: []byte(oneCase(anyRequest + "," + anyWant))}
	bad := &fstest.MapFile{Data: []byte(`{}`)}
	fsys := fstest.MapFS{"b/x.json": ok, "a/y.json": ok, "a/note.txt": bad, "a/n/z.json": ok, "bad/1.json": bad, "bad/2.json": bad, "none/x": ok}
	for pattern, want := range map[string]string{
		"a": "a/n/z.json a/y.json", "[ab]/*.json": "a/y.json b/x.json", "b/x.json": "b/x.json",
	} {
		files, err := pdptest.Load(fsys, pattern, now)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		var got []string
		for _, f := range files {
			got = append(got, f.Path)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", pattern, got, want)
		}
	}
	for _, pattern := range []string{"none", "nowhere", "*.json", "x/*"} {
		if _, err := pdptest.Load(fsys, pattern, now); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want fs.ErrNotExist", pattern, err)
		}
	}
	if _, err := pdptest.Load(fsys, "[", now); err == nil {
		t.Error("bad pattern: got no error")
	}
	_, err := pdptest.Load(fsys, "bad", now)
	if err == nil || !strings.Contains(err.Error(), "bad/1.json") || !strings.Contains(err.Error(), "bad/2.json") {
		t.Errorf("got %v, want the problems of both files", err)
	}
	if _, err := pdptest.Load(fsys, "a", time.Time{}); err == nil {
		t.Error("zero time: got no error")
	}
	if _, err := pdptest.LoadFile(fsys, "gone.json", now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func TestTimes(t *testing.T) {
	c := mustLoad(t, anyWant+`, "request": {
		"session": {"authTime": "@now-60"},
		"token": {"claims": {"exp": "@now+300", "deep": [{"iat": "@now"}], "word": "@nowhere", "text": "at @now"}},
		"client": {"notBefore": "@now", "attributes": {"t": "@now-1"}},
		"clientMetadataDocument": {"sizeBytes": "@now"}}`)
	q := c.Request
	if got := q.Session.AuthTime.AsTime().Format(time.RFC3339); got != "2027-01-15T07:59:00Z" {
		t.Errorf("authTime: got %s", got)
	}
	claims := q.Token.Claims.AsMap()
	deep := claims["deep"].([]any)[0].(map[string]any)
	if claims["exp"] != 1_800_000_300.0 || deep["iat"] != 1_800_000_000.0 {
		t.Errorf("claims: got %v", claims)
	}
	if claims["word"] != "@nowhere" || claims["text"] != "at @now" {
		t.Errorf("other strings: got %v", claims)
	}
	if q.Client.GetNotBefore() != 1_800_000_000 || q.Client.Attributes["t"] != "1799999999" ||
		q.ClientMetadataDocument.SizeBytes != 1_800_000_000 {
		t.Errorf("got %v", q)
	}
	if got := q.Options.EvaluationTime.AsTime().Format(time.RFC3339Nano); got != nowText {
		t.Errorf("evaluationTime: got %s", got)
	}
}

func TestOptions(t *testing.T) {
	c := mustLoad(t, anyWant+`, "request": {"options": {"explain": true, "returnClient": false, "evaluationTime": "@now+5"}}`)
	var fromJSON clientpolicyv1.EvaluateRequest
	if err := protojson.Unmarshal(c.RequestJSON, &fromJSON); err != nil {
		t.Fatal(err)
	}
	for _, q := range []*clientpolicyv1.EvaluateRequest{c.Request, &fromJSON} {
		o := q.Options
		if !o.Explain || !o.ReturnClient || o.EvaluationTime.GetSeconds() != 1_800_000_005 {
			t.Errorf("got %v", o)
		}
	}
	c = mustLoad(t, anyWant+`, "request": {"options": null}`)
	want := `{"options":{"returnClient":true,"evaluationTime":"` + nowText + `"}}`
	if string(c.RequestJSON) != want {
		t.Errorf("got %s, want %s", c.RequestJSON, want)
	}
	if q := c.RequestFor("r"); q.Realm != "r" || c.Request.Realm != "" {
		t.Error("RequestFor does not copy the request or set the realm")
	}
}

func TestPolicySetSurvives(t *testing.T) {
	profiles := `[{"name":"a\u003cb","executors":[{"executor":"x","configuration":null},` +
		`{"executor":"y","configuration":{"n":1.50,"l":[],"s":"@now","z":null}}]},{"name":"e","executors":[]},{"name":"n"}]`
	policies := `[{"name":"p","mode":"STRICT","enforcement":"ENFORCEMENT_WARN","events":["EVENT_VIEW"],"conditions":[],"profiles":["e"]}]`
	c := mustLoad(t, anyRequest+","+anyWant+`, "profiles": `+profiles+`, "policies": `+policies)
	if want := `{"profiles":` + profiles + `,"policies":` + policies + `}`; string(c.SetJSON) != want {
		t.Errorf("got  %s\nwant %s", c.SetJSON, want)
	}
	p := c.Set.Profiles
	if len(p) != 3 || p[0].Executors[0].Configuration != nil || len(p[0].EmptyMembers)+len(p[2].EmptyMembers) != 0 {
		t.Errorf("got %v", p)
	}
	if strings.Join(p[1].EmptyMembers, " ") != "executors" {
		t.Errorf("an empty list of executors is not told from an absent one: %v", p[1])
	}
	y := p[0].Executors[1].Configuration.AsMap()
	if y["s"] != "@now" || y["n"] != 1.5 {
		t.Errorf("configuration changed: %v", y)
	}
	if c.Set.Policies[0].Enforcement != clientpolicyv1.Policy_ENFORCEMENT_WARN {
		t.Errorf("got %v", c.Set.Policies)
	}
}

func TestCompatibility(t *testing.T) {
	for members, want := range map[string]clientpolicyv1.RealmSettings_Compatibility{
		``:                              clientpolicyv1.RealmSettings_COMPATIBILITY_SAFE,
		`, "compatibility": "SAFE"`:     clientpolicyv1.RealmSettings_COMPATIBILITY_SAFE,
		`, "compatibility": "KEYCLOAK"`: clientpolicyv1.RealmSettings_COMPATIBILITY_KEYCLOAK,
	} {
		if got := mustLoad(t, anyRequest+","+anyWant+members).Compatibility; got != want {
			t.Errorf("%q: got %v, want %v", members, got, want)
		}
	}
}
