package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

const (
	usualWidth = 80
	envColumns = "COLUMNS"
)

// raw is the file behind a stream, nil when there is none.
func raw(stream any) *os.File {
	if o, ok := stream.(*output); ok {
		stream = o.Writer
	}
	f, _ := stream.(*os.File)
	return f
}

// columns is how wide the output may be; 0 means any width, as in a pipe.
func (a *app) columns() int {
	if n, err := strconv.Atoi(a.env(envColumns)); err == nil && n > 0 {
		return n
	}
	if f := raw(a.Out); f != nil {
		return terminalWidth(f)
	}
	return 0
}

// colour paints a word on a terminal that wants it (no-color.org).
func (a *app) colour(c text.Color, s string) painted {
	s = clean(s)
	if !a.Colour || a.env("NO_COLOR") != "" || a.env("TERM") == "dumb" {
		return painted(s)
	}
	return painted(c.EscapeSeq() + s + text.Reset.EscapeSeq())
}

// say writes a line; texts in it are cleaned.
func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.Out, format+"\n", cleaned(args)...) // output remembers
}

// tell writes a line to standard error.
func (a *app) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(a.Err, format+"\n", cleaned(args)...) // nowhere else to tell
}

// answerable refuses to go on when a question is to come that could not be asked.
func (a *app) answerable(verb string, asks bool) error {
	if !asks || a.Terminal {
		return nil
	}
	return usage("%s: there is no terminal to ask at; pass --yes to go ahead without being asked", verb)
}

// confirmed asks on the terminal; only yes is yes.
func (a *app) confirmed(format string, args ...any) bool {
	_, _ = fmt.Fprintf(a.Err, format+" [y/N] ", cleaned(args)...) // nowhere else to tell
	line, _ := a.lines().ReadString('\n')                         // an end of input is a no
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(line)))
}

// lines reads the terminal; one reader, so that no answer is lost in its buffer.
func (a *app) lines() *bufio.Reader {
	if a.answers == nil {
		in := a.In
		if in == nil {
			in = strings.NewReader("")
		}
		a.answers = bufio.NewReader(io.LimitReader(in, maxToken))
	}
	return a.answers
}
