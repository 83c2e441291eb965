package service_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage/memory"
)

func sample() *pb.PolicySet {
	return &pb.PolicySet{
		Profiles: []*pb.Profile{refusing("a", "code_a"), refusing("b", "code_b")},
		Policies: []*pb.Policy{policy("first", "a"), policy("second", "b", "built-in")},
	}
}

func TestSetMustSayItsBase(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	for name, c := range map[string]struct {
		context []string
		request *pb.ReplacePolicySetRequest
		code    codes.Code
		reason  string
	}{
		"nothing":            {nil, &pb.ReplacePolicySetRequest{}, codes.FailedPrecondition, "IF_MATCH_REQUIRED"},
		"another tag":        {[]string{"if-match", `"7"`}, &pb.ReplacePolicySetRequest{}, codes.FailedPrecondition, "ETAG_MISMATCH"},
		"another, forced":    {[]string{"if-match", `"7"`}, &pb.ReplacePolicySetRequest{Force: true}, codes.FailedPrecondition, "ETAG_MISMATCH"},
		"a weak tag":         {[]string{"if-match", `W/"1"`}, &pb.ReplacePolicySetRequest{}, codes.FailedPrecondition, "ETAG_MISMATCH"},
		"a later revision":   {nil, &pb.ReplacePolicySetRequest{Revision: 7}, codes.Aborted, "CONFLICT"},
		"a revision below":   {nil, &pb.ReplacePolicySetRequest{Revision: -1}, codes.InvalidArgument, "INVALID_DOCUMENT"},
		"two revisions":      {[]string{"x-sidegate-revision", "1"}, &pb.ReplacePolicySetRequest{Revision: 2}, codes.InvalidArgument, "INVALID_DOCUMENT"},
		"no number":          {[]string{"x-sidegate-revision", "one"}, &pb.ReplacePolicySetRequest{}, codes.InvalidArgument, "INVALID_DOCUMENT"},
		"number twice":       {[]string{"x-sidegate-revision", "1", "x-sidegate-revision", "1"}, &pb.ReplacePolicySetRequest{}, codes.InvalidArgument, "INVALID_DOCUMENT"},
		"no quotes":          {[]string{"if-match", "1"}, &pb.ReplacePolicySetRequest{}, codes.InvalidArgument, "INVALID_DOCUMENT"},
		"empty":              {[]string{"if-match", ""}, &pb.ReplacePolicySetRequest{}, codes.InvalidArgument, "INVALID_DOCUMENT"},
		"star and tag":       {[]string{"if-match", `*, "1"`}, &pb.ReplacePolicySetRequest{}, codes.InvalidArgument, "INVALID_DOCUMENT"},
		"no end":             {[]string{"if-match", `"1`}, &pb.ReplacePolicySetRequest{}, codes.InvalidArgument, "INVALID_DOCUMENT"},
		"no comma":           {[]string{"if-match", `"1" "2"`}, &pb.ReplacePolicySetRequest{}, codes.InvalidArgument, "INVALID_DOCUMENT"},
		"lower-case weak":    {[]string{"if-match", `w/"1"`}, &pb.ReplacePolicySetRequest{}, codes.InvalidArgument, "INVALID_DOCUMENT"},
		"document is needed": {nil, &pb.ReplacePolicySetRequest{Force: true}, codes.InvalidArgument, "INVALID_DOCUMENT"},
	} {
		t.Run(name, func(t *testing.T) {
			c.request.Realm = "master"
			if !strings.HasPrefix(name, "document") {
				c.request.Document = sample()
			}
			var header metadata.MD
			_, err := w.admin.ReplacePolicySet(w.root(c.context...), c.request, grpc.Header(&header))
			want(t, err, c.code, c.reason)
			if c.reason == "ETAG_MISMATCH" {
				equal(t, header.Get("etag"), []string{`"1"`})
				wantText(t, err, `"1"`)
			}
			if r := w.revision("master"); r != 1 {
				t.Fatalf("stored revision %d", r)
			}
		})
	}
}

func TestSetBases(t *testing.T) {
	for name, c := range map[string]struct {
		context []string
		request *pb.ReplacePolicySetRequest
	}{
		"tag":              {[]string{"if-match", `"1"`}, &pb.ReplacePolicySetRequest{}},
		"one of some tags": {[]string{"if-match", `"x,y", W/"1",, "1"`}, &pb.ReplacePolicySetRequest{}},
		"some headers":     {[]string{"if-match", `"0"`, "if-match", `"1"`}, &pb.ReplacePolicySetRequest{}},
		"any":              {[]string{"if-match", "*"}, &pb.ReplacePolicySetRequest{}},
		"revision":         {nil, &pb.ReplacePolicySetRequest{Revision: 1}},
		"metadata":         {[]string{"x-sidegate-revision", "1"}, &pb.ReplacePolicySetRequest{}},
		"force":            {nil, &pb.ReplacePolicySetRequest{Force: true}},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.createRealm("master", nil)
			c.request.Realm, c.request.Document = "master", sample()
			var header metadata.MD
			out, err := w.admin.ReplacePolicySet(w.root(c.context...), c.request, grpc.Header(&header))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, header.Get("etag"), []string{`"2"`})
			if d := out.GetDocument(); d.GetEtag() != `"2"` || d.GetRevision() != 2 {
				t.Fatalf("got %v", d)
			}
		})
	}
}

// A revision is no longer the base when an item has changed since, and still is
// when only settings have.
func TestSetConflict(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	base := w.replaceSet("master", sample())
	_, err := w.realms.UpdateRealm(w.root(), &pb.UpdateRealmRequest{Realm: "master", Document: &pb.Realm{
		Settings: &pb.RealmSettings{ProtectedClients: []string{"x"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	request := &pb.ReplacePolicySetRequest{Realm: "master", Document: sample(), Revision: base.GetRevision(), ValidateOnly: true}
	if _, err := w.admin.ReplacePolicySet(w.root(), request); err != nil {
		t.Fatalf("settings alone have changed: %v", err)
	}
	_, err = w.admin.CreatePolicy(w.root(), &pb.CreatePolicyRequest{Realm: "master", Document: policy("third")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.admin.ReplacePolicySet(w.root(), request)
	want(t, err, codes.Aborted, "CONFLICT")
}

func TestSetRoundTrip(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	set := sample()
	set.Profiles = append(set.Profiles,
		&pb.Profile{Name: "present", EmptyMembers: []string{"executors"}, Description: proto.String("")},
		&pb.Profile{Name: "absent"},
	)
	set.Profiles[0].Executors = append(set.Profiles[0].Executors, proto.CloneOf(set.Profiles[0].Executors[0]), &pb.ProfileExecutor{
		Executor: "refuse", Configuration: object("code", "x", "data", map[string]any{
			"null": nil, "list": []any{1.5, "a", []any{}}, "object": map[string]any{}, "text": "", "no": false, "big": float64(1 << 53),
		}),
	})
	w.replaceSet("master", set)
	got := w.set("master")
	if got.GetEtag() != `"2"` || got.GetRevision() != 2 {
		t.Fatalf("got %s, revision %d", got.GetEtag(), got.GetRevision())
	}
	for _, p := range got.GetProfiles() {
		if p.GetEtag() == "" || p.GetAuthor() != "token:root" || p.GetUpdateTime() == nil {
			t.Errorf("profile %q lacks output members: %v", p.GetName(), p)
		}
	}
	equal(t, bare(got), set)
	again := w.replaceSet("master", got)
	equal(t, again.GetRevision(), int64(2))
}

// bare is a set without its output-only members.
func bare(set *pb.PolicySet) *pb.PolicySet {
	set = proto.CloneOf(set)
	set.Etag, set.Revision, set.Warnings = "", 0, nil
	for _, p := range set.GetProfiles() {
		p.Etag, p.Author, p.UpdateTime, p.Revision, p.Warnings, p.Global, p.Available = "", "", nil, 0, nil, false, nil
	}
	for _, p := range set.GetPolicies() {
		p.Etag, p.Author, p.UpdateTime, p.Revision, p.Warnings, p.Global = "", "", nil, 0, nil, false
	}
	return set
}

// Items that stay as they were keep their time; output-only members that come
// back are ignored.
func TestSetKeepsItems(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	before := w.replaceSet("master", sample())
	next := proto.CloneOf(before)
	next.Policies[0], next.Policies[1] = next.Policies[1], next.Policies[0]
	next.Policies[0].Description = proto.String("changed")
	next.Policies[0].Author, next.Policies[0].UpdateTime = "somebody", timestamppb.New(before.Policies[0].GetUpdateTime().AsTime())
	next.Policies[1].Etag, next.Policies[1].Global = "forged", true
	next.Etag, next.Revision = "forged", 77
	after := w.replaceSet("master", next)
	equal(t, after.GetRevision(), int64(3))
	equal(t, after.GetPolicies()[1], before.GetPolicies()[0])
	equal(t, after.GetPolicies()[0].GetAuthor(), "token:root")
	if !after.GetPolicies()[0].GetUpdateTime().AsTime().After(before.GetPolicies()[1].GetUpdateTime().AsTime()) {
		t.Error("a changed policy keeps its time")
	}
	equal(t, w.set("master"), after)
}

func TestSetProblems(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	set := &pb.PolicySet{
		Profiles: []*pb.Profile{
			{Name: "", Executors: []*pb.ProfileExecutor{{Executor: "refuze"}}},
			{Name: "same", Executors: []*pb.ProfileExecutor{{Executor: "refuse", Configuration: object("code", true, "count", "x", "more", 1)}}},
			{Name: "same", EmptyMembers: []string{"others"}},
			{Name: "built-in"},
		},
		Policies: []*pb.Policy{
			{Name: "p", Mode: proto.String("LOOSE"), Enforcement: 9, Events: []pb.Event{99}, Profiles: []string{"sane", "lacking"}},
			{Name: "a\x00b", Conditions: []*pb.PolicyCondition{{Condition: "always", Configuration: object("x", 1)}}},
		},
	}
	_, err := w.admin.ReplacePolicySet(w.root(), &pb.ReplacePolicySetRequest{Realm: "master", Document: set, Force: true})
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	equal(t, problemOf(err).Fields, []string{
		"/profiles/2/emptyMembers/0",
		"/profiles/0/name", "/profiles/0/executors/0/executor",
		"/profiles/1/executors/0/configuration/count", "/profiles/1/executors/0/configuration/more",
		"/profiles/2/name", "/profiles/3/name",
		"/policies/0/mode", "/policies/0/enforcement", "/policies/0/events/0",
		"/policies/0/profiles/0", "/policies/0/profiles/1",
		"/policies/1/name", "/policies/1/conditions/0/configuration/x",
	})
	equal(t, w.revision("master"), int64(1))
}

func TestManyProblemsAreCut(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	set := &pb.PolicySet{}
	for range 300 {
		set.Policies = append(set.Policies, &pb.Policy{})
	}
	_, err := w.admin.ReplacePolicySet(w.root(), &pb.ReplacePolicySetRequest{Realm: "master", Document: set, Force: true})
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	equal(t, len(problemOf(err).Fields), 100)
	wantText(t, err, "and 598 more, of which 100 are listed")
}

func TestSetLimits(t *testing.T) {
	deep := structpb.NewNullValue()
	for range 65 {
		deep = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{deep}})
	}
	data := func(v *structpb.Value) *pb.PolicySet {
		s := object("code", "x")
		s.Fields["data"] = v
		return &pb.PolicySet{Profiles: []*pb.Profile{{Name: "p", Executors: []*pb.ProfileExecutor{{Executor: "refuse", Configuration: s}}}}}
	}
	long := strings.Repeat("x", 64<<10+1)
	unknown := &pb.Profile{Name: "p"}
	unknown.ProtoReflect().SetUnknown([]byte{0xf8, 0x3f, 1})
	for name, c := range map[string]struct {
		set   *pb.PolicySet
		field string
	}{
		"depth":           {data(deep), "/profiles/0/executors/0/configuration/data" + strings.Repeat("/0", 63)},
		"text":            {data(structpb.NewStringValue(long)), "/profiles/0/executors/0/configuration/data"},
		"key":             {data(structpb.NewStructValue(object(long, 1))), "/profiles/0/executors/0/configuration/data"},
		"integer":         {data(structpb.NewNumberValue(1<<53 + 2)), "/profiles/0/executors/0/configuration/data"},
		"negative":        {data(structpb.NewNumberValue(-1 << 60)), "/profiles/0/executors/0/configuration/data"},
		"no kind":         {data(&structpb.Value{}), "/profiles/0/executors/0/configuration/data"},
		"description":     {&pb.PolicySet{Policies: []*pb.Policy{{Name: "p", Description: &long}}}, "/policies/0/description"},
		"unknown members": {&pb.PolicySet{Profiles: []*pb.Profile{unknown}}, "/profiles/0"},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.createRealm("master", nil)
			_, err := w.admin.ReplacePolicySet(w.root(), &pb.ReplacePolicySetRequest{Realm: "master", Document: c.set, Force: true})
			want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
			equal(t, problemOf(err).Fields, []string{c.field})
			equal(t, w.revision("master"), int64(1))
		})
	}
	t.Run("depth allowed", func(t *testing.T) {
		w := start(t)
		w.createRealm("master", nil)
		w.replaceSet("master", data(deep.GetListValue().GetValues()[0].GetListValue().GetValues()[0]))
	})
}

func TestSizeLimits(t *testing.T) {
	limits := pdp.DefaultLimits()
	limits.DocumentBytes = 400
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	w := startOn(t, store, limits)
	w.createRealm("master", nil)
	wide := func(name string) *pb.Policy {
		p := policy(name)
		p.Description = proto.String(strings.Repeat("x", 150))
		return p
	}
	_, err := w.admin.ReplacePolicySet(w.root(), &pb.ReplacePolicySetRequest{
		Realm: "master", Force: true, Document: &pb.PolicySet{Policies: []*pb.Policy{wide("a"), wide("b"), wide("c")}},
	})
	want(t, err, codes.ResourceExhausted, "TOO_LARGE")
	for _, name := range []string{"a", "b"} {
		if _, err := w.admin.CreatePolicy(w.root(), &pb.CreatePolicyRequest{Realm: "master", Document: wide(name)}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = w.admin.CreatePolicy(w.root(), &pb.CreatePolicyRequest{Realm: "master", Document: wide("c")})
	want(t, err, codes.ResourceExhausted, "TOO_LARGE")
	equal(t, w.revision("master"), int64(3))
}

func TestValidateOnlyStoresNothing(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	var header metadata.MD
	out, err := w.admin.ReplacePolicySet(w.root(), &pb.ReplacePolicySetRequest{
		Realm: "master", Document: sample(), Force: true, ValidateOnly: true,
	}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, out.GetDocument().GetRevision(), int64(1))
	equal(t, len(out.GetDocument().GetPolicies()), 2)
	equal(t, header.Get("etag"), []string{})
	equal(t, bare(w.set("master")), &pb.PolicySet{})
}

func TestSetWarnings(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	set := w.replaceSet("master", &pb.PolicySet{
		Profiles: []*pb.Profile{{Name: "idle"}},
		Policies: []*pb.Policy{policy("sound", "idle"), {Name: "never", Profiles: []string{"idle"}}, policy("aimless")},
	})
	var paths []string
	for _, warning := range set.GetWarnings() {
		paths = append(paths, warning.GetPath())
	}
	equal(t, paths, []string{"/profiles/0/executors", "/policies/1/conditions", "/policies/2/profiles"})
	equal(t, w.set("master").GetWarnings(), []*pb.Warning(nil))
}
