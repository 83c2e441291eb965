package executors

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "secure-ciba-req-sig-algorithm",
		Doc:    "Demands a FAPI algorithm for a client's signed CIBA requests and fills in a default.",
		Spec:   []string{secureCIBAReqSigAlgorithmSpec},
		Events: pdp.On(pdp.Register, pdp.Update),
		Delta:  true,
		New:    pdp.Configure(newSecureCIBAReqSigAlgorithm),
	})
}

type secureCIBAReqSigAlgorithmConfig struct {
	// DefaultAlgorithm is filled in where the client names none; one that is not
	// allowed means PS256.
	DefaultAlgorithm string `config:"default-algorithm" type:"List" default:"PS256" options:"PS256,PS384,PS512,ES256,ES384,ES512" doc:"Algorithm that is filled in where the client names none; one that is not allowed means PS256."`
}

// secureCIBAReqSigAlgorithm holds one attribute to PS and ES algorithms with SHA-2,
// whether or not the client uses CIBA (executors-client.md,
// secure-ciba-req-sig-algorithm). The endpoint holds requests to the attribute.
type secureCIBAReqSigAlgorithm struct{ algorithm string }

func newSecureCIBAReqSigAlgorithm(c secureCIBAReqSigAlgorithmConfig) (pdp.Executor, error) {
	return &secureCIBAReqSigAlgorithm{fapiAlgorithmOr(c.DefaultAlgorithm)}, nil
}

const secureCIBAReqSigAlgorithmSpec = "FAPI-CIBA 7.6"

// Execute fills in an absent attribute and refuses an algorithm that is not
// allowed; an empty one is none that is allowed.
func (e *secureCIBAReqSigAlgorithm) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if refuseMetadataDocument(r, v) {
		return nil
	}
	alg, ok := r.Client().Attribute(oauth.AttrCIBARequestSigningAlg)
	switch {
	case !ok:
		v.SetAttribute(oauth.AttrCIBARequestSigningAlg, e.algorithm)
	// FAPI-CIBA 7.6: the algorithms of FAPI 1.0 Advanced 8.6.
	case !oauth.IsFAPIAlgorithm(alg):
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: pdp.AttributePointer(oauth.AttrCIBARequestSigningAlg),
			Description: "the algorithm of signed authentication requests is not allowed", Expected: fapiAlgorithms, Actual: orNone(alg),
			Spec: secureCIBAReqSigAlgorithmSpec, Remedy: "use an allowed algorithm, or leave the attribute out to get the default",
		})
	}
	return nil
}
