package server

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// state is how far the server is; its text is what the probes answer.
type state string

const (
	starting state = "starting"
	serving  state = "ready"
	stopping state = "stopping"
)

// ops answers `/livez` and `/readyz`. It is up before anything else and ends last.
type ops struct {
	state atomic.Value
	http  *http.Server
}

func newOps(log *zap.Logger) *ops {
	o := &ops{}
	o.set(starting)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, r *http.Request) {
		o.answer(w, r, http.StatusOK, "live")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		s, code := o.state.Load().(state), http.StatusOK
		if s != serving {
			code = http.StatusServiceUnavailable
		}
		o.answer(w, r, code, string(s))
	})
	o.http = &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10, ErrorLog: zap.NewStdLog(log),
	}
	return o
}

func (o *ops) set(s state) { o.state.Store(s) }

// answer tells the state as JSON to those who ask for it, else as text.
func (o *ops) answer(w http.ResponseWriter, r *http.Request, code int, text string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]string{"status": text}) // the prober is gone: nobody to tell
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(text + "\n"))
}

// serve answers until the listener is closed.
func (o *ops) serve(l net.Listener) error {
	if err := o.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (o *ops) close() error { return o.http.Close() }
