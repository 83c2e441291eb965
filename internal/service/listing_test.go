package service_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

const (
	stays = 4900
	goes  = 100
)

// crowded is a world whose realm has 5,000 policies, of which writers leave most
// where they are.
func crowded(t testing.TB) *world {
	t.Helper()
	w := start(t)
	w.createRealm("master", &pb.RealmSettings{HistoryRetention: &pb.HistoryRetention{MaxRevisions: proto.Int32(100_000)}})
	set := &pb.PolicySet{}
	for i := range stays + goes {
		name := fmt.Sprintf("stays-%04d", i)
		if i%50 == 0 {
			name = fmt.Sprintf("goes-%04d", i)
		}
		set.Policies = append(set.Policies, policy(name))
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(set.Policies), func(i, j int) {
		set.Policies[i], set.Policies[j] = set.Policies[j], set.Policies[i]
	})
	w.replaceSet("master", set)
	return w
}

// disturb creates, deletes, replaces and moves policies until ctx is done. It
// tells of every write.
func (w *world) disturb(ctx context.Context, seed uint64, written chan<- struct{}) {
	random := rand.New(rand.NewPCG(seed, seed))
	for n := 0; ctx.Err() == nil; n++ {
		stay := fmt.Sprintf("stays-%04d", 50*random.IntN(100)+1+random.IntN(49))
		var err error
		switch n % 4 {
		case 0:
			_, err = w.createPolicy(policy(fmt.Sprintf("new-%d-%d", seed, n)))
		case 1:
			_, err = w.admin.DeletePolicy(w.root(), &pb.DeletePolicyRequest{Realm: "master", Policy: fmt.Sprintf("new-%d-%d", seed, n-1)})
			if n < 4*goes/2 && seed < 2 { // those that were there at the beginning go, too
				_, err = w.admin.DeletePolicy(w.root(), &pb.DeletePolicyRequest{Realm: "master", Policy: fmt.Sprintf("goes-%04d", 50*(int(seed)*goes/2+n/4))})
			}
		case 2:
			changed := policy(stay)
			changed.Description = proto.String(fmt.Sprint("written ", n))
			_, err = w.replacePolicy(stay, changed)
		case 3:
			_, err = w.move(stay, index(int32(random.IntN(stays))))
		}
		if err != nil && ctx.Err() == nil {
			w.t.Error(err)
		}
		select {
		case written <- struct{}{}:
		case <-ctx.Done():
		}
	}
}

// Pages of any size, in any order, show every policy that is there all the time,
// and show it once.
func TestListingUnderWrites(t *testing.T) {
	w := crowded(t)
	ctx, stop := context.WithCancel(t.Context())
	written := make(chan struct{})
	var running sync.WaitGroup
	for seed := range uint64(2) {
		running.Go(func() { w.disturb(ctx, seed, written) })
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, by := range []string{"", "order", "order desc", "name", "name desc", "updateTime", "updateTime desc"} {
		sizes := []int32{500, 1 + random.Int32N(500)}
		if by == "" {
			sizes = []int32{0, 499}
		}
		for _, size := range sizes {
			if err := w.listAll(by, size, written); err != nil {
				t.Errorf("by %q, %d a page: %v", by, size, err)
			}
		}
	}
	stop()
	running.Wait()
}

// listAll pages through all policies while others write at least once a page.
func (w *world) listAll(by string, size int32, written <-chan struct{}) error {
	r := &pb.ListPoliciesRequest{Realm: "master", PageSize: size, OrderBy: by}
	var all []*pb.Policy
	began := w.revision("master")
	for page, err := range w.pages(r) {
		if err != nil {
			return err
		}
		all = append(all, page.GetPolicies()...)
		if n := int(page.GetTotalSize()); n < stays || n < len(all) {
			return fmt.Errorf("%d in all after %d", n, len(all))
		}
		<-written
	}
	if now := w.revision("master"); now == began {
		return errors.New("nobody wrote anything")
	}
	return once(by, all)
}

// pages are the answers to a request and its tokens.
func (w *world) pages(r *pb.ListPoliciesRequest) func(yield func(*pb.ListPoliciesResponse, error) bool) {
	return func(yield func(*pb.ListPoliciesResponse, error) bool) {
		for {
			out, err := w.admin.ListPolicies(w.root(), r)
			if !yield(out, err) || err != nil {
				return
			}
			if r.PageToken = out.GetNextPageToken(); r.PageToken == "" {
				return
			}
		}
	}
}

// once looks for repeats, losses and disorder.
func once(by string, all []*pb.Policy) error {
	seen, stayed := map[string]bool{}, 0
	for _, p := range all {
		if seen[p.GetName()] {
			return fmt.Errorf("%q comes twice", p.GetName())
		}
		seen[p.GetName()] = true
		if strings.HasPrefix(p.GetName(), "stays-") {
			stayed++
		}
	}
	if stayed != stays {
		return fmt.Errorf("%d of %d are there", stayed, stays)
	}
	key, desc := strings.CutSuffix(by, " desc")
	compare := map[string]func(a, b *pb.Policy) int{
		"name":       func(a, b *pb.Policy) int { return strings.Compare(a.GetName(), b.GetName()) },
		"updateTime": func(a, b *pb.Policy) int { return a.GetUpdateTime().AsTime().Compare(b.GetUpdateTime().AsTime()) },
	}[key]
	if compare == nil {
		return nil
	}
	if desc {
		slices.Reverse(all)
	}
	if !slices.IsSortedFunc(all, compare) {
		return fmt.Errorf("not in the order of %s", key)
	}
	return nil
}
