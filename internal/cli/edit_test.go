//go:build unix

package cli_test

import (
	"strings"
	"testing"
)

// A document that became too large is not read in part.
func TestEditedDocumentsHaveALimit(t *testing.T) {
	const limit = 16 << 20
	text := "name: p\nexecutors: []\n#"
	for size, want := range map[int]string{limit: "nothing changed", limit + 1: "expected at most 16777216 bytes"} {
		t.Setenv("TMPDIR", t.TempDir())
		c := start(t, &fake{answers: map[string]string{"GET /v1/realms/r/profiles/p": `{"name":"p","executors":[]}`}})
		c.environ = []string{"EDITOR=cp " + write(t, "big.yaml", text+strings.Repeat("x", size-len(text))), "PATH=/usr/bin:/bin"}
		r := c.run(t.Context(), "edit", "profiles", "p", "--realm", "r")
		if !strings.Contains(r.out+r.err, want) {
			t.Errorf("%d: got %+v", size, r)
		}
	}
}
