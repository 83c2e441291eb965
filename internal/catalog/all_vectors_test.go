package catalog_test

import (
	"io/fs"
	"os"
	"testing"

	"github.com/sidegate/sidegate/pdp/pdptest"
	recorded "github.com/sidegate/sidegate/pdp/pdptest/testdata"
)

// ownVectors are the folders of the vectors that no Keycloak answered.
var ownVectors = []string{"../../conditions/testdata", "../../executors/testdata", "../../pdp/testdata"}

// vector is a case, and the file and case that name it.
type vector struct {
	*pdptest.Case
	file, name string
}

// allVectors are the recorded and the own ones.
func allVectors(t testing.TB) []vector {
	t.Helper()
	var list []vector
	add := func(fsys fs.FS, dir, prefix string) {
		files, err := pdptest.Load(fsys, dir, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			for _, c := range f.Cases {
				list = append(list, vector{c, prefix + f.Path, prefix + f.Path + ": " + c.Name})
			}
		}
	}
	for _, kind := range []string{"engine", "conditions", "executors", "scenarios"} {
		add(recorded.FS(), kind, "pdp/pdptest/testdata/")
	}
	for _, dir := range ownVectors {
		add(os.DirFS(dir), ".", dir[len("../../"):]+"/")
	}
	return list
}
