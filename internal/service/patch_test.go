package service_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

func mask(paths ...string) *fieldmaskpb.FieldMask {
	if paths == nil {
		return nil
	}
	return &fieldmaskpb.FieldMask{Paths: paths}
}

func (w *world) updatePolicy(name string, p *pb.Policy, m *fieldmaskpb.FieldMask, pairs ...string) (*pb.Policy, error) {
	r, err := w.admin.UpdatePolicy(w.root(pairs...), &pb.UpdatePolicyRequest{Realm: "master", Policy: name, Document: p, UpdateMask: m})
	return r.GetDocument(), err
}

func (w *world) updateProfile(name string, p *pb.Profile, m *fieldmaskpb.FieldMask, pairs ...string) (*pb.Profile, error) {
	r, err := w.admin.UpdateProfile(w.root(pairs...), &pb.UpdateProfileRequest{Realm: "master", Profile: name, Document: p, UpdateMask: m})
	return r.GetDocument(), err
}

func barePolicy(p *pb.Policy) *pb.Policy {
	return bare(&pb.PolicySet{Policies: []*pb.Policy{p}}).Policies[0]
}

func bareProfile(p *pb.Profile) *pb.Profile {
	return bare(&pb.PolicySet{Profiles: []*pb.Profile{p}}).Profiles[0]
}

func fullPolicy() *pb.Policy {
	p := policy("full", "a")
	p.Description, p.Mode, p.Enforcement = proto.String("text"), proto.String("STRICT"), pb.Policy_ENFORCEMENT_WARN
	p.Events = []pb.Event{pb.Event_EVENT_VIEW}
	return p
}

func TestUpdatePolicy(t *testing.T) {
	change := func(f func(*pb.Policy)) *pb.Policy {
		p := fullPolicy()
		f(p)
		return p
	}
	for name, c := range map[string]struct {
		sent *pb.Policy
		mask []string // nil is none
		want *pb.Policy
	}{
		"nothing":           {&pb.Policy{}, nil, fullPolicy()},
		"mask without path": {&pb.Policy{}, []string{}, fullPolicy()},
		"what is sent": {
			&pb.Policy{Enabled: proto.Bool(false), Profiles: []string{"b"}}, nil,
			change(func(p *pb.Policy) { p.Enabled, p.Profiles = proto.Bool(false), []string{"b"} }),
		},
		"empty text is sent": {
			&pb.Policy{Description: proto.String("")}, nil,
			change(func(p *pb.Policy) { p.Description = proto.String("") }),
		},
		"only what is named": {
			&pb.Policy{Enabled: proto.Bool(false), Description: proto.String("x")}, []string{"description"},
			change(func(p *pb.Policy) { p.Description = proto.String("x") }),
		},
		"named and not sent": {
			&pb.Policy{}, []string{"description", "enabled", "mode", "conditions", "profiles", "enforcement", "events"},
			&pb.Policy{Name: "full"},
		},
		"named twice": {
			&pb.Policy{}, []string{"description", "description"},
			change(func(p *pb.Policy) { p.Description = nil }),
		},
		"renamed": {&pb.Policy{Name: "other"}, nil, change(func(p *pb.Policy) { p.Name = "other" })},
		"renamed, named": {
			&pb.Policy{Name: "other"}, []string{"name"},
			change(func(p *pb.Policy) { p.Name = "other" }),
		},
		"lists are whole": {
			&pb.Policy{Events: []pb.Event{pb.Event_EVENT_UPDATE}}, []string{"events"},
			change(func(p *pb.Policy) { p.Events = []pb.Event{pb.Event_EVENT_UPDATE} }),
		},
		"output only": {
			&pb.Policy{
				Global: true, Etag: "x", Author: "x", Revision: 9, UpdateTime: timestamppb.Now(),
				Warnings: []*pb.Warning{{Path: "x"}}, Mode: proto.String("DEFAULT"),
			}, nil,
			change(func(p *pb.Policy) { p.Mode = proto.String("DEFAULT") }),
		},
		"output only, named": {
			&pb.Policy{Etag: "x"}, []string{"global", "etag", "update_time", "updateTime", "author", "revision", "warnings"},
			fullPolicy(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := sampled(t)
			made, err := w.createPolicy(fullPolicy())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.createPolicy(policy("last")); err != nil {
				t.Fatal(err)
			}
			var header metadata.MD
			r, err := w.admin.UpdatePolicy(w.root(), &pb.UpdatePolicyRequest{
				Realm: "master", Policy: "full", Document: c.sent, UpdateMask: mask(c.mask...), Comment: "why",
			}, grpc.Header(&header))
			if err != nil {
				t.Fatal(err)
			}
			got := r.GetDocument()
			equal(t, barePolicy(got), c.want)
			equal(t, header.Get("etag"), []string{got.GetEtag()})
			_, policies := names(w.set("master"))
			equal(t, policies, []string{"first", "second", c.want.GetName(), "last"})
			state, err := w.store.Load(t.Context(), "master", 0)
			if err != nil {
				t.Fatal(err)
			}
			if proto.Equal(c.want, fullPolicy()) {
				equal(t, []any{got.GetEtag(), got.GetRevision()}, []any{made.GetEtag(), int64(4)})
				return
			}
			equal(t, []any{got.GetRevision(), state.Meta.Revision, state.Meta.Comment}, []any{int64(5), int64(5), "why"})
		})
	}
}

func TestUpdateProfile(t *testing.T) {
	full := func() *pb.Profile {
		return &pb.Profile{Name: "full", Description: proto.String("text"), Executors: []*pb.ProfileExecutor{
			{Executor: "refuse", Configuration: object("code", "x", "data", map[string]any{"deep": true})},
		}}
	}
	passing := []*pb.ProfileExecutor{{Executor: "pass"}}
	empty := []string{"executors"}
	for name, c := range map[string]struct {
		before, sent *pb.Profile
		mask         []string // nil is none
		want         *pb.Profile
	}{
		"configuration is whole": {
			full(), &pb.Profile{Executors: []*pb.ProfileExecutor{{Executor: "refuse", Configuration: object("code", "y")}}}, nil,
			&pb.Profile{Name: "full", Description: proto.String("text"), Executors: []*pb.ProfileExecutor{{Executor: "refuse", Configuration: object("code", "y")}}},
		},
		"told to be empty": {
			full(), &pb.Profile{EmptyMembers: empty}, nil,
			&pb.Profile{Name: "full", Description: proto.String("text"), EmptyMembers: empty},
		},
		"told to be empty, named": {
			full(), &pb.Profile{EmptyMembers: empty}, []string{"executors"},
			&pb.Profile{Name: "full", Description: proto.String("text"), EmptyMembers: empty},
		},
		"cleared": {
			full(), &pb.Profile{}, []string{"executors"},
			&pb.Profile{Name: "full", Description: proto.String("text")},
		},
		"empty and cleared": {
			&pb.Profile{Name: "full", EmptyMembers: empty}, &pb.Profile{}, []string{"executors"}, &pb.Profile{Name: "full"},
		},
		"empty and filled": {
			&pb.Profile{Name: "full", EmptyMembers: empty}, &pb.Profile{Executors: passing}, nil, &pb.Profile{Name: "full", Executors: passing},
		},
		"empty stays": {
			&pb.Profile{Name: "full", EmptyMembers: empty}, &pb.Profile{Description: proto.String("x")}, nil,
			&pb.Profile{Name: "full", Description: proto.String("x"), EmptyMembers: empty},
		},
		"not named": {
			full(), &pb.Profile{EmptyMembers: empty}, []string{"description"},
			&pb.Profile{Name: "full", Executors: full().Executors},
		},
		"sent and told to be empty": {
			full(), &pb.Profile{Executors: passing, EmptyMembers: empty}, nil,
			&pb.Profile{Name: "full", Description: proto.String("text"), Executors: passing},
		},
		"output only": {
			full(), &pb.Profile{Available: proto.Bool(false), Global: true}, []string{"available", "global"}, full(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := sampled(t)
			if _, err := w.admin.CreateProfile(w.root(), &pb.CreateProfileRequest{Realm: "master", Document: c.before}); err != nil {
				t.Fatal(err)
			}
			got, err := w.updateProfile("full", c.sent, mask(c.mask...))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, bareProfile(got), c.want)
			read, err := w.admin.GetProfile(w.root(), &pb.GetProfileRequest{Realm: "master", Profile: "full"})
			if err != nil {
				t.Fatal(err)
			}
			equal(t, bareProfile(read.GetDocument()), c.want)
		})
	}
}

// A PATCH that is refused stores nothing.
func TestRefusedUpdates(t *testing.T) {
	w := sampled(t)
	before := w.set("master")
	unknown := &pb.Policy{Description: proto.String("x")}
	unknown.ProtoReflect().SetUnknown([]byte{0xa0, 0x06, 0x01})
	for name, c := range map[string]struct {
		update func() error
		code   codes.Code
		reason string
		fields []string
		says   []string
	}{
		"no document": {
			func() error { _, err := w.updatePolicy("first", nil, nil); return err },
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{""}, nil,
		},
		"not there": {
			func() error { _, err := w.updatePolicy("third", &pb.Policy{}, nil); return err },
			codes.NotFound, "POLICY_NOT_FOUND", nil, []string{`"third"`},
		},
		"server-wide": {
			func() error {
				_, err := w.updatePolicy("server-wide", &pb.Policy{Enabled: proto.Bool(false)}, nil)
				return err
			},
			codes.PermissionDenied, "READ_ONLY", nil, nil,
		},
		"built-in": {
			func() error {
				_, err := w.updateProfile("built-in", &pb.Profile{Description: proto.String("x")}, nil)
				return err
			},
			codes.PermissionDenied, "READ_ONLY", nil, nil,
		},
		"unknown member": {
			func() error { _, err := w.updatePolicy("first", &pb.Policy{}, mask("enabeld")); return err },
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/updateMask"}, []string{`did you mean "enabled"?`},
		},
		"unknown member after a known one": {
			func() error {
				_, err := w.updatePolicy("first", &pb.Policy{}, mask("description", "colour"))
				return err
			},
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/updateMask"}, []string{`"colour"`},
		},
		"empty path": {
			func() error { _, err := w.updatePolicy("first", &pb.Policy{}, mask("")); return err },
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/updateMask"}, nil,
		},
		"star": {
			func() error { _, err := w.updatePolicy("first", &pb.Policy{}, mask("*")); return err },
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/updateMask"}, nil,
		},
		"part of a member": {
			func() error {
				_, err := w.updateProfile("b", &pb.Profile{}, mask("executors.configuration"))
				return err
			},
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/updateMask"}, []string{"named whole"},
		},
		"empty members, named": {
			func() error { _, err := w.updateProfile("b", &pb.Profile{}, mask("empty_members")); return err },
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/updateMask"}, nil,
		},
		"empty members, unknown": {
			func() error {
				_, err := w.updateProfile("b", &pb.Profile{EmptyMembers: []string{"x"}}, nil)
				return err
			},
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/emptyMembers/0"}, nil,
		},
		"name cleared": {
			func() error { _, err := w.updatePolicy("first", &pb.Policy{}, mask("name")); return err },
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/name"}, nil,
		},
		"name of a profile in use cleared": {
			func() error { _, err := w.updateProfile("a", &pb.Profile{}, mask("name")); return err },
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/name"}, []string{"out of the mask"},
		},
		"name taken": {
			func() error { _, err := w.updatePolicy("first", &pb.Policy{Name: "second"}, nil); return err },
			codes.AlreadyExists, "ALREADY_EXISTS", nil, nil,
		},
		"name of a built-in": {
			func() error { _, err := w.updatePolicy("first", &pb.Policy{Name: "built-in"}, nil); return err },
			codes.AlreadyExists, "ALREADY_EXISTS", nil, nil,
		},
		"name too long": {
			func() error {
				_, err := w.updatePolicy("first", &pb.Policy{Name: strings.Repeat("ü", 256)}, nil)
				return err
			},
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/name"}, nil,
		},
		"profile in use renamed": {
			func() error { _, err := w.updateProfile("a", &pb.Profile{Name: "c"}, nil); return err },
			codes.FailedPrecondition, "PROFILE_IN_USE", nil, []string{`"first"`},
		},
		"effective document": {
			func() error {
				_, err := w.updatePolicy("first", &pb.Policy{Profiles: []string{"aa", "first"}, Mode: proto.String("strict")}, nil)
				return err
			},
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/mode", "/profiles/0", "/profiles/1"}, nil,
		},
		"unknown key": {
			func() error {
				_, err := w.updateProfile("a", &pb.Profile{Executors: []*pb.ProfileExecutor{{Executor: "refuse", Configuration: object("code", "x", "cod", "x")}}}, nil)
				return err
			},
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{"/executors/0/configuration/cod"}, []string{`"code"`},
		},
		"member of a later version": {
			func() error { _, err := w.updatePolicy("first", unknown, nil); return err },
			codes.InvalidArgument, "INVALID_DOCUMENT", []string{""}, nil,
		},
		"stale tag": {
			func() error { _, err := w.updatePolicy("first", &pb.Policy{}, nil, "if-match", `"0"`); return err },
			codes.FailedPrecondition, "ETAG_MISMATCH", nil, []string{before.GetPolicies()[0].GetEtag()},
		},
		"revision without it": {
			func() error {
				_, err := w.updatePolicy("first", &pb.Policy{}, nil, "x-sidegate-revision", "1")
				return err
			},
			codes.Aborted, "CONFLICT", nil, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.update()
			want(t, err, c.code, c.reason)
			equal(t, problemOf(err).Fields, c.fields)
			wantText(t, err, c.says...)
			equal(t, w.set("master"), before)
			equal(t, w.revision("master"), before.GetRevision())
		})
	}
}

// What holds for PUT holds for PATCH.
func TestUpdateConditions(t *testing.T) {
	w := start(t)
	w.createRealm("master", &pb.RealmSettings{RequireIfMatch: proto.Bool(true)})
	made, err := w.createPolicy(policy("p"))
	if err != nil {
		t.Fatal(err)
	}
	off := &pb.Policy{Enabled: proto.Bool(false)}
	_, err = w.updatePolicy("p", off, nil)
	want(t, err, codes.FailedPrecondition, "IF_MATCH_REQUIRED")
	var header metadata.MD
	checked, err := w.admin.UpdatePolicy(w.root("if-match", made.GetEtag()),
		&pb.UpdatePolicyRequest{Realm: "master", Policy: "p", Document: off, ValidateOnly: true}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	if d := checked.GetDocument(); d.GetEnabled() || d.GetEtag() == made.GetEtag() || len(header.Get("etag")) > 0 {
		t.Errorf("got %v, header %v", d, header)
	}
	equal(t, w.revision("master"), int64(2))
	got, err := w.updatePolicy("p", off, nil, "if-match", made.GetEtag(), "x-sidegate-revision", "2")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got.GetEtag(), checked.GetDocument().GetEtag())
	none, err := w.updatePolicy("p", &pb.Policy{}, mask("conditions"), "if-match", "*")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, len(none.GetWarnings()), 1)
	equal(t, none.GetWarnings()[0].GetPath(), "/conditions")
}

// Unknown configuration keys are carried on by a PATCH that does not touch them.
func TestUpdateCarriesUnknownKeys(t *testing.T) {
	w := sampled(t)
	own := &pb.Profile{Executors: []*pb.ProfileExecutor{{Executor: "refuse", Configuration: object("code", "x", "mine", 1)}}}
	if _, err := w.replaceProfile("a", own, "x-sidegate-surface", "keycloak"); err != nil {
		t.Fatal(err)
	}
	got, err := w.updateProfile("a", &pb.Profile{Description: proto.String("x")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got.GetExecutors(), own.GetExecutors())
	equal(t, len(got.GetWarnings()), 1)
	if _, err := w.updatePolicy("first", &pb.Policy{Profiles: []string{"built-in"}}, nil); err != nil {
		t.Fatal(err)
	}
	got, err = w.updateProfile("a", &pb.Profile{Name: "renamed"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got.GetExecutors(), own.GetExecutors())
	own.Executors[0].Configuration = object("code", "x", "mine", 2)
	_, err = w.updateProfile("renamed", own, nil)
	want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	equal(t, problemOf(err).Fields, []string{"/executors/0/configuration/mine"})
}
