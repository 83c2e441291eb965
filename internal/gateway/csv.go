package gateway

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/gateway/strictjson"
)

// column is one of the table of decisions.
type column struct {
	name string
	cell func(*clientpolicyv1.LoggedDecision) (string, error)
}

func plainly(cell func(*clientpolicyv1.LoggedDecision) string) func(*clientpolicyv1.LoggedDecision) (string, error) {
	return func(d *clientpolicyv1.LoggedDecision) (string, error) { return cell(d), nil }
}

var columns = []column{
	{"time", plainly(moment)},
	{"decisionId", plainly((*clientpolicyv1.LoggedDecision).GetDecisionId)},
	{"realm", plainly((*clientpolicyv1.LoggedDecision).GetRealm)},
	{"revision", plainly(func(d *clientpolicyv1.LoggedDecision) string { return strconv.FormatInt(d.GetRevision(), 10) })},
	{"event", plainly(func(d *clientpolicyv1.LoggedDecision) string { return d.GetEvent().String() })},
	{"clientId", plainly((*clientpolicyv1.LoggedDecision).GetClientId)},
	{"user", plainly((*clientpolicyv1.LoggedDecision).GetUser)},
	{"caller", plainly((*clientpolicyv1.LoggedDecision).GetCaller)},
	{"decision", plainly(func(d *clientpolicyv1.LoggedDecision) string { return d.GetDecision().String() })},
	{"reason", plainly(func(d *clientpolicyv1.LoggedDecision) string { return d.GetReason().String() })},
	{"error", plainly(func(d *clientpolicyv1.LoggedDecision) string { return d.GetError().GetCode() })},
	{"errorDescription", plainly(func(d *clientpolicyv1.LoggedDecision) string { return d.GetError().GetDescription() })},
	{"policies", func(d *clientpolicyv1.LoggedDecision) (string, error) { return texts(d.GetAppliedPolicies()) }},
	{"executors", func(d *clientpolicyv1.LoggedDecision) (string, error) { return texts(objectors(d)) }},
	{"findings", func(d *clientpolicyv1.LoggedDecision) (string, error) { return objects(d.GetFindings()) }},
	{"mutations", func(d *clientpolicyv1.LoggedDecision) (string, error) { return objects(d.GetMutations()) }},
	{"durationMicros", plainly(func(d *clientpolicyv1.LoggedDecision) string {
		return strconv.FormatInt(d.GetDuration().AsDuration().Microseconds(), 10)
	})},
	{"traceId", plainly((*clientpolicyv1.LoggedDecision).GetTraceId)},
	{"sampleRate", plainly(func(d *clientpolicyv1.LoggedDecision) string {
		return strconv.FormatFloat(d.GetSampleRate(), 'g', -1, 64)
	})},
	{"lostBefore", plainly(func(d *clientpolicyv1.LoggedDecision) string { return strconv.FormatInt(d.GetLostBefore(), 10) })},
}

// table is decisions as CSV. There is no line that nobody would take for a
// decision: a failure can be told by cutting the connection alone.
var table = &form{
	// RFC 4180 section 3.
	media: typeTable + "; charset=utf-8; header=present", asked: []string{typeTable},
	head: heading(), item: tableRow, whole: true,
}

func heading() []byte {
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	return record(names)
}

func tableRow(m proto.Message) ([]byte, error) {
	d, ok := m.(*clientpolicyv1.LoggedDecision)
	if !ok || !d.ProtoReflect().IsValid() {
		return nil, fmt.Errorf("table row: %T is not a decision: %w", m, strictjson.ErrNoMessage)
	}
	cells := make([]string, 0, len(columns))
	for _, c := range columns {
		cell, err := c.cell(d)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.name, err)
		}
		cells = append(cells, harmless(cell))
	}
	return record(cells), nil
}

// record prints a record (RFC 4180 section 2). The writer of encoding/csv would
// change line ends inside of cells.
func record(cells []string) []byte {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteByte(',')
		}
		if strings.ContainsAny(cell, "\",\r\n") {
			cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
		}
		b.WriteString(cell)
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}

// harmless puts an apostrophe before what a spreadsheet would take for a formula:
// client ids and names of users come from strangers.
func harmless(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func moment(d *clientpolicyv1.LoggedDecision) string {
	if d.GetTime() == nil {
		return ""
	}
	return d.GetTime().AsTime().Format(time.RFC3339Nano)
}

// objectors are the executors of the findings, each once.
func objectors(d *clientpolicyv1.LoggedDecision) []string {
	var ids []string
	for _, f := range d.GetFindings() {
		if id := f.GetExecutor(); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// texts prints a list of strings as JSON, an empty one as an empty cell.
func texts(list []string) (string, error) {
	return listed(list, func(s string) ([]byte, error) { return jsontext.AppendQuote(nil, s) })
}

// objects prints a list of messages as JSON, an empty one as an empty cell.
func objects[M proto.Message](list []M) (string, error) {
	return listed(list, func(m M) ([]byte, error) {
		body, err := strictjson.Marshal(m)
		return trim(body), err
	})
}

func listed[T any](list []T, printed func(T) ([]byte, error)) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	var b strings.Builder
	for i, element := range list {
		text, err := printed(element)
		if err != nil {
			return "", err
		}
		b.WriteByte("[,"[min(i, 1)])
		b.Write(text)
	}
	b.WriteByte(']')
	return b.String(), nil
}
