// Package profiles holds the built-in client profiles and the server-wide
// policies of the security profiles, as data.
//
// Names, order, executors and configuration values, with their JSON types, are
// those of Keycloak 26.7.3; the descriptions are ours. Built-in profiles can be
// named by every realm under every security profile. Server-wide policies take
// part in every realm, before its own, and no realm can switch them off.
//
// A security profile of one's own is a JSON file with the members
// `policies` and, if wanted, `profiles`: its policies may name the built-in
// profiles and its own.
package profiles

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

//go:embed profiles.json
var profilesJSON []byte

//go:embed security.json
var securityJSON []byte

// maxFileBytes is the greatest size of a security profile file.
const maxFileBytes = 16 << 20

// The security profiles that come with Sidegate.
const (
	None   = "none"
	Lax    = "lax"
	Strict = "strict"
)

// SecurityProfile is what a server adds to every realm.
type SecurityProfile struct {
	// Name is none, lax, strict, or the path of a file.
	Name string
	// Profiles are the built-in profiles, in order, and those of a file after them.
	Profiles []*pb.Profile
	// Policies are the server-wide policies, in order.
	Policies []*pb.Policy
}

// Builtin returns the built-in profiles, in order.
func Builtin() ([]*pb.Profile, error) {
	set, err := parse(profilesJSON)
	if err != nil {
		return nil, fmt.Errorf("built-in profiles: %w", err)
	}
	return set.Profiles, nil
}

// Load returns a security profile: one of [None], [Lax] and [Strict], or that of a
// JSON file. An empty name means none.
func Load(name string) (*SecurityProfile, error) {
	builtin, err := Builtin()
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = None
	}
	p := &SecurityProfile{Name: name, Profiles: builtin}
	known, policies, err := named(name)
	if err != nil || known {
		p.Policies = policies
		return p, err
	}
	set, err := file(name)
	if err != nil {
		return nil, fmt.Errorf("security profile %q (known are none, lax, strict and files): %w", name, err)
	}
	p.Profiles, p.Policies = append(p.Profiles, set.Profiles...), set.Policies
	return p, nil
}

func named(name string) (known bool, policies []*pb.Policy, err error) {
	var data struct {
		Policies         json.RawMessage     `json:"policies"`
		SecurityProfiles map[string][]string `json:"securityProfiles"`
	}
	if err := json.Unmarshal(securityJSON, &data); err != nil {
		return false, nil, fmt.Errorf("security profiles: %w", err)
	}
	names, known := data.SecurityProfiles[name]
	if !known {
		return false, nil, nil
	}
	set, err := parse(fmt.Appendf(nil, `{"policies":%s}`, data.Policies))
	if err != nil {
		return true, nil, fmt.Errorf("security profiles: %w", err)
	}
	return true, slices.DeleteFunc(set.Policies, func(p *pb.Policy) bool { return !slices.Contains(names, p.Name) }), nil
}

func file(path string) (*pb.PolicySet, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("file has %d bytes, at most %d are allowed", info.Size(), maxFileBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(data)
}

func parse(data []byte) (*pb.PolicySet, error) {
	set := &pb.PolicySet{}
	return set, protojson.Unmarshal(data, set)
}
