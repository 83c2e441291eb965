package service_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

func TestRealmLife(t *testing.T) {
	w := start(t)
	var header metadata.MD
	made, err := w.realms.CreateRealm(w.root(), &pb.CreateRealmRequest{
		Document: &pb.Realm{Name: "mäster 1", Settings: &pb.RealmSettings{Compatibility: pb.RealmSettings_COMPATIBILITY_KEYCLOAK.Enum()}, Etag: "forged"},
		Comment:  "first",
	}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	d := made.GetDocument()
	equal(t, header.Get("etag"), []string{`"1"`})
	if d.GetEtag() != `"1"` || d.GetRevision() != 1 || d.GetAuthor() != "token:root" || d.GetUpdateTime() == nil {
		t.Fatalf("got %v", d)
	}
	read, err := w.realms.GetRealm(w.root(), &pb.GetRealmRequest{Realm: "mäster 1"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, read.GetDocument(), d)
	if _, err := w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: "mäster 1"}); err != nil {
		t.Fatal(err)
	}
	_, err = w.realms.GetRealm(w.root(), &pb.GetRealmRequest{Realm: "mäster 1"})
	want(t, err, codes.NotFound, "REALM_NOT_FOUND")
	_, err = w.decisions.Evaluate(w.root(), view("mäster 1"))
	want(t, err, codes.NotFound, "REALM_NOT_FOUND")
	w.createRealm("mäster 1", nil)
	again, err := w.realms.GetRealm(w.root(), &pb.GetRealmRequest{Realm: "mäster 1"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, again.GetDocument().GetEtag(), `"3"`)
}

func TestRefusedRealmCreations(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	for name, c := range map[string]struct {
		document *pb.Realm
		context  []string
		code     codes.Code
		reason   string
		fields   []string
	}{
		"no document":   {nil, nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/name"}},
		"taken":         {&pb.Realm{Name: "master"}, nil, codes.AlreadyExists, "ALREADY_EXISTS", nil},
		"slash":         {&pb.Realm{Name: "a/b"}, nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/name"}},
		"colon":         {&pb.Realm{Name: "a:b"}, nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/name"}},
		"dots":          {&pb.Realm{Name: ".."}, nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/name"}},
		"tab":           {&pb.Realm{Name: "a\tb"}, nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/name"}},
		"256":           {&pb.Realm{Name: strings.Repeat("ü", 256)}, nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/name"}},
		"with If-Match": {&pb.Realm{Name: "b"}, []string{"if-match", "*"}, codes.InvalidArgument, "INVALID_DOCUMENT", []string{"If-Match"}},
		"settings": {
			&pb.Realm{Name: "b", Settings: &pb.RealmSettings{
				Compatibility: pb.RealmSettings_Compatibility(9).Enum(), KeycloakWrites: pb.RealmSettings_KeycloakWrites(9).Enum(),
				OmittedFacts: []string{"/client/clientRoles", "/nonsense"}, ProtectedClients: []string{"a", ""},
				HistoryRetention: &pb.HistoryRetention{MaxRevisions: proto.Int32(-1), MaxAge: durationpb.New(0)},
			}},
			nil, codes.InvalidArgument, "INVALID_DOCUMENT", []string{
				"/settings/keycloakWrites", "/settings/protectedClients/1", "/settings/historyRetention/maxRevisions",
				"/settings/historyRetention/maxAge", "/settings/compatibility", "/settings/omittedFacts/1",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.realms.CreateRealm(w.root(c.context...), &pb.CreateRealmRequest{Document: c.document})
			want(t, err, c.code, c.reason)
			equal(t, problemOf(err).Fields, c.fields)
		})
	}
	if _, err := w.realms.CreateRealm(w.root(), &pb.CreateRealmRequest{Document: &pb.Realm{Name: "c"}, ValidateOnly: true}); err != nil {
		t.Fatal(err)
	}
	realms, err := w.store.Realms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, len(realms), 1)
}

func TestPatchSettings(t *testing.T) {
	all := func() *pb.RealmSettings {
		return &pb.RealmSettings{
			Compatibility: pb.RealmSettings_COMPATIBILITY_KEYCLOAK.Enum(), RequireIfMatch: proto.Bool(false),
			OmittedFacts: []string{"/tls"}, ProtectedClients: []string{"a", "b"},
			HistoryRetention: &pb.HistoryRetention{MaxRevisions: proto.Int32(5), MaxAge: durationpb.New(time.Hour)},
		}
	}
	change := func(f func(*pb.RealmSettings)) *pb.RealmSettings {
		s := all()
		f(s)
		return s
	}
	two := &pb.HistoryRetention{MaxRevisions: proto.Int32(2)}
	for name, c := range map[string]struct {
		sent *pb.Realm
		mask []string // nil is no mask
		want *pb.RealmSettings
	}{
		"nothing":         {&pb.Realm{}, nil, all()},
		"empty settings":  {&pb.Realm{Settings: &pb.RealmSettings{}}, nil, all()},
		"the same, named": {&pb.Realm{Settings: &pb.RealmSettings{}}, []string{"settings"}, all()},
		"what is sent": {
			&pb.Realm{Settings: &pb.RealmSettings{RequireIfMatch: proto.Bool(true)}}, nil,
			change(func(s *pb.RealmSettings) { s.RequireIfMatch = proto.Bool(true) }),
		},
		"a part of a part": {
			&pb.Realm{Settings: &pb.RealmSettings{HistoryRetention: two}}, nil,
			change(func(s *pb.RealmSettings) { s.HistoryRetention.MaxRevisions = proto.Int32(2) }),
		},
		"only what is named": {
			&pb.Realm{Settings: &pb.RealmSettings{RequireIfMatch: proto.Bool(true), ProtectedClients: []string{"c"}}},
			[]string{"settings.protected_clients"},
			change(func(s *pb.RealmSettings) { s.ProtectedClients = []string{"c"} }),
		},
		"named and not sent": {
			&pb.Realm{}, []string{"settings.protected_clients", "settings.compatibility"},
			change(func(s *pb.RealmSettings) { s.ProtectedClients, s.Compatibility = nil, nil }),
		},
		"JSON name": {
			&pb.Realm{}, []string{"settings.protectedClients"},
			change(func(s *pb.RealmSettings) { s.ProtectedClients = nil }),
		},
		"part cleared": {
			&pb.Realm{}, []string{"settings.history_retention.max_age"},
			change(func(s *pb.RealmSettings) { s.HistoryRetention.MaxAge = nil }),
		},
		"message cleared": {
			&pb.Realm{}, []string{"settings.history_retention"},
			change(func(s *pb.RealmSettings) { s.HistoryRetention = nil }),
		},
		"message replaced": {
			&pb.Realm{Settings: &pb.RealmSettings{HistoryRetention: two}}, []string{"settings.history_retention"},
			change(func(s *pb.RealmSettings) { s.HistoryRetention = two }),
		},
		"null": {&pb.Realm{}, []string{"settings"}, &pb.RealmSettings{}},
		"all replaced": {
			&pb.Realm{Settings: &pb.RealmSettings{OmittedFacts: []string{"/dpop"}}}, []string{"settings"},
			&pb.RealmSettings{OmittedFacts: []string{"/dpop"}},
		},
		"output only": {
			&pb.Realm{Name: "master", Etag: "x", Revision: 9, Author: "x", Settings: &pb.RealmSettings{OmittedFacts: []string{"/dpop"}}},
			[]string{"name", "etag", "revision", "author", "update_time", "warnings", "settings.omitted_facts"},
			change(func(s *pb.RealmSettings) { s.OmittedFacts = []string{"/dpop"} }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.createRealm("master", all())
			request := &pb.UpdateRealmRequest{Realm: "master", Document: c.sent}
			if c.mask != nil {
				request.UpdateMask = &fieldmaskpb.FieldMask{Paths: c.mask}
			}
			out, err := w.realms.UpdateRealm(w.root(), request)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, out.GetDocument().GetSettings(), c.want)
			state, err := w.store.Load(t.Context(), "master", 0)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, state.Settings, c.want)
			equal(t, out.GetDocument().GetRevision(), state.Meta.Revision)
			if same := proto.Equal(c.want, all()); same != (state.Meta.Revision == 1) {
				t.Errorf("revision %d", state.Meta.Revision)
			}
		})
	}
}

func TestClearingWhatIsNotThere(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	for _, path := range []string{"settings.history_retention.max_age", "settings.history_retention", "settings.protected_clients"} {
		out, err := w.realms.UpdateRealm(w.root(), &pb.UpdateRealmRequest{
			Realm: "master", Document: &pb.Realm{}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{path}},
		})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, out.GetDocument().GetRevision(), int64(1))
	}
}

func TestRefusedPatches(t *testing.T) {
	w := start(t)
	w.createRealm("master", nil)
	masked := func(paths ...string) *pb.UpdateRealmRequest {
		return &pb.UpdateRealmRequest{Document: &pb.Realm{}, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}}
	}
	for name, c := range map[string]struct {
		request *pb.UpdateRealmRequest
		context []string
		code    codes.Code
		reason  string
		field   string
	}{
		"no document":      {&pb.UpdateRealmRequest{}, nil, codes.InvalidArgument, "INVALID_DOCUMENT", ""},
		"empty path":       {masked(""), nil, codes.InvalidArgument, "INVALID_DOCUMENT", "/updateMask"},
		"unknown path":     {masked("settings.compat"), nil, codes.InvalidArgument, "INVALID_DOCUMENT", "/updateMask"},
		"unknown member":   {masked("colour"), nil, codes.InvalidArgument, "INVALID_DOCUMENT", "/updateMask"},
		"into a text":      {masked("settings.compatibility.x"), nil, codes.InvalidArgument, "INVALID_DOCUMENT", "/updateMask"},
		"into a duration":  {masked("settings.history_retention.max_age.seconds"), nil, codes.InvalidArgument, "INVALID_DOCUMENT", "/updateMask"},
		"unknown, nested":  {masked("settings.history_retention.max"), nil, codes.InvalidArgument, "INVALID_DOCUMENT", "/updateMask"},
		"trailing dot":     {masked("settings."), nil, codes.InvalidArgument, "INVALID_DOCUMENT", "/updateMask"},
		"output only":      {masked("etag.x"), nil, codes.InvalidArgument, "INVALID_DOCUMENT", "/updateMask"},
		"the name cleared": {masked("name"), nil, codes.InvalidArgument, "INVALID_DOCUMENT", "/name"},
		"another name":     {&pb.UpdateRealmRequest{Document: &pb.Realm{Name: "b"}}, nil, codes.InvalidArgument, "INVALID_DOCUMENT", "/name"},
		"unknown fact": {
			&pb.UpdateRealmRequest{Document: &pb.Realm{Settings: &pb.RealmSettings{OmittedFacts: []string{"/x"}}}}, nil,
			codes.InvalidArgument, "INVALID_DOCUMENT", "/settings/omittedFacts/0",
		},
		"stale tag": {masked("settings"), []string{"if-match", `"0"`}, codes.FailedPrecondition, "ETAG_MISMATCH", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.request.Realm = "master"
			_, err := w.realms.UpdateRealm(w.root(c.context...), c.request)
			want(t, err, c.code, c.reason)
			if p := problemOf(err); len(p.Fields) > 0 && p.Fields[0] != c.field {
				t.Errorf("got %q, want %q", p.Fields, c.field)
			}
			equal(t, w.revision("master"), int64(1))
		})
	}
}

func TestDeleteRealm(t *testing.T) {
	w := sampled(t)
	_, err := w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: "master"})
	want(t, err, codes.FailedPrecondition, "REALM_NOT_EMPTY")
	_, err = w.realms.DeleteRealm(w.root("if-match", `"1"`), &pb.DeleteRealmRequest{Realm: "master", Force: true})
	want(t, err, codes.FailedPrecondition, "ETAG_MISMATCH")
	_, err = w.realms.DeleteRealm(w.root("x-sidegate-revision", "1"), &pb.DeleteRealmRequest{Realm: "master", Force: true})
	want(t, err, codes.Aborted, "CONFLICT")
	_, err = w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: "none", Force: true})
	want(t, err, codes.NotFound, "REALM_NOT_FOUND")
	if _, err = w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: "master", Force: true, ValidateOnly: true}); err != nil {
		t.Fatal(err)
	}
	equal(t, w.revision("master"), int64(2))
	if _, err = w.realms.DeleteRealm(w.root("if-match", `"2"`), &pb.DeleteRealmRequest{Realm: "master", Force: true}); err != nil {
		t.Fatal(err)
	}
	_, err = w.admin.CreatePolicy(w.root(), &pb.CreatePolicyRequest{Realm: "master", Document: policy("p")})
	want(t, err, codes.NotFound, "REALM_NOT_FOUND")
}

func TestListRealms(t *testing.T) {
	w := start(t)
	for i := range 7 {
		w.createRealm(fmt.Sprint("r", i), nil)
	}
	w.createRealm("master", nil)
	var got []string
	token := ""
	for page := 0; ; page++ {
		out, err := w.realms.ListRealms(w.root(), &pb.ListRealmsRequest{PageSize: 3, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.GetRealms() {
			got = append(got, r.GetName())
		}
		equal(t, out.GetTotalSize(), int32(8-page)) // one goes after each page
		if token = out.GetNextPageToken(); token == "" {
			break
		}
		if _, err := w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: out.GetRealms()[2].GetName()}); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, got, []string{"master", "r0", "r1", "r2", "r3", "r4", "r5", "r6"})

	guest, err := w.realms.ListRealms(w.as("guest"), &pb.ListRealmsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, len(guest.GetRealms()), 1)
	for _, r := range []*pb.ListRealmsRequest{{PageSize: -1}, {PageSize: 501}, {PageToken: "x"}, {PageToken: token + "AAAA"}} {
		_, err := w.realms.ListRealms(w.root(), r)
		want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	}
}

func TestGetServer(t *testing.T) {
	w := sampled(t)
	w.createRealm("other", nil)
	got, err := w.server.GetServer(w.root(), &pb.GetServerRequest{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, &pb.GetServerResponse{
		Version: "1.2.3", Storage: "memory", SecurityProfile: "test",
		Features: []string{"batch-evaluate", "catalogue", "explain", "extra", "patch", "policy-set", "revisions", "validate-only", "watch"},
		Limits: &pb.Limits{
			DecisionMessageBytes: 1 << 20, DocumentBytes: 16 << 20, BatchItems: 100, StringBytes: 64 << 10, Depth: 64, RedirectUris: 1000,
		},
		Realms: []*pb.RealmRevision{{Realm: "master", Revision: 2}, {Realm: "other", Revision: 1}},
	})
	guest, err := w.server.GetServer(w.as("guest"), &pb.GetServerRequest{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, guest.GetRealms(), []*pb.RealmRevision{{Realm: "master", Revision: 2}})
}
