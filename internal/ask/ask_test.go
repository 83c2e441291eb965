package ask_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sidegate/sidegate/internal/ask"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

func TestAsk(t *testing.T) {
	question, closeIdle := ask.New()
	t.Cleanup(closeIdle)
	var got string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.RawQuery + " " + r.Header.Get("Content-Type") + " " + r.Header.Get("Accept") + " " + string(body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "answer")
	})
	status, answer, err := question(url+"/x?y=z", []byte("question"))
	if err != nil || status != http.StatusAccepted || string(answer) != "answer" {
		t.Fatalf("got %d %q %v", status, answer, err)
	}
	if want := "POST y=z application/json application/json question"; got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
}

// A redirect is an answer like any other, not a way on.
func TestNoRedirect(t *testing.T) {
	question, closeIdle := ask.New()
	t.Cleanup(closeIdle)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" {
			t.Error("the redirect was followed")
		}
		http.Redirect(w, r, "/there", http.StatusFound)
	})
	if status, _, err := question(url, nil); err != nil || status != http.StatusFound {
		t.Errorf("got %d %v, want 302", status, err)
	}
}

func TestSizeLimit(t *testing.T) {
	question, closeIdle := ask.New()
	t.Cleanup(closeIdle)
	size := ask.MaxAnswerBytes
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", size)) })
	if _, answer, err := question(url, nil); err != nil || len(answer) != size {
		t.Errorf("at the limit: %d bytes, %v", len(answer), err)
	}
	size++
	if _, _, err := question(url, nil); err == nil {
		t.Error("one past the limit: accepted")
	}
}

func TestUnreachable(t *testing.T) {
	question, closeIdle := ask.New()
	t.Cleanup(closeIdle)
	s := httptest.NewServer(nil)
	url := s.URL
	s.Close()
	for _, endpoint := range []string{url, "http://[", "ftp://x"} {
		if _, _, err := question(endpoint, nil); err == nil {
			t.Errorf("%s: answered", endpoint)
		}
	}
}
