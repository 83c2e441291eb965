// Package catalog puts together what this binary knows: the registry of all
// conditions and executors, and the compiler with the built-in profiles and a
// security profile. Server, command line and tests share it, so that none of
// them decides with a different set.
package catalog

import (
	"fmt"

	"github.com/sidegate/sidegate/conditions"
	"github.com/sidegate/sidegate/executors"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
)

// Registry returns the registry of all providers.
func Registry() (*pdp.Registry, error) {
	return pdp.NewRegistry(conditions.All(), executors.All())
}

// Compiler returns the compiler under a security profile: none, lax, strict or the
// path of a file. It refuses one whose policies do not compile.
func Compiler(securityProfile string) (*pdp.Compiler, error) {
	registry, err := Registry()
	if err != nil {
		return nil, err
	}
	loaded, err := profiles.Load(securityProfile)
	if err != nil {
		return nil, err
	}
	compiler, err := pdp.NewCompiler(registry, loaded.Profiles, loaded.Policies)
	if err != nil {
		return nil, fmt.Errorf("security profile %s: %w", loaded.Name, err)
	}
	return compiler, nil
}
