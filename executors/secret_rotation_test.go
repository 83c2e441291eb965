package executors_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Attributes of Keycloak, written out: a change of their constants would be a change
// of the clients stored.
const (
	secretCreated  = "/attributes/client.secret.creation.time"
	secretExpires  = "/attributes/client.secret.expiration.time"
	rotatedCreated = "/attributes/client.secret.rotated.creation.time"
	rotatedExpires = "/attributes/client.secret.rotated.expiration.time"
)

// after returns the time some seconds after now, as attributes write it.
func after(seconds int64) string { return strconv.FormatInt(now.Unix()+seconds, 10) }

func afterTime(seconds int64) *timestamppb.Timestamp {
	return timestamppb.New(now.Add(time.Duration(seconds) * time.Second))
}

// secretCase is an event of a client, and what must become of its secret.
type secretCase struct {
	name    string
	event   pdp.Event
	channel pdp.Channel
	regen   bool
	expires string // as the attribute has it, or "" for none
	rotated int64  // further life of a replaced secret
	want    *pb.ClientSecretRotation
	set     map[string]string
	removed []string
}

func secretCases() []secretCase {
	const admin, dcr = pdp.ChannelAdmin, pdp.ChannelRegistrationAccessToken
	first := &pb.ClientSecretRotation{Action: pb.ClientSecretRotation_ACTION_SET_EXPIRY, ExpiresAt: afterTime(1000)}
	rotate := &pb.ClientSecretRotation{
		Action: pb.ClientSecretRotation_ACTION_ROTATE, ExpiresAt: afterTime(1000), RotatedExpiresAt: afterTime(100),
	}
	keep := &pb.ClientSecretRotation{
		Action: pb.ClientSecretRotation_ACTION_KEEP_PREVIOUS_AS_ROTATED, ExpiresAt: afterTime(1000), RotatedExpiresAt: afterTime(100),
	}
	kept := map[string]string{
		secretCreated: after(0), secretExpires: after(1000), rotatedCreated: after(0), rotatedExpires: after(100),
	}
	dead := map[string]string{secretCreated: after(0), secretExpires: after(1000)}
	both := []string{rotatedCreated, rotatedExpires}
	return []secretCase{
		{"registered", pdp.Registered, admin, false, "", 100, first, map[string]string{secretExpires: after(1000)}, nil},
		{"first update", pdp.Updated, dcr, false, "", 100, first, map[string]string{secretExpires: after(1000)}, nil},
		{"first authorization", pdp.AuthorizationRequest, 0, false, "", 100, first, map[string]string{secretExpires: after(1000)}, nil},
		{"first token", pdp.TokenRequest, 0, false, "0", 100, first, map[string]string{secretExpires: after(1000)}, nil},
		{"later token", pdp.TokenRequest, 0, false, after(1), 100, nil, nil, nil},
		{"token after expiry", pdp.TokenRequest, 0, false, after(-1), 100, nil, nil, nil},
		{"update after expiry", pdp.Updated, admin, false, after(-1), 100, rotate, kept, nil},
		{"update at expiry", pdp.Updated, admin, false, after(0), 100, nil, nil, nil},
		{"dynamic update in time", pdp.Updated, dcr, false, after(200), 100, rotate, kept, nil},
		{"dynamic update too early", pdp.Updated, dcr, false, after(201), 100, nil, nil, nil},
		{"update after expiry, old secret dies", pdp.Updated, admin, false, after(-1), 0,
			&pb.ClientSecretRotation{Action: pb.ClientSecretRotation_ACTION_ROTATE, ExpiresAt: afterTime(1000)}, dead, both},
		{"regenerated", pdp.Updated, admin, true, after(500), 100, keep, kept, nil},
		{"regenerated, no expiry yet", pdp.Updated, admin, true, "", 100, keep, kept, nil},
		{"regenerated, old secret dies", pdp.Updated, admin, true, after(500), -1,
			&pb.ClientSecretRotation{Action: pb.ClientSecretRotation_ACTION_KEEP_PREVIOUS_AS_ROTATED, ExpiresAt: afterTime(1000)}, dead, both},
	}
}

// TestSecretRotation checks the times in obligation and attributes; vectors name
// the obligation only.
func TestSecretRotation(t *testing.T) {
	for _, c := range secretCases() {
		t.Run(c.name, func(t *testing.T) {
			realm := realmOf(t, safe, "secret-rotation", map[string]any{
				"expiration-period": 1000, "rotated-expiration-period": float64(c.rotated), "remaining-rotation-period": 200,
			})
			resp := decide(t, realm, pdp.Env{}, c.request())
			if c.want == nil {
				if len(resp.Obligations)+len(resp.Mutations) > 0 || resp.Decision != pb.EvaluateResponse_DECISION_ALLOW {
					t.Errorf("got %v, want nothing to do", resp)
				}
				return
			}
			if diff := cmp.Diff(c.want, soleObligation(t, resp).GetClientSecretRotation(), protocmp.Transform()); diff != "" {
				t.Errorf("obligation (-want +got):\n%s", diff)
			}
			set, removed := changed(t, resp.Mutations)
			if diff := cmp.Diff(c.set, set); diff != "" {
				t.Errorf("attributes set (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.removed, removed); diff != "" {
				t.Errorf("attributes removed (-want +got):\n%s", diff)
			}
		})
	}
}

func (c *secretCase) request() *pb.EvaluateRequest {
	client := &pb.Client{Attributes: map[string]string{
		"client.secret.rotated.creation.time": "1", "client.secret.rotated.expiration.time": "2",
	}}
	if c.expires != "" {
		client.Attributes["client.secret.expiration.time"] = c.expires
	}
	req := &pb.EvaluateRequest{Event: c.event, Client: client, Request: &pb.OAuthRequest{}}
	if c.channel != 0 {
		req.Registration = &pb.Registration{Channel: c.channel}
	}
	if c.regen {
		req.Registration.Operation = pb.Registration_OPERATION_SECRET_REGENERATION
	}
	return req
}

// changed returns what mutations set and remove, all of the stored client.
func changed(t *testing.T, mutations []*pb.Mutation) (set map[string]string, removed []string) {
	t.Helper()
	set = map[string]string{}
	for _, m := range mutations {
		if m.Target != pb.Mutation_TARGET_STORED {
			t.Errorf("%s: target %s, want the stored client", m.Path, m.Target)
		}
		if m.Op == pb.Mutation_OP_REMOVE {
			removed = append(removed, m.Path)
		} else {
			set[m.Path] = m.Value.GetStringValue()
		}
	}
	return set, removed
}
