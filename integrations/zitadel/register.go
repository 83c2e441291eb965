package zitadel

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"google.golang.org/protobuf/proto"

	"github.com/sidegate/sidegate/client"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/integrations/zitadel/store"
)

// Error codes of RFC 7591 section 3.2.2.
const (
	invalidMetadata    = "invalid_client_metadata"
	invalidRedirectURI = "invalid_redirect_uri"
)

// register is the client registration endpoint (RFC 7591), open to anybody:
// policies decide who may. REGISTER is asked about what would be stored,
// REGISTERED about what is, before it is: there is nothing to roll back.
func (s *server) register(rw http.ResponseWriter, r *http.Request) {
	m, f := readMetadata(r)
	if f != nil {
		f.write(rw)
		return
	}
	proposed, f := m.document(rand.Text())
	if f != nil {
		f.write(rw)
		return
	}
	c, secret, f := s.admit(r.Context(), m, proposed)
	if f != nil {
		f.write(rw)
		return
	}
	if err := s.store.AddClient(c); err != nil {
		(&fault{http.StatusServiceUnavailable, "temporarily_unavailable", "no further clients can be registered"}).write(rw)
		return
	}
	writeJSON(rw, http.StatusCreated, answerOf(c, secret, time.Now()))
}

// readMetadata reads the document, strictly: one JSON object, no member twice.
// Unknown members are ignored, as RFC 7591 section 2 demands.
func readMetadata(r *http.Request) (*metadata, *fault) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return nil, &fault{http.StatusUnsupportedMediaType, invalidMetadata, "expected Content-Type application/json"}
	}
	raw, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &fault{http.StatusRequestEntityTooLarge, invalidMetadata, "the document is larger than " + strconv.Itoa(maxBody) + " bytes"}
	}
	if err != nil {
		return nil, &fault{http.StatusBadRequest, invalidMetadata, "the document cannot be read"}
	}
	return parseMetadata(raw)
}

// admit has policies judge and change the client, and then the provider itself.
func (s *server) admit(ctx context.Context, m *metadata, proposed *clientpolicyv1.Client) (*store.Client, string, *fault) {
	proposed, f := s.judgeRegister(ctx, proposed)
	if f != nil {
		return nil, "", f
	}
	if f := supported(proposed); f != nil {
		return nil, "", f
	}
	stored, f := s.judgeRegistered(ctx, proposed)
	if f != nil {
		return nil, "", f
	}
	if f := supported(stored); f != nil {
		return nil, "", f
	}
	var secret string
	if !stored.GetPublicClient() && stored.GetClientAuthenticatorType() == store.ClientSecret {
		secret = rand.Text() + rand.Text()
	}
	c, err := store.NewClient(stored, secret, m.secretBy())
	if err != nil {
		return nil, "", &fault{http.StatusBadRequest, invalidMetadata, err.Error()}
	}
	return c, secret, nil
}

func (s *server) judgeRegister(ctx context.Context, proposed *clientpolicyv1.Client) (*clientpolicyv1.Client, *fault) {
	q := s.question(ctx, clientpolicyv1.Event_EVENT_REGISTER, nil, nil)
	q.ProposedClient, q.Registration = proposed, anonymous()
	changed := proto.CloneOf(proposed)
	v := s.askAnd(ctx, q, func(ms []*clientpolicyv1.Mutation) error {
		d, err := client.Documents{Proposed: proposed}.Apply(ms)
		changed = d.Proposed
		return err
	})
	return changed, refusal(ctx, v)
}

func (s *server) judgeRegistered(ctx context.Context, written *clientpolicyv1.Client) (*clientpolicyv1.Client, *fault) {
	q := s.question(ctx, clientpolicyv1.Event_EVENT_REGISTERED, nil, nil)
	q.Client, q.Registration = written, anonymous()
	changed := proto.CloneOf(written)
	v := s.askAnd(ctx, q, func(ms []*clientpolicyv1.Mutation) error {
		d, err := client.Documents{Stored: written}.Apply(ms)
		changed = d.Stored
		return err
	})
	return changed, refusal(ctx, v)
}

func anonymous() *clientpolicyv1.Registration {
	return &clientpolicyv1.Registration{
		Channel:   clientpolicyv1.Registration_CHANNEL_DCR_ANONYMOUS,
		Operation: clientpolicyv1.Registration_OPERATION_CREATE,
	}
}

// refusal is what a refused registration answers; nil when it was allowed.
func refusal(ctx context.Context, v *client.Verdict) *fault {
	if v.Allowed() {
		return nil
	}
	_ = refuse(ctx, v) // for its headers; the error is for the library's hooks
	p := v.Refusal()
	return &fault{int(p.GetHttpStatus()), p.GetCode(), p.GetDescription()}
}

// secretBy is how the secret will come, if there is one.
func (m *metadata) secretBy() oidc.AuthMethod {
	if m.TokenEndpointAuthMethod == string(oidc.AuthMethodPost) {
		return oidc.AuthMethodPost
	}
	return oidc.AuthMethodBasic
}
