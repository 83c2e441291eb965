package executors

import (
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "registration-access-token-rotation-disabled",
		Doc:    "Keeps the registration access token when a client updates itself.",
		Spec:   []string{"RFC 7592 §2.2"},
		Events: pdp.On(pdp.Update, pdp.Updated),
		New:    pdp.Configure(newRegistrationAccessTokenRotationDisabled),
	})
}

// registrationAccessTokenRotationDisabled acts between the begin and the end of an
// update that came with a registration access token
// (executors-client.md, registration-access-token-rotation-disabled).
type registrationAccessTokenRotationDisabled struct{}

func newRegistrationAccessTokenRotationDisabled(pdp.NoConfig) (pdp.Executor, error) {
	return registrationAccessTokenRotationDisabled{}, nil
}

// Execute asks for the token to be returned unchanged. It never refuses.
func (registrationAccessTokenRotationDisabled) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if r.Channel() != pdp.ChannelRegistrationAccessToken {
		r.Because("the update did not come with a registration access token")
		return nil
	}
	// RFC 7592 §2.2: the server may rotate the token, and need not.
	v.Oblige(&pb.Obligation{Obligation: &pb.Obligation_KeepRegistrationAccessToken{KeepRegistrationAccessToken: &pb.KeepRegistrationAccessToken{}}})
	return nil
}
