package conditions

import (
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func init() {
	register(pdp.ConditionInfo{
		ID:       "acr-condition",
		Doc:      "Votes YES when the request asks for the given authentication context class.",
		Spec:     []string{"OIDC Core §3.1.2.1", "OIDC Core §5.5.1.1"},
		Events:   pdp.On(pdp.AuthorizationRequest),
		MayFault: true, // the parameters may have been withheld
		New:      pdp.Configure(newACRCondition),
	})
}

type acrConfig struct {
	// ACR is a class; without one no request matches.
	ACR *string `config:"acr-property" doc:"The authentication context class that is asked for. Classes are not compared by level."`
}

// acrCondition votes on the authentication context classes that a request asks
// for: by parameter, by claim, or by the client's defaults, none of them below the
// client's minimum (conditions.md 14).
type acrCondition struct{ acr *string }

func newACRCondition(c acrConfig) (pdp.Condition, error) { return &acrCondition{c.ACR}, nil }

// Vote votes YES when the class is among those that are asked for.
func (c *acrCondition) Vote(r *pdp.Request) (pdp.Vote, error) {
	if c.acr == nil {
		r.Because("no class is configured")
		return pdp.No, nil
	}
	search := acrSearch{want: *c.acr, levels: acrLevels{r: r}}
	client := r.StoredClient()
	search.readMinimum(client)
	search.readRequest(r)
	if !search.given {
		search.readDefaults(client)
	}
	found := search.holds()
	if found {
		r.Because("the class is asked for")
	} else {
		r.Because("the class is not among those asked for")
	}
	return pdp.VoteIf(found), nil
}

// acrSearch looks for one class among those asked for, which it is told one by one.
type acrSearch struct {
	want    string
	levels  acrLevels
	minimum string
	floor   int64 // level of the minimum
	floored bool  // the minimum counts

	given bool // some class was asked for
	kept  bool // and one of them is not below the minimum
	found bool // the class is one of these
}

func (s *acrSearch) readMinimum(client pdp.Client) {
	minimum, ok := client.Attribute(oauth.AttrMinimumACRValue)
	if !ok {
		return
	}
	if own, ok := client.Attribute(oauth.AttrACRLevels); ok {
		s.levels.own = readACRLevels(own)
	}
	// A minimum that has no level is none.
	s.minimum = minimum
	s.floor, s.floored = s.levels.of(minimum)
}

func (s *acrSearch) readRequest(r *pdp.Request) {
	// OIDC Core §3.1.2.1: separated by spaces.
	if values, ok := r.Effective(oauth.ParamACRValues); ok {
		for acr := range oauth.Words(values) {
			s.add(acr)
		}
	}
	if claims, ok := r.Effective(oauth.ParamClaims); ok {
		classes, strange := acrOfClaims(claims)
		s.given = s.given || strange
		for _, acr := range classes {
			s.add(acr)
		}
	}
}

func (s *acrSearch) readDefaults(client pdp.Client) {
	values, ok := client.Attribute(oauth.AttrDefaultACRValues)
	if !ok {
		return
	}
	for _, acr := range oauth.SplitList(values) {
		s.add(acr)
	}
}

func (s *acrSearch) add(acr string) {
	s.given = true
	if s.floored {
		if level, ok := s.levels.of(acr); !ok || level < s.floor {
			return
		}
	}
	s.kept = true
	s.found = s.found || acr == s.want
}

// holds reports whether the class is asked for; the minimum stands in for nothing.
func (s *acrSearch) holds() bool {
	if s.floored && !s.kept {
		return s.minimum == s.want
	}
	return s.found
}
