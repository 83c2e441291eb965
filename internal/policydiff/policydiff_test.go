package policydiff_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/policydiff"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// told writes changes down, one line each.
func told(t testing.TB, before, after policydiff.Realm) []string {
	t.Helper()
	changes, err := policydiff.Between(before, after)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range changes {
		line := fmt.Sprintf("%s %s %q", c.GetKind(), c.GetType(), c.GetName())
		if c.IndexBefore != nil {
			line += fmt.Sprint(" from ", c.GetIndexBefore())
		}
		if c.IndexAfter != nil {
			line += fmt.Sprint(" to ", c.GetIndexAfter())
		}
		lines = append(lines, line)
		for _, f := range c.GetFields() {
			lines = append(lines, fmt.Sprintf("  %s: %s -> %s", f.GetPath(), text(f.GetBefore()), text(f.GetAfter())))
		}
	}
	return lines
}

func text(v *structpb.Value) string {
	if v == nil {
		return "absent"
	}
	return fmt.Sprint(v.AsInterface())
}

func profile(t testing.TB, text string) *pb.Profile {
	t.Helper()
	p := &pb.Profile{}
	if err := protojson.Unmarshal([]byte(text), p); err != nil {
		t.Fatal(err)
	}
	return p
}

func policy(t testing.TB, text string) *pb.Policy {
	t.Helper()
	p := &pb.Policy{}
	if err := protojson.Unmarshal([]byte(text), p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMembers(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		want          []string
	}{
		"nothing": {`{"executors":[{"executor":"a"}]}`, `{"executors":[{"executor":"a"}]}`, nil},
		"a text":  {`{"description":"x"}`, `{"description":"y"}`, []string{"/description: x -> y"}},
		"a text that is there and empty": {
			`{}`, `{"description":""}`, []string{"/description: absent -> "},
		},
		"an empty list and none": {
			`{}`, `{"emptyMembers":["executors"]}`, []string{"/executors: absent -> []"},
		},
		"a list that fills": {
			`{"emptyMembers":["executors"]}`, `{"executors":[{"executor":"a"}]}`, []string{"/executors/0: absent -> map[executor:a]"},
		},
		"a stale mark of emptiness": {
			`{"executors":[{"executor":"a"}],"emptyMembers":["executors"]}`, `{"executors":[{"executor":"a"}]}`, nil,
		},
		"absent, null and empty": {
			`{"executors":[{"executor":"a","configuration":{"b":null,"c":[]}}]}`,
			`{"executors":[{"executor":"a","configuration":{"a":null,"b":"","c":null}}]}`,
			[]string{
				"/executors/0/configuration/a: absent -> <nil>", "/executors/0/configuration/b: <nil> -> ",
				"/executors/0/configuration/c: [] -> <nil>",
			},
		},
		"no configuration and an empty one": {
			`{"executors":[{"executor":"a"}]}`, `{"executors":[{"executor":"a","configuration":{}}]}`,
			[]string{"/executors/0/configuration: absent -> map[]"},
		},
		"keys are escaped": {
			`{"executors":[{"executor":"a","configuration":{"x/y~z":1}}]}`,
			`{"executors":[{"executor":"a","configuration":{"x/y~z":"1"}}]}`,
			[]string{"/executors/0/configuration/x~1y~0z: 1 -> 1"},
		},
		"one in front": {
			`{"executors":[{"executor":"a","configuration":{"k":1}},{"executor":"b"}]}`,
			`{"executors":[{"executor":"c"},{"executor":"a","configuration":{"k":2}},{"executor":"b"}]}`,
			[]string{"/executors/0: absent -> map[executor:c]", "/executors/1/configuration/k: 1 -> 2"},
		},
		"one less": {
			`{"executors":[{"executor":"c"},{"executor":"a"},{"executor":"b"}]}`, `{"executors":[{"executor":"c"},{"executor":"b"}]}`,
			[]string{"/executors/1: map[executor:a] -> absent"},
		},
		"the same one twice": {
			`{"executors":[{"executor":"a","configuration":{"k":1}}]}`,
			`{"executors":[{"executor":"a","configuration":{"k":2}},{"executor":"a","configuration":{"k":1}}]}`,
			[]string{"/executors/0: absent -> map[configuration:map[k:2] executor:a]"},
		},
		"another in its place": {
			`{"executors":[{"executor":"a","configuration":{"k":1}}]}`, `{"executors":[{"executor":"b","configuration":{"k":1}}]}`,
			[]string{
				"/executors/0: map[configuration:map[k:1] executor:a] -> absent",
				"/executors/0: absent -> map[configuration:map[k:1] executor:b]",
			},
		},
		"elements of a configuration": {
			`{"executors":[{"executor":"a","configuration":{"l":["p","q","r",{"x":1}]}}]}`,
			`{"executors":[{"executor":"a","configuration":{"l":["q","s",{"x":2}]}}]}`,
			[]string{
				"/executors/0/configuration/l/0: p -> absent",
				"/executors/0/configuration/l/1: r -> s", "/executors/0/configuration/l/2/x: 1 -> 2",
			},
		},
		"another type": {
			`{"executors":[{"executor":"a","configuration":{"k":true}}]}`, `{"executors":[{"executor":"a","configuration":{"k":"true"}}]}`,
			[]string{"/executors/0/configuration/k: true -> true"},
		},
	} {
		var want []string
		if c.want != nil {
			want = append(want, `KIND_PROFILE TYPE_CHANGED "p" from 0 to 0`)
		}
		for _, line := range c.want {
			want = append(want, "  "+line)
		}
		before, after := profile(t, c.before), profile(t, c.after)
		before.Name, after.Name = "p", "p"
		got := told(t, policydiff.Realm{Profiles: []*pb.Profile{before}}, policydiff.Realm{Profiles: []*pb.Profile{after}})
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
}

func TestPolicyMembers(t *testing.T) {
	before := policy(t, `{"name":"p","enabled":true,"conditions":[{"condition":"a"}],"profiles":["x","y"]}`)
	after := policy(t, `{"name":"p","enabled":false,"conditions":[{"condition":"b"},{"condition":"a"}],"profiles":["y","x"],
		"mode":"STRICT","enforcement":"ENFORCEMENT_WARN","events":["EVENT_VIEW"]}`)
	// What the server knows of a document is none of its members.
	after.Etag, after.Author, after.UpdateTime, after.Revision = `"x"`, "somebody", timestamppb.Now(), 7
	after.Warnings, after.Global = []*pb.Warning{{Path: "/x"}}, true
	got := told(t, policydiff.Realm{Policies: []*pb.Policy{before}}, policydiff.Realm{Policies: []*pb.Policy{after}})
	want := []string{
		`KIND_POLICY TYPE_CHANGED "p" from 0 to 0`,
		"  /conditions/0: absent -> map[condition:b]",
		"  /enabled: true -> false",
		"  /enforcement: absent -> ENFORCEMENT_WARN",
		"  /events: absent -> [EVENT_VIEW]",
		"  /mode: absent -> STRICT",
		"  /profiles/0: x -> absent",
		"  /profiles/1: absent -> x",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestSettings(t *testing.T) {
	some := &pb.RealmSettings{
		Compatibility:    pb.RealmSettings_COMPATIBILITY_KEYCLOAK.Enum(),
		HistoryRetention: &pb.HistoryRetention{MaxRevisions: proto.Int32(3), MaxAge: durationpb.New(1500e6)},
		ProtectedClients: []string{"a"},
	}
	got := told(t, policydiff.Realm{Settings: &pb.RealmSettings{ProtectedClients: []string{"b", "a"}}}, policydiff.Realm{Settings: some})
	want := []string{
		`KIND_SETTINGS TYPE_CHANGED ""`,
		"  /compatibility: absent -> COMPATIBILITY_KEYCLOAK",
		"  /historyRetention: absent -> map[maxAge:1.500s maxRevisions:3]",
		"  /protectedClients/0: b -> absent",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if got := told(t, policydiff.Realm{}, policydiff.Realm{Settings: &pb.RealmSettings{}}); got != nil {
		t.Errorf("empty settings differ from none: %v", got)
	}
}

// TestDocumentsAreAsJSON compares a document that has every member with what
// protojson writes.
func TestDocumentsAreAsJSON(t *testing.T) {
	settings := &pb.RealmSettings{
		Compatibility: pb.RealmSettings_COMPATIBILITY_SAFE.Enum(), KeycloakWrites: pb.RealmSettings_KeycloakWrites(77).Enum(),
		RequireIfMatch: proto.Bool(false), OmittedFacts: []string{"/a", "/b"}, ProtectedClients: []string{"c"},
		HistoryRetention: &pb.HistoryRetention{MaxRevisions: proto.Int32(0), MaxAge: durationpb.New(1500e6)},
	}
	rich := policy(t, `{"name":"p","description":"","enabled":false,"mode":"STRICT","enforcement":"ENFORCEMENT_AUDIT",
		"conditions":[{"condition":"c","configuration":{"a":[1,null,{"b":true}]}},{}],"profiles":["x"],"events":["EVENT_VIEW","EVENT_UPDATE"]}`)
	executors := profile(t, `{"name":"p","description":"d","executors":[{"executor":"x","configuration":{}},{}]}`)
	for _, c := range []struct {
		name   string
		all    proto.Message
		before policydiff.Realm
		after  policydiff.Realm
	}{
		{"settings", settings, policydiff.Realm{}, policydiff.Realm{Settings: settings}},
		{
			"policy", rich, policydiff.Realm{Policies: []*pb.Policy{{Name: "p"}}},
			policydiff.Realm{Policies: []*pb.Policy{rich}},
		},
		{
			"profile", executors, policydiff.Realm{Profiles: []*pb.Profile{{Name: "p"}}},
			policydiff.Realm{Profiles: []*pb.Profile{executors}},
		},
	} {
		want := &structpb.Struct{}
		text, err := protojson.Marshal(c.all)
		if err == nil {
			err = protojson.Unmarshal(text, want)
		}
		if err != nil {
			t.Fatal(err)
		}
		delete(want.Fields, "name")
		changes, err := policydiff.Between(c.before, c.after)
		if err != nil {
			t.Fatal(err)
		}
		got := &structpb.Struct{Fields: map[string]*structpb.Value{}}
		for _, f := range changes[0].GetFields() {
			got.Fields[f.GetPath()[1:]] = f.GetAfter()
		}
		if d := cmp.Diff(want, got, protocmp.Transform()); d != "" {
			t.Errorf("%s: -want +got\n%s", c.name, d)
		}
	}
	broken := &pb.RealmSettings{HistoryRetention: &pb.HistoryRetention{MaxAge: &durationpb.Duration{Nanos: -1, Seconds: 1}}}
	if _, err := policydiff.Between(policydiff.Realm{}, policydiff.Realm{Settings: broken}); err == nil {
		t.Error("a duration that JSON cannot write is told")
	}
}

// named makes policies of one letter each.
func named(names string) policydiff.Realm {
	var r policydiff.Realm
	for _, n := range names {
		r.Policies = append(r.Policies, &pb.Policy{Name: string(n)})
	}
	return r
}

func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		before, after string
		want          []string
	}{
		{"abc", "abc", nil},
		{"abc", "bca", []string{`MOVED "a" from 0 to 2`}},
		{"abc", "cab", []string{`MOVED "c" from 2 to 0`}},
		{"ab", "ba", []string{`MOVED "b" from 1 to 0`}}, // a and b are as good; a comes first, so a stays
		{"abc", "xabc", []string{`ADDED "x" to 0`}},
		{"abc", "ac", []string{`REMOVED "b" from 1`}},
		{"abcde", "xeabd", []string{`ADDED "x" to 0`, `MOVED "e" from 4 to 1`, `REMOVED "c" from 2`}},
		{"", "ab", []string{`ADDED "a" to 0`, `ADDED "b" to 1`}},
		{"ab", "", []string{`REMOVED "a" from 0`, `REMOVED "b" from 1`}},
	} {
		var want []string
		for _, line := range c.want {
			want = append(want, "KIND_POLICY TYPE_"+line)
		}
		if d := cmp.Diff(want, told(t, named(c.before), named(c.after))); d != "" {
			t.Errorf("%s to %s: -want +got\n%s", c.before, c.after, d)
		}
	}
}

// TestOrder tells settings, profiles and policies in this order; a document that
// was changed and moved twice.
func TestOrder(t *testing.T) {
	before := policydiff.Realm{
		Profiles: []*pb.Profile{{Name: "gone"}, {Name: "stays"}},
		Policies: []*pb.Policy{{Name: "a"}, {Name: "b"}, {Name: "c"}},
	}
	after := policydiff.Realm{
		Settings: &pb.RealmSettings{RequireIfMatch: proto.Bool(true)},
		Profiles: []*pb.Profile{{Name: "stays"}, {Name: "new"}},
		Policies: []*pb.Policy{{Name: "c", Enabled: proto.Bool(true)}, {Name: "a"}, {Name: "b"}},
	}
	want := []string{
		`KIND_SETTINGS TYPE_CHANGED ""`, "  /requireIfMatch: absent -> true",
		`KIND_PROFILE TYPE_ADDED "new" to 1`, `KIND_PROFILE TYPE_REMOVED "gone" from 0`,
		`KIND_POLICY TYPE_CHANGED "c" from 2 to 0`, "  /enabled: absent -> true", `KIND_POLICY TYPE_MOVED "c" from 2 to 0`,
	}
	if d := cmp.Diff(want, told(t, before, after)); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

// list is a profile with one configuration key that holds a list.
func list(values []any) policydiff.Realm {
	s, err := structpb.NewStruct(map[string]any{"l": values})
	if err != nil {
		panic(err)
	}
	return policydiff.Realm{Profiles: []*pb.Profile{{Name: "p", Executors: []*pb.ProfileExecutor{{Executor: "x", Configuration: s}}}}}
}

// TestLongLists tells a list of more than a thousand changed elements as a whole.
func TestLongLists(t *testing.T) {
	numbers := func(from, n int) []any {
		values := make([]any, n)
		for i := range values {
			values[i] = float64(from + i)
		}
		return values
	}
	for _, c := range []struct {
		n     int
		whole bool
	}{{1023, false}, {1024, true}} {
		changes, err := policydiff.Between(list(numbers(0, c.n)), list(numbers(c.n, c.n)))
		if err != nil {
			t.Fatal(err)
		}
		fields := changes[0].GetFields()
		if whole := len(fields) == 1 && fields[0].GetPath() == "/executors/0/configuration/l"; whole != c.whole {
			t.Errorf("%d elements: %d changes, first at %s", c.n, len(fields), fields[0].GetPath())
		}
	}
	// What is equal at both ends is not counted.
	long := numbers(0, 100_000)
	shorter := slices.Delete(slices.Clone(long), 5, 6)
	changes, err := policydiff.Between(list(long), list(shorter))
	if err != nil || len(changes[0].GetFields()) != 1 || changes[0].GetFields()[0].GetPath() != "/executors/0/configuration/l/5" {
		t.Errorf("one element less is told as %v, %v", changes, err)
	}
}

// TestLongPointers tells documents as a whole whose pointers would take more than
// all of the answer should.
func TestLongPointers(t *testing.T) {
	deep := func(v any) policydiff.Realm {
		members := map[string]any{}
		for i := range 300 {
			members[fmt.Sprint(i)] = v
		}
		key := string(make([]byte, 60_000))
		return list([]any{map[string]any{"\u0001" + fmt.Sprintf("%q", key)[:60_000]: members}})
	}
	before, after := deep(1.0), deep(2.0)
	changes, err := policydiff.Between(before, after)
	if err != nil {
		t.Fatal(err)
	}
	fields := changes[0].GetFields()
	if len(fields) != 1 || fields[0].GetPath() != "" || fields[0].GetBefore().GetStructValue().GetFields()["name"].GetStringValue() != "p" {
		t.Errorf("told by %d changes, the first at %.40q", len(fields), fields[0].GetPath())
	}
	// Later documents that changed are still told; equal ones are not.
	before.Policies, after.Policies = named("ab").Policies, named("ab").Policies
	after.Policies[1].Enabled = proto.Bool(true)
	if changes, err = policydiff.Between(before, after); err != nil || len(changes) != 2 {
		t.Fatalf("%d changes, %v; want 2", len(changes), err)
	}
	if f := changes[1].GetFields(); changes[1].GetName() != "b" || len(f) != 1 || f[0].GetPath() != "" {
		t.Errorf("the policy is told as %v", changes[1])
	}
}
