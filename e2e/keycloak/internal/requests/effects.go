package requests

import (
	"context"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/jose"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/sidegate"
	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// effects compares the answer with what the obligations make of the answer that
// came without policies. It says what differs.
func effects(decisions []sidegate.Decision, plain, got rest.Answer) string {
	suppress := obliged(decisions, func(o *pb.Obligation) bool { return o.GetSuppressRefreshToken() != nil })
	if want := plain.Text("refresh_token") != "" && !suppress; want != (got.Text("refresh_token") != "") {
		return "the refresh token is there and should not be, or the other way round"
	}
	light := obliged(decisions, func(o *pb.Obligation) bool { return o.GetLightweightAccessToken() != nil })
	if want := hasRoles(plain) && !light; want != hasRoles(got) {
		return "the access token is lightweight and should not be, or the other way round"
	}
	bearer := obliged(decisions, func(o *pb.Obligation) bool { return o.GetDpopBindRefreshTokenOnly() != nil })
	want := plain.Text("token_type")
	if bearer && want != "" {
		want = "Bearer"
	}
	if want != got.Text("token_type") {
		return "the access token is of type " + got.Text("token_type") + " and should be of type " + want
	}
	return ""
}

func obliged(decisions []sidegate.Decision, is func(*pb.Obligation) bool) bool {
	for _, d := range decisions {
		for _, o := range d.GetObligations() {
			if is(o) {
				return true
			}
		}
	}
	return false
}

// hasRoles reports whether the access token of an answer has claims that a
// lightweight one lacks.
func hasRoles(a rest.Answer) bool {
	claims, _ := jose.Claims(a.Text("access_token"))
	_, realm := claims["realm_access"]
	_, resource := claims["resource_access"]
	return realm || resource
}

// stored compares the client with what the mutations make of it: requests change
// clients only where secrets get an expiry.
func (w *Runner) stored(ctx context.Context, id string, before map[string]any, out agree.Case) (agree.Result, error) {
	want, last := sidegate.Clone(before), out.Decisions[0]
	delete(want, "clientRoles")
	for _, d := range out.Decisions {
		if want = sidegate.Apply(want, d.GetMutations()); len(d.GetMutations()) > 0 {
			last = d
		}
	}
	got, err := w.realm.ClientByID(ctx, id)
	if err != nil {
		return agree.Result{}, err
	}
	differences, members, absent := agree.CompareClients(got, want)
	if len(differences) == 0 {
		return out.Agree(), nil
	}
	return out.DifferClient(differences, last, sidegate.WantClient(members, absent)), nil
}
