package policydiff_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"
	"pgregory.net/rapid"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/policydiff"
)

// json draws a JSON value of few words, so that equal ones are frequent.
func json(depth int) *rapid.Generator[*structpb.Value] {
	return rapid.Custom(func(t *rapid.T) *structpb.Value {
		most := 5
		if depth == 0 {
			most = 3
		}
		switch rapid.IntRange(0, most).Draw(t, "kind") {
		case 0:
			return structpb.NewNullValue()
		case 1:
			return structpb.NewBoolValue(rapid.Bool().Draw(t, "bool"))
		case 2:
			return structpb.NewNumberValue(float64(rapid.IntRange(0, 2).Draw(t, "number")))
		case 3:
			return structpb.NewStringValue(rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "text"))
		case 4:
			return structpb.NewListValue(&structpb.ListValue{Values: rapid.SliceOfN(json(depth-1), 0, 5).Draw(t, "list")})
		}
		return structpb.NewStructValue(members(depth-1).Draw(t, "object"))
	})
}

func members(depth int) *rapid.Generator[*structpb.Struct] {
	names := rapid.SampledFrom([]string{"", "a", "b/c", "d~e", "0", "executor", "condition"})
	return rapid.Custom(func(t *rapid.T) *structpb.Struct {
		return &structpb.Struct{Fields: rapid.MapOfN(names, json(depth), 0, 4).Draw(t, "members")}
	})
}

func configuration(t *rapid.T) *structpb.Struct {
	if rapid.Bool().Draw(t, "without configuration") {
		return nil
	}
	return members(2).Draw(t, "configuration")
}

func names() *rapid.Generator[[]string] {
	return rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"p", "q", "r", "s", "t", "u"}), 0, 6, rapid.ID)
}

func realm() *rapid.Generator[policydiff.Realm] {
	return rapid.Custom(func(t *rapid.T) policydiff.Realm {
		var r policydiff.Realm
		if rapid.Bool().Draw(t, "settings") {
			r.Settings = &pb.RealmSettings{ProtectedClients: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b"}), 0, 3).Draw(t, "clients")}
		}
		for _, name := range names().Draw(t, "profiles") {
			p := &pb.Profile{Name: name}
			if rapid.Bool().Draw(t, "empty") {
				p.EmptyMembers = []string{"executors"}
			}
			for range rapid.IntRange(0, 4).Draw(t, "executors") {
				p.Executors = append(p.Executors, &pb.ProfileExecutor{
					Executor: rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "id"), Configuration: configuration(t),
				})
			}
			r.Profiles = append(r.Profiles, p)
		}
		for _, name := range names().Draw(t, "policies") {
			p := &pb.Policy{Name: name, Profiles: names().Draw(t, "named")}
			if rapid.Bool().Draw(t, "described") {
				p.Description = proto.String(rapid.SampledFrom([]string{"", "a"}).Draw(t, "description"))
			}
			for range rapid.IntRange(0, 3).Draw(t, "conditions") {
				p.Conditions = append(p.Conditions, &pb.PolicyCondition{Condition: "c", Configuration: configuration(t)})
			}
			r.Policies = append(r.Policies, p)
		}
		return r
	})
}

func between(t *rapid.T, before, after policydiff.Realm) []*pb.ItemChange {
	changes, err := policydiff.Between(before, after)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func TestSameIsNoChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := realm().Draw(t, "realm")
		again := policydiff.Realm{Settings: proto.CloneOf(r.Settings)}
		for _, p := range r.Profiles {
			again.Profiles = append(again.Profiles, proto.CloneOf(p))
		}
		for _, p := range r.Policies {
			again.Policies = append(again.Policies, proto.CloneOf(p))
		}
		if got := between(t, r, again); len(got) != 0 {
			t.Fatalf("told %v", got)
		}
	})
}

// TestMirror tells the same story from the other side.
func TestMirror(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := realm().Draw(t, "a"), realm().Draw(t, "b")
		if d := gocmp.Diff(story(between(t, a, b), false), story(between(t, b, a), true)); d != "" {
			t.Fatalf("-forth +back\n%s", d)
		}
	})
}

// story writes changes down without pointers, which count on different sides.
func story(changes []*pb.ItemChange, back bool) []string {
	var lines []string
	for _, c := range changes {
		kind := c.GetType()
		before, after := c.IndexBefore, c.IndexAfter
		if back {
			before, after = after, before
			switch kind {
			case pb.ItemChange_TYPE_ADDED:
				kind = pb.ItemChange_TYPE_REMOVED
			case pb.ItemChange_TYPE_REMOVED:
				kind = pb.ItemChange_TYPE_ADDED
			}
		}
		item := fmt.Sprint(c.GetKind(), kind, c.GetName())
		lines = append(lines, fmt.Sprint(item, before != nil, after != nil))
		for _, f := range c.GetFields() {
			was, is := f.GetBefore(), f.GetAfter()
			if back {
				was, is = is, was
			}
			lines = append(lines, fmt.Sprintf("%s %s > %s", item, marshal(was), marshal(is)))
		}
	}
	slices.Sort(lines)
	return lines
}

func marshal(v *structpb.Value) string {
	if v == nil {
		return "absent"
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(v)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%q", b)
}

// TestApply makes the one state from the other and what is told.
func TestApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := realm().Draw(t, "a"), realm().Draw(t, "b")
		changes := between(t, a, b)
		if d := gocmp.Diff(documents(t, b), apply(t, documents(t, a), documents(t, b), changes), protocmp.Transform()); d != "" {
			t.Fatalf("%v\n-want +got\n%s", changes, d)
		}
	})
}

// document is one of a realm, as JSON.
type document struct {
	Kind pb.ItemChange_Kind
	Name string
	JSON *structpb.Value
}

// documents are those of a realm in order, as JSON.
func documents(t *rapid.T, r policydiff.Realm) []document {
	settings := r.Settings
	if settings == nil {
		settings = &pb.RealmSettings{}
	}
	list := []document{{pb.ItemChange_KIND_SETTINGS, "", written(t, settings)}}
	for _, p := range r.Profiles {
		bare := proto.CloneOf(p)
		bare.EmptyMembers = nil
		d := document{pb.ItemChange_KIND_PROFILE, p.GetName(), written(t, bare)}
		if len(p.GetExecutors()) == 0 && len(p.GetEmptyMembers()) > 0 {
			d.JSON.GetStructValue().Fields["executors"] = structpb.NewListValue(&structpb.ListValue{})
		}
		list = append(list, d)
	}
	for _, p := range r.Policies {
		list = append(list, document{pb.ItemChange_KIND_POLICY, p.GetName(), written(t, p)})
	}
	return list
}

func written(t *rapid.T, m proto.Message) *structpb.Value {
	b, err := protojson.Marshal(m)
	v := &structpb.Value{}
	if err == nil {
		err = protojson.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// apply changes documents as they are told; what was added is taken from after.
func apply(t *rapid.T, before, after []document, changes []*pb.ItemChange) []document {
	found := func(list []document, c *pb.ItemChange) int {
		return slices.IndexFunc(list, func(d document) bool { return d.Kind == c.GetKind() && d.Name == c.GetName() })
	}
	type placed struct {
		document
		index int32
	}
	var put []placed
	list := slices.Clone(before)
	for _, c := range changes {
		switch i := found(list, c); c.GetType() {
		case pb.ItemChange_TYPE_ADDED:
			put = append(put, placed{after[found(after, c)], c.GetIndexAfter()})
		case pb.ItemChange_TYPE_REMOVED:
			list = slices.Delete(list, i, i+1)
		case pb.ItemChange_TYPE_CHANGED:
			list[i].JSON = changed(t, list[i].JSON, fieldsOf(c))
		case pb.ItemChange_TYPE_MOVED:
			put = append(put, placed{list[i], c.GetIndexAfter()})
			list = slices.Delete(list, i, i+1)
		}
	}
	slices.SortStableFunc(put, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.index, b.index))
	})
	for _, p := range put {
		first := slices.IndexFunc(list, func(d document) bool { return d.Kind >= p.Kind })
		if first < 0 {
			first = len(list)
		}
		list = slices.Insert(list, first+int(p.index), p.document)
	}
	return list
}

// field is a change of a member, its pointer taken apart.
type field struct {
	path          []string
	before, after *structpb.Value
}

func fieldsOf(c *pb.ItemChange) []field {
	var list []field
	for _, f := range c.GetFields() {
		path := strings.Split(f.GetPath(), "/")[1:]
		for i, part := range path {
			path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		}
		list = append(list, field{path, f.GetBefore(), f.GetAfter()})
	}
	return list
}

// changed is a value after its changes, of which each must find what it says was
// there before.
func changed(t *rapid.T, v *structpb.Value, fields []field) *structpb.Value {
	if len(fields) == 0 {
		return v
	}
	if len(fields) == 1 && len(fields[0].path) == 0 {
		if !proto.Equal(v, fields[0].before) {
			t.Fatalf("%v was not %v", v, fields[0].before)
		}
		return fields[0].after
	}
	if list, ok := v.GetKind().(*structpb.Value_ListValue); ok {
		return changedList(t, list.ListValue.GetValues(), fields)
	}
	out := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	inner := map[string][]field{}
	for _, f := range fields {
		inner[f.path[0]] = append(inner[f.path[0]], field{f.path[1:], f.before, f.after})
	}
	for name, was := range v.GetStructValue().GetFields() {
		if inner[name] == nil {
			out.Fields[name] = was
		}
	}
	for name, list := range inner {
		if is := changed(t, v.GetStructValue().GetFields()[name], list); is != nil {
			out.Fields[name] = is
		}
	}
	return structpb.NewStructValue(out)
}

func changedList(t *rapid.T, values []*structpb.Value, fields []field) *structpb.Value {
	values = slices.Clone(values)
	inner := map[int][]field{}
	for _, f := range slices.Backward(fields) {
		n, err := strconv.Atoi(f.path[0])
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case len(f.path) == 1 && f.after == nil:
			if !proto.Equal(values[n], f.before) {
				t.Fatalf("%v was not %v", values[n], f.before)
			}
			values = slices.Delete(values, n, n+1)
		case len(f.path) == 1 && f.before == nil: // later, in ascending order
		default:
			inner[n] = append(inner[n], field{f.path[1:], f.before, f.after})
		}
	}
	for _, f := range fields {
		if len(f.path) == 1 && f.before == nil {
			n, _ := strconv.Atoi(f.path[0])
			values = slices.Insert(values, n, f.after)
		}
	}
	for n, list := range inner {
		slices.Reverse(list)
		values[n] = changed(t, values[n], list)
	}
	return structpb.NewListValue(&structpb.ListValue{Values: values})
}

// TestMovesAreFewest compares with every way to move documents.
func TestMovesAreFewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.Permutation([]string{"a", "b", "c", "d", "e", "f", "g"}).Draw(t, "order")
		moved := 0
		for _, c := range between(t, named("abcdefg"), named(strings.Join(order, ""))) {
			if c.GetType() == pb.ItemChange_TYPE_MOVED {
				moved++
			}
		}
		fewest := len(order)
		for stay := range 1 << len(order) {
			var line []string
			for i, name := range order {
				if stay&(1<<i) != 0 {
					line = append(line, name)
				}
			}
			if slices.IsSorted(line) {
				fewest = min(fewest, len(order)-len(line))
			}
		}
		if moved != fewest {
			t.Fatalf("%d documents are told to have moved, %d suffice", moved, fewest)
		}
	})
}

// large is a realm of 5,000 policies, in the order of the step.
func large(step int, description string) policydiff.Realm {
	const n = 5000
	var r policydiff.Realm
	for i := range n {
		configuration, err := structpb.NewStruct(map[string]any{"roles": []any{"a", "b", "c"}, "is-negative-logic": false})
		if err != nil {
			panic(err)
		}
		r.Policies = append(r.Policies, &pb.Policy{
			Name: fmt.Sprint("policy-", i*step%n), Description: &description, Profiles: []string{"x"},
			Conditions: []*pb.PolicyCondition{{Condition: "client-roles", Configuration: configuration}},
		})
	}
	return r
}

// TestLargeSets compares two sets of 5,000 changed and shuffled documents. What that
// may take is measured by what it takes to write them as JSON.
func TestLargeSets(t *testing.T) {
	a, b := large(1, "before"), large(1237, "after")
	start := time.Now()
	for _, p := range slices.Concat(a.Policies, b.Policies) {
		if _, err := protojson.Marshal(p); err != nil {
			t.Fatal(err)
		}
	}
	writing := time.Since(start)
	start = time.Now()
	changes, err := policydiff.Between(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 5*writing {
		t.Errorf("took %v, and writing the documents %v", took, writing)
	}
	changed := 0
	for _, c := range changes {
		if c.GetType() == pb.ItemChange_TYPE_CHANGED {
			changed++
		}
	}
	if changed != 5000 {
		t.Errorf("%d documents are told to have changed, want 5000", changed)
	}
}

func BenchmarkBetween(b *testing.B) {
	for name, after := range map[string]policydiff.Realm{"same": large(1, "before"), "changed": large(1237, "after")} {
		before := large(1, "before")
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := policydiff.Between(before, after); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
