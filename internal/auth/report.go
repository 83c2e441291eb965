package auth

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Event is something that happened to credentials. It never holds one.
type Event struct {
	// Kind is what happened.
	Kind pb.AuditRecord_Kind
	// What was tried, where refusals of it are to be told apart from others of the
	// same source, such as a password for a certain user.
	What string
	// Caller is the author of the principal; empty when nobody was recognised.
	Caller string
	// From is the address of the peer; empty when it came from within.
	From string
	// Realm that it is about, if any.
	Realm string
	// Method is the full name of the RPC, if there was one.
	Method string
	// Code is how it ended.
	Code codes.Code
	// Detail is what is to be said besides.
	Detail string
	// TraceID of the call, if there was one.
	TraceID string
}

const (
	// reportWindow is how long repeated refusals are counted before they are told of.
	reportWindow = time.Minute
	// maxReported bounds the sources that are told apart within a window.
	maxReported = 1024
)

// Reporter tells the log and the audit stream of what happens to credentials.
// Refusals that repeat are counted and told of once a minute for each source, so
// that nobody can fill a disk by being refused. All methods may be called
// concurrently.
type Reporter struct {
	log   *zap.Logger
	audit func(*pb.AuditRecord)

	mu      sync.Mutex
	windows map[window]*tally
	closed  bool
}

// window is what refusals are counted by.
type window struct {
	kind               pb.AuditRecord_Kind
	from, caller, what string
}

type tally struct {
	timer *time.Timer
	more  int
	last  Event
}

// NewReporter makes a reporter; audit may be nil, and must not block.
func NewReporter(log *zap.Logger, audit func(*pb.AuditRecord)) *Reporter {
	if audit == nil {
		audit = func(*pb.AuditRecord) {}
	}
	return &Reporter{log: log, audit: audit, windows: map[window]*tally{}}
}

// Happened tells of an event at once.
func (r *Reporter) Happened(e Event) {
	r.tell(e)
}

// Refused tells of a refusal: the first of its source at once, those of the next
// minute together.
func (r *Reporter) Refused(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	w := window{e.Kind, Source(e.From), e.Caller, e.What}
	if r.windows[w] == nil && len(r.windows) >= maxReported {
		w = window{kind: e.Kind}
	}
	if t := r.windows[w]; t != nil {
		t.more, t.last = t.more+1, e
		return
	}
	r.windows[w] = &tally{timer: time.AfterFunc(reportWindow, func() { r.end(w) })}
	r.tell(e)
}

// end tells of what was counted in a window.
func (r *Reporter) end(w window) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.windows[w]
	if t == nil {
		return
	}
	delete(r.windows, w)
	r.sum(w, t)
}

func (r *Reporter) sum(w window, t *tally) {
	if t.more == 0 {
		return
	}
	e := t.last
	if w.from == "" && w.caller == "" {
		e.From, e.Caller = "", ""
	}
	e.TraceID, e.Detail = "", fmt.Sprintf("%d more within %v; the last one: %s", t.more, reportWindow, e.Detail)
	r.tell(e)
}

// Close tells of what has been counted and takes no refusals any more.
func (r *Reporter) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for w, t := range r.windows {
		t.timer.Stop()
		delete(r.windows, w)
		r.sum(w, t)
	}
}

func (r *Reporter) tell(e Event) {
	level, headline := zapcore.WarnLevel, headlines[e.Kind]
	switch e.Code {
	case codes.OK:
		level = zapcore.InfoLevel
	case codes.Unavailable:
		level, headline = zapcore.ErrorLevel, "credentials could not be checked"
	}
	fields := []zap.Field{zap.String("from", e.From), zap.Stringer("code", e.Code), zap.String("detail", e.Detail)}
	for key, value := range map[string]string{"method": e.Method, "principal": e.Caller, "realm": e.Realm, "trace": e.TraceID} {
		if value != "" {
			fields = append(fields, zap.String(key, value))
		}
	}
	r.log.Log(level, headline, fields...)
	r.audit(&pb.AuditRecord{
		Time: timestamppb.Now(), Kind: e.Kind, Caller: e.Caller, From: e.From, Realm: e.Realm, Method: e.Method,
		Code: code.Code(e.Code).String(), Detail: e.Detail, TraceId: e.TraceID,
	})
}

// headlines are the log messages.
var headlines = map[pb.AuditRecord_Kind]string{
	pb.AuditRecord_KIND_AUTHENTICATION_FAILED: "call without valid credentials",
	pb.AuditRecord_KIND_PERMISSION_DENIED:     "call refused for lack of the role",
	pb.AuditRecord_KIND_SESSION:               "session",
	pb.AuditRecord_KIND_CREDENTIALS_CHANGED:   "credentials changed",
}

// Source is what guesses are counted by: the address of a peer without its port,
// and of an IPv6 address the network (RFC 6177 section 2 gives a site no less than
// a /64, so that one guesser has as many addresses as it likes).
func Source(from string) string {
	ip, err := netip.ParseAddr(from)
	if at, portErr := netip.ParseAddrPort(from); portErr == nil {
		ip, err = at.Addr(), nil
	}
	if err != nil {
		return shorten(strings.TrimSpace(from))
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	network, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return network.String()
}
