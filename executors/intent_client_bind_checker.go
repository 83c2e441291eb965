package executors

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
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

const intentClientBindSpec = "OIDC Core §5.5"

// Execute reads the intent, then asks.
func (e *intentClientBindChecker) Execute(r *pdp.Request, v *pdp.Verdict) error {
	if !strings.HasPrefix(e.Endpoint, "http://") && !strings.HasPrefix(e.Endpoint, "https://") {
		v.Reject(pdp.Finding{
			Code: oauth.ServerError, Field: "/configuration/intent-client-bind-check-endpoint", Description: "there is no endpoint to ask",
			Expected: "an http or https URL", Actual: "another or none", Spec: intentClientBindSpec,
			Remedy: "set intent-client-bind-check-endpoint in the profile",
		})
		return nil
	}
	intent, ok := e.intent(r, v)
	if !ok {
		return nil
	}
	clientID, _ := r.Client().String(pdp.ClientID)
	if clientID == "" {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: pdp.ClientID.Pointer(), Description: "a client without id has no intents",
			Expected: "a client id", Actual: "none", Spec: intentClientBindSpec, Remedy: "send the id of the client",
		})
		return nil
	}
	return e.ask(r, v, intent, clientID)
}

// intent returns the intent that the parameter claims names (OIDC Core §5.5, §5.5.1).
func (e *intentClientBindChecker) intent(r *pdp.Request, v *pdp.Verdict) (intent string, ok bool) {
	claims, _ := r.Effective(oauth.ParamClaims)
	if claims == "" {
		e.refuse(v, "claims is missing", "a JSON object", "none")
		return "", false
	}
	if e.IntentName == "" {
		v.Reject(pdp.Finding{
			Code: oauth.InvalidRequest, Field: "/configuration/intent-name", Description: "the executor names no claim for the intent",
			Expected: "the name of an ID token claim", Actual: "none", Spec: intentClientBindSpec, Remedy: "set intent-name in the profile",
		})
		return "", false
	}
	object, err := oauth.ReadObject(claims)
	if err != nil || !claimsShape(object) {
		e.refuse(v, "claims is malformed", "a JSON object of id_token and userinfo, with essential, value and values", "another text")
		return "", false
	}
	tokens, _ := object["id_token"].(map[string]any)
	claim, _ := tokens[e.IntentName].(map[string]any)
	value, isText := claim["value"].(string)
	essential, _ := jsonBool(claim["essential"])
	switch {
	case claim == nil:
		e.refuse(v, "claims does not ask for the intent in the ID token", "id_token with "+e.IntentName, "none")
	case !essential:
		e.refuse(v, "the intent is not an essential claim", "essential true", "not essential")
	case !isText:
		e.refuse(v, "the intent is no text", "value with the intent", "none, or another JSON value")
	default:
		return value, true
	}
	return "", false
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
	for name, member := range members {
		switch name {
		case "essential":
			if _, readable := jsonBool(member); !readable && member != nil {
				return false
			}
		case "values":
			if _, list := member.([]any); !list && member != nil {
				return false
			}
		case "value":
		default:
			return false
		}
	}
	return ok || request == nil
}

// jsonBool reads a boolean as Keycloak's JSON reader does: also a text and a whole
// number stand for one. An empty text stands for none and is false.
func jsonBool(v any) (value, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case float64:
		return v != 0, v == math.Trunc(v)
	case string:
		switch strings.TrimSpace(v) {
		case "true", "True", "TRUE":
			return true, true
		case "false", "False", "FALSE", "":
			return false, true
		}
	}
	return false, false
}

// ask puts the question and judges the answer. Neither the endpoint nor what it
// said is told: both may hold secrets.
func (e *intentClientBindChecker) ask(r *pdp.Request, v *pdp.Verdict, intent, clientID string) error {
	question, err := json.Marshal(struct {
		IntentID string `json:"intent_id"`
		ClientID string `json:"client_id"`
	}{intent, clientID})
	if err != nil {
		return fmt.Errorf("question: %w", err)
	}
	status, answer, err := r.Ask(e.Endpoint, question)
	if errors.Is(err, pdp.ErrOffline) {
		return err
	}
	const expected = "status 200 and is_bound true"
	if err != nil {
		e.refuse(v, "the endpoint could not be asked", expected, "no answer")
		return nil
	}
	switch bound, ok := intentBound(status, answer, r.LooseAnswers()); {
	case !ok:
		e.refuse(v, "the answer of the endpoint is not of the agreed form", expected, "status "+strconv.Itoa(status))
	case !bound:
		e.refuse(v, "the intent does not belong to the client", expected, "is_bound false")
	}
	return nil
}

// intentBound reads an answer: a JSON object of is_bound alone, with status 200
// (contract 2.3.6, under both settings).
func intentBound(status int, answer []byte, loose bool) (bound, ok bool) {
	if status != http.StatusOK {
		return false, false
	}
	object, err := oauth.ReadObject(string(answer))
	if err != nil || len(object) != 1 {
		return false, false
	}
	if loose {
		return jsonBool(object["is_bound"])
	}
	bound, ok = object["is_bound"].(bool)
	return bound, ok
}

func (e *intentClientBindChecker) refuse(v *pdp.Verdict, description, expected, actual string) {
	v.Reject(pdp.Finding{
		Code: oauth.InvalidRequest, Field: oauth.ParamClaims, Description: description, Expected: expected, Actual: actual,
		Spec: intentClientBindSpec, Remedy: "ask for an intent of this client as an essential ID token claim with a value",
	})
}
