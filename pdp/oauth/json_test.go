package oauth_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidegate/sidegate/pdp/oauth"
)

func TestReadObject(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"a":`, n-1) + `{}` + strings.Repeat(`}`, n-1) }
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"empty object":            {`{}`, true},
		"blanks around":           {" {\n} ", true},
		"brackets inside texts":   {`{"a":"` + strings.Repeat(`[{\"`, 100) + `"}`, true},
		"names that differ":       {`{"a":1,"A":2,"b":{"a":1}}`, true},
		"64 deep":                 {nested(64), true},
		"65 deep":                 {nested(65), false},
		"65 deep in arrays":       {`{"a":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, false},
		"60000 deep, unfinished":  {strings.Repeat(`[`, 60000), false},
		"60000 deep after closes": {strings.Repeat("]", 30000) + strings.Repeat("[", 30000), false},
		"largest":                 {`{"a":"` + strings.Repeat("x", oauth.MaxJSONSize-8) + `"}`, true},
		"too large":               {`{"a":"` + strings.Repeat("x", oauth.MaxJSONSize-7) + `"}`, false},
		"nothing":                 {``, false},
		"null":                    {`null`, false},
		"array":                   {`[]`, false},
		"text":                    {`"a"`, false},
		"two objects":             {`{}{}`, false},
		"a name twice":            {`{"a":1,"a":1}`, false},
		"a name twice, inside":    {`{"b":[{"a":1,"a":1}]}`, false},
		"a name twice, escaped":   {`{"a":1,"\u0061":1}`, false},
		"not UTF-8":               {"{\"a\":\"\xc3\"}", false},
		"byte order mark":         {"\ufeff{}", false},
		"comment":                 {`{/**/}`, false},
		"single quotes":           {`{'a':1}`, false},
		"trailing comma":          {`{"a":1,}`, false},
		"NaN":                     {`{"a":NaN}`, false},
		"overflow":                {`{"a":1e400}`, false},
		"control in text":         {"{\"a\":\"\n\"}", false},
	} {
		got, err := oauth.ReadObject(c.text)
		if c.ok != (err == nil) || c.ok != (got != nil) || err != nil && !errors.Is(err, oauth.ErrObject) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	got, err := oauth.ReadObject(`{"id_token":{"acr":{"essential":true,"values":["1",2,null]}}}`)
	want := map[string]any{"id_token": map[string]any{"acr": map[string]any{"essential": true, "values": []any{"1", 2.0, nil}}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("(-want +got)\n%s\n%v", diff, err)
	}
}

// FuzzReadObject demands agreement with encoding/json, which takes everything that
// is taken here.
func FuzzReadObject(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,{"b":null}]}`, `{"a":"\ud800"}`, `{"a":1,"a":2}`, `[`, `{"a":"\\"}`, `{"\"":{"[":"{"}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := oauth.ReadObject(text)
		if err != nil {
			return
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(text), &want); err != nil || !cmp.Equal(got, want) {
			t.Errorf("ReadObject(%q) = %v; encoding/json: %v, %v", text, got, want, err)
		}
	})
}
