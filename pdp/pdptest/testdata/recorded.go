// Package recorded holds the decision vectors recorded from Keycloak 26.7.3,
// and a few that Sidegate adds, as data in the binary of a test.
//
// It is for tests alone, in this module and in others, wherever they run; the
// product reads vectors from disk and must not import it. The files are never
// edited by hand: where Sidegate differs on purpose, its own vectors say so.
package recorded

import (
	"embed"
	"io/fs"
)

//go:embed conditions engine executors scenarios
var files embed.FS

// FS returns the vector files as `<kind>/<id>.json`, where the kind is
// conditions, engine, executors or scenarios.
func FS() fs.FS { return files }
