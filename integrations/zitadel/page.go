package zitadel

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
)

//go:embed pages/*.html
var pageFiles embed.FS

// The pages; html/template escapes what is put into them.
var (
	faultPage  = parsePage("fault")
	loginPage  = parsePage("login")
	devicePage = parsePage("device")
	noticePage = parsePage("notice")
)

func parsePage(name string) *template.Template {
	return template.Must(template.ParseFS(pageFiles, "pages/layout.html", "pages/"+name+".html"))
}

// notice is a page that says one thing.
type notice struct{ Title, Text string }

// show sends a page. It may not be framed, runs no script and tells nobody where
// the user came from.
func show(rw http.ResponseWriter, status int, page *template.Template, data any) {
	var body bytes.Buffer
	if err := page.Execute(&body, data); err != nil {
		http.Error(rw, "page cannot be shown", http.StatusInternalServerError)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	// No form-action: it would also stop the redirect that follows the sign-in.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	rw.WriteHeader(status)
	_, _ = rw.Write(body.Bytes()) // a caller that went away gets nothing
}

func showFault(rw http.ResponseWriter, f *fault) { show(rw, f.status, faultPage, f) }
