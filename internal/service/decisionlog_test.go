package service_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// many asks n times and returns the ids of the decisions, newest first.
func (l *logged) many(realm string, n int) []string {
	l.t.Helper()
	var ids []string
	for range n {
		ids = append(ids, l.evaluate(view(realm)).GetDecisionId())
	}
	slices.Reverse(ids)
	return ids
}

// Pages put together are the whole list, whatever is decided meanwhile.
func TestListDecisions(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	l.createRealm("other", nil)
	ids := l.many("master", 12)
	l.many("other", 3)
	l.flush()
	var got []string
	request := &pb.ListDecisionsRequest{Realm: "master", PageSize: 5}
	for pages := 1; ; pages++ {
		out, err := l.keeper.ListDecisions(l.root(), request)
		if err != nil {
			t.Fatal(err)
		}
		if out.GetRevision() != 1 || out.GetTotalSize() != int32(12+pages-1) {
			t.Errorf("page %d: got revision %d and %d in all", pages, out.GetRevision(), out.GetTotalSize())
		}
		got = append(got, idsOf(out.GetDecisions())...)
		if request.PageToken = out.GetNextPageToken(); request.PageToken == "" {
			equal(t, pages, 3)
			break
		}
		l.many("master", 1)
		l.flush()
	}
	equal(t, got, ids)
	equal(t, l.list("master", "decision=REJECT"), []string(nil))
	equal(t, len(l.list("master", "decision=ALLOW AND clientId=app")), 14)
	equal(t, len(l.list("master", "caller=token:root")), 14)
}

// largeRequest is almost as large as what is kept can be.
func largeRequest() *pb.EvaluateRequest {
	large := view("master")
	for i := range 240 {
		large.Client.RedirectUris = append(large.Client.RedirectUris, fmt.Sprintf("https://%d.example/%s", i, strings.Repeat("x", 1000)))
	}
	return large
}

// A page has no more than callers take.
func TestPageIsBoundedInBytes(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	large := largeRequest()
	for range 20 {
		l.evaluate(large)
	}
	l.flush()
	request, found, pages := &pb.ListDecisionsRequest{Realm: "master", PageSize: 500}, 0, 0
	for {
		out, err := l.keeper.ListDecisions(l.root(), request) // takes 4 MiB
		if err != nil {
			t.Fatal(err)
		}
		if n := proto.Size(out); n > 3<<20+1<<10 || len(out.GetDecisions()) == 0 {
			t.Errorf("got %d bytes, %d decisions", n, len(out.GetDecisions()))
		}
		found, pages = found+len(out.GetDecisions()), pages+1
		if request.PageToken = out.GetNextPageToken(); request.PageToken == "" {
			break
		}
	}
	equal(t, found, 20)
	equal(t, pages, 2)
}

// An answer has an entity tag, which changes with it.
func TestEntityTagsOfDecisions(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	tag := func(call func(grpc.CallOption) error) string {
		t.Helper()
		var header metadata.MD
		if err := call(grpc.Header(&header)); err != nil {
			t.Fatal(err)
		}
		if tags := header.Get("etag"); len(tags) == 1 && len(tags[0]) == 66 {
			return tags[0]
		}
		t.Fatalf("got header %v", header)
		return ""
	}
	list := func(o grpc.CallOption) error {
		return second(l.keeper.ListDecisions(l.root(), &pb.ListDecisionsRequest{Realm: "master"}, o))
	}
	id := l.many("master", 1)[0]
	l.flush()
	before := tag(list)
	equal(t, tag(list), before)
	tag(func(o grpc.CallOption) error {
		return second(l.keeper.GetDecision(l.root(), &pb.GetDecisionRequest{Realm: "master", DecisionId: id}, o))
	})
	tag(func(o grpc.CallOption) error {
		return second(l.auditor.ListAuditRecords(l.root(), &pb.ListAuditRecordsRequest{}, o))
	})
	l.many("master", 1)
	l.flush()
	if tag(list) == before {
		t.Error("another list has the same entity tag")
	}
}

func TestExportDecisions(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	ids := l.many("master", 300)
	l.flush()
	slices.Reverse(ids)
	stream, err := l.keeper.ExportDecisions(l.root(), &pb.ExportDecisionsRequest{Realm: "master"})
	list, err := all(t, stream, err)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range list {
		got = append(got, m.GetDocument().GetDecisionId())
	}
	equal(t, got, ids)
	stream, err = l.keeper.ExportDecisions(l.root(), &pb.ExportDecisionsRequest{Realm: "master", Filter: "decision=REJECT"})
	if list, err = all(t, stream, err); err != nil || len(list) != 0 {
		t.Errorf("got %v and %v", list, err)
	}
}

// Who goes in the middle of an export ends it.
func TestExportEndsWithItsCaller(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	large := largeRequest()
	for range 8 {
		l.evaluate(large)
	}
	l.flush()
	ctx, cancel := context.WithCancel(l.root())
	stream, err := l.keeper.ExportDecisions(ctx, &pb.ExportDecisionsRequest{Realm: "master"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	cancel()
	for err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Canceled {
		t.Errorf("got %v", err)
	}
}

// Who follows is told of everything from the headers on.
func TestFollowDecisions(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	l.createRealm("other", nil)
	l.replaceSet("other", strict())
	l.many("master", 1)
	l.flush()
	everything, err := l.keeper.FollowDecisions(l.root(), &pb.FollowDecisionsRequest{Realm: "master"})
	if err != nil {
		t.Fatal(err)
	}
	rejected, err := l.keeper.FollowDecisions(l.root(), &pb.FollowDecisionsRequest{Realm: "other", Filter: "decision=REJECT"})
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []grpc.ClientStream{everything, rejected} {
		if h, err := stream.Header(); err != nil || h == nil {
			t.Fatal(h, err)
		}
	}
	want := []string{l.evaluate(view("master")).GetDecisionId(), l.evaluate(view("other")).GetDecisionId()}
	for i, stream := range []pb.DecisionLogService_FollowDecisionsClient{everything, rejected} {
		m, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		equal(t, m.GetDocument().GetDecisionId(), want[i])
	}
	// A server that stops ends the streams, so that they do not hold it up.
	l.services.EndStreams()
	for _, stream := range []pb.DecisionLogService_FollowDecisionsClient{everything, rejected} {
		_, err := stream.Recv()
		if status.Code(err) != codes.Unavailable {
			t.Errorf("got %v", err)
		}
		wantText(t, err, "stopping")
	}
}

// A log that is closed ends those who follow it.
func TestFollowEndsWithTheLog(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	l.flush()
	decisions, err := l.keeper.FollowDecisions(l.root(), &pb.FollowDecisionsRequest{Realm: "master"})
	if err != nil {
		t.Fatal(err)
	}
	records, err := l.auditor.FollowAuditRecords(l.root(), &pb.FollowAuditRecordsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []grpc.ClientStream{decisions, records} {
		if _, err := stream.Header(); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.kept.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{second(decisions.Recv()), second(records.Recv())} {
		want(t, err, codes.Unavailable, "BUSY")
	}
	for _, err := range []error{
		second(l.keeper.ListDecisions(l.root(), &pb.ListDecisionsRequest{Realm: "master"})),
		second(l.keeper.GetDecision(l.root(), &pb.GetDecisionRequest{Realm: "master", DecisionId: "x"})),
		second(l.keeper.EraseDecisions(l.root(), &pb.EraseDecisionsRequest{Realm: "master", User: "x"})),
		second(l.auditor.ListAuditRecords(l.root(), &pb.ListAuditRecordsRequest{})),
	} {
		want(t, err, codes.Unavailable, "STORAGE")
	}
}

func TestFollowersAreBounded(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	follow := func() (pb.DecisionLogService_FollowDecisionsClient, error) {
		stream, err := l.keeper.FollowDecisions(l.root(), &pb.FollowDecisionsRequest{Realm: "master"})
		if err != nil {
			t.Fatal(err)
		}
		h, err := stream.Header()
		if err == nil && h == nil {
			_, err = stream.Recv()
		}
		return stream, err
	}
	for range decisionlog.MaxFollowers {
		if _, err := follow(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := follow()
	want(t, err, codes.Unavailable, "BUSY")
}

func TestEraseDecisions(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	l.createRealm("other", nil)
	of := func(realm, client, user string) *pb.EvaluateRequest {
		r := view(realm)
		r.Client.ClientId, r.Actor = &client, &pb.Actor{Username: user}
		return r
	}

	for _, realm := range []string{"master", "other"} {
		for _, client := range []string{"a", "b"} {
			for _, user := range []string{"alice", "bob"} {
				l.evaluate(of(realm, client, user))
			}
		}
	}
	l.flush()
	erase := func(realm, client, user string) int64 {
		t.Helper()
		out, err := l.keeper.EraseDecisions(l.root(), &pb.EraseDecisionsRequest{Realm: realm, ClientId: client, User: user})
		if err != nil {
			t.Fatal(err)
		}
		return out.GetErased()
	}
	equal(t, erase("master", "a", "alice"), int64(1))
	equal(t, erase("master", "a", "alice"), int64(0))
	equal(t, erase("master", "b", ""), int64(2))
	equal(t, erase("master", "", "bob"), int64(1))
	equal(t, l.list("master", ""), []string(nil))
	equal(t, len(l.list("other", "")), 4)
	// Decisions of a realm that is gone can be erased, and those of none cannot.
	if _, err := l.realms.DeleteRealm(l.root(), &pb.DeleteRealmRequest{Realm: "other", Force: true}); err != nil {
		t.Fatal(err)
	}
	equal(t, erase("other", "a", ""), int64(2))
	_, err := l.keeper.EraseDecisions(l.root(), &pb.EraseDecisionsRequest{Realm: "other", ClientId: "a"})
	want(t, err, codes.NotFound, "REALM_NOT_FOUND")

	for _, r := range l.records("kind=ERASURE") {
		if text := r.String(); strings.Contains(text, "alice") || strings.Contains(text, "bob") {
			t.Errorf("a record names whom it is about: %s", text)
		}
	}
	newest := l.records("kind=ERASURE AND code=OK")
	equal(t, len(newest), 5)
	equal(t, newest[0].GetDetail(), "decisions of a client erased: 2")
	equal(t, newest[1].GetDetail(), "decisions of a user erased: 1")
	equal(t, newest[4].GetDetail(), "decisions of a client and a user erased: 1")
}

// The decisions of a realm that is gone are nobody's to read, and those of a new
// realm of that name are its own to tell.
func TestDecisionsNeedTheirRealm(t *testing.T) {
	l := startLogged(t, nil)
	l.createRealm("master", nil)
	id := l.many("master", 1)[0]
	l.flush()
	if _, err := l.realms.DeleteRealm(l.root(), &pb.DeleteRealmRequest{Realm: "master", Force: true}); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		second(l.keeper.ListDecisions(l.root(), &pb.ListDecisionsRequest{Realm: "master"})),
		second(l.keeper.GetDecision(l.root(), &pb.GetDecisionRequest{Realm: "master", DecisionId: id})),
		second(l.keeper.ReplayDecision(l.root(), &pb.ReplayDecisionRequest{Realm: "master", DecisionId: id})),
	} {
		want(t, err, codes.NotFound, "REALM_NOT_FOUND")
	}
}
