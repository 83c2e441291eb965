package requests

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/sidegate/sidegate/e2e/keycloak/internal/agree"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/idp"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/jose"
	"github.com/sidegate/sidegate/e2e/keycloak/internal/rest"
)

var (
	formError    = regexp.MustCompile(`(?i)name="error"\s+value="([^"]*)"`)
	formResponse = regexp.MustCompile(`(?i)name="response"\s+value="([^"]*)"`)
	toLogin      = regexp.MustCompile(`^http://[^/]+/realms/[^/]+/login-actions/authenticate\?`)
	wwwError     = regexp.MustCompile(`error="([^"]*)"`)
)

// pageAnswer reads the answer of the authorization and SAML endpoints: a login
// page, an error page, or an error sent to the client in one of the response modes.
func pageAnswer(a rest.Answer) agree.Seen {
	if a.Status == http.StatusOK && idp.LoginPage(a) != "" || toLogin.MatchString(a.Header.Get("Location")) {
		return agree.Seen{Allowed: true}
	}
	if code := redirected(a); code != "" {
		return agree.Seen{Status: a.Status, Code: code, Redirect: true}
	}
	return agree.Seen{Status: a.Status}
}

// redirected returns the error that is sent to the client, or "".
func redirected(a rest.Answer) string {
	if match := formError.FindSubmatch(a.Body); match != nil {
		return string(match[1])
	}
	if match := formResponse.FindSubmatch(a.Body); match != nil {
		return errorClaim(string(match[1]))
	}
	_, parameters, _ := strings.Cut(a.Header.Get("Location"), "?")
	if _, fragment, ok := strings.Cut(a.Header.Get("Location"), "#"); ok {
		parameters = fragment
	}
	values, err := url.ParseQuery(parameters)
	if err != nil {
		return ""
	}
	if response := values.Get("response"); response != "" {
		return errorClaim(response)
	}
	return values.Get("error")
}

func errorClaim(response string) string {
	claims, _ := jose.Claims(response)
	code, _ := claims["error"].(string)
	return code
}

// userinfoAnswer reads the error of the userinfo endpoint (RFC 6750 section 3).
func userinfoAnswer(a rest.Answer) agree.Seen {
	s := agree.JSONAnswer(a)
	if match := wwwError.FindStringSubmatch(a.Header.Get("Www-Authenticate")); match != nil && !s.Allowed {
		s.Code, s.Detail = match[1], ""
	}
	return s
}
