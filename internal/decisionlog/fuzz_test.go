package decisionlog_test

import (
	"bytes"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/internal/decisionlog"
)

// FuzzRecord decodes any bytes as a record. Those with a wrong checksum are damaged;
// whatever the others hold, nothing panics.
func FuzzRecord(f *testing.F) {
	k := bytes.Repeat([]byte{1}, 16)
	f.Add([]byte{0x0a, 0x02, 'i', 'd'})
	f.Add([]byte{0x12, 0x7f})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := decisionlog.DecodeRecord("master", k, b); err != nil && !errors.Is(err, decisionlog.ErrCorrupt) {
			t.Errorf("decode = %v, want ErrCorrupt", err)
		}
		d, err := decisionlog.DecodeRecord("master", k, decisionlog.Seal("master", k, b))
		if err == nil && d.GetDecisionId() != "" && decisionlog.DecisionID(b) == "" {
			t.Errorf("the id %q is not found without decoding", d.GetDecisionId())
		}
		if sealed := decisionlog.Seal("master", k, b); len(sealed) > 0 {
			sealed[len(sealed)/2] ^= 1
			if _, err := decisionlog.DecodeRecord("master", k, sealed); !errors.Is(err, decisionlog.ErrCorrupt) {
				t.Errorf("a flipped bit: %v, want ErrCorrupt", err)
			}
		}
	})
}

// FuzzFilter reads any text as a filter, and as a cursor.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"decision=ALLOW AND since=2026-11-22T10:00:00Z", `policy="a \" AND b"`, "revision=9", "kind=WRITE AND realm=x", "AAAA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := decisionlog.ParseFollowFilter(s); err == nil {
			if _, err := decisionlog.ParseFilter(s); err != nil {
				t.Errorf("%q can be followed and not listed: %v", s, err)
			}
		}
		if _, err := decisionlog.ParseAuditFollowFilter(s); err == nil {
			if _, err := decisionlog.ParseAuditFilter(s); err != nil {
				t.Errorf("%q can be followed and not listed: %v", s, err)
			}
		}
		if c, err := decisionlog.ParseCursor(s); err == nil && c.String() != s {
			t.Errorf("the cursor %q became %q", s, c)
		}
	})
}

// FuzzClean cleans any text. An URI that is kept has no user information, no value in
// its query and no fragment but the mark; cleaning it again changes nothing.
func FuzzClean(f *testing.F) {
	for _, s := range []string{
		"https://u:p@host.example/a?b=c&d#e", "urn:ietf:params:oauth:request_uri:abc", "javascript:x", "/a?b=c", "*", "com.app:/cb?x", "http://a@b@c/",
		"Bearer abc", "see https://u:p@host.example/, then", "eyJhbGciOiJub25lIn0.e30.", "//u:p@host/x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		prose := decisionlog.CleanProse(s)
		if len(prose) > 2*len(s)+4096 {
			t.Errorf("%d bytes became %d", len(s), len(prose))
		}
		clean, ok := decisionlog.CleanURI(s)
		if !ok {
			return
		}
		if again, ok := decisionlog.CleanURI(clean); len(clean) <= 4096 && (!ok || again != clean) {
			t.Errorf("%q became %q, then %q", s, clean, again)
		}
		u, err := url.Parse(clean)
		if err != nil {
			return
		}
		if u.User != nil && strings.Trim(u.User.String(), ":") != "" && strings.ReplaceAll(u.User.String(), "masked", "") != "" && strings.ReplaceAll(u.User.String(), "masked", "") != ":" {
			t.Errorf("%q keeps %q", s, u.User)
		}
		if u.Fragment != "" && u.Fragment != "masked" {
			t.Errorf("%q keeps %q", s, u.Fragment)
		}
		for pair := range strings.SplitSeq(u.RawQuery, "&") {
			if _, value, _ := strings.Cut(pair, "="); value != "" && value != "masked" {
				t.Errorf("%q keeps %q", s, pair)
			}
		}
	})
}
