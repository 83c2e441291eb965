package decisionlog_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidegate/sidegate/internal/decisionlog"
)

// camel is the name of a member as JSON has it.
func camel(field string) string {
	message, member, _ := strings.Cut(field, ".")
	words := strings.Split(member, "_")
	for i := range words[1:] {
		words[i+1] = strings.ToUpper(words[i+1][:1]) + words[i+1][1:]
	}
	return message + "." + strings.Join(words, "")
}

// TestDocumentation compares the table of the documentation with what is done.
func TestDocumentation(t *testing.T) {
	content, err := os.ReadFile("../../docs/decision-log.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for field, class := range decisionlog.Classes() {
		if class != "nested" {
			want[camel(field)] = class
		}
	}
	got := map[string]string{}
	_, section, _ := strings.Cut(string(content), "| treatment | members |")
	section, _, _ = strings.Cut(section, "\n\n")
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			continue
		}
		class, _, _ := strings.Cut(strings.TrimSpace(cells[1]), ":")
		for _, member := range strings.Split(cells[2], ",") {
			if member = strings.Trim(member, " `"); strings.Contains(member, ".") {
				got[member] = class
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/decision-log.md (-code +table):\n%s", diff)
	}
}
