package oauth_test

import (
	"math"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

func value(t testing.TB, text string) *structpb.Value {
	t.Helper()
	v := new(structpb.Value)
	if err := protojson.Unmarshal([]byte(text), v); err != nil {
		t.Fatal(err)
	}
	return v
}

func nested(levels int) *structpb.Value {
	v := structpb.NewListValue(&structpb.ListValue{})
	for range levels - 1 {
		v = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{v}})
	}
	return v
}

func TestClaimText(t *testing.T) {
	for text, want := range map[string]struct {
		text, scalar string
		present      bool
	}{
		`"a b"`:                 {`a b`, `a b`, true},
		`""`:                    {``, ``, true},
		`"\"<é>"`:               {`"<é>`, `"<é>`, true},
		`true`:                  {`true`, `true`, true},
		`false`:                 {`false`, `false`, true},
		`null`:                  {`null`, ``, false},
		`0`:                     {`0`, `0`, true},
		`-0`:                    {`0`, `0`, true},
		`1764000000`:            {`1764000000`, `1764000000`, true},
		`-1.5`:                  {`-1.5`, `-1.5`, true},
		`1.0`:                   {`1`, `1`, true},
		`123456789012345680000`: {`123456789012345680000`, `123456789012345680000`, true},
		`1e21`:                  {`1e+21`, `1e+21`, true},
		`0.0000001`:             {`1e-07`, `1e-07`, true},
		`[]`:                    {`[]`, ``, true},
		`{}`:                    {`{}`, ``, true},
		`["a", 1, null, true]`:  {`["a",1,null,true]`, ``, true},
		`{"b":{"z":[{}]},"a":"é</\"\\\n\r\t\u0001"}`: {`{"a":"é</\"\\\n\r\t\u0001","b":{"z":[{}]}}`, ``, true},
	} {
		v := value(t, text)
		if got := oauth.ClaimText(v); got != want.text {
			t.Errorf("ClaimText(%s) = %q, want %q", text, got, want.text)
		}
		if got, ok := oauth.ScalarText(v); got != want.scalar || ok != want.present {
			t.Errorf("ScalarText(%s) = %q, %t, want %q, %t", text, got, ok, want.scalar, want.present)
		}
	}
}

func TestClaimTextOfWhatIsNoJSON(t *testing.T) {
	list := func(v *structpb.Value) *structpb.Value {
		return structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{v}})
	}
	object := func(name string, v *structpb.Value) *structpb.Value {
		return structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{name: v}})
	}
	for name, v := range map[string]*structpb.Value{
		"nil":             nil,
		"no kind":         {},
		"no kind in list": list(&structpb.Value{}),
		"NaN":             structpb.NewNumberValue(math.NaN()),
		"infinity inside": object("a", structpb.NewNumberValue(math.Inf(1))),
		"not UTF-8":       list(structpb.NewStringValue("\xff")),
		"name not UTF-8":  object("\xff", structpb.NewNullValue()),
		"too deep":        nested(oauth.MaxJSONDepth + 1),
		"much too deep":   nested(100_000),
	} {
		if got := oauth.ClaimText(v); got != "" {
			t.Errorf("%s: got %.40q", name, got)
		}
	}
	if got, want := oauth.ClaimText(nested(oauth.MaxJSONDepth)), strings.Repeat("[", 64)+strings.Repeat("]", 64); got != want {
		t.Errorf("deepest: got %q", got)
	}
	if _, ok := oauth.ScalarText(nil); ok {
		t.Error("an absent claim has a text")
	}
}

func TestClaimNumber(t *testing.T) {
	for text, want := range map[string]int64{
		`1764000000`:              1764000000,
		`1764000000.9`:            1764000000,
		`-1.9`:                    -1,
		`0`:                       0,
		`9007199254740992`:        1 << 53,
		`9223372036854775807`:     1 << 53,
		`1e300`:                   1 << 53,
		`-1e300`:                  -1 << 53,
		`"1764000000"`:            1764000000,
		`"1764000000.9"`:          1764000000,
		`" 12\t"`:                 12,
		`"+12"`:                   12,
		`"-12"`:                   -12,
		`"1e3"`:                   1000,
		`"9223372036854775807"`:   0,
		`"99999999999999999999"`:  0,
		`"1e999"`:                 0,
		`"abc"`:                   0,
		`"12abc"`:                 0,
		`"0x10"`:                  0,
		`"1_000"`:                 0,
		`"inf"`:                   0,
		`"NaN"`:                   0,
		`"e"`:                     0,
		`"."`:                     0,
		`""`:                      0,
		`"１２"`:                    0,
		`null`:                    0,
		`true`:                    0,
		`[1]`:                     0,
		`{"a":1}`:                 0,
		`"4611686018427387904"`:   1 << 53,
		`"-4611686018427387904"`:  -1 << 53,
		`"-99999999999999999999"`: 0,
	} {
		if got := oauth.ClaimNumber(value(t, text)); got != want {
			t.Errorf("ClaimNumber(%s) = %d, want %d", text, got, want)
		}
	}
	for _, v := range []*structpb.Value{nil, {}, structpb.NewNumberValue(math.NaN()), structpb.NewNumberValue(math.Inf(1)), structpb.NewNumberValue(math.Inf(-1))} {
		if got := oauth.ClaimNumber(v); got != 0 {
			t.Errorf("ClaimNumber(%v) = %d, want 0", v, got)
		}
	}
}

func TestAudience(t *testing.T) {
	const issuer = "https://idp.example"
	for text, want := range map[string]struct {
		contains bool
		sole     string
		one      bool
	}{
		`"https://idp.example"`:                          {true, issuer, true},
		`["https://idp.example"]`:                        {true, issuer, true},
		`["x", "https://idp.example"]`:                   {true, "", false},
		`["https://idp.example", "https://idp.example"]`: {true, "", false},
		`"https://idp.example/"`:                         {false, issuer + "/", true},
		`"x https://idp.example"`:                        {false, "x " + issuer, true},
		`[]`:                                             {false, "", false},
		`null`:                                           {false, "", false},
		`[null]`:                                         {false, "null", true},
		`5`:                                              {false, "5", true},
		`[5]`:                                            {false, "5", true},
		`[["https://idp.example"]]`:                      {false, `["https://idp.example"]`, true},
		`{"a":"https://idp.example"}`:                    {false, `{"a":"https://idp.example"}`, true},
		`""`:                                             {false, "", true},
	} {
		aud := value(t, text)
		if got := oauth.AudienceContains(aud, issuer); got != want.contains {
			t.Errorf("AudienceContains(%s) = %t", text, got)
		}
		if got, ok := oauth.SoleAudience(aud); got != want.sole || ok != want.one {
			t.Errorf("SoleAudience(%s) = %q, %t, want %q, %t", text, got, ok, want.sole, want.one)
		}
		if oauth.AudienceContains(aud, "") {
			t.Errorf("AudienceContains(%s) finds an unknown issuer", text)
		}
	}
	if _, ok := oauth.SoleAudience(nil); ok || oauth.AudienceContains(nil, issuer) {
		t.Error("an absent audience names somebody")
	}
}
