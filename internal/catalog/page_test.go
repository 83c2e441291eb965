package catalog_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/internal/catalog"
)

var update = flag.Bool("update", false, "write the page instead of comparing")

const page = "../../docs/providers.md"

// docs/providers.md says what the registry says.
func TestPage(t *testing.T) {
	want, err := catalog.Page()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/providers.md is stale; run go test ./internal/catalog -run Page -update (-want +got):\n%s", diff)
	}
}
