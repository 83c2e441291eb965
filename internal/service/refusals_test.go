package service_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/memory"
)

// upload is a set of 500 items.
func upload() *pb.PolicySet {
	set := &pb.PolicySet{}
	for i := range 250 {
		set.Profiles = append(set.Profiles, refusing(fmt.Sprint("q", i), "uploaded"))
		set.Policies = append(set.Policies, policy(fmt.Sprint("p", i), fmt.Sprint("q", i)))
	}
	return set
}

// One bad item among 500 and nothing of the set is taken over: what is stored,
// listed and enforced stays as it was.
func TestHalfAnUpload(t *testing.T) {
	w := sampled(t)
	before := w.set("master")
	for name, c := range map[string]struct {
		spoil  func(*pb.PolicySet)
		code   codes.Code
		reason string
		field  string
	}{
		"unknown executor": {
			func(s *pb.PolicySet) { s.Profiles[249].Executors[0].Executor = "refuze" },
			codes.InvalidArgument, "INVALID_DOCUMENT", "/profiles/249/executors/0/executor",
		},
		"wrong type": {
			func(s *pb.PolicySet) { s.Profiles[120].Executors[0].Configuration = object("code", "x", "count", true) },
			codes.InvalidArgument, "INVALID_DOCUMENT", "/profiles/120/executors/0/configuration/count",
		},
		"unknown profile": {
			func(s *pb.PolicySet) { s.Policies[249].Profiles = []string{"q250"} },
			codes.InvalidArgument, "INVALID_DOCUMENT", "/policies/249/profiles/0",
		},
		"name twice": {
			func(s *pb.PolicySet) { s.Policies[249].Name = "p0" },
			codes.InvalidArgument, "INVALID_DOCUMENT", "/policies/249/name",
		},
		"name of a built-in": {
			func(s *pb.PolicySet) { s.Policies[7].Name = "server-wide" },
			codes.InvalidArgument, "INVALID_DOCUMENT", "/policies/7/name",
		},
		"no name": {
			func(s *pb.PolicySet) { s.Policies[0].Name = "" },
			codes.InvalidArgument, "INVALID_DOCUMENT", "/policies/0/name",
		},
		"unknown event": {
			func(s *pb.PolicySet) { s.Policies[1].Events = []pb.Event{99} },
			codes.InvalidArgument, "INVALID_DOCUMENT", "/policies/1/events/0",
		},
		"unknown enforcement": {
			func(s *pb.PolicySet) { s.Policies[1].Enforcement = 7 },
			codes.InvalidArgument, "INVALID_DOCUMENT", "/policies/1/enforcement",
		},
	} {
		t.Run(name, func(t *testing.T) {
			set := upload()
			c.spoil(set)
			_, err := w.admin.ReplacePolicySet(w.root(), &pb.ReplacePolicySetRequest{Realm: "master", Document: set, Force: true})
			want(t, err, c.code, c.reason)
			equal(t, problemOf(err).Fields, []string{c.field})
			equal(t, w.set("master"), before)
			equal(t, w.revision("master"), before.GetRevision())
			out, err := w.decisions.Evaluate(w.root(), view("master"))
			if err != nil || out.GetRevision() != before.GetRevision() {
				t.Errorf("decided by %d: %v", out.GetRevision(), err)
			}
		})
	}
	w.replaceSet("master", upload())
}

// Names are what the contract says, whichever way they come.
func TestNames(t *testing.T) {
	w := sampled(t)
	writes := map[string]func(name string) error{
		"create": func(name string) error {
			_, err := w.admin.CreatePolicy(w.root(), &pb.CreatePolicyRequest{Realm: "master", Document: policy(name), ValidateOnly: true})
			return err
		},
		"replace": func(name string) error {
			_, err := w.admin.ReplacePolicy(w.root(), &pb.ReplacePolicyRequest{Realm: "master", Policy: "first", Document: policy(name), ValidateOnly: true})
			return err
		},
		"patch": func(name string) error {
			_, err := w.admin.UpdatePolicy(w.root(), &pb.UpdatePolicyRequest{Realm: "master", Policy: "first", Document: &pb.Policy{Name: name}, ValidateOnly: true})
			return err
		},
		"profile": func(name string) error {
			_, err := w.admin.CreateProfile(w.root(), &pb.CreateProfileRequest{Realm: "master", Document: &pb.Profile{Name: name}, ValidateOnly: true})
			return err
		},
	}
	for write, try := range writes {
		t.Run(write, func(t *testing.T) {
			for _, name := range []string{"First", strings.Repeat("ü", 255), "a/b:c%2F ?#+;", "...", "日本", "-"} {
				if err := try(name); err != nil {
					t.Errorf("%q: %v", name, err)
				}
			}
			for _, name := range []string{strings.Repeat("ü", 256), ".", "..", "a\tb", "a\nb", "\u200b", "\u00a0"} {
				err := try(name)
				want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
				equal(t, problemOf(err).Fields, []string{"/name"})
			}
		})
	}
	equal(t, w.revision("master"), int64(2))
}

// The revision that a creation was based on is that of its list.
func TestCreationBase(t *testing.T) {
	w := sampled(t)
	if _, err := w.createPolicy(policy("third"), "x-sidegate-revision", "2"); err != nil {
		t.Fatal(err)
	}
	_, err := w.createPolicy(policy("fourth"), "x-sidegate-revision", "2")
	want(t, err, codes.Aborted, "CONFLICT")
	wantText(t, err, "the list", "revision 2", "at 3")
	_, err = w.createPolicy(policy("fourth"), "x-sidegate-revision", "9")
	want(t, err, codes.Aborted, "CONFLICT")
	// The other list is still the same, and a move changes this one.
	_, err = w.admin.CreateProfile(w.root("x-sidegate-revision", "2"), &pb.CreateProfileRequest{Realm: "master", Document: &pb.Profile{Name: "c"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.createPolicy(policy("fourth"), "x-sidegate-revision", "3"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.move("first", index(3)); err != nil {
		t.Fatal(err)
	}
	_, err = w.createPolicy(policy("fifth"), "x-sidegate-revision", "5")
	want(t, err, codes.Aborted, "CONFLICT")
	equal(t, w.revision("master"), int64(6))
}

// In a realm that asks for If-Match, neither revision nor force stands in for it;
// the current tag, and `*`, open it.
func TestIfMatchIsCompulsory(t *testing.T) {
	w := start(t)
	w.createRealm("master", &pb.RealmSettings{RequireIfMatch: proto.Bool(true)})
	if _, err := w.createPolicy(policy("p")); err != nil {
		t.Fatal(err) // what does not exist has no tag
	}
	off := &pb.Realm{Settings: &pb.RealmSettings{RequireIfMatch: proto.Bool(false)}}
	for name, write := range map[string]func(pairs ...string) error{
		"settings": func(pairs ...string) error {
			_, err := w.realms.UpdateRealm(w.root(pairs...), &pb.UpdateRealmRequest{Realm: "master", Document: off, ValidateOnly: true})
			return err
		},
		"realm": func(pairs ...string) error {
			_, err := w.realms.DeleteRealm(w.root(pairs...), &pb.DeleteRealmRequest{Realm: "master", Force: true, ValidateOnly: true})
			return err
		},
		"set": func(pairs ...string) error {
			_, err := w.admin.ReplacePolicySet(w.root(pairs...), &pb.ReplacePolicySetRequest{Realm: "master", Document: sample(), ValidateOnly: true})
			return err
		},
		"set, forced": func(pairs ...string) error {
			_, err := w.admin.ReplacePolicySet(w.root(pairs...), &pb.ReplacePolicySetRequest{Realm: "master", Document: sample(), Force: true, ValidateOnly: true})
			return err
		},
		"set with a revision": func(pairs ...string) error {
			_, err := w.admin.ReplacePolicySet(w.root(pairs...), &pb.ReplacePolicySetRequest{Realm: "master", Document: sample(), Revision: 2, ValidateOnly: true})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			want(t, write(), codes.FailedPrecondition, "IF_MATCH_REQUIRED")
			want(t, write("x-sidegate-revision", "2"), codes.FailedPrecondition, "IF_MATCH_REQUIRED")
			want(t, write("if-match", `"1"`), codes.FailedPrecondition, "ETAG_MISMATCH")
			for _, tag := range []string{`"2"`, "*"} {
				if err := write("if-match", tag); err != nil {
					t.Error(err)
				}
			}
			equal(t, w.revision("master"), int64(2))
		})
	}
	// The realm can be mended.
	if _, err := w.realms.UpdateRealm(w.root("if-match", `"2"`), &pb.UpdateRealmRequest{Realm: "master", Document: off}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.replacePolicy("p", policy("p", "built-in")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: "master", Force: true}); err != nil {
		t.Fatal(err)
	}
}

// Comments have a limit, whichever way they come.
func TestCommentLimits(t *testing.T) {
	w := sampled(t)
	most := strings.Repeat("ü", storage.MaxComment)
	for name, write := range map[string]func(comment string, pairs ...string) error{
		"patch": func(comment string, pairs ...string) error {
			_, err := w.admin.UpdatePolicy(w.root(pairs...), &pb.UpdatePolicyRequest{Realm: "master", Policy: "first", Document: &pb.Policy{}, Comment: comment})
			return err
		},
		"move": func(comment string, pairs ...string) error {
			_, err := w.admin.MovePolicy(w.root(pairs...), &pb.MovePolicyRequest{Realm: "master", Policy: "first", Place: index(0), Comment: comment})
			return err
		},
		"settings": func(comment string, pairs ...string) error {
			_, err := w.realms.UpdateRealm(w.root(pairs...), &pb.UpdateRealmRequest{Realm: "master", Document: &pb.Realm{}, Comment: comment})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := write(most); err != nil {
				t.Error(err)
			}
			if err := write("", "x-change-comment-bin", most); err != nil {
				t.Error(err)
			}
			for _, err := range []error{write(most + "x"), write("", "x-change-comment-bin", most+"x")} {
				want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
				equal(t, problemOf(err).Fields, []string{"/comment"})
			}
		})
	}
	equal(t, w.revision("master"), int64(2))
}

// A token names 2,000 realms and no more.
func TestManyRealmsByTime(t *testing.T) {
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	for i := range 2001 {
		_, err := store.Commit(t.Context(), storage.Change{
			Realm: fmt.Sprintf("realm-%04d", i), Author: "test", Surface: "rest", Time: time.Unix(1_700_000_000-int64(i), 0),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w := startOn(t, store, pdp.DefaultLimits())
	first, err := w.realms.ListRealms(w.root(), &pb.ListRealmsRequest{PageSize: 1, OrderBy: "updateTime"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, first.GetRealms()[0].GetName(), "realm-2000")
	got := w.realmNames(&pb.ListRealmsRequest{PageSize: 500, OrderBy: "updateTime", PageToken: first.GetNextPageToken()}, func([]*pb.Realm) {})
	if len(got) != 2000 || got[0] != "realm-1999" || got[1999] != "realm-0000" {
		t.Fatalf("got %d realms", len(got))
	}
	w.createRealm("one-more", nil)
	_, err = w.realms.ListRealms(w.root(), &pb.ListRealmsRequest{PageSize: 1, OrderBy: "updateTime desc"})
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	equal(t, problemOf(err).Fields, []string{"/orderBy"})
	if _, err := w.realms.ListRealms(w.root(), &pb.ListRealmsRequest{PageSize: 2, OrderBy: "updateTime desc"}); err != nil {
		t.Fatal(err)
	}
	_, err = w.realms.ListRealms(w.root(), &pb.ListRealmsRequest{OrderBy: "updateTime", PageToken: strings.Repeat("A", 33_000)})
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	equal(t, problemOf(err).Fields, []string{"/pageToken"})
}
