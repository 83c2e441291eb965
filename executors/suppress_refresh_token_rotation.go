package executors

import (
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "suppress-refresh-token-rotation",
		Doc:    "Leaves the new refresh token out of refresh answers.",
		Spec:   []string{"FAPI 2.0 SP 5.3.2.1-9"},
		Events: pdp.On(pdp.TokenRefreshResponse),
		New:    pdp.Configure(newSuppressRefreshTokenRotation),
	})
}

// suppressRefreshTokenRotation lets the client go on with the refresh token that it
// has (executors-client.md, suppress-refresh-token-rotation). The realm must not
// revoke refresh tokens on use: this executor does not see to that.
type suppressRefreshTokenRotation struct{}

func newSuppressRefreshTokenRotation(pdp.NoConfig) (pdp.Executor, error) {
	return suppressRefreshTokenRotation{}, nil
}

// Execute asks for an answer without a refresh token. It never refuses.
func (suppressRefreshTokenRotation) Execute(_ *pdp.Request, v *pdp.Verdict) error {
	// FAPI 2.0 SP 5.3.2.1-9: no refresh token rotation.
	v.Oblige(&pb.Obligation{Obligation: &pb.Obligation_SuppressRefreshToken{SuppressRefreshToken: &pb.SuppressRefreshToken{}}})
	return nil
}
