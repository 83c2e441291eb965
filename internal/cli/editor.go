package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
)

// editor is the command that edits, as words: a path with blanks has no place in
// $VISUAL and $EDITOR.
func (a *app) editor() ([]string, error) {
	words := strings.Fields(cmp.Or(a.env("VISUAL"), a.env("EDITOR"), "vi"))
	if len(words) == 0 {
		return nil, usage("edit: $VISUAL or $EDITOR holds blanks alone; expected a command")
	}
	if _, err := exec.LookPath(words[0]); err != nil {
		return nil, usage("edit: editor: %w; set $VISUAL or $EDITOR", err)
	}
	return words, nil
}

// open runs the editor and waits for it. Ctrl-C is the editor's business while it runs.
func (e *editing) open(ctx context.Context, editor []string) error {
	c := exec.CommandContext(ctx, editor[0], append(editor[1:len(editor):len(editor)], e.file)...) //nolint:gosec // the user's own editor
	c.Env = e.Environ
	c.Stdin, c.Stdout, c.Stderr = direct(e.In), e.editorOut(), e.Err
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	if err := c.Run(); err != nil {
		return fmt.Errorf("editor %s: %w", editor[0], err)
	}
	return nil
}

// direct is a file as it is, for the editor to recognise the terminal.
func direct(in io.Reader) io.Reader {
	if f := raw(in); f != nil {
		return f
	}
	return in
}

// editorOut is where the editor draws: with a document as output, that is no place.
func (e *editing) editorOut() io.Writer {
	if f := raw(e.Out); f != nil {
		return f
	}
	return e.Out
}
