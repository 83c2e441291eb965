package service_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/memory"
)

func init() {
	everybody["editor"] = &auth.Principal{Name: "editor", Kind: auth.KindToken, Roles: map[string]auth.Role{"master": auth.Editor}}
}

func (w *world) rollback(r *pb.RollbackRevisionRequest, pairs ...string) (*pb.Revision, error) {
	w.t.Helper()
	out, err := w.revisions().RollbackRevision(w.root(pairs...), r)
	return out.GetDocument(), err
}

// twice has a realm with two sets: first {a: x} with a policy, then {b: x, a: y}.
func twice(t *testing.T) *world {
	t.Helper()
	w := start(t)
	w.createRealm("master", nil)
	w.replaceSet("master", &pb.PolicySet{
		Profiles: []*pb.Profile{refusing("a", "first"), refusing("same", "x")}, Policies: []*pb.Policy{policy("p", "a")},
	})
	w.replaceSet("master", &pb.PolicySet{
		Profiles: []*pb.Profile{refusing("same", "x"), refusing("a", "second")}, Policies: []*pb.Policy{policy("p", "a")},
	})
	return w
}

func TestRollback(t *testing.T) {
	w := twice(t)
	first, err := w.revisions().GetRevision(w.root(), &pb.GetRevisionRequest{Realm: "master", Revision: 2})
	if err != nil {
		t.Fatal(err)
	}
	var header metadata.MD
	out, err := w.revisions().RollbackRevision(w.root("if-match", `"3"`), &pb.RollbackRevisionRequest{Realm: "master", Revision: 2}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, header.Get("etag"), []string{`"4"`})
	equal(t, out.GetDocument().GetPolicySet(), w.set("master"))
	// Documents that the realm still had keep their time; what came back is new.
	second, fourth := time.Unix(1_800_000_002, 0), time.Unix(1_800_000_004, 0)
	set := proto.CloneOf(first.GetDocument().GetPolicySet())
	set.Etag, set.Revision = `"4"`, 4
	set.Profiles[0].UpdateTime = timestamppb.New(fourth)
	set.Profiles[1].UpdateTime, set.Policies[0].UpdateTime = timestamppb.New(second), timestamppb.New(second)
	equal(t, out.GetDocument(), &pb.Revision{
		Revision: 4, Parent: 3, Author: "token:root", Surface: "grpc", Comment: "rollback to revision 2", Current: true, Etag: `"4"`,
		UpdateTime: timestamppb.New(fourth), PolicySet: set, Settings: &pb.RealmSettings{},
	})
	stored, err := w.store.Load(t.Context(), "master", 4)
	if err != nil || !stored.Profiles[0].UpdateTime().Equal(fourth) || !stored.Profiles[1].UpdateTime().Equal(second) {
		t.Errorf("the store has other times: %v", err)
	}
	got, err := w.decisions.Evaluate(w.root(), view("master"))
	if err != nil || got.GetError().GetCode() != "first" || got.GetRevision() != 4 {
		t.Errorf("the realm answers %v, %v", got, err)
	}
	if diff, err := w.revisions().DiffRevisions(w.root(), &pb.DiffRevisionsRequest{Realm: "master", Revision: 4, Other: 2}); err != nil || len(diff.GetChanges()) > 0 {
		t.Errorf("revisions 2 and 4 differ by %v, %v", diff, err)
	}
}

func TestRollbackComment(t *testing.T) {
	w := twice(t)
	for i, c := range []struct {
		request, header, want string
	}{{"", "", "rollback to revision 2"}, {"", "wörd", "wörd"}, {"mine", "wörd", "mine"}} {
		w.write("master", "between")
		var pairs []string
		if c.header != "" {
			pairs = []string{"x-change-comment-bin", c.header}
		}
		d, err := w.rollback(&pb.RollbackRevisionRequest{Realm: "master", Revision: 2, Force: true, Comment: c.request}, pairs...)
		if err != nil || d.GetComment() != c.want {
			t.Errorf("%d: comment %q, %v; want %q", i, d.GetComment(), err, c.want)
		}
	}
}

// TestRollbackIsBasedOnSomething walks through what a caller may say of it.
func TestRollbackIsBasedOnSomething(t *testing.T) {
	settings := func(w *world, s *pb.RealmSettings) {
		if _, err := w.realms.UpdateRealm(w.root("if-match", "*"), &pb.UpdateRealmRequest{Realm: "master", Document: &pb.Realm{Settings: s}}); err != nil {
			t.Fatal(err)
		}
	}
	nothing := func(*world) {}
	for name, c := range map[string]struct {
		meanwhile func(*world)
		pairs     []string
		force     bool
		reason    string
	}{
		"nothing":                   {nothing, nil, false, "IF_MATCH_REQUIRED"},
		"the tag":                   {nothing, []string{"if-match", `"3"`}, false, ""},
		"any tag":                   {nothing, []string{"if-match", "*"}, false, ""},
		"an old tag":                {nothing, []string{"if-match", `"2"`}, false, "ETAG_MISMATCH"},
		"an old tag and force":      {nothing, []string{"if-match", `"2"`}, true, "ETAG_MISMATCH"},
		"a malformed tag":           {nothing, []string{"if-match", "3"}, false, "INVALID_DOCUMENT"},
		"force":                     {nothing, nil, true, ""},
		"the revision":              {nothing, []string{"x-sidegate-revision", "3"}, false, ""},
		"an old revision":           {nothing, []string{"x-sidegate-revision", "2"}, false, "CONFLICT"},
		"an old revision and force": {nothing, []string{"x-sidegate-revision", "2"}, true, ""},
		"no such revision":          {nothing, []string{"x-sidegate-revision", "9"}, false, "CONFLICT"},
		"no revision":               {nothing, []string{"x-sidegate-revision", "x"}, false, "INVALID_DOCUMENT"},
		"an old revision with the same content": {
			func(w *world) {
				was := w.set("master")
				w.write("master", "there")
				w.replaceSet("master", was)
			}, []string{"x-sidegate-revision", "3"}, false, "",
		},
		"an old revision with other settings": {
			func(w *world) { settings(w, keeping(500)) }, []string{"x-sidegate-revision", "3"}, false, "CONFLICT",
		},
		"force where tags are asked for": {
			func(w *world) { settings(w, &pb.RealmSettings{RequireIfMatch: proto.Bool(true)}) }, nil, true, "IF_MATCH_REQUIRED",
		},
		"the tag where tags are asked for": {
			func(w *world) { settings(w, &pb.RealmSettings{RequireIfMatch: proto.Bool(true)}) }, []string{"if-match", `"4"`}, false, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := twice(t)
			c.meanwhile(w)
			before := w.revision("master")
			d, err := w.rollback(&pb.RollbackRevisionRequest{Realm: "master", Revision: 2, Force: c.force}, c.pairs...)
			after := before
			if c.reason == "" {
				after++
			}
			if p := problemOf(err); p.Reason != c.reason || w.revision("master") != after || d.GetRevision() != after && err == nil {
				t.Errorf("%v, %v; the realm went from %d to %d", d, err, before, w.revision("master"))
			}
		})
	}
}

func TestRollbackSettingsNeedAdmin(t *testing.T) {
	w := twice(t)
	editor := func(r *pb.RollbackRevisionRequest) error {
		_, err := w.revisions().RollbackRevision(w.as("editor"), r)
		return err
	}
	if err := editor(&pb.RollbackRevisionRequest{Realm: "master", Revision: 2, Force: true}); err != nil {
		t.Fatal(err) // the settings are the same
	}
	_, err := w.realms.UpdateRealm(w.root(), &pb.UpdateRealmRequest{Realm: "master", Document: &pb.Realm{Settings: keeping(100)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, only := range []bool{false, true} {
		err = editor(&pb.RollbackRevisionRequest{Realm: "master", Revision: 2, Force: true, ValidateOnly: only})
		want(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
		wantText(t, err, "admin")
	}
	if err := editor(&pb.RollbackRevisionRequest{Realm: "master", Revision: 5, Force: true}); err != nil {
		t.Fatal(err) // that is the current one
	}
	d, err := w.rollback(&pb.RollbackRevisionRequest{Realm: "master", Revision: 2, Force: true})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, d.GetSettings(), &pb.RealmSettings{})
	realm, err := w.realms.GetRealm(w.root(), &pb.GetRealmRequest{Realm: "master"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, realm.GetDocument().GetSettings(), &pb.RealmSettings{})
}

func TestRollbackValidateOnly(t *testing.T) {
	w := twice(t)
	var header metadata.MD
	out, err := w.revisions().RollbackRevision(w.root("x-sidegate-revision", "3"),
		&pb.RollbackRevisionRequest{Realm: "master", Revision: 2, ValidateOnly: true}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	d := out.GetDocument()
	if d.GetRevision() != 0 || d.GetEtag() != "" || d.GetParent() != 3 || d.GetComment() != "rollback to revision 2" || d.GetCurrent() || len(header.Get("etag")) > 0 {
		t.Errorf("it would be %v with %v", d, header)
	}
	if code := d.GetPolicySet().GetProfiles()[0].GetExecutors()[0].GetConfiguration().GetFields()["code"].GetStringValue(); code != "first" {
		t.Errorf("it would refuse with %q", code)
	}
	if w.revision("master") != 3 {
		t.Error("something was stored")
	}
}

// TestRollbackToCurrent stores nothing.
func TestRollbackToCurrent(t *testing.T) {
	w := twice(t)
	current, err := w.revisions().GetRevision(w.root(), &pb.GetRevisionRequest{Realm: "master", Revision: 3})
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.rollback(&pb.RollbackRevisionRequest{Realm: "master", Revision: 3, Force: true})
	if err != nil || w.revision("master") != 3 {
		t.Fatalf("%v; the realm is at %d", err, w.revision("master"))
	}
	equal(t, d, current.GetDocument())
	// The same content under an older number is no change either.
	w.write("master", "x")
	w.replaceSet("master", w.setAt(3))
	if d, err = w.rollback(&pb.RollbackRevisionRequest{Realm: "master", Revision: 3, Force: true}); err != nil || d.GetRevision() != 5 {
		t.Errorf("answered %d, %v; want 5", d.GetRevision(), err)
	}
}

func (w *world) setAt(revision int64) *pb.PolicySet {
	w.t.Helper()
	r, err := w.revisions().GetRevision(w.root(), &pb.GetRevisionRequest{Realm: "master", Revision: revision})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.GetDocument().GetPolicySet()
}

// TestRollbackPrunesItsOrigin goes back to settings under which the revision that
// they come from is not kept.
func TestRollbackPrunesItsOrigin(t *testing.T) {
	w := start(t)
	w.createRealm("master", keeping(1))
	w.replaceSet("master", &pb.PolicySet{Profiles: []*pb.Profile{refusing("a", "x")}})
	_, err := w.realms.UpdateRealm(w.root(), &pb.UpdateRealmRequest{Realm: "master", Document: &pb.Realm{Settings: keeping(9)}})
	if err != nil {
		t.Fatal(err)
	}
	w.write("master", "4")
	d, err := w.rollback(&pb.RollbackRevisionRequest{Realm: "master", Revision: 2, Force: true})
	if err != nil || d.GetRevision() != 5 {
		t.Fatalf("%v, %v", d, err)
	}
	equal(t, numbers(w.list(&pb.ListRevisionsRequest{Realm: "master"}).GetRevisions()), []int64{5})
	_, err = w.rollback(&pb.RollbackRevisionRequest{Realm: "master", Revision: 2, Force: true})
	want(t, err, codes.NotFound, "REVISION_NOT_FOUND")
	if names := w.set("master").GetProfiles(); len(names) != 1 || names[0].GetName() != "a" {
		t.Errorf("the realm holds %v", names)
	}
}

// stored puts a state into a store as an earlier version may have.
func stored(t *testing.T, store storage.Store, parent int64, profiles ...*pb.Profile) {
	t.Helper()
	var items []*storage.Item
	for _, p := range profiles {
		item, err := storage.NewProfile(p)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item)
	}
	_, err := store.Commit(t.Context(), storage.Change{
		Realm: "master", Parent: parent, Author: "earlier", Surface: "keycloak", Time: time.Unix(1_700_000_000+parent, 0),
		Content: storage.Content{Profiles: items},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRollbackThatDoesNotCompile(t *testing.T) {
	store := memory.New()
	defer store.Close()
	gone := func(name string) *pb.Profile {
		return &pb.Profile{Name: name, Executors: []*pb.ProfileExecutor{{Executor: "pass"}, {Executor: "gone"}}}
	}
	stored(t, store, 0, gone("a"), refusing("b", "x"), gone("c"))
	stored(t, store, 1, refusing("b", "x"))
	w := startOn(t, store, pdp.DefaultLimits())
	_, err := w.rollback(&pb.RollbackRevisionRequest{Realm: "master", Revision: 1, Force: true})
	equal(t, problemOf(err), problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{
		"/profiles/0/executors/1/executor", "/profiles/2/executors/1/executor",
	}})
	wantText(t, err, `in profile "a"`, "unknown executor")
	if w.revision("master") != 2 {
		t.Error("something was stored")
	}
}

// TestRollbackMendsARealm goes back from a state that cannot be used.
func TestRollbackMendsARealm(t *testing.T) {
	store := memory.New()
	defer store.Close()
	stored(t, store, 0, refusing("a", "x"))
	stored(t, store, 1, &pb.Profile{Name: "a", Executors: []*pb.ProfileExecutor{{Executor: "gone"}}})
	w := startOn(t, store, pdp.DefaultLimits())
	if got, err := w.decisions.Evaluate(w.root(), view("master")); err != nil || got.GetDecision() != pb.EvaluateResponse_DECISION_REJECT {
		t.Fatalf("a faulty realm answers %v, %v", got, err)
	}
	if _, err := w.rollback(&pb.RollbackRevisionRequest{Realm: "master", Revision: 1, Force: true}); err != nil {
		t.Fatal(err)
	}
	if got, err := w.decisions.Evaluate(w.root(), view("master")); err != nil || got.GetDecision() != pb.EvaluateResponse_DECISION_ALLOW {
		t.Errorf("the mended realm answers %v, %v", got, err)
	}
}

// TestRollbackCarriesUnknownKeys lets in what came by the Keycloak surface once.
func TestRollbackCarriesUnknownKeys(t *testing.T) {
	store := memory.New()
	defer store.Close()
	odd := refusing("a", "x")
	odd.Executors[0].Configuration.Fields["extra"] = object("e", "x").Fields["e"]
	stored(t, store, 0, odd, &pb.Profile{Name: "empty"})
	stored(t, store, 1)
	w := startOn(t, store, pdp.DefaultLimits())
	d, err := w.rollback(&pb.RollbackRevisionRequest{Realm: "master", Revision: 1, Force: true})
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, warning := range d.GetWarnings() {
		paths = append(paths, warning.GetPath())
	}
	slices.Sort(paths)
	equal(t, paths, []string{"/policySet/profiles/0/executors/0/configuration/extra", "/policySet/profiles/1/executors"})
	if d.GetPolicySet().GetProfiles()[0].GetExecutors()[0].GetConfiguration().GetFields()["extra"] == nil {
		t.Error("the key is lost")
	}
}

func TestRollbackLimits(t *testing.T) {
	store := memory.New()
	defer store.Close()
	first := refusing("a", "x")
	stored(t, store, 0, first)
	stored(t, store, 1)
	limits := pdp.DefaultLimits()
	for _, c := range []struct {
		bytes  int
		reason string
	}{{proto.Size(first) - 1, "TOO_LARGE"}, {proto.Size(first), ""}} {
		limits.DocumentBytes = c.bytes
		w := startOn(t, store, limits)
		_, err := w.rollback(&pb.RollbackRevisionRequest{Realm: "master", Revision: 1, Force: true})
		if p := problemOf(err); p.Reason != c.reason {
			t.Errorf("%d bytes: %v, want %s", c.bytes, err, c.reason)
		}
	}
}

func TestRollbackReadOnly(t *testing.T) {
	store := memory.New()
	defer store.Close()
	stored(t, store, 0)
	w := startOn(t, store, pdp.DefaultLimits(), func(o *service.Options) { o.ReadOnly = "policies come from a folder" })
	_, err := w.rollback(&pb.RollbackRevisionRequest{Realm: "master", Revision: 1, Force: true})
	want(t, err, codes.PermissionDenied, "READ_ONLY")
}

// TestRollbackAmongWriters goes back while others write: what is based on a tag
// loses no write that came between, and every answer is a revision of its own.
func TestRollbackAmongWriters(t *testing.T) {
	w := start(t)
	w.createRealm("master", keeping(1000))
	const each = 20
	var writers sync.WaitGroup
	made := make(chan int64, 4*each)
	for n := range 2 {
		writers.Go(func() {
			for i := range each {
				r, err := w.admin.CreateProfile(w.root(), &pb.CreateProfileRequest{
					Realm: "master", Document: refusing(fmt.Sprintf("p-%d-%d", n, i), "x"),
				})
				if err != nil {
					t.Error(err)
					return
				}
				made <- r.GetDocument().GetRevision()
			}
		})
		writers.Go(func() {
			for range each {
				page, err := w.revisions().ListRevisions(w.root(), &pb.ListRevisionsRequest{Realm: "master", PageSize: 2})
				if err != nil {
					t.Error(err)
					return
				}
				list := page.GetRevisions()
				r, err := w.revisions().RollbackRevision(w.root("if-match", list[0].GetEtag()),
					&pb.RollbackRevisionRequest{Realm: "master", Revision: list[len(list)-1].GetRevision()})
				switch p := problemOf(err); {
				case p.Reason == "ETAG_MISMATCH": // somebody was faster
				case err != nil:
					t.Error(err)
				case r.GetDocument().GetRevision() > list[0].GetRevision():
					if r.GetDocument().GetParent() != list[0].GetRevision() {
						t.Errorf("revision %d came upon %d, and was based on %d",
							r.GetDocument().GetRevision(), r.GetDocument().GetParent(), list[0].GetRevision())
					}
					made <- r.GetDocument().GetRevision()
				}
			}
		})
	}
	writers.Wait()
	close(made)
	var all []int64
	for n := range made {
		all = append(all, n)
	}
	slices.Sort(all)
	if len(slices.Compact(slices.Clone(all))) != len(all) || all[len(all)-1] != w.revision("master") || int64(len(all)) != w.revision("master")-1 {
		t.Errorf("the realm is at %d; the writers made %v", w.revision("master"), all)
	}
}
