package service_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

func before(name string) *pb.PolicyPlace {
	return &pb.PolicyPlace{Place: &pb.PolicyPlace_Before{Before: name}}
}

func after(name string) *pb.PolicyPlace {
	return &pb.PolicyPlace{Place: &pb.PolicyPlace_After{After: name}}
}

func index(i int32) *pb.PolicyPlace {
	return &pb.PolicyPlace{Place: &pb.PolicyPlace_Index{Index: i}}
}

func (w *world) move(name string, to *pb.PolicyPlace, pairs ...string) (*pb.Policy, error) {
	r, err := w.admin.MovePolicy(w.root(pairs...), &pb.MovePolicyRequest{Realm: "master", Policy: name, Place: to, Comment: "why"})
	return r.GetDocument(), err
}

// lettered is a world whose realm, at revision 2, holds the policies a to e.
func lettered(t testing.TB, settings *pb.RealmSettings) *world {
	t.Helper()
	w := start(t)
	w.createRealm("master", settings)
	set := &pb.PolicySet{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		set.Policies = append(set.Policies, policy(name))
	}
	_, err := w.admin.ReplacePolicySet(w.root("if-match", "*"), &pb.ReplacePolicySetRequest{Realm: "master", Document: set})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestMove(t *testing.T) {
	for name, c := range map[string]struct {
		policy string
		to     *pb.PolicyPlace
		want   string
	}{
		"before, up":          {"d", before("b"), "adbce"},
		"before, down":        {"b", before("e"), "acdbe"},
		"before the first":    {"e", before("a"), "eabcd"},
		"after, up":           {"d", after("a"), "adbce"},
		"after, down":         {"b", after("d"), "acdbe"},
		"after the last":      {"a", after("e"), "bcdea"},
		"to the first":        {"c", index(0), "cabde"},
		"to the last":         {"c", index(4), "abdec"},
		"index down":          {"a", index(2), "bcade"},
		"index up":            {"e", index(2), "abecd"},
		"where it is":         {"c", index(2), "abcde"},
		"before what follows": {"c", before("d"), "abcde"},
		"after what precedes": {"c", after("b"), "abcde"},
	} {
		t.Run(name, func(t *testing.T) {
			w := lettered(t, nil)
			was := w.set("master")
			old := was.GetPolicies()[c.policy[0]-'a']
			request := &pb.MovePolicyRequest{Realm: "master", Policy: c.policy, Place: c.to, ValidateOnly: true}
			if _, err := w.admin.MovePolicy(w.root(), request); err != nil {
				t.Fatal(err)
			}
			equal(t, w.set("master"), was)
			var header metadata.MD
			request.ValidateOnly = false
			r, err := w.admin.MovePolicy(w.root("if-match", old.GetEtag()), request, grpc.Header(&header))
			if err != nil {
				t.Fatal(err)
			}
			revision := int64(3)
			if c.want == "abcde" {
				revision = 2
			}
			got := r.GetDocument()
			equal(t, []any{got.GetRevision(), w.revision("master")}, []any{revision, revision})
			got.Revision = 0
			equal(t, got, old) // time and author, too, are those of the content
			equal(t, header.Get("etag"), []string{old.GetEtag()})
			order := ""
			for _, p := range w.set("master").GetPolicies() {
				order += p.GetName()
			}
			equal(t, order, c.want)
		})
	}
}

func TestRefusedMoves(t *testing.T) {
	w := lettered(t, nil)
	was := w.set("master")
	later := index(0)
	later.ProtoReflect().SetUnknown([]byte{0xa0, 0x06, 0x01})
	for name, c := range map[string]struct {
		policy string
		to     *pb.PolicyPlace
		meta   []string
		code   codes.Code
		reason string
		fields []string
		says   []string
	}{
		"no place":           {"a", nil, nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{""}, []string{"`before`"}},
		"empty place":        {"a", &pb.PolicyPlace{}, nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{""}, []string{"`index`"}},
		"before itself":      {"a", before("a"), nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/before"}, []string{"itself"}},
		"after itself":       {"a", after("a"), nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/after"}, []string{"itself"}},
		"before nothing":     {"a", before(""), nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/before"}, nil},
		"unknown neighbour":  {"a", before("x"), nil, codes.NotFound, "POLICY_NOT_FOUND", nil, []string{`"x"`}},
		"before a global":    {"a", before("server-wide"), nil, codes.PermissionDenied, "READ_ONLY", nil, []string{`"server-wide"`}},
		"after a global":     {"a", after("server-wide"), nil, codes.PermissionDenied, "READ_ONLY", nil, []string{`"server-wide"`}},
		"after a profile":    {"a", after("built-in"), nil, codes.NotFound, "POLICY_NOT_FOUND", nil, nil},
		"index below":        {"a", index(-1), nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/index"}, []string{"0 to 4"}},
		"index past":         {"a", index(5), nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/index"}, []string{"is 5, expected 0 to 4"}},
		"unknown":            {"x", index(0), nil, codes.NotFound, "POLICY_NOT_FOUND", nil, []string{`"x"`}},
		"global":             {"server-wide", index(0), nil, codes.PermissionDenied, "READ_ONLY", nil, nil},
		"stale tag":          {"b", index(0), []string{"if-match", `"2"`}, codes.FailedPrecondition, "ETAG_MISMATCH", nil, nil},
		"revision before":    {"b", index(0), []string{"x-sidegate-revision", "1"}, codes.Aborted, "CONFLICT", nil, nil},
		"of a later version": {"b", later, nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{""}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.move(c.policy, c.to, c.meta...)
			want(t, err, c.code, c.reason)
			equal(t, problemOf(err).Fields, c.fields)
			wantText(t, err, c.says...)
			equal(t, w.set("master"), was)
			equal(t, w.revision("master"), was.GetRevision())
		})
	}
}

func TestMoveRequiresIfMatch(t *testing.T) {
	w := lettered(t, &pb.RealmSettings{RequireIfMatch: proto.Bool(true)})
	_, err := w.move("b", index(0))
	want(t, err, codes.FailedPrecondition, "IF_MATCH_REQUIRED")
	equal(t, w.revision("master"), int64(2))
	if _, err = w.move("b", index(0), "if-match", w.set("master").GetPolicies()[1].GetEtag()); err != nil {
		t.Fatal(err)
	}
}

// Moves and changes of other items keep each other's work, in one process or two.
func TestConcurrentMoves(t *testing.T) {
	w := lettered(t, nil)
	second := startOn(t, w.store, limits)
	var running sync.WaitGroup
	running.Go(func() {
		for i := range 10 {
			if _, err := w.move("e", index(int32(i%5))); err != nil {
				t.Error(err)
			}
		}
		if _, err := w.move("e", before("a")); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() {
		for i := range 10 {
			if _, err := second.updatePolicy("c", &pb.Policy{Description: proto.String(fmt.Sprint(i))}, nil); err != nil {
				t.Error(err)
			}
			if _, err := second.createPolicy(policy(fmt.Sprint("new", i))); err != nil {
				t.Error(err)
			}
		}
	})
	running.Wait()
	state, err := w.store.Load(t.Context(), "master", 0)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, item := range state.Policies {
		order = append(order, item.Name())
	}
	want := []string{"e", "a", "b", "c", "d"}
	for i := range 10 {
		want = append(want, fmt.Sprint("new", i))
	}
	if at := slices.Index(order, "e"); at != 0 {
		t.Errorf("e is at %d", at)
	}
	equal(t, order, want)
	c, err := state.Policies[3].Policy()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, c.GetDescription(), "9")
}
