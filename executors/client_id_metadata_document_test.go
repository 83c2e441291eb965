package executors_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"google.golang.org/protobuf/testing/protocmp"
)

// TestFetchClientMetadata checks what the identity provider is asked to fetch, and
// within which bounds; vectors name the obligation only.
func TestFetchClientMetadata(t *testing.T) {
	const id = "https://app.example:8443/client"
	realm := realmOf(t, safe, "client-id-metadata-document", map[string]any{
		"cimd-allow-permitted-domains": []any{"app.example"},
	})
	for name, c := range map[string]struct {
		client *pb.Client
		want   pb.FetchClientMetadata_Operation
	}{
		"unknown client":       {nil, pb.FetchClientMetadata_OPERATION_CREATE},
		"client made by hand":  {&pb.Client{}, pb.FetchClientMetadata_OPERATION_CREATE},
		"copy that is too old": {&pb.Client{Attributes: map[string]string{"cimd.cache.expiry.time.in.sec": after(-1)}}, pb.FetchClientMetadata_OPERATION_UPDATE},
	} {
		resp := decide(t, realm, pdp.Env{}, &pb.EvaluateRequest{
			Event: pdp.PreAuthorizationRequest, Client: c.client,
			Request: &pb.OAuthRequest{Parameters: map[string]string{"client_id": id, "redirect_uri": "http://localhost/cb"}},
		})
		want := &pb.FetchClientMetadata{Operation: c.want, Url: id, MinCacheSeconds: 300, MaxCacheSeconds: 259200, MaxBytes: 5000}
		if diff := cmp.Diff(want, soleObligation(t, resp).GetFetchClientMetadata(), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
