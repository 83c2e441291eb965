package pages

import (
	"strings"
	"unicode/utf8"
)

const (
	// proseWidth is the greatest length of a line of prose.
	proseWidth = 120
	// padWidth is the greatest width that a column of a table is padded to.
	padWidth = 60
)

// prose breaks a paragraph into lines.
func prose(text string) string { return wrapped(text, "") + "\n" }

// bullet breaks an item of a list into lines.
func bullet(text string) string { return "- " + wrapped(text, "  ") + "\n" }

// wrapped breaks a text into lines, those after the first behind an indent.
func wrapped(text, indent string) string {
	var b strings.Builder
	column := len(indent)
	for i, word := range unbreakable(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+length > proseWidth:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	return b.String()
}

// unbreakable splits a text into words; code stays whole, and so does a word with
// what would begin a list at the beginning of a line.
func unbreakable(text string) (words []string) {
	open := false
	for _, field := range strings.Fields(text) {
		if last := len(words) - 1; last >= 0 && (open || beginsList(field)) {
			words[last] += " " + field
		} else {
			words = append(words, field)
		}
		open = open != (strings.Count(field, "`")%2 == 1)
	}
	return words
}

func beginsList(word string) bool {
	digits := strings.TrimRight(word, ".)")
	return strings.Trim(word, "-+*#") == "" || digits != word && strings.Trim(digits, "0123456789") == ""
}

// table aligns all columns but the last, as far as they are narrow.
func table(head []string, rows [][]string) string {
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	line(&b, head, widths)
	for i := range head {
		b.WriteString("|" + strings.Repeat("-", 2+padding(widths, i, 3)))
	}
	b.WriteString("|\n")
	for _, row := range rows {
		line(&b, row, widths)
	}
	return b.String()
}

func line(b *strings.Builder, row []string, widths []int) {
	for i, cell := range row {
		cell = strings.ReplaceAll(cell, "|", `\|`)
		length := utf8.RuneCountInString(cell)
		b.WriteString("| " + cell + strings.Repeat(" ", max(padding(widths, i, length)-length, 0)+1))
	}
	b.WriteString("|\n")
}

// padding is the width of a column, or least where it is not padded.
func padding(widths []int, column, least int) int {
	if column == len(widths)-1 || widths[column] > padWidth {
		return least
	}
	return widths[column]
}

// code marks a text as code.
func code(text string) string { return "`" + text + "`" }

// codes marks texts as code and lists them.
func codes(texts []string) string {
	marked := make([]string, len(texts))
	for i, text := range texts {
		marked[i] = code(text)
	}
	return strings.Join(marked, ", ")
}
