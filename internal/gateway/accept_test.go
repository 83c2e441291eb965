package gateway_test

import "testing"

func TestStreamAccept(t *testing.T) {
	_, r := serve(t, options())
	const lines, events, table = "application/x-ndjson", "text/event-stream", "text/csv; charset=utf-8; header=present"
	for _, tc := range []struct {
		accept         string
		follow, export string
	}{
		{"", lines, lines},
		{"*/*", lines, lines},
		{"application/*", lines, lines},
		{"application/json", lines, lines},
		{"application/x-ndjson", lines, lines},
		{"Application/JSON; charset=utf-8", lines, lines},
		{"text/event-stream", events, ""},
		{"TEXT/Event-Stream", events, ""},
		{"text/event-stream, */*", events, lines},
		{"*/*, text/event-stream", events, lines},
		{"text/event-stream;q=0.5, */*", lines, lines},
		{"text/event-stream;q=0.5, */*;q=0.1", events, lines},
		{"text/event-stream, application/json", lines, lines},
		{"text/*", events, table},
		{"text/csv", "", table},
		{"text/csv, text/event-stream;q=0.9", events, table},
		{"text/csv;q=0.1, application/x-ndjson;q=0.2", lines, lines},
		{"text/csv;q=0.2, application/x-ndjson;q=0.1", lines, table},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", lines, lines},
		{"application/json;q=0, */*", lines, lines},
		{"application/json;q=0, application/x-ndjson;q=0, */*", events, table},
		{"*/*;q=0", "", ""},
		{"image/png", "", ""},
		{"text/event-stream;q=0", "", ""},
		// What cannot be understood counts for nothing.
		{",", lines, lines},
		{"json", lines, lines},
		{"text/event-stream;q=x", lines, lines},
		{"text/event-stream;q=2", lines, lines},
		{"text/event-stream;q=-1", lines, lines},
		{"text/event-stream;q=NaN", lines, lines},
		{"\xff\xfe, text/event-stream", events, ""},
	} {
		for path, want := range map[string]string{follow: tc.follow, export: tc.export} {
			p := r.open(t, path, "Accept", tc.accept)
			switch got := p.Header.Get("Content-Type"); {
			case want == "":
				body, _ := p.rest()
				refused(t, answer{p.StatusCode, p.Header, body}, 406)
			case p.StatusCode != 200 || got != want:
				t.Errorf("%s %q: got %d %s, want %s", path, tc.accept, p.StatusCode, got, want)
			}
			p.hang()
		}
	}
	// Several lines are one list (RFC 9110 section 5.3).
	if p := r.open(t, follow, "Accept", "image/png", "Accept", "text/event-stream"); p.Header.Get("Content-Type") != events {
		t.Errorf("two lines: got %v", p.Header)
	}
	// On other paths it has no meaning.
	accepted(t, r.do(t, "GET", "/v1/realms/r", "", "Accept", "image/png"))
}
