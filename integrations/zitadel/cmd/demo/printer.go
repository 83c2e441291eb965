package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	zitadel "github.com/sidegate/sidegate/integrations/zitadel"
)

// Widths of the columns.
const (
	widthEvent  = 30
	widthClient = 16
	widthReason = 17
)

// Colours, as terminals know them.
const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	bold  = "\x1b[1m"
	plain = "\x1b[0m"
)

// printer writes the story.
type printer struct {
	out    io.Writer
	colour bool
}

func newPrinter(out io.Writer, colour bool) *printer { return &printer{out: out, colour: colour} }

// coloured says whether a file shows colours: a terminal, unless NO_COLOR is set
// (https://no-color.org) or it is a dumb one.
func coloured(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func (p *printer) paint(colour, text string) string {
	if !p.colour {
		return text
	}
	return colour + text + plain
}

func (p *printer) line(text string) { _, _ = fmt.Fprintln(p.out, text) }

func (p *printer) title(text string) { p.line(p.paint(bold, text)) }

func (p *printer) say(text string) { p.line("\n" + text) }

// step begins a step of the story.
func (p *printer) step(name string) { p.line("\n" + p.paint(bold, name)) }

// mismatch says what went otherwise than expected.
func (p *printer) mismatch(text string) { p.line(p.paint(red, "  UNEXPECTED ") + text) }

// decision writes one decision as one line.
func (p *printer) decision(o zitadel.Observation) {
	word, colour := "REJECT", red
	if o.Response.GetDecision() == clientpolicyv1.EvaluateResponse_DECISION_ALLOW {
		word, colour = "ALLOW ", green
	}
	who := o.ClientName
	if who == "" {
		who = o.ClientID
	}
	p.line(strings.TrimRight("  "+p.paint(colour, word)+" "+strings.Join([]string{
		column(strings.TrimPrefix(o.Event.String(), "EVENT_"), widthEvent),
		column(oneLine(who), widthClient),
		column(strings.TrimPrefix(o.Response.GetReason().String(), "REASON_"), widthReason),
		oneLine(because(o.Response)),
	}, " "), " "))
}

// column pads or cuts a text to a width.
func column(text string, width int) string {
	if n := utf8.RuneCountInString(text); n <= width {
		return text + strings.Repeat(" ", width-n)
	}
	return string([]rune(text)[:width-1]) + "…"
}

// oneLine keeps texts of others from breaking the line or the terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// because is the text of a decision: its first enforced finding, or what it
// changes and asks for.
func because(r *clientpolicyv1.EvaluateResponse) string {
	for _, f := range r.GetFindings() {
		if f.GetEnforced() {
			return finding(f)
		}
	}
	var out []string
	for _, m := range r.GetMutations() {
		out = append(out, mutation(m))
	}
	for _, o := range r.GetObligations() {
		out = append(out, "must "+string(client.KindOf(o)))
	}
	return strings.Join(out, ", ")
}

func finding(f *clientpolicyv1.Finding) string {
	out := f.GetError()
	if f.GetExecutor() != "" {
		out = f.GetExecutor() + ": " + out
	}
	if f.GetDescription() != "" {
		out += ": " + f.GetDescription()
	}
	return out
}

func mutation(m *clientpolicyv1.Mutation) string {
	if m.GetOp() == clientpolicyv1.Mutation_OP_REMOVE {
		return "remove " + m.GetPath()
	}
	return "set " + m.GetPath() + " to " + value(m.GetValue())
}

func value(v *structpb.Value) string {
	raw, err := protojson.Marshal(v)
	if err != nil {
		return "?"
	}
	return string(raw)
}
