package service_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
	"github.com/sidegate/sidegate/storage/memory"
)

// flaky is a store whose methods can be made to fail.
type flaky struct {
	storage.Store
	load   func(realm string) error
	commit func(c storage.Change, do func() (storage.Meta, error)) (storage.Meta, error)
	realms error
	watch  error
}

func (f *flaky) Load(ctx context.Context, realm string, revision int64) (*storage.State, error) {
	if f.load != nil {
		if err := f.load(realm); err != nil {
			return nil, err
		}
	}
	return f.Store.Load(ctx, realm, revision)
}

func (f *flaky) Commit(ctx context.Context, c storage.Change) (storage.Meta, error) {
	do := func() (storage.Meta, error) { return f.Store.Commit(ctx, c) }
	if f.commit != nil {
		return f.commit(c, do)
	}
	return do()
}

func (f *flaky) Realms(ctx context.Context) ([]storage.Realm, error) {
	if f.realms != nil {
		return nil, f.realms
	}
	return f.Store.Realms(ctx)
}

func (f *flaky) Watch(ctx context.Context) (<-chan storage.Head, error) {
	if f.watch != nil {
		return nil, f.watch
	}
	return f.Store.Watch(ctx)
}

// put stores a set behind the back of all services.
func put(t testing.TB, store storage.Store, realm string, parent int64, set *pb.PolicySet) {
	t.Helper()
	c := storage.Change{Realm: realm, Parent: parent, Author: "x", Surface: "x", Time: time.Unix(1, 0)}
	for _, p := range set.GetProfiles() {
		item, err := storage.NewProfile(p)
		if err != nil {
			t.Fatal(err)
		}
		c.Profiles = append(c.Profiles, item)
	}
	for _, p := range set.GetPolicies() {
		item, err := storage.NewPolicy(p)
		if err != nil {
			t.Fatal(err)
		}
		c.Policies = append(c.Policies, item)
	}
	if _, err := store.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// complete is a request with all that any event requires.
func complete(realm string, event pb.Event) *pb.EvaluateRequest {
	client := &pb.Client{ClientId: proto.String("app")}
	return &pb.EvaluateRequest{
		Realm: realm, Event: event, Client: client, ProposedClient: client,
		Request: &pb.OAuthRequest{}, Token: &pb.TokenFacts{}, SubjectToken: &pb.TokenFacts{},
		Registration: &pb.Registration{Channel: pb.Registration_CHANNEL_ADMIN},
	}
}

// A realm whose policies do not compile rejects everything, says why, harms no
// other realm, and can be mended.
func TestBrokenRealm(t *testing.T) {
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	put(t, store, "broken", 0, &pb.PolicySet{Policies: []*pb.Policy{policy("p", "missing")}})
	put(t, store, "sound", 0, &pb.PolicySet{Policies: []*pb.Policy{policy("p", "built-in")}})
	w := startOn(t, store, limits)

	for event := pb.Event_EVENT_REGISTER; pdp.KnownEvent(event); event++ {
		out, err := w.decisions.Evaluate(w.root(), complete("broken", event))
		if err != nil {
			t.Fatal(event, err)
		}
		if out.GetDecision() != pb.EvaluateResponse_DECISION_REJECT || out.GetReason() != pb.EvaluateResponse_REASON_FAULT ||
			out.GetError().GetCode() != "server_error" || out.GetRevision() != 1 || out.GetDecisionId() == "" {
			t.Fatal(event, out)
		}
		sound, err := w.decisions.Evaluate(w.root(), complete("sound", event))
		if err != nil || sound.GetDecision() != pb.EvaluateResponse_DECISION_ALLOW {
			t.Fatal(event, sound, err)
		}
	}
	_, err := w.decisions.Evaluate(w.root(), &pb.EvaluateRequest{Realm: "broken", Event: pb.Event_EVENT_VIEW})
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")

	entries := w.logs.FilterMessageSnippet("cannot be used").All()
	equal(t, len(entries), 1)
	equal(t, entries[0].ContextMap()["realm"], any("broken"))
	wantText(t, errors.New(fmt.Sprint(entries[0].ContextMap())), "/policies/0/profiles/0", `"missing"`, "remedy")

	server, err := w.server.GetServer(w.root(), &pb.GetServerRequest{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, server.GetRealms(), []*pb.RealmRevision{{Realm: "broken", Revision: 1, Faulty: true}, {Realm: "sound", Revision: 1}})
	realm, err := w.realms.GetRealm(w.root(), &pb.GetRealmRequest{Realm: "broken"})
	if err != nil {
		t.Fatal(err)
	}
	set := w.set("broken")
	equal(t, len(set.GetPolicies()), 1)
	for _, warnings := range [][]*pb.Warning{realm.GetDocument().GetWarnings(), set.GetWarnings()} {
		equal(t, len(warnings), 1)
		equal(t, warnings[0].GetPath(), "/policies/0/profiles/0")
	}

	_, err = w.admin.CreateProfile(w.root(), &pb.CreateProfileRequest{Realm: "broken", Document: refusing("other", "x")})
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	equal(t, problemOf(err).Fields, []string{"/policies/0/profiles/0"})
	wantText(t, err, `in policy "p"`)
	_, err = w.admin.CreateProfile(w.root(), &pb.CreateProfileRequest{Realm: "broken", Document: refusing("missing", "mended")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.decisions.Evaluate(w.root(), view("broken"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, out.GetError().GetCode(), "mended")
}

// A realm that cannot be read rejects everything and refuses to be written.
func TestUnreadableRealm(t *testing.T) {
	inner := memory.New()
	t.Cleanup(func() { inner.Close() })
	put(t, inner, "gone", 0, sample())
	put(t, inner, "sound", 0, sample())
	store := &flaky{Store: inner, load: func(realm string) error {
		if realm == "gone" {
			return &storage.CorruptError{Record: "item 12ab", Problem: "its content does not match its hash"}
		}
		return nil
	}}
	w := startOn(t, store, limits)
	out, err := w.decisions.Evaluate(w.root(), view("gone"))
	if err != nil {
		t.Fatal(err)
	}
	if out.GetReason() != pb.EvaluateResponse_REASON_FAULT || out.GetRevision() != 1 {
		t.Fatal(out)
	}
	if strings.Contains(out.String(), "12ab") {
		t.Error("an answer tells what the store says")
	}
	_, err = w.admin.GetPolicySet(w.root(), &pb.GetPolicySetRequest{Realm: "gone"})
	want(t, err, codes.DataLoss, "STORAGE")
	wantText(t, err, "12ab", "restore")
	for _, err := range []error{
		second(w.admin.ListPolicies(w.root(), &pb.ListPoliciesRequest{Realm: "gone"})),
		second(w.admin.GetPolicy(w.root(), &pb.GetPolicyRequest{Realm: "gone", Policy: "first"})),
		second(w.admin.CreatePolicy(w.root(), &pb.CreatePolicyRequest{Realm: "gone", Document: policy("p")})),
		second(w.admin.ReplacePolicySet(w.root(), &pb.ReplacePolicySetRequest{Realm: "gone", Document: sample(), Force: true})),
		second(w.realms.UpdateRealm(w.root(), &pb.UpdateRealmRequest{Realm: "gone", Document: &pb.Realm{}})),
	} {
		want(t, err, codes.DataLoss, "STORAGE")
	}
	list, err := w.realms.ListRealms(w.root(), &pb.ListRealmsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, len(list.GetRealms()), 2)
	wantText(t, errors.New(list.GetRealms()[0].String()), "12ab")
	_, err = w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: "gone"})
	want(t, err, codes.FailedPrecondition, "REALM_NOT_EMPTY")
	if _, err = w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: "gone", Force: true}); err != nil {
		t.Fatal(err)
	}
}

func second[T any](_ T, err error) error { return err }

// direct offers the services without gRPC in between.
type direct struct {
	pb.PolicyDecisionServiceServer
	pb.PolicyAdminServiceServer
	pb.RealmServiceServer
}

func (d *direct) RegisterService(_ *grpc.ServiceDesc, impl any) {
	switch impl := impl.(type) {
	case pb.PolicyDecisionServiceServer:
		d.PolicyDecisionServiceServer = impl
	case pb.PolicyAdminServiceServer:
		d.PolicyAdminServiceServer = impl
	case pb.RealmServiceServer:
		d.RealmServiceServer = impl
	}
}

func directly(t testing.TB, store storage.Store, changes ...func(*service.Options)) (*direct, func()) {
	t.Helper()
	options := service.Options{Store: store, Compiler: compiler(t), Security: security(), Limits: limits, Log: zap.NewNop()}
	for _, change := range changes {
		change(&options)
	}
	s, err := service.New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	d := &direct{}
	s.Register(d)
	return d, s.Close
}

func rooted(ctx context.Context) context.Context { return auth.NewContext(ctx, everybody["root"]) }

// What the log says of a realm that the store cannot give begins with the problem.
func TestUnreadableRealmIsLogged(t *testing.T) {
	inner := memory.New()
	t.Cleanup(func() { inner.Close() })
	put(t, inner, "master", 0, sample())
	w := startOn(t, &flaky{Store: inner, load: func(string) error { return storage.ErrCorrupt }}, limits)
	entries := w.logs.FilterMessageSnippet("cannot be used").All()
	equal(t, len(entries), 1)
	problems := fmt.Sprint(entries[0].ContextMap()["problems"])
	if strings.HasPrefix(problems, "[:") || !strings.Contains(problems, storage.ErrCorrupt.Error()) {
		t.Errorf("got %s", problems)
	}
}

// A realm that the store cannot give is tried again.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		defer inner.Close()
		put(t, inner, "master", 0, sample())
		var failing atomic.Bool
		failing.Store(true)
		d, stop := directly(t, &flaky{Store: inner, load: func(string) error {
			if failing.Load() {
				return errors.New("the disk is away")
			}
			return nil
		}})
		defer stop()
		reason := func() pb.EvaluateResponse_Reason {
			out, err := d.Evaluate(t.Context(), view("master"))
			if err != nil {
				t.Fatal(err)
			}
			return out.GetReason()
		}
		equal(t, reason(), pb.EvaluateResponse_REASON_FAULT)
		time.Sleep(time.Minute) // of the bubble
		equal(t, reason(), pb.EvaluateResponse_REASON_FAULT)
		_, err := d.GetPolicySet(t.Context(), &pb.GetPolicySetRequest{Realm: "master"})
		want(t, err, codes.Unavailable, "STORAGE")
		failing.Store(false)
		time.Sleep(6 * time.Second)
		equal(t, reason(), pb.EvaluateResponse_REASON_POLICY)
	})
}

// Commits of other processes are noticed: changes, new realms, deletions, and a
// set that does not compile.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memory.New()
		defer store.Close()
		d, stop := directly(t, store)
		defer stop()
		code := func() string {
			synctest.Wait()
			out, err := d.Evaluate(t.Context(), view("master"))
			if err != nil {
				return problemOf(err).Reason
			}
			return fmt.Sprintf("%d %v %s", out.GetRevision(), out.GetReason(), out.GetError().GetCode())
		}
		equal(t, code(), "REALM_NOT_FOUND")
		put(t, store, "master", 0, sample())
		equal(t, code(), "1 REASON_POLICY code_a")
		put(t, store, "master", 1, &pb.PolicySet{Policies: []*pb.Policy{policy("p", "missing")}})
		equal(t, code(), "2 REASON_FAULT server_error")
		put(t, store, "master", 2, &pb.PolicySet{})
		equal(t, code(), "3 REASON_POLICIES_PASSED ")
		_, err := store.Commit(t.Context(), storage.Change{Realm: "master", Parent: 3, Delete: true, Author: "x", Surface: "x", Time: time.Unix(1, 0)})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, code(), "REALM_NOT_FOUND")
		put(t, store, "master", 0, sample())
		equal(t, code(), "5 REASON_POLICY code_a")
	})
}

// A commit whose fate the store does not know is looked at: the next answer is
// that of what is stored.
func TestUncertainCommit(t *testing.T) {
	for name, stored := range map[string]bool{"stored": true, "not stored": false} {
		t.Run(name, func(t *testing.T) {
			inner := memory.New()
			t.Cleanup(func() { inner.Close() })
			put(t, inner, "master", 0, &pb.PolicySet{})
			w := startOn(t, &flaky{Store: inner, commit: func(_ storage.Change, do func() (storage.Meta, error)) (storage.Meta, error) {
				if stored {
					if _, err := do(); err != nil {
						t.Error(err)
					}
				}
				return storage.Meta{}, errors.New("the line is dead")
			}}, limits)
			_, err := w.admin.ReplacePolicySet(w.root(), &pb.ReplacePolicySetRequest{Realm: "master", Document: sample(), Force: true})
			want(t, err, codes.Unavailable, "STORAGE")
			out, err := w.decisions.Evaluate(w.root(), view("master"))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, out.GetRevision(), w.revision("master"))
			equal(t, out.GetDecision() == pb.EvaluateResponse_DECISION_REJECT, stored)
		})
	}
}

// A writer that waits longer than it may is told that others write.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New()
		defer inner.Close()
		put(t, inner, "master", 0, &pb.PolicySet{})
		release := make(chan struct{})
		d, stop := directly(t, &flaky{Store: inner, commit: func(_ storage.Change, do func() (storage.Meta, error)) (storage.Meta, error) {
			<-release
			return do()
		}})
		defer stop()
		replace := func(ctx context.Context) error {
			_, err := d.ReplacePolicySet(rooted(ctx), &pb.ReplacePolicySetRequest{Realm: "master", Document: sample(), Force: true})
			return err
		}
		done := make(chan error, 1)
		go func() { done <- replace(t.Context()) }()
		synctest.Wait()
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		want(t, replace(hurried), codes.Unavailable, "BUSY")
		gone, leave := context.WithCancel(t.Context())
		leave()
		want(t, replace(gone), codes.Canceled, "")
		if _, err := d.Evaluate(t.Context(), view("master")); err != nil {
			t.Fatal(err) // decisions never wait for writers
		}
		close(release)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// When other processes are faster every time, the writer gives up and says so.
func TestRebaseEnds(t *testing.T) {
	inner := memory.New()
	t.Cleanup(func() { inner.Close() })
	put(t, inner, "master", 0, &pb.PolicySet{})
	attempts := 0
	d, stop := directly(t, &flaky{Store: inner, commit: func(c storage.Change, _ func() (storage.Meta, error)) (storage.Meta, error) {
		attempts++
		return storage.Meta{}, &storage.ConflictError{Realm: c.Realm, Parent: c.Parent, Current: c.Parent + 1}
	}})
	t.Cleanup(stop)
	_, err := d.CreatePolicy(rooted(t.Context()), &pb.CreatePolicyRequest{Realm: "master", Document: policy("p")})
	want(t, err, codes.Unavailable, "BUSY")
	_, err = d.DeleteRealm(rooted(t.Context()), &pb.DeleteRealmRequest{Realm: "master", Force: true})
	want(t, err, codes.Unavailable, "BUSY")
	equal(t, attempts, 32)
}

func TestNoPrincipal(t *testing.T) {
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	put(t, store, "master", 0, &pb.PolicySet{})
	d, stop := directly(t, store)
	t.Cleanup(stop)
	for _, err := range []error{
		second(d.CreatePolicy(t.Context(), &pb.CreatePolicyRequest{Realm: "master", Document: policy("p")})),
		second(d.ReplacePolicySet(t.Context(), &pb.ReplacePolicySetRequest{Realm: "master", Document: sample(), Force: true})),
		second(d.CreateRealm(t.Context(), &pb.CreateRealmRequest{Document: &pb.Realm{Name: "new"}})),
		second(d.UpdateRealm(t.Context(), &pb.UpdateRealmRequest{Realm: "master", Document: &pb.Realm{}})),
		second(d.DeleteRealm(t.Context(), &pb.DeleteRealmRequest{Realm: "master"})),
	} {
		want(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
	}
	list, err := d.ListRealms(t.Context(), &pb.ListRealmsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, len(list.GetRealms()), 0)
}

func TestNewRefuses(t *testing.T) {
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	sound := service.Options{Store: store, Compiler: compiler(t), Security: security(), Limits: limits, Log: zap.NewNop()}
	for name, spoil := range map[string]func(*service.Options){
		"no store":    func(o *service.Options) { o.Store = nil },
		"no compiler": func(o *service.Options) { o.Compiler = nil },
		"no security": func(o *service.Options) { o.Security = nil },
		"no log":      func(o *service.Options) { o.Log = nil },
		"no limits":   func(o *service.Options) { o.Limits = pdp.Limits{} },
		"another compiler": func(o *service.Options) {
			o.Security = security()
			o.Security.Profiles[0].Name = "unheard of"
		},
		"no list":  func(o *service.Options) { o.Store = &flaky{Store: store, realms: errors.New("broken")} },
		"no watch": func(o *service.Options) { o.Store = &flaky{Store: store, watch: errors.New("broken")} },
	} {
		t.Run(name, func(t *testing.T) {
			o := sound
			spoil(&o)
			if _, err := service.New(t.Context(), o); err == nil {
				t.Fatal("taken")
			}
		})
	}
	s, err := service.New(t.Context(), sound)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	s.Close()
}

// Ids that the services make are long, and unlike each other whoever asks.
func TestDecisionIDs(t *testing.T) {
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	put(t, store, "master", 0, &pb.PolicySet{})
	d, stop := directly(t, store)
	t.Cleanup(stop)
	var (
		running sync.WaitGroup
		seen    sync.Map
	)
	for range 4 {
		running.Go(func() {
			for range 500 {
				out, err := d.Evaluate(t.Context(), view("master"))
				if err != nil {
					t.Error(err)
					return
				}
				if _, twice := seen.LoadOrStore(out.GetDecisionId(), true); twice || len(out.GetDecisionId()) != 22 {
					t.Errorf("id %q", out.GetDecisionId())
				}
			}
		})
	}
	running.Wait()
}
