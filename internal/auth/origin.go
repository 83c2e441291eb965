package auth

import (
	"context"
	"crypto/x509"
	"net/http"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	grpccredentials "google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Metadata by which the gateway tells the guard behind it of its own peer. No other
// guard looks at them, so that it does not matter who else sends them.
const (
	// mdCertificate is the DER of the verified certificate.
	mdCertificate = "x-sidegate-peer-certificate-bin"
	// mdFrom is the address.
	mdFrom = "x-sidegate-peer-from"
)

// Annotate returns the metadata by which the REST gateway passes on what it alone
// knows: its peer's address and verified certificate. [Guard.Inside] reads it.
func (g *Guard) Annotate(r *http.Request) metadata.MD {
	md := metadata.Pairs(mdFrom, r.RemoteAddr)
	if leaf := verifiedLeaf(r.TLS); leaf != nil {
		md.Set(mdCertificate, string(leaf.Raw))
	}
	return md
}

// annotated reads what the gateway said. What is sent twice, or cannot be read, is
// nothing: the call then has no certificate.
func (g *Guard) annotated(ctx context.Context) (from string, leaf *x509.Certificate) {
	from = "unknown"
	if values := metadata.ValueFromIncomingContext(ctx, mdFrom); len(values) == 1 {
		from = values[0]
	}
	if values := metadata.ValueFromIncomingContext(ctx, mdCertificate); len(values) == 1 {
		if parsed, err := x509.ParseCertificate([]byte(values[0])); err == nil {
			leaf = parsed
		}
	}
	return from, leaf
}

// peerLeaf is the verified certificate of the peer of a gRPC call.
func peerLeaf(ctx context.Context) *x509.Certificate {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := p.AuthInfo.(grpccredentials.TLSInfo)
	if !ok {
		return nil
	}
	return verifiedLeaf(&info.State)
}

// from is the address of the peer of a gRPC call.
func from(ctx context.Context) string {
	p, ok := peer.FromContext(ctx)
	if !ok || p.Addr == nil {
		return "unknown"
	}
	return p.Addr.String()
}

// maxShown is the greatest number of bytes of a text, as sent, in a log or an
// error.
const maxShown = 255

func shorten(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > maxShown {
		return strings.ToValidUTF8(s[:maxShown], "") + "…"
	}
	return s
}

// errorDomain is the domain of ErrorInfo.
const errorDomain = "sidegate.dev"

// refusal is a status with its reason, which may be empty.
func refusal(code codes.Code, reason, message string, more ...protoadapt.MessageV1) error {
	s := status.New(code, message)
	if reason != "" {
		more = append(more, &errdetails.ErrorInfo{Reason: reason, Domain: errorDomain})
	}
	detailed, err := s.WithDetails(more...)
	if err != nil {
		return s.Err()
	}
	return detailed.Err()
}

// TooMany is the status of a call from where too many wrong credentials came, with
// the time to wait.
func TooMany(wait time.Duration) error {
	return refusal(codes.ResourceExhausted, "TOO_MANY_ATTEMPTS", "too many wrong credentials came from there; try again in "+Seconds(wait)+" seconds",
		&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
}
