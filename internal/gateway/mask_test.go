package gateway_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

func TestItemMask(t *testing.T) {
	f, r := serve(t, options())
	for _, tc := range []struct {
		item, query, body string
		want              []string
	}{
		{"profiles/p", "", `{}`, nil},
		{"profiles/p", "", `{"description":"d"}`, []string{"description"}},
		{"profiles/p", "", `{"description":null,"executors":null}`, []string{"description", "executors"}},
		{"profiles/p", "", `{"executors":[]}`, []string{"executors"}},
		{"profiles/p", "", `{"executors":[{"executor":"x","configuration":{"a":{"b":1}}}]}`, []string{"executors"}},
		{"profiles/p", "", `{"name":"p"}`, nil},
		{"profiles/p", "", `{"name":"other"}`, []string{"name"}},
		{"profiles/a%2Fb%3Ac", "", `{"name":"a/b:c","description":""}`, []string{"description"}},
		{"profiles/p", "", `{"name":"p","description":"d","etag":"e","revision":"7","updateTime":"2026-01-02T03:04:05Z","author":"a","global":true,"available":false,"warnings":[]}`, []string{"description"}},
		{"profiles/p", "description,executors", `{}`, []string{"description", "executors"}},
		{"policies/q", "", `{"enabled":false}`, []string{"enabled"}},
		{"policies/q", "", `{"enabled":null,"mode":"STRICT","conditions":[],"profiles":null,"enforcement":null,"events":["EVENT_VIEW"]}`,
			[]string{"conditions", "enabled", "enforcement", "events", "mode", "profiles"}},
		{"policies/q", "enforcement,events,enforcement", `{"enabled":true}`, []string{"enforcement", "events"}},
	} {
		path := "/v1/realms/r/" + tc.item
		if tc.query != "" {
			path += "?updateMask=" + url.QueryEscape(tc.query)
		}
		accepted(t, r.do(t, "PATCH", path, tc.body))
		got := f.only(t).req.(interface {
			proto.Message
			GetUpdateMask() *fieldmaskpb.FieldMask
		}).GetUpdateMask()
		if tc.want == nil {
			if got != nil {
				t.Errorf("%s %s: got mask %v, want none", path, tc.body, got)
			}
			continue
		}
		if diff := cmp.Diff(&fieldmaskpb.FieldMask{Paths: tc.want}, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s %s: %s", path, tc.body, diff)
		}
	}
}

// An empty list is a value, in a patch as in a whole document.
func TestItemMaskKeepsEmptyLists(t *testing.T) {
	f, r := serve(t, options())
	accepted(t, r.do(t, "PATCH", "/v1/realms/r/profiles/p?validateOnly=true&comment=c", `{"executors":[]}`))
	want := &pb.UpdateProfileRequest{
		Realm: "r", Profile: "p", ValidateOnly: true, Comment: "c",
		Document:   &pb.Profile{EmptyMembers: []string{"executors"}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"executors"}},
	}
	if diff := cmp.Diff(want, f.only(t).req, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestItemMaskRefused(t *testing.T) {
	f, r := serve(t, options())
	for mask, text := range map[string]string{
		"":                   "is empty",
		"desciption":         `did you mean "description"?`,
		"profiles,":          `unknown member ""`,
		"conditions.x":       "is replaced whole",
		"enforcement.x":      "is replaced whole",
		"update_time":        `did you mean "updateTime"?`,
		"description ,mode":  "unknown member",
		"conditions[0]":      "unknown member",
		"emptyMembers":       "unknown member",
		"description,*":      "unknown member",
		"profiles;condtions": "unknown member",
	} {
		p := refused(t, r.do(t, "PATCH", "/v1/realms/r/policies/q?updateMask="+url.QueryEscape(mask), "{}"), 400)
		if len(p.Violations) != 1 || p.Violations[0].Field != "updateMask" || !strings.Contains(p.Detail, text) {
			t.Errorf("%q: got %+v", mask, p)
		}
	}
	for _, item := range []string{"profiles/p", "policies/q"} {
		// A body is always sent.
		refused(t, r.stream(t, "PATCH", "/v1/realms/r/"+item+"?updateMask=description", strings.NewReader("")), 400)
		refused(t, r.do(t, "PATCH", "/v1/realms/r/"+item+"?updateMask=description", ""), 415)
	}
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("got %v", calls)
	}
}

func TestPlace(t *testing.T) {
	f, r := serve(t, options())
	for body, want := range map[string]*pb.PolicyPlace{
		`{"before":"a"}`:              {Place: &pb.PolicyPlace_Before{Before: "a"}},
		`{"after":"b/ü"}`:             {Place: &pb.PolicyPlace_After{After: "b/ü"}},
		`{"index":0}`:                 {Place: &pb.PolicyPlace_Index{}},
		`{"before":null,"index":3}`:   {Place: &pb.PolicyPlace_Index{Index: 3}},
		`{"before":""}`:               {Place: &pb.PolicyPlace_Before{}},
		`{}`:                          {},
		`{"after":null,"index":null}`: {},
	} {
		accepted(t, r.do(t, "POST", "/v1/realms/r/policies/q:move?validateOnly=true", body))
		want := &pb.MovePolicyRequest{Realm: "r", Policy: "q", ValidateOnly: true, Place: want}
		if diff := cmp.Diff(want, f.only(t).req, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
	for body, want := range map[string]violation{
		"{\"before\":\"a\",\n \"after\":\"b\"}":   {"/after", `only one of "before" and "after" can be sent`, 2, 10},
		`{"index":0,"before":"a"}`:                {"/before", `only one of "index" and "before" can be sent`, 1, 21},
		`{"index":"0"}`:                           {"/index", "expected a whole number from -2147483648 to 2147483647 in digits, got a string", 1, 10},
		`{"index":1.5}`:                           {"/index", "expected a whole number from -2147483648 to 2147483647 in digits, got 1.5", 1, 10},
		`{"place":{"before":"a"}}`:                {"/place", `unknown member "place"; known are before, after, index`, 1, 2},
		`{"befor":"a"}`:                           {"/befor", `unknown member "befor"; did you mean "before"?`, 1, 2},
		"{\"before\":\"a\",\n \"before\":\"a\" }": {"/before", `duplicate member "before"; send it once`, 2, 2},
	} {
		p := refused(t, r.do(t, "POST", "/v1/realms/r/policies/q:move", body), 400)
		if len(p.Violations) != 1 || p.Violations[0] != want {
			t.Errorf("%s: got %+v, want %+v", body, p.Violations, want)
		}
	}
	refused(t, r.do(t, "POST", "/v1/realms/r/policies/q:move", ""), 415)
	refused(t, r.stream(t, "POST", "/v1/realms/r/policies/q:move", strings.NewReader("")), 400)
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("got %v", calls)
	}
}
