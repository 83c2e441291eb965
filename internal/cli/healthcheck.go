package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
)

const (
	defaultOps   = "127.0.0.1:8981"
	envOps       = "SIDEGATE_OPS_ADDR"
	probeTimeout = 5 * time.Second
	maxProbe     = 1 << 10
)

func (a *app) healthcheck() *cobra.Command {
	var addr string
	c := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask a server on this machine whether it is ready",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if addr == "" {
				addr = a.env(envOps)
			}
			if addr == "" {
				addr = defaultOps
			}
			if _, _, err := net.SplitHostPort(addr); err != nil {
				return usage("ops-addr: expected host:port, got %q", addr)
			}
			return a.probe(c.Context(), addr)
		},
	}
	c.Flags().StringVar(&addr, "ops-addr", "", "host:port of the health listener (environment: "+envOps+"; default "+defaultOps+")")
	a.outputFlag(c)
	return c
}

func (a *app) probe(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return usage("ops-addr: %w", err)
	}
	// Straight to the address: a proxy in between would answer for itself.
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return unreachable(fmt.Errorf("no server answers on %s: %w", addr, errors.Unwrap(err)))
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProbe))
	if err != nil {
		return unreachable(fmt.Errorf("server on %s: %w", addr, err))
	}
	text := strings.TrimSpace(string(body))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("server on %s is not ready: %s", addr, text)
	}
	return a.print(object("ready", true, "status", text), func(table.Writer) { a.say("%s", text) })
}
