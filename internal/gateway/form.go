package gateway

import (
	"bytes"
	"net/http"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/sidegate/sidegate/internal/gateway/strictjson"
)

// form is a way to write the items of a stream.
type form struct {
	// media is the type of the answer, asked are those by which it is asked for.
	media string
	asked []string
	// head goes before the first item.
	head []byte
	// idle goes between items that are long in coming.
	idle []byte
	item func(proto.Message) ([]byte, error)
	// fault prints a google.rpc.Status in JSON; nil where nothing can tell one
	// from an item.
	fault func(status []byte) []byte
	// whole tells that the answer ends by itself, and is read as a whole.
	whole bool
}

const (
	typeLines  = "application/x-ndjson"
	typeEvents = "text/event-stream"
	typeTable  = "text/csv"
)

// lines is one object a line, which tells items from the failure at the end.
var lines = &form{
	media: typeLines, asked: []string{typeLines, "application/json"},
	idle:  []byte("\n"),
	item:  func(m proto.Message) ([]byte, error) { return surround(`{"result":`, m, "}\n") },
	fault: func(status []byte) []byte { return join(`{"error":`, status, "}\n") },
}

// events are server-sent events (WHATWG HTML, section 9.2). JSON on one line
// holds no line end that would break `data` in two.
var events = &form{
	media: typeEvents, asked: []string{typeEvents},
	// Section 9.2.7: a comment now and then keeps proxies from giving up.
	idle:  []byte(":\n\n"),
	item:  func(m proto.Message) ([]byte, error) { return surround("data: ", m, "\n\n") },
	fault: func(status []byte) []byte { return join("event: error\ndata: ", status, "\n\n") },
}

// rows is one item a line and nothing around it, to be kept as it is. A failure
// is a last line without `decisionId`.
var rows = &form{
	media: typeLines, asked: lines.asked, whole: true,
	item:  func(m proto.Message) ([]byte, error) { return surround("", m, "\n") },
	fault: lines.fault,
}

func surround(before string, m proto.Message, after string) ([]byte, error) {
	body, err := strictjson.Marshal(m)
	if err != nil {
		return nil, err
	}
	return join(before, trim(body), after), nil
}

func join(before string, body []byte, after string) []byte {
	return append(append([]byte(before), body...), after...)
}

// trim takes off the line end of printed JSON.
func trim(body []byte) []byte { return bytes.TrimSuffix(body, []byte("\n")) }

// unacceptable is the problem of a stream that was asked for in no form that it has.
func unacceptable(forms []*form) *problem {
	var media []string
	for _, f := range forms {
		media = append(media, f.asked[0])
	}
	// RFC 9110 section 15.5.7: the answer should say what there is.
	return blank(http.StatusNotAcceptable, "this path answers "+strings.Join(media, " or ")+"; name one of them in Accept, or leave it out")
}
