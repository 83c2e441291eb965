// Package ask reaches the endpoints that the configuration of an executor names:
// the only way by which a decision leaves the process.
//
// It bounds time (connect 2 s, in all 5 s) and size, follows no redirect, uses no
// proxy and keeps no state but idle connections. Whatever fails is an error, which
// the executor answers with a refusal.
package ask

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/sidegate/sidegate/pdp"
)

// Bounds on one question (executors-request.md, intent-client-bind-checker).
const (
	ConnectTimeout = 2 * time.Second
	TotalTimeout   = 5 * time.Second
	MaxAnswerBytes = 64 << 10
)

// errAnswerTooLarge tells that an answer was cut off.
var errAnswerTooLarge = fmt.Errorf("answer has more than %d bytes", MaxAnswerBytes)

// New returns a way to ask, and a function that closes idle connections.
func New() (pdp.Ask, func()) {
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: ConnectTimeout}).DialContext,
		TLSHandshakeTimeout:   ConnectTimeout,
		ResponseHeaderTimeout: TotalTimeout,
		MaxIdleConnsPerHost:   4,
		IdleConnTimeout:       30 * time.Second,
	}
	client := &http.Client{
		Transport: transport, Timeout: TotalTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(endpoint string, question []byte) (int, []byte, error) { return post(client, endpoint, question) },
		transport.CloseIdleConnections
}

func post(client *http.Client, endpoint string, question []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequest(http.MethodPost, endpoint, bytes.NewReader(question))
	if err != nil {
		return 0, nil, errors.New("endpoint is no URL")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("ask: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, MaxAnswerBytes+1))
	switch {
	case err != nil:
		return 0, nil, fmt.Errorf("answer: %w", err)
	case len(answer) > MaxAnswerBytes:
		return 0, nil, errAnswerTooLarge
	}
	return resp.StatusCode, answer, nil
}
