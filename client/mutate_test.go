package client_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

func clientOf(t *testing.T, js string) *clientpolicyv1.Client {
	t.Helper()
	if js == "" {
		return nil
	}
	c := &clientpolicyv1.Client{}
	if err := protojson.Unmarshal([]byte(js), c); err != nil {
		t.Fatal(err)
	}
	return c
}

func mutationsOf(t *testing.T, js ...string) []*clientpolicyv1.Mutation {
	t.Helper()
	var out []*clientpolicyv1.Mutation
	for _, j := range js {
		m := &clientpolicyv1.Mutation{}
		if err := protojson.Unmarshal([]byte(j), m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func TestApply(t *testing.T) {
	for _, tc := range []struct {
		name                     string
		stored, proposed         string
		mutations                []string
		wantStored, wantProposed string
		wantMask                 []string
	}{
		{
			name: "set a flag, a list and attributes in order", proposed: `{"clientId":"c","redirectUris":["a"],"attributes":{"x":"1"}}`,
			mutations: []string{
				`{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/fullScopeAllowed","value":false}`,
				`{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/redirectUris","value":["b","c"],"previous":["a"]}`,
				`{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/attributes/x","value":"2","previous":"1"}`,
				`{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/attributes/x","value":"3","previous":"2"}`,
			},
			wantProposed: `{"clientId":"c","fullScopeAllowed":false,"redirectUris":["b","c"],"attributes":{"x":"3"}}`,
		},
		{
			name: "first attribute, escaped key", proposed: `{}`,
			mutations:    []string{`{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/attributes/a~1b~0c","value":"v"}`},
			wantProposed: `{"attributes":{"a/b~c":"v"}}`,
		},
		{
			name: "null previous and an empty attribute mean none", proposed: `{"attributes":{"x":""}}`,
			mutations:    []string{`{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/attributes/x","value":"v","previous":null}`},
			wantProposed: `{"attributes":{"x":"v"}}`,
		},
		{
			name: "previous of an update may be the stored value", stored: `{"consentRequired":false,"attributes":{"x":"1"}}`, proposed: `{}`,
			mutations: []string{
				`{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/consentRequired","value":true,"previous":false}`,
				`{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/attributes/x","value":"2","previous":"1"}`,
			},
			wantStored: `{"consentRequired":false,"attributes":{"x":"1"}}`, wantProposed: `{"consentRequired":true,"attributes":{"x":"2"}}`,
		},
		{
			name: "remove from an update masks what is stored", stored: `{"redirectUris":["a"],"attributes":{"x":"1"}}`, proposed: `{}`,
			mutations: []string{
				`{"op":"OP_REMOVE","target":"TARGET_PROPOSED","path":"/redirectUris","previous":["a"]}`,
				`{"op":"OP_REMOVE","target":"TARGET_PROPOSED","path":"/attributes/x","previous":"1"}`,
				`{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/webOrigins","value":[]}`,
			},
			wantStored: `{"redirectUris":["a"],"attributes":{"x":"1"}}`, wantProposed: `{}`,
			wantMask: []string{"/redirectUris", "/attributes/x", "/webOrigins"},
		},
		{
			name: "remove and set the stored client", stored: `{"notBefore":5,"attributes":{"x":"1"}}`,
			mutations: []string{
				`{"op":"OP_REMOVE","target":"TARGET_STORED","path":"/attributes/x","previous":"1"}`,
				`{"op":"OP_SET","target":"TARGET_STORED","path":"/notBefore","value":7,"previous":5}`,
				`{"op":"OP_SET","target":"TARGET_STORED","path":"/attributes/t","value":"9"}`,
			},
			wantStored: `{"notBefore":7,"attributes":{"t":"9"}}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := client.Documents{Stored: clientOf(t, tc.stored), Proposed: clientOf(t, tc.proposed)}
			before := client.Documents{Stored: proto.CloneOf(in.Stored), Proposed: proto.CloneOf(in.Proposed)}
			got, err := in.Apply(mutationsOf(t, tc.mutations...))
			if err != nil {
				t.Fatal(err)
			}
			want := client.Documents{Stored: clientOf(t, tc.wantStored), Proposed: clientOf(t, tc.wantProposed), Mask: tc.wantMask}
			if diff := cmp.Diff(want, got, protocmp.Transform(), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, in, protocmp.Transform()); diff != "" {
				t.Errorf("the receiver's documents changed: %s", diff)
			}
		})
	}
}

func TestApplyRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, mutation string
		stale          bool
	}{
		{"previous differs", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/name","value":"b","previous":"x"}`, true},
		{"previous expected none", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/name","value":"b"}`, true},
		{"previous attribute gone", `{"op":"OP_REMOVE","target":"TARGET_PROPOSED","path":"/attributes/y","previous":"1"}`, true},
		{"stored has changed", `{"op":"OP_SET","target":"TARGET_STORED","path":"/name","value":"b","previous":"x"}`, true},
		{"unknown member", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/nope","value":"b"}`, false},
		{"proto name is not the JSON name", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/full_scope_allowed","value":true}`, false},
		{"inside a list", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/redirectUris/0","value":"b"}`, false},
		{"inside an attribute", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/attributes/a/b","value":"b"}`, false},
		{"attribute without a name", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/attributes/","value":"b"}`, false},
		{"whole document", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"","value":{}}`, false},
		{"no leading slash", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"name","value":"b","previous":"a"}`, false},
		{"wrong type", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/fullScopeAllowed","value":"yes"}`, false},
		{"attribute not a string", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/attributes/x","value":1}`, false},
		{"no value", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/description"}`, false},
		{"null value", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/description","value":null}`, false},
		{"no operation", `{"target":"TARGET_PROPOSED","path":"/description","value":"x"}`, false},
		{"no target", `{"op":"OP_SET","path":"/description","value":"x"}`, false},
		{"secret", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/secret","value":"x"}`, false},
		{"rotated secret", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/attributes/client.secret.rotated","value":"x"}`, false},
		{"rotated secret among others", `{"op":"OP_SET","target":"TARGET_PROPOSED","path":"/attributes","value":{"client.secret.rotated":"x"}}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := client.Documents{Stored: clientOf(t, `{"name":"a"}`), Proposed: clientOf(t, `{"name":"a"}`)}
			_, err := d.Apply(mutationsOf(t, tc.mutation))
			if !errors.Is(err, client.ErrMutation) || errors.Is(err, client.ErrStale) != tc.stale {
				t.Errorf("%v, want ErrMutation, stale %v", err, tc.stale)
			}
		})
	}
	d := client.Documents{Proposed: clientOf(t, `{}`)}
	if _, err := d.Apply(mutationsOf(t, `{"op":"OP_SET","target":"TARGET_STORED","path":"/name","value":"x"}`)); !errors.Is(err, client.ErrMutation) {
		t.Errorf("a mutation of a document that does not exist: %v", err)
	}
}
