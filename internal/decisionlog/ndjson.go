package decisionlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// maxLines is how many lines may wait for a slow reader.
const maxLines = 4096

// lines writes decisions as lines of JSON. It has a goroutine of its own, so that a
// reader that stops reading stops nothing else.
type lines struct {
	to       io.Writer
	complain func(error)
	failed   atomic.Uint64

	queue chan *pb.LoggedDecision
	done  chan struct{}
	// pending is the number of lines that are not written yet; idle is closed when
	// it falls to zero.
	mu      sync.Mutex
	pending int
	idle    chan struct{}
}

// openLines returns nil when there is nowhere to write to.
func openLines(o NDJSON, complain func(error)) (*lines, error) {
	to := o.Writer
	if o.Path != "" {
		f, err := openRotated(o.Path, o.MaxBytes, o.Files)
		if err != nil {
			return nil, fmt.Errorf("NDJSON: %w", err)
		}
		to = f
	}
	if to == nil {
		return nil, nil
	}
	w := &lines{to: to, complain: complain, queue: make(chan *pb.LoggedDecision, maxLines), done: make(chan struct{}), idle: make(chan struct{})}
	go w.run()
	return w, nil
}

// put takes a decision; it never waits.
func (w *lines) put(d *pb.LoggedDecision) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.queue <- d:
		w.pending++
	default:
		w.fail(errors.New("the reader is too slow"))
	}
}

func (w *lines) fail(err error) {
	w.failed.Add(1)
	w.complain(err)
}

func (w *lines) run() {
	defer close(w.done)
	for d := range w.queue {
		if err := writeLine(w.to, d); err != nil {
			w.fail(err)
		}
		w.written()
	}
}

func (w *lines) written() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending--; w.pending == 0 {
		close(w.idle)
		w.idle = make(chan struct{})
	}
}

// writeLine writes a decision as REST shows it, in one write.
func writeLine(to io.Writer, d *pb.LoggedDecision) error {
	text, err := protojson.Marshal(d)
	if err != nil {
		return err
	}
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil { // protojson puts blanks in at random
		return err
	}
	line.WriteByte('\n')
	_, err = to.Write(line.Bytes())
	return err
}

// flush waits until all lines are written.
func (w *lines) flush(ctx context.Context) error {
	w.mu.Lock()
	idle, pending := w.idle, w.pending
	w.mu.Unlock()
	if pending == 0 {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close writes what waits, until ctx ends. A write that hangs stays behind.
func (w *lines) close(ctx context.Context) error {
	close(w.queue)
	select {
	case <-w.done:
	case <-ctx.Done():
		return fmt.Errorf("NDJSON: lines are left: %w", context.Cause(ctx))
	}
	if f, ours := w.to.(*rotated); ours {
		return f.Close()
	}
	return nil
}

// rotated is a file that makes room for a new one when it is full: FILE becomes
// FILE.1, that FILE.2, and so on.
type rotated struct {
	path     string
	greatest int64
	files    int

	file *os.File
	size int64
}

func openRotated(path string, greatest int64, files int) (*rotated, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	r := &rotated{path: path, greatest: greatest, files: files}
	return r, r.open()
}

// open opens the file for more, and ends a line that a crash cut short.
func (r *rotated) open() error {
	f, err := os.OpenFile(r.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", r.path)
	}
	if err == nil {
		r.file, r.size = f, info.Size()
		err = r.endLine()
	}
	if err != nil {
		r.file = nil
		return errors.Join(err, f.Close())
	}
	return nil
}

func (r *rotated) endLine() error {
	if r.size == 0 {
		return nil
	}
	var last [1]byte
	if _, err := r.file.ReadAt(last[:], r.size-1); err != nil || last[0] == '\n' {
		return err
	}
	n, err := r.file.Write([]byte("\n"))
	r.size += int64(n)
	return err
}

// Write writes one line, whole and into one file.
func (r *rotated) Write(line []byte) (int, error) {
	if r.file == nil {
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	if r.size > 0 && r.size+int64(len(line)) > r.greatest {
		if err := r.rotate(); err != nil {
			return 0, err
		}
	}
	n, err := r.file.Write(line)
	r.size += int64(n)
	if err != nil && n > 0 {
		// What is there of the line would spoil the next one.
		err = errors.Join(err, r.file.Truncate(r.size-int64(n)))
		r.size -= int64(n)
	}
	return n, err
}

func (r *rotated) rotate() error {
	err := r.file.Close()
	r.file = nil
	for n := r.files; n > 0 && err == nil; n-- {
		if err = os.Rename(r.name(n-1), r.name(n)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if r.files == 0 && err == nil {
		err = os.Remove(r.path)
	}
	return errors.Join(err, r.open())
}

func (r *rotated) name(n int) string {
	if n == 0 {
		return r.path
	}
	return fmt.Sprintf("%s.%d", r.path, n)
}

// Close closes the file.
func (r *rotated) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}
