package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

//go:embed policies.json
var policySet []byte

const (
	realm       = "demo"
	adminTime   = 30 * time.Second
	maxResponse = 16 << 20
)

// admin speaks the administration API over REST.
type admin struct {
	base  string
	token string
	http  *http.Client
}

func newAdmin(g *sidegate) (*admin, error) {
	token, err := os.ReadFile(g.token)
	if err != nil {
		return nil, fmt.Errorf("read administrator's token: %w", err)
	}
	return &admin{base: g.admin, token: strings.TrimSpace(string(token)), http: &http.Client{Timeout: adminTime}}, nil
}

// errStatus is an answer that is no success.
type errStatus struct {
	status int
	body   string
}

// Error implements error.
func (e *errStatus) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.body) }

// call sends one request; body nil sends none. It returns the answer's body and
// entity tag.
func (a *admin) call(ctx context.Context, method, path string, body []byte, etag string) ([]byte, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, "", fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if etag != "" {
		req.Header.Set("If-Match", etag)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	out, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = &errStatus{resp.StatusCode, strings.TrimSpace(string(out))}
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s %s: %w", method, path, err)
	}
	return out, resp.Header.Get("ETag"), nil
}

// setUp creates the realm, unless an earlier run has, and loads the policies.
func (a *admin) setUp(ctx context.Context) error {
	_, _, err := a.call(ctx, http.MethodPost, "/v1/realms", []byte(`{"name":"`+realm+`"}`), "")
	var answer *errStatus
	taken := errors.As(err, &answer) && answer.status == http.StatusConflict
	if err != nil && !taken {
		return err
	}
	_, _, err = a.call(ctx, http.MethodPut, "/v1/realms/"+realm+"/policySet?force=true", policySet, "")
	return err
}

// enable switches a policy on or off, and refuses to overwrite what somebody
// else wrote meanwhile.
func (a *admin) enable(ctx context.Context, policy string, on bool) error {
	path := "/v1/realms/" + realm + "/policies/" + url.PathEscape(policy)
	raw, etag, err := a.call(ctx, http.MethodGet, path, nil, "")
	if err != nil {
		return err
	}
	if etag == "" {
		return fmt.Errorf("GET %s: answer without an ETag", path)
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	doc["enabled"] = on
	if raw, err = json.Marshal(doc); err != nil {
		return fmt.Errorf("PUT %s: %w", path, err)
	}
	_, _, err = a.call(ctx, http.MethodPut, path, raw, etag)
	return err
}

// evaluate asks one question over REST.
func (a *admin) evaluate(ctx context.Context, q *clientpolicyv1.EvaluateRequest) (*clientpolicyv1.EvaluateResponse, error) {
	raw, err := protojson.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode question: %w", err)
	}
	answer, _, err := a.call(ctx, http.MethodPost, "/v1/realms/"+realm+":evaluate", raw, "")
	if err != nil {
		return nil, err
	}
	out := &clientpolicyv1.EvaluateResponse{}
	if err := protojson.Unmarshal(answer, out); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return out, nil
}
