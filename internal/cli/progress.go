package cli

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// patience is how long work may take before it shows how far it is.
	patience = 500 * time.Millisecond
	// beat is how often it shows that.
	beat = 200 * time.Millisecond
	// large is from which size a body is worth a look at its way.
	large = 256 << 10
)

// progress shows how far long work is, on a terminal alone.
type progress struct {
	mu   sync.Mutex
	text string
	out  io.Writer
	stop chan struct{}
	done sync.WaitGroup
}

// progress begins to show; the caller ends it. Without a terminal, and where the
// output itself would come between, it shows nothing.
func (a *app) progress() *progress {
	p := &progress{out: a.Err, stop: make(chan struct{})}
	f := raw(a.Err)
	if f == nil || terminalWidth(f) == 0 || a.env("TERM") == "dumb" {
		return p
	}
	p.done.Go(p.show)
	return p
}

// show writes the text again and again, and takes it away at the end.
func (p *progress) show() {
	wait := time.NewTimer(patience)
	defer wait.Stop()
	shown := false
	for {
		select {
		case <-p.stop:
			if shown {
				_, _ = fmt.Fprint(p.out, "\r\x1b[K") // nowhere else to tell
			}
			return
		case <-wait.C:
			p.mu.Lock()
			text := p.text
			p.mu.Unlock()
			_, _ = fmt.Fprint(p.out, "\r\x1b[K", clean(text)) // nowhere else to tell
			shown = true
			wait.Reset(beat)
		}
	}
}

// set changes the text.
func (p *progress) set(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = fmt.Sprintf(format, args...)
}

// end stops showing.
func (p *progress) end() {
	close(p.stop)
	p.done.Wait()
}

// upload shows the way of the next body, if it is large; what it returns ends that.
func (c *api) upload(a *app, what string, size int) (end func()) {
	if size < large {
		return func() {}
	}
	p := a.progress()
	c.sending = func(body *bytes.Reader) io.Reader { return &counted{body, p, what, body.Size()} }
	return func() {
		c.sending = nil
		p.end()
	}
}

// counted is a body that tells how much of it was read.
type counted struct {
	body     *bytes.Reader
	progress *progress
	what     string
	size     int64
}

// Read implements io.Reader.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.body.Read(b)
	sent := c.size - int64(c.body.Len())
	if sent == c.size {
		c.progress.set("%s: sent, the server checks it", c.what)
	} else {
		c.progress.set("%s: sent %d %%", c.what, sent*100/c.size)
	}
	return n, err
}
