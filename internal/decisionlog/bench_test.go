package decisionlog_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// authorization is an authorization request after PAR, as FAPI 2.0 has it.
func authorization(tb testing.TB, n int) *decisionlog.Entry {
	e := rejected("master", n)
	e.Request = &pb.EvaluateRequest{
		Realm: "master", Event: pb.Event_EVENT_AUTHORIZATION_REQUEST, Issuer: "https://idp.example/realms/master",
		Client: &pb.Client{
			Id: proto.String("7a1c1f64-5f4e-4a0f-9d3c-2f9a5f6f0a11"), ClientId: proto.String("bank-app"), Protocol: proto.String("openid-connect"),
			Enabled: proto.Bool(true), PublicClient: proto.Bool(false), StandardFlowEnabled: proto.Bool(true), ClientAuthenticatorType: proto.String("client-jwt"),
			RedirectUris: []string{"https://app.example/cb", "https://app.example/cb2"}, WebOrigins: []string{"+"},
			DefaultClientScopes: []string{"profile", "email", "roles"}, OptionalClientScopes: []string{"offline_access", "address", "phone"},
			Attributes: map[string]string{
				"pkce.code.challenge.method": "S256", "tls.client.certificate.bound.access.tokens": "true", "use.jwks.url": "true", "jwks.url": "https://app.example/jwks",
				"request.object.signature.alg": "PS256", "client.secret.creation.time": "1700000000", "backchannel.logout.session.required": "true", "tier": "gold",
			},
		},
		Request: &pb.OAuthRequest{
			Parameters:       map[string]string{"client_id": "bank-app", "request_uri": "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c"},
			RedirectUri:      "https://app.example/cb",
			Method:           "GET",
			Headers:          map[string]string{"user-agent": "Mozilla/5.0", "accept-language": "de"},
			PushedParameters: map[string]string{"response_type": "code", "client_id": "bank-app", "redirect_uri": "https://app.example/cb", "scope": "openid accounts", "state": "af0ifjsldkj", "nonce": "n-0S6_WzA2Mj", "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"},
		},
		Source: &pb.Source{RemoteAddress: "192.0.2.7"},
		Tls:    &pb.TransportSecurity{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256"},
	}
	return e
}

// benchmarkRecord records without waiting for the disk; what does not fit is lost.
func benchmarkRecord(b *testing.B, o decisionlog.Options, e *decisionlog.Entry) {
	l := open(b, o)
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Record(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecordReject masks, encodes and queues a decision that is kept.
func BenchmarkRecordReject(b *testing.B) {
	for name, e := range map[string]*decisionlog.Entry{"token": rejected("master", 1), "authorization": authorization(b, 1)} {
		b.Run(name, func(b *testing.B) { benchmarkRecord(b, options(b), e) })
		b.Run(name+"/pseudonyms", func(b *testing.B) {
			o := options(b)
			o.PseudonymKeyFile = o.File + ".key"
			benchmarkRecord(b, o, e)
		})
	}
}

// BenchmarkRecordSampledOut turns away a clean ALLOW.
func BenchmarkRecordSampledOut(b *testing.B) {
	o := options(b)
	o.Sample = 0.01
	o.Samples = []decisionlog.Sample{{Realm: "other", Share: 1}}
	benchmarkRecord(b, o, entry("master", 1))
}

// BenchmarkStore records and waits for room: what the writer stores, with fsync.
func BenchmarkStore(b *testing.B) {
	o := options(b)
	o.Mode, o.NoSync, o.BatchInterval, o.MaxAge = decisionlog.Block, false, 0, 1000*time.Hour
	l := open(b, o)
	n := 0
	for b.Loop() {
		if err := l.Record(b.Context(), authorization(b, n)); err != nil {
			b.Fatal(err)
		}
		n++
	}
	flush(b, l)
	b.StopTimer()
	b.ReportMetric(float64(l.Stats().Bytes)/float64(n), "file-B/op")
}

// kept100k is a log of 100,000 decisions.
func kept100k(b *testing.B, o decisionlog.Options) *decisionlog.Log {
	b.Helper()
	o.Mode, o.MaxAge = decisionlog.Block, 1000*time.Hour
	l := open(b, o)
	for n := range 100_000 {
		e := authorization(b, n)
		e.Request.Client.ClientId = proto.String(fmt.Sprintf("client-%d", n%1000))
		if err := l.Record(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
	flush(b, l)
	return l
}

// BenchmarkLarge reads and erases in a log of 100,000 decisions.
func BenchmarkLarge(b *testing.B) {
	o := options(b)
	l := kept100k(b, o)
	list := func(filter string) func(*testing.B) {
		return func(b *testing.B) {
			f, err := decisionlog.ParseFilter(filter)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, _, err := l.List(b.Context(), "master", f, decisionlog.Cursor{}, 50); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("list", list(""))
	b.Run("list one of 1000 clients", list("clientId=client-7"))
	b.Run("list nothing", list("clientId=nobody"))
	b.Run("get", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Get(b.Context(), "master", decisionID(4711)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("erase", func(b *testing.B) {
		n := 0
		for b.Loop() {
			if _, err := l.Erase(b.Context(), "master", fmt.Sprintf("client-%d", n%1000), ""); err != nil {
				b.Fatal(err)
			}
			n++
		}
	})
	b.Run("open", func(b *testing.B) {
		closeLog(b, l)
		o.MaxAge = 1000 * time.Hour
		for b.Loop() {
			l, err := decisionlog.Open(o)
			if err != nil {
				b.Fatal(err)
			}
			closeLog(b, l)
		}
	})
}
