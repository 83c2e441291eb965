package main

import (
	"net/http"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// formType is the type of the bodies by which tools log in.
const formType = "application/x-www-form-urlencoded"

// The paths by which tools log in, and the ids of their operations. No proto
// describes them: OAuth does (RFC 6749).
const (
	loginPath  = "/realms/{realm}/protocol/openid-connect/"
	tokenName  = "Login_Token"
	logoutName = "Login_Logout"
)

// addLogin adds the operations of the token endpoint.
func addLogin(doc *openapi3.T) {
	answered := openapi3.NewSchemaRef("", tokenSchema())
	refused := openapi3.NewSchemaRef("", oauthErrorSchema())
	doc.Components.Schemas["TokenAnswer"], doc.Components.Schemas["OAuthError"] = answered, refused
	token := loginOperation(tokenName, "Exchanges credentials for a short-lived access token.", tokenForm())
	token.Description = loginText
	token.Responses = answersOf(refused, http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests)
	token.Responses.Set("200", &openapi3.ResponseRef{Value: openapi3.NewResponse().
		WithDescription("The token (RFC 6749 section 5.1).").
		WithContent(content(jsonType, openapi3.NewSchemaRef(schemaPrefix+"TokenAnswer", answered.Value)))})
	logout := loginOperation(logoutName, "Ends the session of a refresh token.", logoutForm())
	logout.Responses = answersOf(refused, http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests)
	logout.Responses.Set("204", &openapi3.ResponseRef{Value: openapi3.NewResponse().
		WithDescription("The session has ended, now or before; its tokens are good for nothing.")})
	doc.Paths.Set(loginPath+"token", &openapi3.PathItem{Post: token})
	doc.Paths.Set(loginPath+"logout", &openapi3.PathItem{Post: logout})
}

const loginText = "For principals with a password; without any the path does not exist. `password` (RFC 6749 section 4.3) is for the\n" +
	"public client `admin-cli`, `client_credentials` (section 4.4) takes user name and password as the client's id and\n" +
	"secret, `refresh_token` (section 6) a refresh token, which is good once. The realm in the path does not matter: the\n" +
	"token is good wherever the principal has roles."

func loginOperation(id, summary string, form *openapi3.Schema) *openapi3.Operation {
	realm := openapi3.NewPathParameter("realm").WithSchema(&openapi3.Schema{Type: &openapi3.Types{"string"}, MinLength: 1})
	realm.Description = "Name of a realm; any will do."
	return &openapi3.Operation{
		OperationID: id, Summary: summary, Tags: []string{"Login"}, Security: &openapi3.SecurityRequirements{},
		Parameters:  openapi3.Parameters{{Value: realm}},
		RequestBody: &openapi3.RequestBodyRef{Value: &openapi3.RequestBody{Required: true, Content: content(formType, openapi3.NewSchemaRef("", form))}},
	}
}

func content(media string, schema *openapi3.SchemaRef) openapi3.Content {
	return openapi3.Content{media: openapi3.NewMediaType().WithSchemaRef(schema)}
}

// loginOutcomes describe the refusals of these paths, in the order of RFC 6749
// section 5.2.
var loginOutcomes = map[int]string{
	http.StatusBadRequest:            "The request is not well-formed, or user name, password or refresh token are wrong.",
	http.StatusUnauthorized:          "The client is not known, or its secret is wrong.",
	http.StatusNotFound:              "There can be no realm of that name.",
	http.StatusRequestEntityTooLarge: "The form is larger than 16 KiB.",
	http.StatusTooManyRequests:       "Too many wrong credentials came from there or for that name.",
	0:                                "Any other refusal or failure.",
}

func answersOf(refused *openapi3.SchemaRef, statuses ...int) *openapi3.Responses {
	all := openapi3.NewResponsesWithCapacity(len(statuses) + 2)
	for _, status := range append(statuses, 0) {
		answer := openapi3.NewResponse().WithDescription(loginOutcomes[status]).
			WithContent(content(jsonType, openapi3.NewSchemaRef(schemaPrefix+"OAuthError", refused.Value)))
		key := strconv.Itoa(status)
		switch status {
		case 0:
			key = "default"
		case http.StatusTooManyRequests:
			answer.Headers = openapi3.Headers{retryAfter: &openapi3.HeaderRef{Ref: "#/components/headers/" + retryAfter}}
		case http.StatusUnauthorized:
			answer.Headers = openapi3.Headers{challenge: &openapi3.HeaderRef{Value: &openapi3.Header{Parameter: openapi3.Parameter{
				Description: "`Basic`, when that is how the client authenticated.", Schema: openapi3.NewSchemaRef("", text("")),
			}}}}
		}
		all.Set(key, &openapi3.ResponseRef{Value: answer})
	}
	return all
}

func tokenForm() *openapi3.Schema {
	grant := text("What the token is asked for with.")
	grant.Enum = []any{"password", "client_credentials", "refresh_token"}
	return object("", []string{"grant_type"}, map[string]*openapi3.Schema{
		"grant_type":    grant,
		"username":      text("Of `password`: the user name."),
		"password":      text("Of `password`: the password."),
		"client_id":     text("`admin-cli`, or of `client_credentials` the user name; those can also come by the Basic scheme."),
		"client_secret": text("Of `client_credentials`: the password."),
		"refresh_token": text("Of `refresh_token`: the last refresh token of the session."),
		"scope":         text("It makes no difference."),
	})
}

func logoutForm() *openapi3.Schema {
	return object("", []string{"refresh_token"}, map[string]*openapi3.Schema{
		"refresh_token": text("A refresh token of the session."),
		"client_id":     text("It makes no difference."),
	})
}

func seconds(description string) *openapi3.Schema {
	return &openapi3.Schema{Type: &openapi3.Types{"integer"}, Format: "int64", Min: openapi3.Ptr(0.0), Description: description}
}

func tokenSchema() *openapi3.Schema {
	required := []string{"access_token", "expires_in", "refresh_expires_in", "token_type", "not-before-policy", "session_state", "scope"}
	return object("A token answer, with the members that Keycloak adds.", required, map[string]*openapi3.Schema{
		"access_token":       text("The access token, a JWT; send it as `Authorization: Bearer`."),
		"expires_in":         seconds("Seconds that it is good for."),
		"refresh_token":      text("The refresh token; absent for `client_credentials`."),
		"refresh_expires_in": seconds("Seconds that the refresh token is good for; 0 without one."),
		"token_type":         text("`Bearer`."),
		"not-before-policy":  seconds("0."),
		"session_state":      text("Id of the session."),
		"scope":              text("The scope of the token."),
	})
}

func oauthErrorSchema() *openapi3.Schema {
	return object("A refusal (RFC 6749 section 5.2).", []string{"error"}, map[string]*openapi3.Schema{
		"error":             text("The error code, such as `invalid_grant`."),
		"error_description": text("What is wrong, for people."),
	})
}
