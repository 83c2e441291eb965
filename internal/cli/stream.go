package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/signal"
	"syscall"

	"github.com/sidegate/sidegate/internal/document"
	"google.golang.org/grpc/codes"
)

// maxLine bounds a line of a stream.
const maxLine = 4 << 20

// stream is an answer of many lines, `{"result":…}` each.
type stream struct {
	api  *api
	ctx  context.Context
	resp *http.Response
}

// open asks for a stream and returns when its headers are there.
func (c *api) open(ctx context.Context, q call) (*stream, error) {
	q.method = http.MethodGet
	resp, err := c.send(ctx, q) //nolint:bodyclose // the stream closes it
	if err != nil {
		return nil, err
	}
	return &stream{c, ctx, resp}, nil
}

func (s *stream) close() { _ = s.resp.Body.Close() } // it was read as far as it is wanted

// each hands over results until the stream ends.
func (s *stream) each(f func(*document.Node) error) error {
	return s.lines(func(line []byte) error {
		n, err := s.api.result(line)
		if err != nil {
			return err
		}
		return f(n)
	})
}

// lines hands over lines that are not blank.
func (s *stream) lines(f func([]byte) error) error {
	lines := bufio.NewScanner(s.resp.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if err := f(lines.Bytes()); err != nil {
			return err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("server %s: a line of the answer is larger than %d bytes", s.api.base, maxLine)
	case err != nil:
		return s.api.failed(s.ctx, err)
	}
	return nil
}

// result takes a line apart.
func (c *api) result(line []byte) (*document.Node, error) {
	n, err := c.parsed(line)
	if err != nil {
		return nil, err
	}
	if r := n.Get("result"); r != nil {
		return r, nil
	}
	return nil, c.refusal(n)
}

func (c *api) parsed(line []byte) (*document.Node, error) {
	n, err := document.Parse("answer.json", line)
	if err != nil {
		return nil, fmt.Errorf("server %s: the answer is not that of a decision point: %w", c.base, err)
	}
	return n, nil
}

// refusal is the error of a line that holds no item.
func (c *api) refusal(n *document.Node) error {
	e := n.Get("error")
	if e == nil {
		return fmt.Errorf("server %s: a line of the answer holds neither an item nor an error", c.base)
	}
	err := fmt.Errorf("server %s ended the stream: %s", c.base, scalar(e, "message"))
	if scalar(e, "code") == fmt.Sprint(int(codes.Unavailable)) {
		return unreachable(err)
	}
	return err
}

// follow reads a stream until a signal ends it, which is how it is meant to end.
func (c *api) follow(ctx context.Context, q call, f func(*document.Node) error) error {
	stopped, restore := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer restore()
	s, err := c.open(stopped, q)
	if err == nil {
		defer s.close()
		err = s.each(f)
	}
	return ended(ctx, stopped, c, err)
}

// ended says how a stream ended: by a signal it ended well, by the server it did not.
func ended(ctx, stopped context.Context, c *api, err error) error {
	switch {
	case stopped.Err() != nil && ctx.Err() == nil:
		return nil
	case err == nil:
		return unreachable(fmt.Errorf("server %s ended the stream", c.base))
	}
	return err
}
