package service_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/memory"
)

func (w *world) revisions() pb.RevisionServiceClient { return pb.NewRevisionServiceClient(w.conn) }

// keeping are settings that keep some revisions.
func keeping(n int32) *pb.RealmSettings {
	return &pb.RealmSettings{HistoryRetention: &pb.HistoryRetention{MaxRevisions: proto.Int32(n)}}
}

// write makes a new revision and returns its number.
func (w *world) write(realm, comment string, pairs ...string) int64 {
	w.t.Helper()
	ctx := w.root(append(pairs, "x-change-comment-bin", comment)...)
	r, err := w.admin.CreateProfile(ctx, &pb.CreateProfileRequest{
		Realm: realm, Document: refusing(fmt.Sprint("profile-", w.clock.Load()), "denied"),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.GetDocument().GetRevision()
}

func (w *world) list(r *pb.ListRevisionsRequest) *pb.ListRevisionsResponse {
	w.t.Helper()
	out, err := w.revisions().ListRevisions(w.root(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func numbers(list []*pb.Revision) []int64 {
	var n []int64
	for _, r := range list {
		n = append(n, r.GetRevision())
	}
	return n
}

func TestListRevisions(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	w.write("master", "first try")
	w.write("master", "SECOND Try ß")
	got := w.list(&pb.ListRevisionsRequest{Realm: "master"})
	equal(t, got, &pb.ListRevisionsResponse{TotalSize: 3, Revision: 3, Revisions: []*pb.Revision{
		{
			Revision: 3, Parent: 2, Author: "token:root", Surface: "grpc", Comment: "SECOND Try ß", Current: true,
			UpdateTime: timestamppb.New(time.Unix(1_800_000_003, 0)), Etag: `"3"`,
		},
		{
			Revision: 2, Parent: 1, Author: "token:root", Surface: "grpc", Comment: "first try",
			UpdateTime: timestamppb.New(time.Unix(1_800_000_002, 0)), Etag: `"2"`,
		},
		{
			Revision: 1, Author: "token:root", Surface: "grpc",
			UpdateTime: timestamppb.New(time.Unix(1_800_000_001, 0)), Etag: `"1"`,
		},
	}})
	for search, want := range map[string][]int64{
		"try": {3, 2}, "second": {3}, "ROOT": {3, 2, 1}, "nobody": nil, "ẞ": {3}, strings.Repeat("é", 255): nil,
	} {
		got := w.list(&pb.ListRevisionsRequest{Realm: "master", Search: search})
		if !slices.Equal(numbers(got.GetRevisions()), want) || int(got.GetTotalSize()) != len(want) {
			t.Errorf("%q finds %v of %d, want %v", search, numbers(got.GetRevisions()), got.GetTotalSize(), want)
		}
	}
}

// TestRevisionPages reads pages while revisions are made and pruned: none that was
// there all the time is lost or comes twice.
func TestRevisionPages(t *testing.T) {
	w := start(t)
	realms := 0
	rapid.Check(t, func(t *rapid.T) {
		realms++
		realm := fmt.Sprint("realm-", realms)
		w.createRealm(realm, keeping(int32(rapid.IntRange(1, 12).Draw(t, "kept"))))
		write := func(n int) {
			for range n {
				w.write(realm, rapid.SampledFrom([]string{"apple", "pear"}).Draw(t, "comment"))
			}
		}
		write(rapid.IntRange(0, 12).Draw(t, "before"))
		search := rapid.SampledFrom([]string{"", "apple"}).Draw(t, "search")
		there := numbers(w.list(&pb.ListRevisionsRequest{Realm: realm, Search: search}).GetRevisions())
		var seen []int64
		token := ""
		for {
			page := w.list(&pb.ListRevisionsRequest{
				Realm: realm, Search: search, PageToken: token, PageSize: int32(rapid.IntRange(1, 4).Draw(t, "size")),
			})
			seen = append(seen, numbers(page.GetRevisions())...)
			if token = page.GetNextPageToken(); token == "" {
				break
			}
			write(rapid.IntRange(0, 2).Draw(t, "meanwhile"))
		}
		if !slices.IsSortedFunc(seen, func(a, b int64) int { return int(b - a) }) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
			t.Fatalf("pages show %v", seen)
		}
		for _, n := range numbers(w.list(&pb.ListRevisionsRequest{Realm: realm, Search: search}).GetRevisions()) {
			if slices.Contains(there, n) && !slices.Contains(seen, n) {
				t.Fatalf("pages show %v, and lack %d", seen, n)
			}
		}
	})
}

func TestGetRevision(t *testing.T) {
	w := start(t)
	w.createRealm("master", keeping(3))
	w.replaceSet("master", &pb.PolicySet{Profiles: []*pb.Profile{refusing("a", "x")}, Policies: []*pb.Policy{policy("p", "a")}})
	before := w.set("master")
	w.write("master", "more")
	got, err := w.revisions().GetRevision(w.root(), &pb.GetRevisionRequest{Realm: "master", Revision: 2})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got.GetDocument(), &pb.Revision{
		Revision: 2, Parent: 1, Author: "token:root", Surface: "grpc", UpdateTime: timestamppb.New(time.Unix(1_800_000_002, 0)),
		Etag: `"2"`, PolicySet: before, Settings: keeping(3),
	})
	current, err := w.revisions().GetRevision(w.root(), &pb.GetRevisionRequest{Realm: "master", Revision: 3})
	if err != nil || !current.GetDocument().GetCurrent() {
		t.Fatalf("the current revision is %v, %v", current, err)
	}
	equal(t, current.GetDocument().GetPolicySet(), w.set("master"))
	w.write("master", "4")
	_, err = w.revisions().GetRevision(w.root(), &pb.GetRevisionRequest{Realm: "master", Revision: 1})
	want(t, err, codes.NotFound, "REVISION_NOT_FOUND")
	wantText(t, err, "revision 1 of realm", "no longer kept")
}

// TestTotalOfManyRevisions counts without reading all of them, also of a realm
// whose numbers do not begin with 1.
func TestTotalOfManyRevisions(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	w.write("master", "")
	if _, err := w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: "master", Force: true}); err != nil {
		t.Fatal(err)
	}
	w.createRealm("master", nil)
	for range 5 {
		w.write("master", "")
	}
	got := w.list(&pb.ListRevisionsRequest{Realm: "master", PageSize: 2})
	if !slices.Equal(numbers(got.GetRevisions()), []int64{9, 8}) || got.GetTotalSize() != 6 || got.GetRevision() != 9 {
		t.Errorf("listed %v of %d, want 9 and 8 of 6", numbers(got.GetRevisions()), got.GetTotalSize())
	}
}

// TestLongHistory walks over more revisions than the store returns at once.
func TestLongHistory(t *testing.T) {
	w := start(t)
	w.createRealm("master", keeping(5000))
	const n = 2*storage.MaxHistory + 1
	for i := int64(1); i < n; i++ {
		_, err := w.store.Commit(t.Context(), storage.Change{
			Realm: "master", Parent: i, Author: "a", Surface: "s", Time: time.Unix(i, 0), Comment: []string{"even", "odd"}[(i+1)%2],
			Content: storage.Content{Settings: &pb.RealmSettings{
				HistoryRetention: &pb.HistoryRetention{MaxRevisions: proto.Int32(5000)}, ProtectedClients: []string{fmt.Sprint(i)},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	got := w.list(&pb.ListRevisionsRequest{Realm: "master", Search: "even"})
	if got.GetTotalSize() != n/2 || got.GetRevisions()[49].GetRevision() != n-1-2*49 {
		t.Errorf("found %d, the last at %v", got.GetTotalSize(), got.GetRevisions()[49])
	}
	if got := w.list(&pb.ListRevisionsRequest{Realm: "master", PageSize: 1}); got.GetTotalSize() != n {
		t.Errorf("%d are counted, want %d", got.GetTotalSize(), n)
	}
}

func TestDiffRevisions(t *testing.T) {
	w := start(t)
	w.createRealm("master", keeping(5))
	w.replaceSet("master", &pb.PolicySet{Profiles: []*pb.Profile{refusing("a", "x"), refusing("b", "x")}})
	w.replaceSet("master", &pb.PolicySet{Profiles: []*pb.Profile{refusing("c", "x"), refusing("a", "y")}})
	_, err := w.realms.UpdateRealm(w.root(), &pb.UpdateRealmRequest{Realm: "master", Document: &pb.Realm{
		Settings: &pb.RealmSettings{HistoryRetention: &pb.HistoryRetention{MaxAge: durationpb.New(time.Hour)}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	diff := func(revision, other int64) []string {
		got, err := w.revisions().DiffRevisions(w.root(), &pb.DiffRevisionsRequest{Realm: "master", Revision: revision, Other: other})
		if err != nil {
			t.Fatal(err)
		}
		lines := []string{fmt.Sprint(got.GetOther(), " to ", got.GetRevision())}
		for _, c := range got.GetChanges() {
			line := fmt.Sprintln(c.GetKind(), c.GetType(), c.GetName())
			for _, f := range c.GetFields() {
				line += fmt.Sprintln(f.GetPath(), f.GetBefore().AsInterface(), f.GetAfter().AsInterface())
			}
			lines = append(lines, line)
		}
		return lines
	}
	toParent := []string{
		"2 to 3", "KIND_PROFILE TYPE_ADDED c\n",
		"KIND_PROFILE TYPE_CHANGED a\n/executors/0/configuration/code x y\n", "KIND_PROFILE TYPE_REMOVED b\n",
	}
	equal(t, diff(3, 0), toParent)
	equal(t, diff(3, 2), toParent)
	equal(t, diff(3, 3), []string{"3 to 3"})
	equal(t, diff(4, 3), []string{"3 to 4", "KIND_SETTINGS TYPE_CHANGED \n/historyRetention/maxAge <nil> 3600s\n"})
	equal(t, diff(2, 3), []string{
		"3 to 2", "KIND_PROFILE TYPE_CHANGED a\n/executors/0/configuration/code y x\n",
		"KIND_PROFILE TYPE_ADDED b\n", "KIND_PROFILE TYPE_REMOVED c\n",
	})
	// The first revision came from nothing.
	equal(t, diff(1, 0), []string{"0 to 1", "KIND_SETTINGS TYPE_CHANGED \n/historyRetention <nil> map[maxRevisions:5]\n"})
	// A parent that is no longer kept is named.
	w.write("master", "5")
	w.write("master", "6")
	_, err = w.revisions().DiffRevisions(w.root(), &pb.DiffRevisionsRequest{Realm: "master", Revision: 2})
	want(t, err, codes.NotFound, "REVISION_NOT_FOUND")
	wantText(t, err, "revision 1 of")
}

// TestDiffLargeRevisions compares two sets of 5,000 policies through gRPC.
func TestDiffLargeRevisions(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	set := &pb.PolicySet{Profiles: []*pb.Profile{refusing("a", "x")}}
	for i := range 5000 {
		set.Policies = append(set.Policies, policy(fmt.Sprint("policy-", i), "a"))
	}
	w.replaceSet("master", set)
	set = proto.CloneOf(set)
	slices.Reverse(set.Policies)
	for _, p := range set.Policies {
		p.Enabled = proto.Bool(false)
	}
	w.replaceSet("master", set)
	got, err := w.revisions().DiffRevisions(w.root(), &pb.DiffRevisionsRequest{Realm: "master", Revision: 3})
	if err != nil || len(got.GetChanges()) != 5000+4999 {
		t.Fatalf("%d changes, %v; want each changed, and all but one moved", len(got.GetChanges()), err)
	}
}

func TestRevisionsRefuseBadInput(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	w.write("master", "x")
	c := w.revisions()
	ctx := w.root()
	page := w.list(&pb.ListRevisionsRequest{Realm: "master", PageSize: 1}).GetNextPageToken()
	listing := func(r *pb.ListRevisionsRequest) func() error {
		return func() error { _, err := c.ListRevisions(ctx, r); return err }
	}
	getting := func(realm string, n int64) func() error {
		return func() error {
			_, err := c.GetRevision(ctx, &pb.GetRevisionRequest{Realm: realm, Revision: n})
			return err
		}
	}
	diffing := func(realm string, n, other int64) func() error {
		return func() error {
			_, err := c.DiffRevisions(ctx, &pb.DiffRevisionsRequest{Realm: realm, Revision: n, Other: other})
			return err
		}
	}
	rolling := func(r *pb.RollbackRevisionRequest) func() error {
		return func() error { _, err := c.RollbackRevision(ctx, r); return err }
	}
	for name, c := range map[string]struct {
		call func() error
		want problem
	}{
		"list: unknown realm": {listing(&pb.ListRevisionsRequest{Realm: "none", PageSize: -1}), problem{codes.NotFound, "REALM_NOT_FOUND", nil}},
		"list: page too large": {
			listing(&pb.ListRevisionsRequest{Realm: "master", PageSize: 501}), problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/pageSize"}},
		},
		"list: page negative": {
			listing(&pb.ListRevisionsRequest{Realm: "master", PageSize: -1}), problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/pageSize"}},
		},
		"list: search too long": {
			listing(&pb.ListRevisionsRequest{Realm: "master", Search: strings.Repeat("é", 256)}),
			problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/search"}},
		},
		"list: another list's token": {
			listing(&pb.ListRevisionsRequest{Realm: "master", Search: "x", PageToken: page}),
			problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/pageToken"}},
		},
		"list: no token": {
			listing(&pb.ListRevisionsRequest{Realm: "master", PageToken: "?"}), problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/pageToken"}},
		},
		"get: unknown realm":     {getting("none", -1), problem{codes.NotFound, "REALM_NOT_FOUND", nil}},
		"get: zero":              {getting("master", 0), problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/revision"}}},
		"get: negative":          {getting("master", -1), problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/revision"}}},
		"get: never was":         {getting("master", 3), problem{codes.NotFound, "REVISION_NOT_FOUND", nil}},
		"diff: unknown realm":    {diffing("none", 0, -1), problem{codes.NotFound, "REALM_NOT_FOUND", nil}},
		"diff: zero":             {diffing("master", 0, 1), problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/revision"}}},
		"diff: negative other":   {diffing("master", 1, -1), problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/other"}}},
		"diff: never was":        {diffing("master", 3, 1), problem{codes.NotFound, "REVISION_NOT_FOUND", nil}},
		"diff: other never was":  {diffing("master", 1, 3), problem{codes.NotFound, "REVISION_NOT_FOUND", nil}},
		"rollback: unknown":      {rolling(&pb.RollbackRevisionRequest{Realm: "none", Revision: 1, Force: true}), problem{codes.NotFound, "REALM_NOT_FOUND", nil}},
		"rollback: zero":         {rolling(&pb.RollbackRevisionRequest{Realm: "master", Force: true}), problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/revision"}}},
		"rollback: never was":    {rolling(&pb.RollbackRevisionRequest{Realm: "master", Revision: 9, Force: true}), problem{codes.NotFound, "REVISION_NOT_FOUND", nil}},
		"rollback: says nothing": {rolling(&pb.RollbackRevisionRequest{Realm: "master", Revision: 1}), problem{codes.FailedPrecondition, "IF_MATCH_REQUIRED", nil}},
		"rollback: comment": {
			rolling(&pb.RollbackRevisionRequest{Realm: "master", Revision: 1, Force: true, Comment: strings.Repeat("é", storage.MaxComment+1)}),
			problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/comment"}},
		},
	} {
		t.Run(name, func(t *testing.T) { equal(t, problemOf(c.call()), c.want) })
	}
	if n := w.revision("master"); n != 2 {
		t.Errorf("the realm is at %d, want 2", n)
	}
}

// damaged is a store of which one revision or all the history cannot be read.
type damaged struct {
	storage.Store
	revision int64
	history  bool
	err      error
}

func (d *damaged) Load(ctx context.Context, realm string, revision int64) (*storage.State, error) {
	if d.err != nil && revision == d.revision {
		return nil, d.err
	}
	return d.Store.Load(ctx, realm, revision)
}

func (d *damaged) History(ctx context.Context, realm string, before int64, limit int) ([]storage.Meta, error) {
	if d.err != nil && d.history {
		return nil, d.err
	}
	return d.Store.History(ctx, realm, before, limit)
}

func TestDamagedRevision(t *testing.T) {
	inner := memory.New()
	defer inner.Close()
	store := &damaged{Store: inner, revision: 1}
	w := startOn(t, store, pdp.DefaultLimits())
	w.createRealm("master", nil)
	w.write("master", "x")
	c := w.revisions()
	for name, broken := range map[string]struct {
		err  error
		code codes.Code
	}{
		"damaged":    {&storage.CorruptError{Record: "item SECRET of /var/lib", Problem: "SECRET"}, codes.DataLoss},
		"unreadable": {fmt.Errorf("read /var/lib/SECRET: input/output error"), codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			store.err = broken.err
			defer func() { store.err, store.history = nil, false }()
			calls := map[string]func() error{
				"get": func() error {
					_, err := c.GetRevision(w.root(), &pb.GetRevisionRequest{Realm: "master", Revision: 1})
					return err
				},
				"diff": func() error {
					_, err := c.DiffRevisions(w.root(), &pb.DiffRevisionsRequest{Realm: "master", Revision: 2})
					return err
				},
				"rollback": func() error {
					_, err := c.RollbackRevision(w.root(), &pb.RollbackRevisionRequest{Realm: "master", Revision: 1, Force: true})
					return err
				},
				"list": func() error {
					store.history = true
					_, err := c.ListRevisions(w.root(), &pb.ListRevisionsRequest{Realm: "master"})
					return err
				},
			}
			for _, name := range []string{"get", "diff", "rollback", "list"} {
				w.logs.TakeAll()
				err := calls[name]()
				if p := problemOf(err); p.Code != broken.code || p.Reason != "STORAGE" || strings.Contains(fmt.Sprint(err), "SECRET") {
					t.Errorf("%s: %v", name, err)
				}
				if logged := fmt.Sprint(w.logs.TakeAll()); !strings.Contains(logged, "SECRET") {
					t.Errorf("%s: the log says %q", name, logged)
				}
			}
		})
	}
}
