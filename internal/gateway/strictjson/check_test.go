package strictjson_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/gateway/strictjson"
)

const depth = 64

// problem is a place and a part of the text.
type problem struct {
	pointer      string
	line, column int
	text         string
}

func TestRefused(t *testing.T) {
	profile, policy, realm, evaluate := &pb.Profile{}, &pb.Policy{}, &pb.Realm{}, &pb.EvaluateRequest{}
	for _, tc := range []struct {
		name string
		m    proto.Message
		in   string
		want problem
	}{
		{"empty", profile, ``, problem{"", 1, 1, "send a JSON object"}},
		{"blank", profile, " \n\t", problem{"", 1, 1, "the body is empty"}},
		{"byte order mark", profile, "\xef\xbb\xbf{}", problem{"", 1, 1, "byte order mark"}},
		{"bad UTF-8", profile, "{\n\"name\":\"ü\xff\"}", problem{"", 2, 10, "UTF-8"}},
		{"lone surrogate", profile, `{"name":"\ud800"}`, problem{"/name", 1, 10, "surrogate"}},
		{"half a surrogate pair", profile, `{"name":"\ud800s3cret"}`, problem{"/name", 1, 10, "not JSON: invalid surrogate pair in a string"}},
		{"broken escape", profile, `{"name":"\us3cret"}`, problem{"/name", 1, 10, "not JSON: invalid escape sequence in a string"}},
		{"not JSON", profile, `{name:1}`, problem{"", 1, 2, "in double quotes"}},
		{"no comma", profile, `{"name":"x" "description":"y"}`, problem{"", 1, 13, "expecting ','"}},
		{"too short", profile, `{"name":"x"`, problem{"", 1, 12, "ends too early"}},
		{"too short in a list", profile, `{"executors":[{"executor":"x"}`, problem{"/executors", 1, 31, "ends too early"}},
		{"comma too many", profile, `{"executors":[{},]}`, problem{"/executors", 1, 17, "not JSON"}},
		{"broken null", profile, `{"executors":nul}`, problem{"/executors", 1, 17, "not JSON"}},
		{"trailing document", profile, "{}\n {}", problem{"", 2, 2, "after the end"}},
		{"trailing rubbish", profile, "{} x", problem{"", 1, 4, "after the end"}},
		{"trailing bracket", profile, "{}]", problem{"", 1, 3, "after the end"}},
		{"a list", profile, ` []`, problem{"", 1, 2, "expected an object, got a list"}},
		{"null", profile, `null`, problem{"", 1, 1, "expected an object, got null"}},
		{"a string", profile, `"x"`, problem{"", 1, 1, "expected an object, got a string"}},
		{"duplicate member", profile, "{\"name\":\"a\",\n \"name\":\"b\"}", problem{"/name", 2, 2, `duplicate member "name"; send it once`}},
		{"duplicate by escape", profile, `{"name":"a","n\u0061me":"b"}`, problem{"/name", 1, 13, "duplicate"}},
		{"duplicate in configuration", profile, `{"executors":[{"configuration":{"a":1,"a":2}}]}`, problem{"/executors/0/configuration/a", 1, 39, "duplicate"}},
		{"unknown member", profile, "{\n  \"executrs\": []}", problem{"/executrs", 2, 3, `unknown member "executrs"; did you mean "executors"?`}},
		{"unknown nested", policy, `{"conditions":[{},{"conditon":"x"}]}`, problem{"/conditions/1/conditon", 1, 20, `did you mean "condition"?`}},
		{"escaped pointer", profile, `{"a/b~":1}`, problem{"/a~1b~0", 1, 2, `unknown member "a/b~"`}},
		{"snake case", evaluate, `{"proposed_client":{}}`, problem{"/proposed_client", 1, 2, `did you mean "proposedClient"?`}},
		{"empty members", profile, `{"emptyMembers":["executors"]}`, problem{"/emptyMembers", 1, 2, "unknown member"}},
		{"empty members in snake case", profile, `{"empty_members":["executors"]}`, problem{"/empty_members", 1, 2, "unknown member"}},
		{"extension", profile, `{"[a.b]":1}`, problem{"/[a.b]", 1, 2, "unknown member"}},
		{"string for number", realm, `{"settings":{"historyRetention":{"maxRevisions":"7"}}}`, problem{"/settings/historyRetention/maxRevisions", 1, 49, "expected a whole number"}},
		{"exponent", realm, `{"settings":{"historyRetention":{"maxRevisions":1e2}}}`, problem{"/settings/historyRetention/maxRevisions", 1, 49, "got 1e2"}},
		{"fraction", realm, `{"settings":{"historyRetention":{"maxRevisions":1.0}}}`, problem{"/settings/historyRetention/maxRevisions", 1, 49, "got 1.0"}},
		{"too large", realm, `{"settings":{"historyRetention":{"maxRevisions":2147483648}}}`, problem{"/settings/historyRetention/maxRevisions", 1, 49, "from -2147483648 to 2147483647"}},
		{"64 bits with exponent", evaluate, `{"options":{"minRevision":"1e2"}}`, problem{"/options/minRevision", 1, 27, "64 bits"}},
		{"64 bits with blanks", evaluate, `{"options":{"minRevision":" 1"}}`, problem{"/options/minRevision", 1, 27, "64 bits"}},
		{"64 bits too large", evaluate, `{"options":{"minRevision":9223372036854775808}}`, problem{"/options/minRevision", 1, 27, "64 bits"}},
		{"bool as string", policy, `{"enabled":"true"}`, problem{"/enabled", 1, 12, "expected true or false, got a string"}},
		{"bool as number", policy, `{"enabled":1}`, problem{"/enabled", 1, 12, "got a number"}},
		{"number for string", profile, `{"name":1}`, problem{"/name", 1, 9, "expected a string, got a number"}},
		{"object for list", profile, `{"executors":{}}`, problem{"/executors", 1, 14, "expected a list of objects, got an object"}},
		{"null element", profile, `{"executors":[null]}`, problem{"/executors/0", 1, 15, "expected an object, got null"}},
		{"null string element", policy, `{"profiles":["a",null]}`, problem{"/profiles/1", 1, 18, "expected a string, got null"}},
		{"list for object", profile, `{"executors":[{"configuration":[]}]}`, problem{"/executors/0/configuration", 1, 32, "expected an object, got a list"}},
		{"list for map", evaluate, `{"acrLoaMap":[]}`, problem{"/acrLoaMap", 1, 14, "an object with whole numbers as values"}},
		{"value in map", evaluate, `{"acrLoaMap":{"a":"1"}}`, problem{"/acrLoaMap/a", 1, 19, "expected a whole number"}},
		{"null in map", evaluate, `{"request":{"parameters":{"a":null}}}`, problem{"/request/parameters/a", 1, 31, "expected a string, got null"}},
		{"enum by number", policy, `{"enforcement":1}`, problem{"/enforcement", 1, 16, `expected the name of a value such as "ENFORCEMENT_AUDIT", got a number`}},
		{"enum by number in quotes", policy, `{"enforcement":"1"}`, problem{"/enforcement", 1, 16, `unknown value "1"`}},
		{"enum in a list", policy, `{"events":["EVENT_VIEW",7]}`, problem{"/events/1", 1, 25, "expected the name"}},
		{"enum without prefix", policy, `{"enforcement":"warn"}`, problem{"/enforcement", 1, 16, `did you mean "ENFORCEMENT_WARN"?`}},
		{"enum misspelled", evaluate, `{"event":"EVENT_REGISTRED"}`, problem{"/event", 1, 10, `did you mean "EVENT_REGISTERED"?`}},
		{"enum null in a list", policy, `{"events":[null]}`, problem{"/events/0", 1, 12, "got null"}},
		{"time", evaluate, `{"options":{"evaluationTime":"now"}}`, problem{"/options/evaluationTime", 1, 30, "RFC 3339"}},
		{"time as number", evaluate, `{"options":{"evaluationTime":5}}`, problem{"/options/evaluationTime", 1, 30, "RFC 3339"}},
		{"duration", realm, `{"settings":{"historyRetention":{"maxAge":"1h"}}}`, problem{"/settings/historyRetention/maxAge", 1, 43, `such as "3600s"`}},
		{"integer no double holds", evaluate, `{"externalFacts":{"a":[9007199254740993]}}`, problem{"/externalFacts/a/0", 1, 24, "send it as a string"}},
		{"number no double holds", evaluate, `{"externalFacts":{"a":1e400}}`, problem{"/externalFacts/a", 1, 23, "1e400"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := strictjson.Unmarshal([]byte(tc.in), proto.Clone(tc.m), depth)
			var e *strictjson.Error
			if !errors.As(err, &e) {
				t.Fatalf("got error %v, want a document error", err)
			}
			got := e.Problems[0]
			if got.Pointer != tc.want.pointer || got.Line != tc.want.line || got.Column != tc.want.column || !strings.Contains(got.Text, tc.want.text) {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestAllProblems(t *testing.T) {
	in := "{\"name\": 1,\n \"executors\": [{\"executr\": \"a\"}],\n \"description\": true}"
	err := strictjson.Unmarshal([]byte(in), &pb.Profile{}, depth)
	var e *strictjson.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	want := []strictjson.Problem{
		{Pointer: "/name", Line: 1, Column: 10, Text: "expected a string, got a number"},
		{Pointer: "/executors/0/executr", Line: 2, Column: 17, Text: `unknown member "executr"; did you mean "executor"?`},
		{Pointer: "/description", Line: 3, Column: 17, Text: "expected a string, got true or false"},
	}
	if diff := cmp.Diff(want, e.Problems); diff != "" {
		t.Error(diff)
	}
	if got, want := err.Error(), "line 1, column 10: /name: expected a string, got a number (and 2 more)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	many := `{"profiles":[` + strings.Repeat("1,", 1000) + `1]}`
	if err := strictjson.Unmarshal([]byte(many), &pb.Policy{}, depth); !errors.As(err, &e) || len(e.Problems) != 20 {
		t.Errorf("got %d problems, want the first 20", len(e.Problems))
	}
}

func TestLongNames(t *testing.T) {
	err := strictjson.Unmarshal([]byte(`{"`+strings.Repeat("ü", 1<<20)+`":1}`), &pb.Profile{}, depth)
	var e *strictjson.Error
	if !errors.As(err, &e) || len(e.Problems[0].Pointer) > 4096 || len(e.Problems[0].Text) > 1024 {
		t.Errorf("got an error of %d bytes, want the name cut", len(err.Error()))
	}
}

func TestDepth(t *testing.T) {
	nest := func(levels int) string {
		// The request and externalFacts are two levels.
		return `{"externalFacts":{"a":` + strings.Repeat("[", levels-2) + strings.Repeat("]", levels-2) + `}}`
	}
	if err := strictjson.Unmarshal([]byte(nest(depth)), &pb.EvaluateRequest{}, depth); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	err := strictjson.Unmarshal([]byte(nest(depth+1)), &pb.EvaluateRequest{}, depth)
	var e *strictjson.Error
	if !errors.As(err, &e) || !strings.Contains(e.Problems[0].Text, "nested deeper than 64") {
		t.Fatalf("past the limit: %v", err)
	}
	if got, want := e.Problems[0].Pointer, "/externalFacts/a"+strings.Repeat("/0", depth-2); got != want {
		t.Errorf("got pointer %q, want %q", got, want)
	}
	if err := strictjson.Unmarshal([]byte(`{"executors":[{}]}`), &pb.Profile{}, 2); err == nil {
		t.Error("objects and lists of messages count too")
	}
}

func TestAccepted(t *testing.T) {
	facts, err := structpb.NewStruct(map[string]any{"n": 9007199254740992.0, "f": 0.1, "s": "NaN", "z": nil, "l": []any{true}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		in   string
		want proto.Message
	}{
		{"nothing", `{}`, &pb.Profile{}},
		{"null is absent", `{"name":null,"executors":null}`, &pb.Profile{}},
		{"absent list", `{"name":"p"}`, &pb.Profile{Name: "p"}},
		{"empty list", `{"name":"p","executors":[]}`, &pb.Profile{Name: "p", EmptyMembers: []string{"executors"}}},
		{"empty warnings", `{"warnings":[]}`, &pb.Profile{}},
		{"full list", `{"executors":[{"executor":"x","configuration":{}}]}`, &pb.Profile{Executors: []*pb.ProfileExecutor{{Executor: "x", Configuration: &structpb.Struct{}}}}},
		{"a set", `{"profiles":[{"executors":[],"name":"a"},{"name":"b"},{ "name":"c","executors":[ ] }],"policies":[]}`, &pb.PolicySet{Profiles: []*pb.Profile{
			{Name: "a", EmptyMembers: []string{"executors"}}, {Name: "b"}, {Name: "c", EmptyMembers: []string{"executors"}}}}},
		{"a policy's lists", `{"conditions":[],"profiles":[]}`, &pb.Policy{}},
		{"output only members", `{"etag":"x","revision":"7","global":true,"updateTime":"2026-01-02T15:04:05Z"}`, nil},
		{"64 bits as string", `{"options":{"minRevision":"-7"}}`, &pb.EvaluateRequest{Options: &pb.EvaluateOptions{MinRevision: -7}}},
		{"64 bits as number", `{"options":{"minRevision":9007199254740993}}`, &pb.EvaluateRequest{Options: &pb.EvaluateOptions{MinRevision: 9007199254740993}}},
		{"facts", `{"externalFacts":{"n":9007199254740992,"f":0.1,"s":"NaN","z":null,"l":[true]}}`, &pb.EvaluateRequest{ExternalFacts: facts}},
		{"enum", `{"events":["EVENT_VIEW"]}`, &pb.Policy{Events: []pb.Event{pb.Event_EVENT_VIEW}}},
		{"duration", `{"settings":{"historyRetention":{"maxAge":"3600s"}}}`, &pb.Realm{Settings: &pb.RealmSettings{HistoryRetention: &pb.HistoryRetention{MaxAge: durationpb.New(3600e9)}}}},
		{"escapes", `{"name":"\u00fc\n\"\ud83d\ude00/"}`, &pb.Profile{Name: "ü\n\"😀/"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.want == nil {
				if err := strictjson.Unmarshal([]byte(tc.in), &pb.Profile{}, depth); err != nil {
					t.Error(err)
				}
				return
			}
			got := tc.want.ProtoReflect().New().Interface()
			if err := strictjson.Unmarshal([]byte(tc.in), got, depth); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	for literal, want := range map[string]bool{
		"0": true, "-0": true, "0e999999999999999999999": true, "0.000": true, "1": true,
		"9007199254740991": true, "9007199254740992": true, "9007199254740993": false, "-9007199254740993": false,
		"9007199254740993.0": false, "90071992547409930e-1": false, "9007199254740993e0": false, "9007199254740992.0": true,
		"900719925474099.3e1": false, "1e22": true, "1e23": false, "1E2": true, "1e+2": true, "1.5": true, "9007199254740993.5": true,
		"18446744073709551616": true, "18446744073709551617": false,
		"1e308": false, "1e309": false, "179769313486231580e291": false, "1e-400": true, "1e-99999999999999999999": true,
		"0.1": true, "1" + strings.Repeat("0", 400): false, "1" + strings.Repeat("0", 400) + "e-400": true,
	} {
		in := `{"externalFacts":{"n":` + literal + `}}`
		if err := strictjson.Unmarshal([]byte(in), &pb.EvaluateRequest{}, depth); (err == nil) != want {
			t.Errorf("%.40s: got error %v, want accepted %t", literal, err, want)
		}
	}
}

func TestDecodeTargets(t *testing.T) {
	var p *pb.Profile
	if err := strictjson.Decode([]byte(`{"name":"x"}`), &p, depth); err != nil || p.GetName() != "x" {
		t.Errorf("pointer to a pointer: %v, %v", p, err)
	}
	for _, v := range []any{nil, 1, new(int), new(*int), (**pb.Profile)(nil)} {
		if err := strictjson.Decode([]byte(`{}`), v, depth); err == nil {
			t.Errorf("%T: want an error", v)
		}
	}
}

// Every field that can be sent is of a kind that Check knows.
func TestKindsKnown(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	var visit func(protoreflect.MessageDescriptor)
	visit = func(d protoreflect.MessageDescriptor) {
		if seen[d.FullName()] {
			return
		}
		seen[d.FullName()] = true
		for i := range d.Fields().Len() {
			fd := d.Fields().Get(i)
			if fd.IsMap() {
				if fd.MapKey().Kind() != protoreflect.StringKind {
					t.Errorf("%s: keys of kind %s", fd.FullName(), fd.MapKey().Kind())
				}
				fd = fd.MapValue()
			}
			switch fd.Kind() {
			case protoreflect.BoolKind, protoreflect.StringKind, protoreflect.EnumKind, protoreflect.Int32Kind, protoreflect.Int64Kind:
			case protoreflect.MessageKind:
				if fd.Message().FullName().Parent() != "google.protobuf" {
					visit(fd.Message())
					continue
				}
				switch fd.Message().Name() {
				case "Struct", "Value", "ListValue", "Timestamp", "Duration", "FieldMask":
				default:
					t.Errorf("%s: %s", fd.FullName(), fd.Message().FullName())
				}
			default:
				t.Errorf("%s: kind %s", fd.FullName(), fd.Kind())
			}
		}
	}
	protoregistry.GlobalFiles.RangeFilesByPackage("clientpolicy.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				visit(f.Services().Get(i).Methods().Get(j).Input())
			}
		}
		return true
	})
	if len(seen) < 20 {
		t.Errorf("only %d messages visited", len(seen))
	}
}
