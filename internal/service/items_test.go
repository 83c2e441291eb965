package service_test

import (
	"fmt"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

func (w *world) createPolicy(p *pb.Policy, pairs ...string) (*pb.Policy, error) {
	r, err := w.admin.CreatePolicy(w.root(pairs...), &pb.CreatePolicyRequest{Realm: "master", Document: p})
	return r.GetDocument(), err
}

func (w *world) replacePolicy(name string, p *pb.Policy, pairs ...string) (*pb.Policy, error) {
	r, err := w.admin.ReplacePolicy(w.root(pairs...), &pb.ReplacePolicyRequest{Realm: "master", Policy: name, Document: p})
	return r.GetDocument(), err
}

func (w *world) replaceProfile(name string, p *pb.Profile, pairs ...string) (*pb.Profile, error) {
	r, err := w.admin.ReplaceProfile(w.root(pairs...), &pb.ReplaceProfileRequest{Realm: "master", Profile: name, Document: p})
	return r.GetDocument(), err
}

func (w *world) deleteProfile(name string, pairs ...string) error {
	_, err := w.admin.DeleteProfile(w.root(pairs...), &pb.DeleteProfileRequest{Realm: "master", Profile: name})
	return err
}

// sampled is a world with a realm that holds the sample set, at revision 2.
func sampled(t testing.TB) *world {
	t.Helper()
	w := start(t)
	w.createRealm("master", nil)
	w.replaceSet("master", sample())
	return w
}

func names(set *pb.PolicySet) (profiles, policies []string) {
	for _, p := range set.GetProfiles() {
		profiles = append(profiles, p.GetName())
	}
	for _, p := range set.GetPolicies() {
		policies = append(policies, p.GetName())
	}
	return profiles, policies
}

func TestItemLife(t *testing.T) {
	w := sampled(t)
	var header metadata.MD
	made, err := w.admin.CreateProfile(w.root(), &pb.CreateProfileRequest{Realm: "master", Document: refusing("c", "x"), Comment: "why"}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	d := made.GetDocument()
	equal(t, header.Get("etag"), []string{d.GetEtag()})
	if d.GetRevision() != 3 || d.GetAuthor() != "token:root" || d.GetUpdateTime() == nil {
		t.Fatalf("got %v", d)
	}
	read, err := w.admin.GetProfile(w.root(), &pb.GetProfileRequest{Realm: "master", Profile: "c"}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, read.GetDocument(), d)
	equal(t, header.Get("etag"), []string{d.GetEtag()})

	put, err := w.replaceProfile("c", &pb.Profile{Description: proto.String("no name")}, "if-match", d.GetEtag())
	if err != nil {
		t.Fatal(err)
	}
	if put.GetName() != "c" || put.GetEtag() == d.GetEtag() || put.GetRevision() != 4 {
		t.Fatalf("got %v", put)
	}
	if err := w.deleteProfile("c", "if-match", put.GetEtag()); err != nil {
		t.Fatal(err)
	}
	_, err = w.admin.GetProfile(w.root(), &pb.GetProfileRequest{Realm: "master", Profile: "c"})
	want(t, err, codes.NotFound, "PROFILE_NOT_FOUND")
	state, err := w.store.Load(t.Context(), "master", 3)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, []string{state.Meta.Author, state.Meta.Surface, state.Meta.Comment}, []string{"token:root", "grpc", "why"})
}

func TestSurfaceAndComment(t *testing.T) {
	w := sampled(t)
	_, err := w.createPolicy(policy("c"), "x-sidegate-surface", "rest", "x-change-comment-bin", "größer")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.createPolicy(policy("d"), "x-sidegate-surface", "carrier pigeon")
	if err != nil {
		t.Fatal(err)
	}
	history, err := w.store.History(t.Context(), "master", 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, []string{history[1].Surface, history[1].Comment}, []string{"rest", "größer"})
	equal(t, []string{history[0].Surface, history[0].Comment}, []string{"grpc", ""})
	_, err = w.createPolicy(policy("e"), "x-change-comment-bin", "one", "x-change-comment-bin", "other")
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	_, err = w.createPolicy(policy("e"), "x-change-comment-bin", "\xff")
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
}

func TestReplaceKeepsPlace(t *testing.T) {
	w := sampled(t)
	if _, err := w.createPolicy(policy("third")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.replacePolicy("second", policy("zweite", "a")); err != nil {
		t.Fatal(err)
	}
	_, policies := names(w.set("master"))
	equal(t, policies, []string{"first", "zweite", "third"})
}

// Every one of these writes is refused and stores nothing.
func TestRefusedItemWrites(t *testing.T) {
	w := sampled(t)
	other, err := w.admin.GetPolicy(w.root(), &pb.GetPolicyRequest{Realm: "master", Policy: "second"})
	if err != nil {
		t.Fatal(err)
	}
	before := w.set("master")
	for name, c := range map[string]struct {
		write  func() error
		code   codes.Code
		reason string
		fields []string
		says   []string
	}{
		"create taken": {
			func() error { _, err := w.createPolicy(policy("first")); return err },
			codes.AlreadyExists, "ALREADY_EXISTS", nil, []string{`"first"`},
		},
		"create built-in": {
			func() error { _, err := w.createPolicy(policy("built-in")); return err },
			codes.AlreadyExists, "ALREADY_EXISTS", nil, nil,
		},
		"create without document": {
			func() error { _, err := w.createPolicy(nil); return err },
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{""}, nil,
		},
		"create without name": {
			func() error { _, err := w.createPolicy(&pb.Policy{}); return err },
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/name"}, nil,
		},
		"create at a list that has changed": {
			func() error { _, err := w.createPolicy(policy("new"), "if-match", `"1"`); return err },
			codes.FailedPrecondition, "ETAG_MISMATCH", nil, []string{`"2"`},
		},
		"create with everything wrong": {
			func() error {
				p := policy("new", "aa", "first")
				p.Conditions = append(p.Conditions, &pb.PolicyCondition{Condition: "alwayz"})
				p.Mode = proto.String("strict")
				_, err := w.createPolicy(p)
				return err
			},
			codes.InvalidArgument, "INVALID_DOCUMENT",
			[]string{"/mode", "/conditions/1/condition", "/profiles/0", "/profiles/1"}, []string{"3 more"},
		},
		"unknown realm": {
			func() error {
				_, err := w.admin.CreatePolicy(w.root(), &pb.CreatePolicyRequest{Realm: "none", Document: policy("x")})
				return err
			},
			codes.NotFound, "REALM_NOT_FOUND", nil, nil,
		},
		"replace what is not there": {
			func() error { _, err := w.replacePolicy("none", policy("none"), "if-match", "*"); return err },
			codes.NotFound, "POLICY_NOT_FOUND", nil, nil,
		},
		"replace with a stale tag": {
			func() error {
				_, err := w.replacePolicy("first", policy("first"), "if-match", other.GetDocument().GetEtag())
				return err
			},
			codes.FailedPrecondition, "ETAG_MISMATCH", nil, nil,
		},
		"replace with a weak tag": {
			func() error {
				_, err := w.replacePolicy("second", policy("second"), "if-match", "W/"+other.GetDocument().GetEtag())
				return err
			},
			codes.FailedPrecondition, "ETAG_MISMATCH", nil, []string{other.GetDocument().GetEtag()},
		},
		"replace based on a revision without it": {
			func() error {
				_, err := w.replacePolicy("first", policy("first"), "x-sidegate-revision", "1")
				return err
			},
			codes.Aborted, "CONFLICT", nil, nil,
		},
		"replace server-wide": {
			func() error { _, err := w.replacePolicy("server-wide", policy("server-wide")); return err },
			codes.PermissionDenied, "READ_ONLY", nil, nil,
		},
		"replace built-in": {
			func() error { _, err := w.replaceProfile("lacking", refusing("lacking", "x")); return err },
			codes.PermissionDenied, "READ_ONLY", nil, nil,
		},
		"rename to a taken name": {
			func() error { _, err := w.replacePolicy("first", policy("second")); return err },
			codes.AlreadyExists, "ALREADY_EXISTS", nil, nil,
		},
		"rename to a built-in name": {
			func() error { _, err := w.replaceProfile("a", refusing("built-in", "x")); return err },
			codes.AlreadyExists, "ALREADY_EXISTS", nil, nil,
		},
		"rename a profile in use": {
			func() error { _, err := w.replaceProfile("a", refusing("c", "x")); return err },
			codes.FailedPrecondition, "PROFILE_IN_USE", nil, []string{`"first"`},
		},
		"replace with a wrong type": {
			func() error {
				_, err := w.replaceProfile("b", &pb.Profile{Executors: []*pb.ProfileExecutor{{Executor: "refuse", Configuration: object("count", "x")}}})
				return err
			},
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/executors/0/configuration/code", "/executors/0/configuration/count"}, nil,
		},
		"delete a profile in use": {
			func() error { return w.deleteProfile("b") },
			codes.FailedPrecondition, "PROFILE_IN_USE", nil, []string{`"second"`},
		},
		"delete built-in":          {func() error { return w.deleteProfile("built-in") }, codes.PermissionDenied, "READ_ONLY", nil, nil},
		"delete what is not there": {func() error { return w.deleteProfile("none") }, codes.NotFound, "PROFILE_NOT_FOUND", nil, nil},
		"delete with another tag": {
			func() error { return w.deleteProfile("b", "if-match", `"x"`) },
			codes.FailedPrecondition, "ETAG_MISMATCH", nil, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.write()
			want(t, err, c.code, c.reason)
			equal(t, problemOf(err).Fields, c.fields)
			wantText(t, err, c.says...)
			equal(t, w.set("master"), before)
			equal(t, w.revision("master"), before.GetRevision())
		})
	}
}

func TestRequireIfMatch(t *testing.T) {
	w := start(t)
	w.createRealm("master", &pb.RealmSettings{RequireIfMatch: proto.Bool(true)})
	made, err := w.createPolicy(policy("p"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.replacePolicy("p", policy("p", "built-in"))
	want(t, err, codes.FailedPrecondition, "IF_MATCH_REQUIRED")
	_, err = w.admin.DeletePolicy(w.root(), &pb.DeletePolicyRequest{Realm: "master", Policy: "p"})
	want(t, err, codes.FailedPrecondition, "IF_MATCH_REQUIRED")
	equal(t, w.revision("master"), int64(2))
	if _, err = w.replacePolicy("p", policy("p", "built-in"), "if-match", made.GetEtag()); err != nil {
		t.Fatal(err)
	}
}

func TestGlobalItems(t *testing.T) {
	w := sampled(t)
	profile, err := w.admin.GetProfile(w.root(), &pb.GetProfileRequest{Realm: "master", Profile: "lacking"})
	if err != nil {
		t.Fatal(err)
	}
	if d := profile.GetDocument(); !d.GetGlobal() || d.Available == nil || d.GetAvailable() || d.GetEtag() == "" {
		t.Errorf("got %v", d)
	}
	server, err := w.admin.GetPolicy(w.root(), &pb.GetPolicyRequest{Realm: "master", Policy: "server-wide"})
	if err != nil {
		t.Fatal(err)
	}
	if d := server.GetDocument(); !d.GetGlobal() || !d.GetEnabled() {
		t.Errorf("got %v", d)
	}
}

func TestEmptyMembers(t *testing.T) {
	w := sampled(t)
	full := refusing("a", "x")
	full.EmptyMembers = []string{"executors", "executors"}
	got, err := w.replaceProfile("a", full)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got.GetEmptyMembers(), []string(nil))
	empty, err := w.replaceProfile("a", &pb.Profile{EmptyMembers: []string{"executors", "executors"}})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, empty.GetEmptyMembers(), []string{"executors"})
	none, err := w.replaceProfile("a", &pb.Profile{})
	if err != nil {
		t.Fatal(err)
	}
	if none.GetEtag() == empty.GetEtag() {
		t.Error("absent and empty lists have one entity tag")
	}
}

// Unknown configuration keys come in through the Keycloak surface alone; others
// may carry them on where they were.
func TestUnknownKeys(t *testing.T) {
	w := sampled(t)
	with := func(name string, pairs ...any) *pb.Profile {
		return &pb.Profile{Name: name, Executors: []*pb.ProfileExecutor{{Executor: "refuse", Configuration: object(append(pairs, "code", "x")...)}}}
	}
	_, err := w.replaceProfile("a", with("a", "mine/own", 1))
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	equal(t, problemOf(err).Fields, []string{"/executors/0/configuration/mine~1own"})

	got, err := w.replaceProfile("a", with("a", "mine/own", 1), "x-sidegate-surface", "keycloak")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, len(got.GetWarnings()), 1)
	equal(t, got.GetWarnings()[0].GetPath(), "/executors/0/configuration/mine~1own")

	carried := with("a", "mine/own", 1, "count", 3)
	carried.Description = proto.String("changed")
	if _, err = w.replaceProfile("a", carried); err != nil {
		t.Fatal(err)
	}
	if _, err = w.createPolicy(policy("elsewhere")); err != nil {
		t.Fatalf("an unknown key elsewhere: %v", err)
	}
	_, err = w.replaceProfile("a", with("a", "mine/own", 2))
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	_, err = w.replaceProfile("b", with("b", "mine/own", 1))
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")

	set := w.set("master")
	set.Policies = nil
	w.replaceSet("master", set)
	renamed, err := w.replaceProfile("a", with("c", "mine/own", 1))
	if err != nil {
		t.Fatalf("renamed: %v", err)
	}
	equal(t, renamed.GetName(), "c")
}

// Writers of items without If-Match lose nothing, in one process or in two.
func TestConcurrentItemWriters(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	second := startOn(t, w.store, limits)
	const writers, each = 8, 10
	var running sync.WaitGroup
	for i := range writers {
		running.Go(func() {
			via := w
			if i%2 == 1 {
				via = second
			}
			for n := range each {
				if _, err := via.createPolicy(policy(fmt.Sprintf("p-%d-%d", i, n))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	state, err := w.store.Load(t.Context(), "master", 0)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, len(state.Policies), writers*each)
	equal(t, state.Meta.Revision, int64(1+writers*each))
}
