package executors

import (
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:   "use-lightweight-access-token",
		Doc:  "Has access tokens carry protocol claims only.",
		Spec: []string{"RFC 9700 §2.3"},
		Events: pdp.On(pdp.TokenRequest, pdp.TokenRefresh, pdp.ResourceOwnerPasswordCredentialsRequest,
			pdp.ServiceAccountTokenRequest, pdp.BackchannelTokenRequest, pdp.DeviceTokenRequest),
		New: pdp.Configure(newUseLightweightAccessToken),
	})
}

// useLightweightAccessToken does for one answer what a client attribute does for
// all, whether or not that is set (executors-client.md, use-lightweight-access-token).
// Token exchange, the JWT grant and the front channel are left alone, as in Keycloak.
type useLightweightAccessToken struct{}

func newUseLightweightAccessToken(pdp.NoConfig) (pdp.Executor, error) {
	return useLightweightAccessToken{}, nil
}

// Execute asks for a lightweight access token. It never refuses.
func (useLightweightAccessToken) Execute(_ *pdp.Request, v *pdp.Verdict) error {
	v.Oblige(&pb.Obligation{Obligation: &pb.Obligation_LightweightAccessToken{LightweightAccessToken: &pb.LightweightAccessToken{}}})
	return nil
}
