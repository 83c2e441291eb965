package openapi_test

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

const (
	linesType  = "application/x-ndjson"
	eventsType = "text/event-stream"
	tableType  = "text/csv"
)

// endless tells whether an answer has no end of its own.
func endless(request *http.Request, response *http.Response) bool {
	kind := response.Header.Get("Content-Type")
	return request.Method == http.MethodGet && (kind == eventsType || kind == linesType && !strings.HasSuffix(request.URL.Path, ":export"))
}

// readItems reads the first items of a stream.
func readItems(r io.Reader, items int) ([]byte, error) {
	var all []byte
	for lines := bufio.NewReader(r); items > 0; {
		line, err := lines.ReadBytes('\n')
		if all = append(all, line...); err != nil {
			return all, err
		}
		if bytes.HasPrefix(line, []byte("data: ")) || bytes.HasPrefix(line, []byte("{")) {
			items--
		}
	}
	return all, nil
}

// compareItems compares what a stream has sent with the document.
func compareItems(t *testing.T, at, kind string, schema *openapi3.Schema, body []byte) {
	t.Helper()
	if kind == tableType {
		if err := compareTable(body); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		return
	}
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSuffix(line, "\n")
		data, is := strings.CutPrefix(line, "data: ")
		if kind == eventsType && (line == "" || line == ":") || kind == linesType && line == "" {
			continue
		}
		if (kind == eventsType) != is {
			t.Errorf("%s: %s has a line %q", at, kind, line)
			continue
		}
		var item any
		if err := json.Unmarshal([]byte(data), &item); err != nil {
			t.Errorf("%s: %v: %.500s", at, err, data)
			continue
		}
		if err := schema.VisitJSON(item, openapi3.MultiErrors(), openapi3.VisitAsResponse()); err != nil {
			t.Errorf("%s: %v: %.500s", at, err, data)
		}
	}
}

// compareTable checks the form of decisions as CSV.
func compareTable(body []byte) error {
	records, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil {
		return err
	}
	if len(records) == 0 || records[0][0] != "time" || len(records[0]) != 20 {
		return errors.New("no header row")
	}
	for _, r := range records[1:] {
		for i, cell := range r {
			if column := records[0][i]; (column == "findings" || column == "mutations" || column == "policies" || column == "executors") && cell != "" && !json.Valid([]byte(cell)) {
				return fmt.Errorf("column %s holds %q", column, cell)
			}
		}
	}
	return nil
}

// A server that stops ends every stream, and says so, long before it would cut
// them off.
func TestStreamsEndWithTheServer(t *testing.T) {
	c := newContract(t, start(t, "--shutdown-timeout=5m"))
	c.fill(t, "r", "{}")
	var streams []*http.Response
	for _, op := range []string{"RevisionService_WatchRevisions", "DecisionLogService_FollowDecisions", "AuditLogService_FollowAuditRecords"} {
		for _, kind := range []string{linesType, eventsType} {
			request, _ := c.request(t, call{op: op, headers: []string{"Accept", kind}}, c.routes[op])
			response, err := c.http.Do(request)
			if err != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("%s: %v, %v", op, response, err)
			}
			streams = append(streams, response)
		}
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	for _, response := range streams {
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		last := `{"error":{"code":14,`
		if response.Header.Get("Content-Type") == eventsType {
			last = "event: error\ndata: " + `{"code":14,`
		}
		if err != nil || !strings.Contains(string(body), last) {
			t.Errorf("%s: got %q, %v", response.Request.URL, body, err)
		}
	}
}
