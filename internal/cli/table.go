package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

const (
	// gap is the space between two columns.
	gap = 2
	// narrow is below what no column is narrowed.
	narrow = 10
)

// cells is a table whose cells are cleaned, and whose columns are narrowed to fit
// the terminal. Long cells go on in the next line; nothing is cut.
type cells struct {
	table.Writer
	// widths are those of the widest cells, words those of the widest words.
	widths, words []int
}

// AppendHeader implements table.Writer.
func (c *cells) AppendHeader(r table.Row, config ...table.RowConfig) {
	c.Writer.AppendHeader(c.clean(r), config...)
}

// AppendRow implements table.Writer.
func (c *cells) AppendRow(r table.Row, config ...table.RowConfig) {
	c.Writer.AppendRow(c.clean(r), config...)
}

// AppendRows implements table.Writer.
func (c *cells) AppendRows(rows []table.Row, config ...table.RowConfig) {
	for _, r := range rows {
		c.AppendRow(r, config...)
	}
}

// clean cleans a row and notes how wide its cells are.
func (c *cells) clean(r table.Row) table.Row {
	out := make(table.Row, len(r))
	for i, cell := range r {
		out[i] = cleanedValue(cell)
		if i == len(c.widths) {
			c.widths, c.words = append(c.widths, 0), append(c.words, 0)
		}
		s, ok := out[i].(string)
		if !ok {
			s = fmt.Sprint(out[i])
			out[i] = s
		}
		c.widths[i] = max(c.widths[i], text.StringWidthWithoutEscSequences(s))
		for word := range strings.FieldsSeq(s) {
			c.words[i] = max(c.words[i], text.StringWidthWithoutEscSequences(word))
		}
	}
	return out
}

// fit narrows the widest columns until all fit; 0 means any width fits.
func (c *cells) fit(width int) {
	if width == 0 || len(c.widths) == 0 {
		return
	}
	widths := slices.Clone(c.widths)
	narrowed(widths, width, c.words)
	narrowed(widths, width, make([]int, len(widths)))
	var configs []table.ColumnConfig
	for i, w := range widths {
		if w < c.widths[i] {
			configs = append(configs, table.ColumnConfig{Number: i + 1, WidthMax: w, WidthMaxEnforcer: text.WrapSoft})
		}
	}
	c.SetColumnConfigs(configs)
}

// narrowed takes from the widest column again and again, but leaves each its
// least width, words whole if they are that.
func narrowed(widths []int, width int, least []int) {
	for total(widths) > width {
		widest := -1
		for i, w := range widths {
			if w > max(least[i], narrow) && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func total(widths []int) int {
	sum := gap * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	return sum
}

// table renders rows with plain columns.
func (a *app) table(rows func(table.Writer)) {
	t := &cells{Writer: table.NewWriter()}
	t.SetOutputMirror(a.Out)
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.Style().Box.PaddingLeft, t.Style().Box.PaddingRight = "", "  "
	t.Style().Format.Header = text.FormatDefault
	rows(t)
	t.fit(a.columns())
	t.SuppressTrailingSpaces()
	t.Render()
}
