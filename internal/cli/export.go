package cli

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

// Forms of an export.
const (
	formatNDJSON = "ndjson"
	formatCSV    = "csv"
)

// exporting is one run of decisions export.
type exporting struct {
	*app
	span
	format, file string
	count        int
	shown        *progress
}

func (a *app) decisionExport() *cobra.Command {
	e := &exporting{app: a, format: formatNDJSON}
	c := &cobra.Command{
		Use:   "export",
		Short: "Write all decisions that were kept, oldest first",
		Long: "Writes a JSON object a line, or CSV, to standard output or into a file. The file is put in place\n" +
			"when all is there; -o is the form of the summary that is shown then.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return e.run(c) },
	}
	c.Flags().Var(choice{&e.format, []string{formatNDJSON, formatCSV}}, "format", "form of the decisions")
	c.Flags().StringVar(&e.file, "file", "", "file to write; it is readable by its owner alone")
	e.spanFlags(c, "decision=REJECT")
	a.realmFlag(c)
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func (e *exporting) run(c *cobra.Command) error {
	if e.file == "" && c.Flags().Changed("output") {
		return usage("decisions export: -o is the form of the summary, which --file alone leaves room for; --format is that of the decisions")
	}
	terms, err := e.terms("decisions export", time.Now())
	if err != nil {
		return err
	}
	realm, err := e.realm("decisions export")
	if err != nil {
		return err
	}
	client, err := e.connect()
	if err != nil {
		return err
	}
	ctx, restore := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer restore()
	q := call{path: realmPath(realm, "/decisions:export"), query: filtered(terms)}
	if e.format == formatCSV {
		q.accept = "text/csv"
	}
	s, err := client.open(ctx, q)
	if err != nil {
		return err
	}
	defer s.close()
	if e.file == "" {
		return e.write(s, e.Out)
	}
	if err := e.save(s); err != nil {
		return err
	}
	return e.print(object("file", e.file, "decisions", e.count), func(t table.Writer) {
		t.AppendRow(table.Row{"file", e.file})
		t.AppendRow(table.Row{"decisions", e.count})
	})
}

// save writes a file beside the one that is wanted, and puts it in place when it
// is whole.
func (e *exporting) save(s *stream) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(e.file), ".sidegate-export-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name()) // it tells why already
		}
	}()
	if err := errors.Join(e.write(s, tmp), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), e.file)
}

// write passes the decisions on.
func (e *exporting) write(s *stream, to io.Writer) error {
	out := bufio.NewWriter(to)
	e.shown = &progress{stop: make(chan struct{})}
	onTerminal := raw(to) != nil && terminalWidth(raw(to)) > 0
	if !onTerminal { // else the decisions themselves are the progress
		e.shown = e.progress()
	}
	defer e.shown.end()
	pass := e.ndjson
	if e.format == formatCSV {
		pass = e.csv
		if onTerminal {
			pass = e.cleanCSV
		}
	}
	return errors.Join(pass(s, out), out.Flush())
}

func (e *exporting) counted() {
	e.count++
	e.shown.set("%d decisions", e.count)
}

// ndjson passes lines on. A decision has an id; what has none is a failure.
func (e *exporting) ndjson(s *stream, out io.Writer) error {
	return s.lines(func(line []byte) error {
		n, err := s.api.parsed(line)
		if err == nil && n.Get("decisionId") == nil {
			err = s.api.refusal(n)
		}
		if err != nil {
			return err
		}
		e.counted()
		_, err = fmt.Fprintf(out, "%s\n", escapeJSON(n.JSON()))
		return err
	})
}

// csv passes the text on as it is and counts the records in it.
func (e *exporting) csv(s *stream, out io.Writer) error {
	return e.records(s, io.TeeReader(s.resp.Body, out), func([]string) error { return nil })
}

// cleanCSV shows records on a terminal.
func (e *exporting) cleanCSV(s *stream, out io.Writer) error {
	w := csv.NewWriter(out)
	err := e.records(s, s.resp.Body, func(cells []string) error {
		for i := range cells {
			cells[i] = clean(cells[i])
		}
		return w.Write(cells)
	})
	w.Flush()
	return errors.Join(err, w.Error())
}

func (e *exporting) records(s *stream, in io.Reader, f func([]string) error) error {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	for first := true; ; first = false {
		cells, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errorOf[*csv.ParseError](err):
			return fmt.Errorf("server %s: the answer is not CSV: %w", s.api.base, err)
		case err != nil:
			return s.api.failed(s.ctx, err)
		}
		if err := f(cells); err != nil {
			return err
		}
		if !first { // the names of the columns
			e.counted()
		}
	}
}

func errorOf[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
