package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/gateway"
)

const (
	follow = "/v1/realms/r/decisions:follow"
	export = "/v1/realms/r/decisions:export"
	watch  = "/v1/realms/r:watch"
	audit  = "/v1/auditRecords:follow"
)

// tap is an answer that is read as it comes.
type tap struct {
	*http.Response
	lines *bufio.Reader
	// hang ends the call.
	hang context.CancelFunc
}

// open asks for a stream; headers are pairs.
func (r rest) open(t *testing.T, path string, headers ...string) *tap {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", r.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return &tap{Response: res, lines: bufio.NewReader(res.Body), hang: cancel}
}

// line reads a line with its end.
func (p *tap) line(t *testing.T) string {
	t.Helper()
	line, err := p.lines.ReadString('\n')
	if err != nil {
		t.Fatalf("read a line: %v; got %q", err, line)
	}
	return line
}

// rest reads to the end.
func (p *tap) rest() (string, error) {
	body, err := io.ReadAll(p.lines)
	return string(body), err
}

func decision(id string) *pb.FollowDecisionsResponse {
	return &pb.FollowDecisionsResponse{Document: &pb.LoggedDecision{DecisionId: id}}
}

// until holds a stream open until its caller is gone.
func until(s grpc.ServerStream) error {
	<-s.Context().Done()
	return s.Context().Err()
}

// The headers are there before the first item, and each item before the next.
func TestStreamAtOnce(t *testing.T) {
	f, r := serve(t, options())
	next, gone := make(chan string), make(chan struct{})
	f.streams(func(_ call, s grpc.ServerStream) error {
		defer func() { gone <- struct{}{} }()
		if err := s.SendHeader(nil); err != nil {
			return err
		}
		for {
			select {
			case id := <-next:
				if err := s.SendMsg(decision(id)); err != nil {
					return err
				}
			case <-s.Context().Done():
				return s.Context().Err()
			}
		}
	})
	for _, tc := range []struct {
		accept, media, before, after string
	}{
		{"", "application/x-ndjson", `{"result":`, "}\n"},
		{"text/event-stream", "text/event-stream", "data: ", "\n"},
	} {
		p := r.open(t, follow+"?filter=decision%3DREJECT", "Accept", tc.accept)
		want := http.Header{"Content-Type": {tc.media}, "Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}}
		p.Header.Del("Date")
		if diff := cmp.Diff(want, p.Header); p.StatusCode != 200 || diff != "" {
			t.Errorf("%s: got %d, %s", tc.media, p.StatusCode, diff)
		}
		wantCall := &pb.FollowDecisionsRequest{Realm: "r", Filter: "decision=REJECT"}
		if diff := cmp.Diff(wantCall, f.only(t).req, protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
		for _, id := range []string{"1", "zwei"} {
			next <- id
			if got, want := p.line(t), tc.before+`{"decisionId":"`+id+`"}`+tc.after; got != want {
				t.Errorf("%s: got %q, want %q", tc.media, got, want)
			}
			if tc.media == "text/event-stream" && p.line(t) != "\n" {
				t.Error("an event does not end with an empty line")
			}
		}
		p.hang()
		<-gone
	}
}

// What a stream sends is what the service answers, and who asks is who the
// service sees.
func TestStreamRoutes(t *testing.T) {
	f, r := serve(t, options())
	for path, want := range map[string]struct {
		request, item proto.Message
		answer        string
	}{
		follow:                    {&pb.FollowDecisionsRequest{Realm: "r"}, decision("d"), `{"result":{"decisionId":"d"}}`},
		watch + "?after=7":        {&pb.WatchRevisionsRequest{Realm: "r", After: 7}, &pb.WatchRevisionsResponse{Document: &pb.Revision{Revision: 8}}, `{"result":{"revision":"8"}}`},
		audit + "?filter=code=OK": {&pb.FollowAuditRecordsRequest{Filter: "code=OK"}, &pb.FollowAuditRecordsResponse{Document: &pb.AuditRecord{Id: "1"}}, `{"result":{"id":"1"}}`},
		export: {&pb.ExportDecisionsRequest{Realm: "r"}, &pb.ExportDecisionsResponse{Document: &pb.LoggedDecision{DecisionId: "d", Revision: 1<<53 + 1}},
			`{"decisionId":"d","revision":"9007199254740993"}`},
		"/v1/realms/a%20%C3%BC/decisions:export": {&pb.ExportDecisionsRequest{Realm: "a ü"}, &pb.ExportDecisionsResponse{Document: &pb.LoggedDecision{}}, `{}`},
	} {
		// Not every service sends headers of its own.
		f.streams(func(_ call, s grpc.ServerStream) error { return s.SendMsg(want.item) })
		a := r.do(t, "GET", path, "", "Authorization", "Bearer secret")
		if a.status != 200 || a.body != want.answer+"\n" || a.header.Get("Content-Type") != "application/x-ndjson" {
			t.Errorf("%s: got %d %v %q", path, a.status, a.header, a.body)
		}
		c := f.only(t)
		if diff := cmp.Diff(want.request, c.req, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if c.md.Get("authorization")[0] != "Bearer secret" || c.md.Get("x-sidegate-surface")[0] != "rest" {
			t.Errorf("%s: metadata %v", path, c.md)
		}
	}
}

// A stream without items is an empty answer, however it was accepted.
func TestStreamEmpty(t *testing.T) {
	f, r := serve(t, options())
	for name, stream := range map[string]func(call, grpc.ServerStream) error{
		"with headers":    func(_ call, s grpc.ServerStream) error { return s.SendHeader(nil) },
		"without headers": func(call, grpc.ServerStream) error { return nil },
	} {
		f.streams(stream)
		for _, path := range []string{follow, watch, audit, export} {
			if a := r.do(t, "GET", path, ""); a.status != 200 || a.body != "" || a.header.Get("Content-Type") != "application/x-ndjson" {
				t.Errorf("%s: %s: got %d %v %q", name, path, a.status, a.header, a.body)
			}
		}
	}
}

// A refusal before the first item is the problem that it is on other paths.
func TestStreamRefused(t *testing.T) {
	f, r := serve(t, options())
	f.streams(func(call, grpc.ServerStream) error {
		return reply(codes.FailedPrecondition, "no decisions are kept", "sidegate.dev", "DECISION_LOG_OFF")
	})
	for _, path := range []string{follow, watch, audit, export} {
		for _, accept := range []string{"", "application/x-ndjson", "*/*"} {
			p := refused(t, r.do(t, "GET", path, "", "Accept", accept), 409)
			if p.Reason != "DECISION_LOG_OFF" || p.Detail != "no decisions are kept" {
				t.Errorf("%s: got %+v", path, p)
			}
		}
	}
	refused(t, r.do(t, "GET", follow, "", "Accept", "text/event-stream"), 409)
	refused(t, r.do(t, "GET", export, "", "Accept", "text/csv"), 409)
	if a := r.do(t, "HEAD", follow, ""); a.status != 409 {
		t.Errorf("HEAD: got %d", a.status)
	}
	f.all()
	for path, status := range map[string]int{
		follow + "?filtre=x": 400, follow + "?filter=a&filter=b": 400, watch + "?after=x": 400, watch + "?after=": 400, audit + "?search=x": 400,
		export + "?update_mask=x": 400, "/v1/realms/:watch": 404, "/v1/realms//decisions:follow": 404, "/v1/realms/a:b/decisions:follow": 404,
		"/v1/realms/r/decisions:nothing": 404, "/v1/auditRecords:nothing": 404,
	} {
		refused(t, r.do(t, "GET", path, "", "Accept", "text/event-stream, */*"), status)
	}
	refused(t, r.stream(t, "GET", follow, strings.NewReader("{}")), 400)
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("got %v", calls)
	}
}

func TestStreamAdmit(t *testing.T) {
	o := options()
	o.Admit = func(*http.Request) error { return status.Error(codes.Unauthenticated, "send a bearer token") }
	f, r := serve(t, o)
	for _, path := range []string{follow, watch, audit, export} {
		refused(t, r.do(t, "GET", path, ""), 401)
	}
	if calls := f.all(); len(calls) != 0 {
		t.Errorf("got %v", calls)
	}
}

// What goes wrong after the first item is told where there is a way to tell it,
// and of a whole nobody gets a part that looks like it.
func TestStreamFails(t *testing.T) {
	f, conn := connect(t)
	h, err := gateway.New(conn, options())
	if err != nil {
		t.Fatal(err)
	}
	t.Run("HTTP/1.1", func(t *testing.T) { streamFails(t, f, listen(t, h)) })
	t.Run("HTTP/2", func(t *testing.T) { streamFails(t, f, listen2(t, h)) })
}

func streamFails(t *testing.T, f *fake, r rest) {
	// The stream before may still be ending when the next one is prepared.
	var failure atomic.Pointer[error]
	f.streams(func(c call, s grpc.ServerStream) error {
		var m proto.Message = decision("d")
		if strings.HasSuffix(c.rpc, "ExportDecisions") {
			m = &pb.ExportDecisionsResponse{Document: &pb.LoggedDecision{DecisionId: "d"}}
		}
		if err := s.SendMsg(m); err != nil {
			return err
		}
		return *failure.Load()
	})
	const (
		conflict = `{"code":9,"message":"gone","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"CONFLICT","domain":"sidegate.dev"}]}`
		stored   = `{"code":14,"message":"the store does not answer; nothing was changed unless a later read shows it","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"STORAGE","domain":"sidegate.dev"}]}`
		internal = `{"code":13,"message":"internal error; the server's log says more","details":[]}`
	)
	for _, tc := range []struct {
		name    string
		failure error
		want    string
	}{
		{"the caller's", reply(codes.FailedPrecondition, "gone", "sidegate.dev", "CONFLICT"), conflict},
		{"the store's", reply(codes.Unavailable, "disk on fire", "sidegate.dev", "STORAGE"), stored},
		{"the server's", status.Error(codes.Internal, "secret"), internal},
		{"unknown", status.Error(codes.DataLoss, "secret"), strings.Replace(internal, "13", "15", 1)},
	} {
		failure.Store(&tc.failure)
		for _, ask := range []struct {
			path, accept, want string
			cut                bool
		}{
			{follow, "", `{"result":{"decisionId":"d"}}` + "\n" + `{"error":` + tc.want + "}\n", false},
			{follow, "text/event-stream", `data: {"decisionId":"d"}` + "\n\nevent: error\ndata: " + tc.want + "\n\n", false},
			{export, "", `{"decisionId":"d"}` + "\n" + `{"error":` + tc.want + "}\n", true},
			{export, "text/csv", "", true},
		} {
			p := r.open(t, ask.path, "Accept", ask.accept)
			got, err := p.rest()
			if p.StatusCode != 200 || (err != nil) != ask.cut {
				t.Errorf("%s: %s %s: got %d, %v", tc.name, ask.path, ask.accept, p.StatusCode, err)
			}
			if ask.accept == "text/csv" {
				if strings.Contains(got, "error\"") || strings.Contains(got, "secret") {
					t.Errorf("%s: got %q", tc.name, got)
				}
				continue
			}
			if got != ask.want {
				t.Errorf("%s: %s %s: got %q, want %q", tc.name, ask.path, ask.accept, got, ask.want)
			}
		}
	}
}

// An item without its document is no empty item.
func TestStreamWithoutDocument(t *testing.T) {
	f, r := serve(t, options())
	f.streams(func(c call, s grpc.ServerStream) error {
		if strings.HasSuffix(c.rpc, "ExportDecisions") {
			return s.SendMsg(&pb.ExportDecisionsResponse{})
		}
		return s.SendMsg(&pb.FollowDecisionsResponse{})
	})
	if a := r.do(t, "GET", follow, ""); !strings.HasPrefix(a.body, `{"error":{"code":13,`) {
		t.Errorf("got %q", a.body)
	}
	if got, err := r.open(t, export, "Accept", "text/csv").rest(); err == nil || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestStreamHead(t *testing.T) {
	f, r := serve(t, options())
	ended := make(chan struct{}, 4)
	f.streams(func(_ call, s grpc.ServerStream) error {
		defer func() { ended <- struct{}{} }()
		return errors.Join(s.SendHeader(nil), until(s))
	})
	for _, tc := range []struct{ path, accept, media string }{
		{follow, "", "application/x-ndjson"}, {watch, "text/event-stream", "text/event-stream"},
		{audit, "application/json", "application/x-ndjson"}, {export, "text/csv", "text/csv; charset=utf-8; header=present"},
	} {
		a := r.do(t, "HEAD", tc.path, "", "Accept", tc.accept)
		if a.status != 200 || a.body != "" || a.header.Get("Content-Type") != tc.media {
			t.Errorf("%s: got %d %v %q", tc.path, a.status, a.header, a.body)
		}
		// Nobody goes on sending.
		<-ended
	}
}

// When the caller goes, the service hears of it.
func TestStreamCallerGoes(t *testing.T) {
	f, r := serve(t, options())
	ended := make(chan error, 1)
	f.streams(func(_ call, s grpc.ServerStream) error {
		err := errors.Join(s.SendHeader(nil), until(s))
		ended <- err
		return err
	})
	r.open(t, follow).hang()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestStreamStops(t *testing.T) {
	stopping := make(chan struct{})
	o := options()
	o.Stopping = stopping
	f, r := serve(t, o)
	ended := make(chan struct{})
	f.streams(func(_ call, s grpc.ServerStream) error {
		defer func() { ended <- struct{}{} }()
		return errors.Join(s.SendHeader(nil), until(s))
	})
	const fault = `{"code":14,"message":"the server is stopping; ask again","details":[]}`
	taps := map[*tap]string{
		r.open(t, follow): `{"error":` + fault + "}\n",
		r.open(t, watch, "Accept", "text/event-stream"): "event: error\ndata: " + fault + "\n\n",
		r.open(t, export):                       `{"error":` + fault + "}\n",
		r.open(t, export, "Accept", "text/csv"): "",
	}
	close(stopping)
	for p, want := range taps {
		got, err := p.rest()
		whole := strings.HasSuffix(p.Request.URL.Path, "export")
		if want != "" && got != want || (err != nil) != whole {
			t.Errorf("%s: got %q, %v", p.Request.URL, got, err)
		}
		<-ended
	}
}

// An idle stream shows that it is alive, and outlives the deadlines that the
// server sets for calls with one answer.
func TestStreamKeepAlive(t *testing.T) {
	f, conn := connect(t)
	o := options()
	o.KeepAlive = 5 * time.Millisecond
	h, err := gateway.New(conn, o)
	if err != nil {
		t.Fatal(err)
	}
	bounded := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, until := http.NewResponseController(w), time.Now().Add(bound)
		if err := errors.Join(c.SetReadDeadline(until), c.SetWriteDeadline(until)); err != nil {
			t.Error(err)
		}
		h.ServeHTTP(w, req)
	})
	t.Run("HTTP/1.1", func(t *testing.T) { streamKeepAlive(t, f, listen(t, bounded), 1) })
	t.Run("HTTP/2", func(t *testing.T) { streamKeepAlive(t, f, listen2(t, bounded), 2) })
}

// bound is how long a call with one answer may take.
const bound = 50 * time.Millisecond

func streamKeepAlive(t *testing.T, f *fake, r rest, major int) {
	last := make(chan struct{})
	f.streams(func(c call, s grpc.ServerStream) error {
		if err := s.SendHeader(nil); err != nil {
			return err
		}
		select {
		case <-last:
		case <-s.Context().Done():
			return s.Context().Err()
		}
		if strings.HasSuffix(c.rpc, "ExportDecisions") {
			return s.SendMsg(&pb.ExportDecisionsResponse{Document: &pb.LoggedDecision{DecisionId: "d"}})
		}
		return s.SendMsg(decision("d"))
	})
	for _, tc := range []struct{ path, accept, idle, item string }{
		{follow, "", "\n", `{"result":{"decisionId":"d"}}` + "\n"},
		{follow, "text/event-stream", ":\n\n", `data: {"decisionId":"d"}` + "\n\n"},
	} {
		p := r.open(t, tc.path, "Accept", tc.accept)
		if p.ProtoMajor != major {
			t.Fatalf("got %s", p.Proto)
		}
		idle := make([]byte, len(tc.idle))
		for start := time.Now(); time.Since(start) < 3*bound; {
			if _, err := io.ReadFull(p.lines, idle); err != nil || string(idle) != tc.idle {
				t.Fatalf("%s: got %q, %v", tc.accept, idle, err)
			}
		}
		last <- struct{}{}
		if got, err := p.rest(); err != nil || !strings.HasSuffix(got, tc.item) || strings.Trim(strings.TrimSuffix(got, tc.item), ":\n") != "" {
			t.Errorf("%s: got %q, %v", tc.accept, got, err)
		}
	}
	// An export is read as a whole: nothing stands between its lines.
	p := r.open(t, export)
	timer := time.NewTimer(3 * bound)
	<-timer.C
	last <- struct{}{}
	if got, err := p.rest(); err != nil || got != `{"decisionId":"d"}`+"\n" {
		t.Errorf("export: got %q, %v", got, err)
	}
}

func TestStreamNegativeKeepAlive(t *testing.T) {
	_, conn := connect(t)
	o := options()
	o.KeepAlive = -1
	if _, err := gateway.New(conn, o); !errors.Is(err, gateway.ErrLimits) {
		t.Errorf("got %v", err)
	}
}

// Those who follow leave room for all others.
func TestStreamLimit(t *testing.T) {
	const limit = 256
	f, r := serve(t, options())
	f.streams(func(_ call, s grpc.ServerStream) error { return errors.Join(s.SendHeader(nil), until(s)) })
	taps := make([]*tap, limit)
	for i := range taps {
		taps[i] = r.open(t, follow)
		if taps[i].StatusCode != 200 {
			t.Fatalf("stream %d: got %d", i, taps[i].StatusCode)
		}
	}
	a := r.do(t, "GET", watch, "")
	if p := refused(t, a, 503); !strings.Contains(p.Detail, "256 streams") || a.header.Get("Retry-After") == "" {
		t.Errorf("got %+v", p)
	}
	f.all()
	accepted(t, r.do(t, "GET", "/v1/realms/r", ""))
	taps[0].hang()
	for a.status == 503 { // until the server has noticed
		p := r.open(t, watch)
		a.status = p.StatusCode
		p.hang()
	}
	if a.status != 200 {
		t.Errorf("got %d", a.status)
	}
}

// deaf is a writer without deadlines.
type deaf struct{ http.ResponseWriter }

func TestStreamWithoutDeadlines(t *testing.T) {
	_, conn := connect(t)
	h, err := gateway.New(conn, options())
	if err != nil {
		t.Fatal(err)
	}
	r := listen(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.ServeHTTP(deaf{w}, req) }))
	refused(t, r.do(t, "GET", follow, ""), 500)
}
