package pages_test

import (
	"strings"
	"testing"

	"github.com/sidegate/sidegate/internal/catalog/pages"
)

func TestProse(t *testing.T) {
	long := strings.Repeat("word ", 24)
	for text, want := range map[string]string{
		"a  short\ntext":              "a short text\n",
		long + "`code id_token` rest": strings.TrimSpace(long) + "\n`code id_token` rest\n",
		long + "- rest":               strings.TrimSpace(strings.TrimSuffix(long, "word ")) + "\nword - rest\n",
	} {
		if got := pages.Prose(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTable(t *testing.T) {
	got := pages.Table([]string{"key", "meaning"}, [][]string{{"`longer`", "a|b"}})
	want := "| key      | meaning |\n|----------|-----|\n| `longer` | a\\|b |\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestExcerpt(t *testing.T) {
	short, long := `{"a":1,"options":{"x":true},"b":["<",null]}`, `{"a":"`+strings.Repeat("é", 80)+`","b":{"c":[1,2]}}`
	for in, want := range map[string]string{
		short: `{"a": 1, "b": ["<", null]}`,
		long:  "{\n  \"a\": \"" + strings.Repeat("é", 75) + "…\",\n  \"b\": {\"c\": [1, 2]}\n}",
	} {
		got, err := pages.Excerpt([]byte(in), "options")
		if err != nil || got != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
}
