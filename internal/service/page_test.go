package service_test

import (
	"fmt"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

func (w *world) page(size int32, token string) *pb.ListPoliciesResponse {
	w.t.Helper()
	out, err := w.admin.ListPolicies(w.root(), &pb.ListPoliciesRequest{Realm: "master", PageSize: size, PageToken: token})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// Pages are of the revision that the first one was of, whatever is written.
func TestPages(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	set := &pb.PolicySet{}
	for i := range 7 {
		set.Policies = append(set.Policies, policy(fmt.Sprint("p", i)))
	}
	w.replaceSet("master", set)
	var got []string
	for token := ""; ; {
		out := w.page(3, token)
		equal(t, []int64{int64(out.GetTotalSize()), out.GetRevision()}, []int64{8, 2})
		for _, p := range out.GetPolicies() {
			got = append(got, p.GetName())
			if p.GetEtag() == "" || p.GetGlobal() != (p.GetName() == "server-wide") {
				t.Errorf("got %v", p)
			}
		}
		if token = out.GetNextPageToken(); token == "" {
			break
		}
		w.replaceSet("master", &pb.PolicySet{Policies: []*pb.Policy{policy("p6"), policy(fmt.Sprint("new", len(got)))}})
	}
	equal(t, got, []string{"server-wide", "p0", "p1", "p2", "p3", "p4", "p5", "p6"})
}

func TestPageSizes(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	set := &pb.PolicySet{}
	for i := range 600 {
		set.Policies = append(set.Policies, policy(fmt.Sprint("p", i)))
	}
	w.replaceSet("master", set)
	equal(t, len(w.page(0, "").GetPolicies()), 50)
	equal(t, len(w.page(500, "").GetPolicies()), 500)
	equal(t, len(w.page(1, "").GetPolicies()), 1)
	for _, size := range []int32{-1, 501} {
		_, err := w.admin.ListPolicies(w.root(), &pb.ListPoliciesRequest{Realm: "master", PageSize: size})
		want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
		equal(t, problemOf(err).Fields, []string{"/pageSize"})
	}
}

func TestListProfiles(t *testing.T) {
	w := sampled(t)
	var header metadata.MD
	out, err := w.admin.ListProfiles(w.root(), &pb.ListProfilesRequest{Realm: "master"}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, header.Get("etag"), []string{`"2"`})
	var got []string
	for _, p := range out.GetProfiles() {
		got = append(got, fmt.Sprintf("%s %t %t %t", p.GetName(), p.GetGlobal(), p.Available != nil, p.GetAvailable()))
	}
	equal(t, got, []string{"a false false false", "b false false false", "built-in true true true", "lacking true true false"})
}

func TestForeignTokens(t *testing.T) {
	w := sampled(t)
	w.createRealm("other", nil)
	token := w.page(1, "").GetNextPageToken()
	for name, call := range map[string]func() error{
		"of another list": func() error {
			_, err := w.admin.ListProfiles(w.root(), &pb.ListProfilesRequest{Realm: "master", PageToken: token})
			return err
		},
		"of another realm": func() error {
			_, err := w.admin.ListPolicies(w.root(), &pb.ListPoliciesRequest{Realm: "other", PageToken: token})
			return err
		},
		"damaged": func() error {
			_, err := w.admin.ListPolicies(w.root(), &pb.ListPoliciesRequest{Realm: "master", PageToken: "B" + token[1:]})
			return err
		},
		"no token at all": func() error {
			_, err := w.admin.ListPolicies(w.root(), &pb.ListPoliciesRequest{Realm: "master", PageToken: "2"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := call()
			want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
			equal(t, problemOf(err).Fields, []string{"/pageToken"})
		})
	}
}

func TestPageExpires(t *testing.T) {
	w := start(t)
	w.createRealm("master", &pb.RealmSettings{HistoryRetention: &pb.HistoryRetention{MaxRevisions: proto.Int32(2)}})
	w.replaceSet("master", sample())
	token := w.page(1, "").GetNextPageToken()
	for i := range 3 {
		if _, err := w.createPolicy(policy(fmt.Sprint("new", i))); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.admin.ListPolicies(w.root(), &pb.ListPoliciesRequest{Realm: "master", PageToken: token})
	want(t, err, codes.FailedPrecondition, "PAGE_EXPIRED")
}
