package strictjson_test

import (
	"errors"
	"testing"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/gateway/strictjson"
)

func TestMarshal(t *testing.T) {
	config, err := structpb.NewStruct(map[string]any{"b": 1, "a": []any{"x", nil}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		m    proto.Message
		want string
	}{
		{"empty", &pb.Profile{}, `{}`},
		{"absent list", &pb.Profile{Name: "p", Revision: 7}, `{"name":"p","revision":"7"}`},
		{"empty list", &pb.Profile{Name: "p", Description: new("d"), EmptyMembers: []string{"executors"}, Etag: "e"}, `{"name":"p","description":"d","executors":[],"etag":"e"}`},
		{"list that is not empty", &pb.Profile{Executors: []*pb.ProfileExecutor{{Executor: "x", Configuration: config}}, EmptyMembers: []string{"executors", "executors"}},
			`{"executors":[{"executor":"x","configuration":{"a":["x",null],"b":1}}]}`},
		{"names twice or strange", &pb.Profile{EmptyMembers: []string{"executors", "executors", "warnings", "nothing"}}, `{"executors":[]}`},
		{"empty set", &pb.PolicySet{}, `{"profiles":[],"policies":[]}`},
		{"set", &pb.PolicySet{Policies: []*pb.Policy{{Name: "a"}}, Etag: "e"}, `{"profiles":[],"policies":[{"name":"a"}],"etag":"e"}`},
		{"set with empty list", &pb.PolicySet{Profiles: []*pb.Profile{{EmptyMembers: []string{"executors"}}}}, `{"profiles":[{"executors":[]}],"policies":[]}`},
		{"no realms", &pb.ListRealmsResponse{}, `{"realms":[],"nextPageToken":"","totalSize":0}`},
		{"no profiles", &pb.ListProfilesResponse{}, `{"profiles":[],"nextPageToken":"","totalSize":0,"revision":"0"}`},
		{"no policies", &pb.ListPoliciesResponse{TotalSize: 3}, `{"policies":[],"nextPageToken":"","totalSize":3,"revision":"0"}`},
		{"a page", &pb.ListProfilesResponse{Profiles: []*pb.Profile{{EmptyMembers: []string{"executors"}}}, Revision: 2}, `{"profiles":[{"executors":[]}],"nextPageToken":"","totalSize":0,"revision":"2"}`},
		{"no changes", &pb.DiffRevisionsResponse{Revision: 7}, `{"revision":"7","other":"0","changes":[]}`},
		{"no difference", &pb.ReplayDecisionResponse{Decision: &pb.LoggedDecision{}, Response: &pb.EvaluateResponse{}}, `{"decision":{},"revision":"0","response":{},"differs":false,"caveats":[]}`},
		{"a revision", &pb.Revision{Revision: 1, PolicySet: &pb.PolicySet{}}, `{"revision":"1","policySet":{"profiles":[],"policies":[]}}`},
		{"a schema", &pb.Provider{Id: "x", ConfigurationSchema: config}, `{"id":"x","events":[],"configurationSchema":{"a":["x",null],"b":1},"specifications":[]}`},
		{"values before and after", &pb.FieldChange{Path: "/a", Before: structpb.NewNullValue()}, `{"path":"/a","before":null}`},
		{"a share", &pb.LoggedDecision{SampleRate: 0.25}, `{"sampleRate":0.25}`},
		{"a status", &spb.Status{Code: 5}, `{"code":5,"message":"","details":[]}`},
		{"map of messages", &pb.Actor{ClientRoles: map[string]*pb.RoleList{"b": {}, "a": {Roles: []string{"r"}}}}, `{"clientRoles":{"a":{"roles":["r"]},"b":{}}}`},
		{"text", &pb.Profile{Name: "<ü>\u2028\""}, "{\"name\":\"<ü>\u2028\\\"\"}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := strictjson.Marshal(tc.m)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tc.want+"\n" {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestMarshalRefuses(t *testing.T) {
	if _, err := strictjson.Marshal((*pb.PolicySet)(nil)); !errors.Is(err, strictjson.ErrNoMessage) {
		t.Errorf("absent message: got %v", err)
	}
	if _, err := strictjson.Marshal(nil); !errors.Is(err, strictjson.ErrNoMessage) {
		t.Errorf("nil: got %v", err)
	}
	if _, err := strictjson.Marshal(&pb.Profile{Name: "\xff"}); err == nil {
		t.Error("invalid UTF-8: want an error")
	}
}
