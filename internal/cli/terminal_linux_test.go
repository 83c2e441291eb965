package cli_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/sidegate/sidegate/internal/cli"
	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: a file to write to, and what it showed.
type terminal struct {
	*os.File
	master *os.File
	// seen is closed when it has shown the text.
	text string
	seen chan struct{}
	done chan struct{}
	all  bytes.Buffer
}

func newTerminal(t *testing.T, columns uint16, text string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals here: %v", err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: 24})
	}
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &terminal{File: file, master: master, text: text, seen: make(chan struct{}), done: make(chan struct{})}
	go p.read()
	return p
}

func (p *terminal) read() {
	defer close(p.done)
	chunk, told := make([]byte, 1<<12), false
	for {
		n, err := p.master.Read(chunk)
		p.all.Write(chunk[:n])
		if !told && strings.Contains(p.all.String(), p.text) {
			told = true
			close(p.seen)
		}
		if err != nil { // nobody has the terminal open any longer
			return
		}
	}
}

// shown closes the terminal and returns all that it showed.
func (p *terminal) shown() string {
	_ = p.Close()
	<-p.done
	_ = p.master.Close()
	return p.all.String()
}

func TestLongWorkShowsItsWayOnATerminalAlone(t *testing.T) {
	for name, tc := range map[string]struct {
		columns uint16
		environ string
		shown   bool
	}{
		"terminal": {80, "TERM=xterm", true}, "dumb terminal": {80, "TERM=dumb", false}, "pipe": {0, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			var errs io.Writer
			piped, tty := &bytes.Buffer{}, (*terminal)(nil)
			if errs = piped; tc.columns > 0 {
				tty = newTerminal(t, tc.columns, "1 decisions")
				errs = tty.File
			}
			c := handled(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = fmt.Fprintln(w, `{"decisionId":"1"}`)
				w.(http.Flusher).Flush()
				if tc.shown {
					select {
					case <-tty.seen:
					case <-r.Context().Done():
					}
				}
			})
			code := cli.Main(t.Context(), cli.Options{
				Streams: cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: errs},
				Args:    []string{"decisions", "export", "--realm", "r", "--file", filepath.Join(t.TempDir(), "f")},
				Environ: []string{"SIDEGATE_SERVER=" + c.server.URL, tc.environ},
			})
			got := piped.String()
			if tty != nil {
				got = tty.shown()
			}
			if code != 0 || tc.shown != strings.Contains(got, "1 decisions") || !tc.shown && got != "" {
				t.Errorf("%d, got %q", code, got)
			}
			if tc.shown && !strings.HasSuffix(got, "\r\x1b[K") {
				t.Errorf("left behind: %q", got)
			}
		})
	}
}

func TestTheWidthOfTheTerminalCounts(t *testing.T) {
	c := start(t, &fake{answers: map[string]string{"GET /v1/realms/r/profiles": `{"profiles":[{"name":"p","executors":[{"executor":"` + strings.Repeat("word ", 60) + `"}]}]}`}})
	for columns, want := range map[uint16]int{40: 40, 120: 120, 0: 80} {
		tty := newTerminal(t, columns, "none")
		code := cli.Main(t.Context(), cli.Options{
			Streams: cli.Streams{In: strings.NewReader(""), Out: tty.File, Err: io.Discard},
			Args:    []string{"get", "profiles", "--realm", "r"}, Environ: []string{"SIDEGATE_SERVER=" + c.server.URL},
		})
		got, widest := tty.shown(), 0
		for line := range strings.Lines(got) {
			widest = max(widest, text.StringWidthWithoutEscSequences(strings.TrimRight(line, "\r\n")))
		}
		if code != 0 || widest > want || widest < want-10 {
			t.Errorf("%d columns: %d, %d wide\n%s", columns, code, widest, got)
		}
	}
}
