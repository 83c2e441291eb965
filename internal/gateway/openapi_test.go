package gateway_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/sidegate/sidegate/gen/openapi"
)

func TestDocumentIsOpenToEverybody(t *testing.T) {
	o := options()
	o.Admit = func(*http.Request) error { return errors.New("nobody is admitted") }
	f, r := serve(t, o)
	got := r.do(t, "GET", "/openapi.json", "")
	accepted(t, got)
	if got.body != string(openapi.JSON) || got.body == "" {
		t.Errorf("got %d bytes, want the document of %d", len(got.body), len(openapi.JSON))
	}
	if got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("got %v", got.header)
	}
	tag := got.header.Get("ETag")
	head := r.do(t, "HEAD", "/openapi.json", "")
	accepted(t, head)
	if tag == "" || head.header.Get("ETag") != tag || head.header.Get("Content-Length") != got.header.Get("Content-Length") || head.body != "" {
		t.Errorf("HEAD answers %v, GET %v", head.header, got.header)
	}
	if same := r.do(t, "GET", "/openapi.json", "", "If-None-Match", tag); same.status != http.StatusNotModified || same.body != "" {
		t.Errorf("a known document: %d, %d bytes", same.status, len(same.body))
	}
	accepted(t, r.do(t, "GET", "/openapi.json", "", "If-None-Match", `"other"`))
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("the service was asked: %v", calls)
	}
}

func TestDocumentRefusals(t *testing.T) {
	_, r := serve(t, options())
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		a := r.do(t, method, "/openapi.json", "")
		refused(t, a, http.StatusMethodNotAllowed)
		if got := a.header.Get("Allow"); got != "GET, HEAD" {
			t.Errorf("%s: Allow is %q", method, got)
		}
	}
	p := refused(t, r.do(t, "GET", "/openapi.json?pretty=true", ""), http.StatusBadRequest)
	if len(p.Violations) != 1 || p.Violations[0].Field != "pretty" {
		t.Errorf("got %+v", p)
	}
	refused(t, r.do(t, "GET", "/openapi.json/", ""), http.StatusNotFound)
}
