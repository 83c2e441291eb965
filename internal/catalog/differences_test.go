package catalog_test

import (
	"encoding/json"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

const (
	differencesPage    = "../../docs/differences.md"
	differencesVectors = "pdp/testdata/differences.json"
)

// differences is docs/differences.md: what each row says of KEYCLOAK, the vectors
// that show it, and the tests of what no vector can show.
type differences struct {
	sides map[string]string // number → as Keycloak, as Sidegate
	pairs []differencePair
	tests map[string]string // number → file: function
}

type differencePair struct{ number, safe, keycloak, recorded string }

// rowNumber is the first cell of a row about a difference.
var rowNumber = regexp.MustCompile(`^[A-Z][0-9]+$`)

func readDifferences(t *testing.T) differences {
	t.Helper()
	page, err := os.ReadFile(differencesPage)
	if err != nil {
		t.Fatal(err)
	}
	d := differences{sides: map[string]string{}, tests: map[string]string{}}
	for line := range strings.Lines(string(page)) {
		cells := cellsOf(line)
		if len(cells) == 0 || !rowNumber.MatchString(cells[0]) {
			continue
		}
		switch len(cells) {
		case 5:
			d.sides[cells[0]] = cells[4]
		case 4:
			d.pairs = append(d.pairs, differencePair{cells[0], cells[1], cells[2], cells[3]})
		case 2:
			d.tests[cells[0]] = cells[1]
		default:
			t.Errorf("row of %d cells: %s", len(cells), line)
		}
	}
	return d
}

// cellsOf takes a row of a table apart; a name in backticks loses them.
func cellsOf(line string) []string {
	line, isRow := strings.CutPrefix(strings.TrimSpace(line), "|")
	if !isRow {
		return nil
	}
	cells := strings.Split(strings.TrimSuffix(line, "|"), " | ")
	for i, cell := range cells {
		cell = strings.TrimSpace(cell)
		if strings.Count(cell, "`") == 2 && strings.HasPrefix(cell, "`") {
			cell = strings.Trim(cell, "`")
		}
		cells[i] = cell
	}
	return cells
}

// Each difference on the page has a pair of vectors that shows it, or a test.
func TestDifferencesAreShown(t *testing.T) {
	d := readDifferences(t)
	if len(d.sides) < 25 || len(d.pairs) < 80 {
		t.Fatalf("read %d differences and %d pairs: the page is not read rightly", len(d.sides), len(d.pairs))
	}
	for number, side := range d.sides {
		if side != "as Keycloak" && side != "as Sidegate" {
			t.Errorf("%s: says %q of KEYCLOAK, want as Keycloak or as Sidegate", number, side)
		}
		shown := slices.ContainsFunc(d.pairs, func(p differencePair) bool { return p.number == number })
		if shown == (d.tests[number] != "") {
			t.Errorf("%s: has vectors %t, has a test %t; want one of them", number, shown, !shown)
		}
	}
	for number, where := range d.tests {
		file, function, _ := strings.Cut(where, ": ")
		text, err := os.ReadFile(path.Join("../..", file))
		if err != nil || !strings.Contains(string(text), "func "+function+"(t *testing.T)") {
			t.Errorf("%s: there is no test %s", number, where)
		}
	}
}

// The vectors of a pair are under the two settings, ask the same, and want what the
// page says: different things, or the same.
func TestDifferenceVectors(t *testing.T) {
	d, known, wants := readDifferences(t), map[string]vector{}, rawWants(t)
	for _, v := range allVectors(t) {
		known[v.name] = v
	}
	named := map[string]bool{}
	for _, p := range d.pairs {
		safe, ok := known[vectorName(p.safe)]
		keycloak, okToo := known[vectorName(p.keycloak)]
		if !ok || !okToo {
			t.Errorf("%s: no such vector: %q exists %t, %q exists %t", p.number, p.safe, ok, p.keycloak, okToo)
			continue
		}
		named[safe.name], named[keycloak.name] = true, true
		comparePair(t, p, safe, keycloak)
		same := reflect.DeepEqual(wants[safe.Name], wants[keycloak.Name])
		if side, ok := d.sides[p.number]; !ok || same != (side == "as Sidegate") {
			t.Errorf("%s: the page says %q, and the vectors want the same: %t (%s)", p.number, side, same, safe.name)
		}
		if r, ok := known[vectorName(p.recorded)]; p.recorded != "" && (!ok || !strings.HasPrefix(r.Origin, "keycloak")) {
			t.Errorf("%s: %q is no recorded vector", p.number, p.recorded)
		}
	}
	for _, v := range known {
		if v.file == differencesVectors && !named[v.name] {
			t.Errorf("the page does not name %s", v.name)
		}
	}
}

func comparePair(t *testing.T, p differencePair, safe, keycloak vector) {
	t.Helper()
	if safe.Compatibility != pb.RealmSettings_COMPATIBILITY_SAFE || keycloak.Compatibility != pb.RealmSettings_COMPATIBILITY_KEYCLOAK {
		t.Errorf("%s: %q runs under %v and %q under %v", p.number, p.safe, safe.Compatibility, p.keycloak, keycloak.Compatibility)
	}
	if string(safe.RequestJSON) != string(keycloak.RequestJSON) || string(safe.SetJSON) != string(keycloak.SetJSON) {
		t.Errorf("%s: the pair of %q does not ask the same", p.number, p.safe)
	}
}

// vectorName completes a name as the page writes it.
func vectorName(short string) string {
	if strings.HasPrefix(short, "recorded/") {
		return "pdp/pdptest/testdata/" + strings.TrimPrefix(short, "recorded/")
	}
	return "pdp/testdata/" + short
}

// rawWants are what the vectors of differences.json want, by name.
func rawWants(t *testing.T) map[string]any {
	t.Helper()
	data, err := os.ReadFile(path.Join("../..", differencesVectors))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name string
			Want any
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	wants := map[string]any{}
	for _, c := range file.Cases {
		wants[c.Name] = c.Want
	}
	return wants
}
