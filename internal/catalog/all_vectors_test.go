package catalog_test

import (
	"errors"
	"io/fs"
	"os"
	"sync"
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

// allVectors are the recorded and the own ones, loaded once; nobody changes them.
func allVectors(t testing.TB) []vector {
	t.Helper()
	list, err := loadedVectors()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var loadedVectors = sync.OnceValues(func() (list []vector, err error) {
	add := func(fsys fs.FS, dir, prefix string) {
		files, loadErr := pdptest.Load(fsys, dir, now)
		err = errors.Join(err, loadErr)
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
	return list, err
})
