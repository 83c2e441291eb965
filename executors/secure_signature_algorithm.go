package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "secure-signature-algorithm",
		Doc:    "Demands FAPI signing algorithms of a client and fills in a default.",
		Spec:   []string{"FAPI 1.0 Advanced 8.6", "FAPI 2.0 SP 5.4.1-1"},
		Events: pdp.On(pdp.Register, pdp.Update),
		Delta:  true,
		New:    pdp.Configure(newSecureSignatureAlgorithm),
	})
}

type secureSignatureAlgorithmConfig struct {
	// DefaultAlgorithm is filled in where the client names none; one that is not
	// allowed means PS256.
	DefaultAlgorithm string `config:"default-algorithm" type:"List" default:"PS256" options:"PS256,PS384,PS512,ES256,ES384,ES512" doc:"Algorithm that is filled in where the client names none; one that is not allowed means PS256."`
}

// secureSignatureAlgorithm demands PS or ES algorithms with SHA-2 wherever the
// client or the identity provider signs for the client (executors-client.md,
// secure-signature-algorithm).
type secureSignatureAlgorithm struct{ algorithm string }

func newSecureSignatureAlgorithm(c secureSignatureAlgorithmConfig) (pdp.Executor, error) {
	return &secureSignatureAlgorithm{fapiAlgorithmOr(c.DefaultAlgorithm)}, nil
}

// fapiAlgorithmOr returns the algorithm, or the first allowed one in its place.
func fapiAlgorithmOr(alg string) string {
	if oauth.IsFAPIAlgorithm(alg) {
		return alg
	}
	return oauth.FAPIAlgorithms()[0]
}

// secureSignatureAttributes are the attributes judged, in this order.
var secureSignatureAttributes = [...]string{
	oauth.AttrUserInfoSigningAlg, oauth.AttrRequestObjectAlg, oauth.AttrIDTokenSigningAlg, oauth.AttrTokenEndpointAuthAlg,
}

// Execute fills in and judges each attribute. The algorithm of access tokens is
// an administrator's to choose, so only that channel is judged on it.
func (e *secureSignatureAlgorithm) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if refuseMetadataDocument(r, v) {
		return nil
	}
	for _, key := range secureSignatureAttributes {
		demandFAPIAlgorithm(r, v, key, e.algorithm)
	}
	if r.Channel() == pdp.ChannelAdmin {
		demandFAPIAlgorithm(r, v, oauth.AttrAccessTokenSigningAlg, e.algorithm)
	}
	return nil
}

// demandFAPIAlgorithm fills in an absent attribute and refuses an algorithm that
// is not allowed; an empty one is none that is allowed.
func demandFAPIAlgorithm(r *pdp.Request, v *pdp.Verdict, key, fallback string) {
	alg, ok := r.Client().Attribute(key)
	switch {
	case !ok:
		v.SetAttribute(key, fallback)
	case !oauth.IsFAPIAlgorithm(alg):
		// FAPI 1.0 Advanced 8.6: PS256 or ES256, never none.
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: pdp.AttributePointer(key),
			Description: "the signing algorithm is not allowed", Expected: fapiAlgorithms, Actual: alg,
			Spec: "FAPI 1.0 Advanced 8.6", Remedy: "use an allowed algorithm, or leave the attribute out to get the default",
		})
	}
}

const fapiAlgorithms = "one of PS256, PS384, PS512, ES256, ES384, ES512"
