package pages_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/internal/catalog/pages"
)

var update = flag.Bool("update", false, "write the pages instead of comparing")

const (
	repository = "../../.."
	docs       = repository + "/docs"
	remedy     = "run go test ./internal/catalog/pages -update"
)

// made are the folders that hold nothing but made pages.
var made = []string{"providers", "profiles"}

// The committed pages are those that the code makes, and no others.
func TestPages(t *testing.T) {
	want := makePages(t)
	if *update {
		write(t, want)
	}
	for path, page := range want {
		got, err := os.ReadFile(filepath.Join(docs, path))
		if err != nil {
			t.Errorf("docs/%s is missing; %s", path, remedy)
			continue
		}
		if diff := cmp.Diff(page, string(got)); diff != "" {
			t.Errorf("docs/%s is stale; %s (-want +got):\n%s", path, remedy, diff)
		}
	}
	for _, path := range committed(t) {
		if want[path] == "" {
			t.Errorf("docs/%s belongs to nothing; %s", path, remedy)
		}
	}
}

// Lines of prose fit a terminal, and links lead somewhere.
func TestPagesAreReadable(t *testing.T) {
	want := makePages(t)
	for path, page := range want {
		inCode := false
		for i, line := range strings.Split(page, "\n") {
			if strings.HasPrefix(line, "```") {
				inCode = !inCode
			}
			if length := utf8.RuneCountInString(line); length > 120 && !inCode && !strings.HasPrefix(line, "|") {
				t.Errorf("docs/%s:%d: %d characters, want 120 at most: %s", path, i+1, length, line)
			}
		}
		for _, link := range links.FindAllStringSubmatch(page, -1) {
			target := filepath.Join(filepath.Dir(path), link[1])
			if _, err := os.Stat(filepath.Join(docs, target)); want[target] == "" && err != nil {
				t.Errorf("docs/%s: the link %s leads nowhere", path, link[1])
			}
		}
	}
}

var links = regexp.MustCompile(`\]\(([^)#]+)`)

// Two runs make the same pages.
func TestPagesAreDeterministic(t *testing.T) {
	again, err := pages.Make(os.DirFS(repository))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(makePages(t), again); diff != "" {
		t.Errorf("pages differ from run to run:\n%s", diff)
	}
}

var once = sync.OnceValues(func() (map[string]string, error) { return pages.Make(os.DirFS(repository)) })

func makePages(t *testing.T) map[string]string {
	t.Helper()
	want, err := once()
	if err != nil {
		t.Fatal(err)
	}
	return want
}

// committed returns the paths of all pages below the folders of made pages.
func committed(t *testing.T) (paths []string) {
	t.Helper()
	for _, folder := range made {
		err := fs.WalkDir(os.DirFS(docs), folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			t.Fatalf("%v; %s", err, remedy)
		}
	}
	return paths
}

func write(t *testing.T, want map[string]string) {
	t.Helper()
	for _, folder := range made {
		if err := os.MkdirAll(filepath.Join(docs, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path, page := range want {
		if err := os.WriteFile(filepath.Join(docs, path), []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range committed(t) {
		if want[path] != "" {
			continue
		}
		if err := os.Remove(filepath.Join(docs, path)); err != nil {
			t.Fatal(err)
		}
	}
}
