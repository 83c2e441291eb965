package service_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage/memory"
)

func many(n int) *pb.PolicySet {
	set := &pb.PolicySet{Profiles: []*pb.Profile{refusing("strict", "x")}}
	for i := range n {
		p := policy(fmt.Sprint("policy ", i), "strict")
		p.Events = []pb.Event{pb.Event_EVENT_REGISTER}
		set.Policies = append(set.Policies, p)
	}
	return set
}

func BenchmarkEvaluate(b *testing.B) {
	store := memory.New()
	defer store.Close()
	put(b, store, "master", 0, many(10))
	d, stop := directly(b, store)
	defer stop()
	request := view("master")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Evaluate(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReplacePolicyOf5000(b *testing.B) {
	store := memory.New()
	defer store.Close()
	put(b, store, "master", 0, many(5000))
	d, stop := directly(b, store)
	defer stop()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := policy("policy 2500", "strict")
		p.Description = proto.String(fmt.Sprint(i))
		_, err := d.ReplacePolicy(rooted(b.Context()), &pb.ReplacePolicyRequest{Realm: "master", Policy: "policy 2500", Document: p})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStartWith5000(b *testing.B) {
	store := memory.New()
	defer store.Close()
	put(b, store, "master", 0, many(5000))
	for b.Loop() {
		_, stop := directly(b, store)
		stop()
	}
}
