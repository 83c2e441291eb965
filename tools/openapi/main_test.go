package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

const committed = "../../gen/openapi"

func contents(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What is committed is what is generated, every time.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, input), contents(t, filepath.Join(committed, input)), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := run(dir); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{output, code} {
			if !bytes.Equal(contents(t, filepath.Join(dir, name)), contents(t, filepath.Join(committed, name))) {
				t.Errorf("%s is not what is committed; run make generate", name)
			}
		}
	}
}

func document(t *testing.T) *openapi3.T {
	t.Helper()
	data, err := convert(contents(t, filepath.Join(committed, input)))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestSchemas(t *testing.T) {
	doc := document(t)
	printed, err := doc.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, ref := range doc.Components.Schemas {
		if !bytes.Contains(printed, []byte(`"`+schemaPrefix+name+`"`)) {
			t.Errorf("schema %s is not used", name)
		}
		if ref.Value.Default != nil || ref.Value.Properties["emptyMembers"] != nil {
			t.Errorf("schema %s has a default or emptyMembers", name)
		}
	}
	for name, want := range map[string]string{
		"Profile":   "author available etag global revision updateTime warnings",
		"Policy":    "author etag global revision updateTime warnings",
		"PolicySet": "etag revision warnings",
		"Realm":     "author etag revision updateTime warnings",
	} {
		var got []string
		for member, ref := range doc.Components.Schemas[name].Value.Properties {
			if ref.Value.ReadOnly {
				got = append(got, member)
			}
		}
		if slices.Sort(got); strings.Join(got, " ") != want {
			t.Errorf("%s: got read-only members %v, want %s", name, got, want)
		}
	}
}

// Only what requests can hold is closed.
func TestUnknownMembers(t *testing.T) {
	doc := document(t)
	for name, want := range map[string]bool{
		"Profile": true, "EvaluateRequest": true, "BatchEvaluateRequest": true, "Client": true,
		"EvaluateResponse": false, "ListProfilesResponse": false, "GetServerResponse": false, "Problem": false,
	} {
		has := doc.Components.Schemas[name].Value.AdditionalProperties.Has
		if got := has != nil && !*has; got != want {
			t.Errorf("%s: refuses unknown members: %v, want %v", name, got, want)
		}
	}
	if doc.Components.Schemas["ProfileExecutor"].Value.Properties["configuration"].Value.AdditionalProperties.Has != nil {
		t.Error("a configuration takes no members")
	}
}

// answers are the types that an operation answers.
func answers(t traits) []string {
	switch {
	case t.whole:
		return []string{linesType, tableType}
	case t.stream:
		return []string{linesType, eventsType}
	}
	return []string{jsonType}
}

func TestOperations(t *testing.T) {
	var ids []string
	for path, item := range document(t).Paths.Map() {
		if strings.HasPrefix(path, loginPath) {
			continue
		}
		for method, op := range item.Operations() {
			ids = append(ids, op.OperationID)
			for status, response := range op.Responses.Map() {
				want := []string{problemType}
				if status == "200" {
					want = answers(operations[op.OperationID])
				}
				if got := slices.Sorted(maps.Keys(response.Value.Content)); !slices.Equal(got, want) {
					t.Errorf("%s %s: status %s has %v, want %v", method, path, status, got, want)
				}
			}
			for _, p := range op.Parameters {
				if p.Value.In == openapi3.ParameterInPath && !strings.Contains(path, "{"+p.Value.Name+"}") {
					t.Errorf("%s %s: parameter %s is not in the path", method, path, p.Value.Name)
				}
			}
		}
	}
	if slices.Sort(ids); !slices.Equal(ids, slices.Sorted(maps.Keys(operations))) {
		t.Errorf("got operations %v", ids)
	}
}

func TestStreams(t *testing.T) {
	doc := document(t)
	for path, want := range map[string]string{
		"/v1/realms/{realm}/decisions:follow": "LoggedDecision", "/v1/realms/{realm}:watch": "Revision", "/v1/auditRecords:follow": "AuditRecord",
	} {
		answer := doc.Paths.Find(path).Get.Responses.Status(200).Value
		line := answer.Content[linesType].Schema.Value.Properties
		if line["result"].Ref != schemaPrefix+want || line["error"].Ref != schemaPrefix+failure || answer.Content[eventsType].Schema.Ref != schemaPrefix+want {
			t.Errorf("%s: got %v", path, answer.Content)
		}
		if strings.Contains(*answer.Description, "streaming responses") || !strings.Contains(*answer.Description, "server-sent events") {
			t.Errorf("%s: described as %q", path, *answer.Description)
		}
	}
	if got := doc.Paths.Find("/v1/realms/{realm}/decisions:export").Get.Responses.Status(200).Value.Content[linesType].Schema.Ref; got != schemaPrefix+"LoggedDecision" {
		t.Errorf("export: got %q", got)
	}
}

func TestLogin(t *testing.T) {
	doc := document(t)
	for name, want := range map[string][]string{
		"token": {"200", "400", "401", "404", "413", "429", "default"}, "logout": {"204", "400", "404", "413", "429", "default"},
	} {
		op := doc.Paths.Find(loginPath + name).Post
		if op.Security == nil || len(*op.Security) != 0 {
			t.Errorf("%s asks for credentials", name)
		}
		if got := slices.Sorted(maps.Keys(op.Responses.Map())); !slices.Equal(got, want) {
			t.Errorf("%s: got statuses %v, want %v", name, got, want)
		}
		if form := op.RequestBody.Value.Content[formType].Schema.Value; form.AdditionalProperties.Has != nil {
			t.Errorf("%s refuses parameters that it does not know, against RFC 6749 section 3.2", name)
		}
	}
}

// What is said to be always there is there.
func TestAlways(t *testing.T) {
	doc := document(t)
	for name, members := range always {
		s := doc.Components.Schemas[name]
		if s == nil {
			t.Errorf("there is no schema %s", name)
			continue
		}
		for _, member := range members {
			if s.Value.Properties[member] == nil {
				t.Errorf("%s has no member %s", name, member)
			}
		}
	}
	place := doc.Components.Schemas["PolicyPlace"].Value
	if place.MinProps != 1 || place.MaxProps == nil || *place.MaxProps != 1 {
		t.Errorf("a place may have %d members", place.MinProps)
	}
}

func TestRefuses(t *testing.T) {
	v2 := string(contents(t, filepath.Join(committed, input)))
	for name, tc := range map[string]struct{ from, to, want string }{
		"a new operation":       {`"RealmService_GetRealm"`, `"RealmService_MoveRealm"`, `"RealmService_MoveRealm" is not listed`},
		"one that is gone":      {"\"get\": {\n        \"summary\": \"GetServer", "\"x-get\": {\n        \"summary\": \"GetServer", "operations that do not exist: ServerService_GetServer"},
		"no security scheme":    {`"bearer": {`, `"basic": {`, `security scheme "bearer" is missing`},
		"no definitions":        {`"definitions"`, `"x-definitions"`, "it has no definitions"},
		"another answer":        {`"200"`, `"201"`, "expected one answer, with status 200"},
		"an unknown definition": {`"#/definitions/Realm"`, `"#/definitions/Kingdom"`, "Kingdom"},
		"a stream that is none": {`"result": {`, `"item": {`, "the answer is no stream"},
		"no JSON":               {"{", "", "swagger read"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(v2, tc.from) {
				t.Fatalf("%s does not occur", tc.from)
			}
			_, err := convert([]byte(strings.ReplaceAll(v2, tc.from, tc.to)))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
