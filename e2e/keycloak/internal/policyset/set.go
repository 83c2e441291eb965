// Package policyset holds a realm's client profiles and policies in the JSON that
// both Keycloak and Sidegate read.
package policyset

// Set is what a realm is given.
type Set struct {
	Profiles []Profile `json:"profiles"`
	Policies []Policy  `json:"policies"`
}

// Profile is a named list of executors.
type Profile struct {
	Name      string     `json:"name"`
	Executors []Executor `json:"executors"`
}

// Executor is an executor with its configuration.
type Executor struct {
	ID            string         `json:"executor"`
	Configuration map[string]any `json:"configuration"`
}

// Policy names the profiles that apply when its conditions hold.
type Policy struct {
	Name       string      `json:"name"`
	Enabled    bool        `json:"enabled"`
	Mode       string      `json:"mode,omitempty"`
	Conditions []Condition `json:"conditions"`
	Profiles   []string    `json:"profiles"`
}

// Condition is a condition with its configuration.
type Condition struct {
	ID            string         `json:"condition"`
	Configuration map[string]any `json:"configuration"`
}
