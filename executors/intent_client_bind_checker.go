package executors

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "intent-client-bind-checker",
		Doc:    "Asks an endpoint whether the intent named in the claims parameter belongs to the client.",
		Spec:   []string{"OIDC Core §5.5", "FAPI 1.0 Advanced 5.2.2"},
		Events: pdp.On(pdp.AuthorizationRequest),
		New:    pdp.Configure(newIntentClientBindChecker),
	})
}

type intentClientBindConfig struct {
	// Endpoint is asked by POST; without one everything is refused.
	Endpoint string `config:"intent-client-bind-check-endpoint" form:"https://rs.keycloak-fapi.org/check-intent-client-bound" doc:"URL that is asked by POST, http or https; without one every request is refused."`
	// IntentName is the name of the ID token claim that holds the intent.
	IntentName string `config:"intent-name" hidden:"true" doc:"Name of the ID token claim that holds the intent, such as openbanking_intent_id."`
}

// intentClientBindChecker is the one executor that asks over the network
// (executors-request.md, intent-client-bind-checker). Only status 200 and the JSON
// value true count; whatever fails, refuses.
type intentClientBindChecker struct{ intentClientBindConfig }

func newIntentClientBindChecker(c intentClientBindConfig) (pdp.Executor, error) {
	return &intentClientBindChecker{c}, nil
}

// Execute reads the intent, then asks.
func (e *intentClientBindChecker) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if !strings.HasPrefix(e.Endpoint, "http://") && !strings.HasPrefix(e.Endpoint, "https://") {
		e.refuse(v, oauth.ServerError, "no endpoint is configured", "an http or https URL in intent-client-bind-check-endpoint")
		return nil
	}
	claims, _ := r.Effective(oauth.ParamClaims)
	intent, problem := e.intent(claims)
	if problem != "" {
		e.refuse(v, oauth.InvalidRequest, problem, "an essential ID token claim with the intent")
		return nil
	}
	bound, err := e.ask(r, intent)
	if errors.Is(err, pdp.ErrOffline) {
		return err
	}
	if err != nil {
		e.refuse(v, oauth.InvalidRequest, "the endpoint could not be asked, or its answer is not of the agreed form", "status 200 and is_bound true")
	} else if !bound {
		e.refuse(v, oauth.InvalidRequest, "the intent does not belong to the client", "an intent of this client")
	}
	return nil
}

// intent returns the intent that the parameter claims names, or what is wrong with it
// (OIDC Core §5.5, §5.5.1).
func (e *intentClientBindChecker) intent(claims string) (intent, problem string) {
	if claims == "" {
		return "", "claims is missing"
	}
	if e.IntentName == "" {
		return "", "no intent-name is configured"
	}
	object, err := oauth.ReadObject(claims)
	if err != nil || !claimsShape(object) {
		return "", "claims is not of the shape of OIDC Core §5.5"
	}
	tokens, _ := object["id_token"].(map[string]any)
	claim, _ := tokens[e.IntentName].(map[string]any)
	value, isText := claim["value"].(string)
	switch {
	case claim == nil:
		return "", "claims does not ask for the ID token claim " + e.IntentName
	case claim["essential"] != true && claim["essential"] != "true":
		return "", "the claim with the intent is not essential"
	case !isText:
		return "", "the claim with the intent has no text value"
	}
	return value, ""
}

// claimsShape holds claims to the members that OIDC Core §5.5 knows.
func claimsShape(object map[string]any) bool {
	for section, requests := range object {
		members, ok := requests.(map[string]any)
		if requests != nil && !ok || section != "id_token" && section != "userinfo" {
			return false
		}
		for _, request := range members {
			if !claimRequestShape(request) {
				return false
			}
		}
	}
	return true
}

func claimRequestShape(request any) bool {
	members, ok := request.(map[string]any)
	for name := range members {
		if name != "essential" && name != "value" && name != "values" {
			return false
		}
	}
	return ok || request == nil
}

var errIntentAnswer = errors.New("the answer is not of the agreed form")

func (e *intentClientBindChecker) ask(r *pdp.Request, intent string) (bound bool, err error) {
	clientID, _ := r.Client().String(pdp.ClientID)
	question, err := json.Marshal(struct {
		IntentID string `json:"intent_id"`
		ClientID string `json:"client_id"`
	}{intent, clientID})
	if err != nil {
		return false, fmt.Errorf("question: %w", err)
	}
	status, answer, err := r.Ask(e.Endpoint, question)
	if err != nil {
		return false, err
	}
	object, err := oauth.ReadObject(string(answer))
	if status != http.StatusOK || err != nil || len(object) != 1 {
		return false, errIntentAnswer
	}
	bound, isBool := object["is_bound"].(bool)
	if !isBool {
		return false, errIntentAnswer
	}
	return bound, nil
}

func (e *intentClientBindChecker) refuse(v *pdp.Verdict, code, description, expected string) {
	v.Reject(pdp.Finding{
		Code: code, Field: oauth.ParamClaims, Description: description, Expected: expected,
		Spec: "OIDC Core §5.5", Remedy: "ask for the intent as an essential ID token claim with a value",
	})
}
