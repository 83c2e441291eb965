package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/sidegate/sidegate/internal/document"
)

// column is a column of a list.
type column struct {
	name string
	// width is that of a line that comes by itself, where later ones are not known.
	width int
	of    func(*app, *document.Node) any
}

// listing shows items of one kind: as a table when all are there, as lines when
// they come one by one.
type listing struct {
	collection string
	columns    []column
}

// show prints a list.
func (l listing) show(a *app, list *document.Node) error {
	return a.print(list, func(t table.Writer) { l.rows(a, t, items(list, l.collection)) })
}

// showOne prints a single item.
func (l listing) showOne(a *app, n *document.Node) error {
	return a.print(n, func(t table.Writer) { l.rows(a, t, []*document.Node{n}) })
}

func (l listing) rows(a *app, t table.Writer, list []*document.Node) {
	t.AppendHeader(l.names())
	for _, n := range list {
		t.AppendRow(l.row(a, n))
	}
}

func (l listing) names() table.Row {
	r := make(table.Row, len(l.columns))
	for i, c := range l.columns {
		r[i] = c.name
	}
	return r
}

func (l listing) row(a *app, n *document.Node) table.Row {
	r := make(table.Row, len(l.columns))
	for i, c := range l.columns {
		r[i] = c.of(a, n)
	}
	return r
}

// header writes the names of the columns, if lines follow.
func (l listing) header(a *app) {
	if a.output == outputTable {
		l.padded(a, l.names())
	}
}

// line writes one item by itself: JSON in a line, YAML as a document, or a line
// of columns.
func (l listing) line(a *app, n *document.Node) error {
	switch a.output {
	case outputJSON:
		return a.printLine(n)
	case outputYAML:
		if _, err := fmt.Fprintln(a.Out, "---"); err != nil {
			return err
		}
		return a.printYAML(n)
	}
	l.padded(a, l.row(a, n))
	return nil
}

func (a *app) printLine(n *document.Node) error {
	var b bytes.Buffer
	if err := json.Compact(&b, n.JSON()); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err := fmt.Fprintln(a.Out, string(escapeJSON(b.Bytes())))
	return err
}

func (l listing) padded(a *app, r table.Row) {
	var b strings.Builder
	for i, cell := range cleaned(r) {
		s := fmt.Sprint(cell)
		if i < len(r)-1 {
			s = text.Pad(s, l.columns[i].width, ' ') + "  "
		}
		b.WriteString(s)
	}
	a.say("%s", painted(strings.TrimRight(b.String(), " ")))
}

// textOf is a column that shows a member as it is.
func textOf(name string) func(*app, *document.Node) any {
	return func(_ *app, n *document.Node) any { return scalar(n, name) }
}

// enum is a column that shows a member without the prefix of its enum.
func enum(name, prefix string) func(*app, *document.Node) any {
	return func(_ *app, n *document.Node) any { return strings.TrimPrefix(scalar(n, name), prefix) }
}

// moment is a column that shows a time to the second.
func moment(name string) func(*app, *document.Node) any {
	return func(_ *app, n *document.Node) any { return seconds(scalar(n, name)) }
}

// seconds cuts fractions off an RFC 3339 time.
func seconds(s string) string {
	begin, rest, found := strings.Cut(s, ".")
	if !found {
		return s
	}
	return begin + strings.TrimLeft(rest, "0123456789")
}
