package service_test

import (
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/storage/memory"
)

// BenchmarkEvaluateLogged tells what keeping decisions costs those who ask: nothing
// when the log is off, next to nothing for what is not in the sample.
func BenchmarkEvaluateLogged(b *testing.B) {
	request := complete("master", pb.Event_EVENT_AUTHORIZATION_REQUEST)
	request.Client.RedirectUris = []string{"https://app.example/callback"}
	request.Request = &pb.OAuthRequest{Parameters: map[string]string{
		"response_type": "code", "client_id": "app", "scope": "openid accounts", "state": "af0ifjsldkj",
		"redirect_uri": "https://app.example/callback", "code_challenge_method": "S256",
	}, RedirectUri: "https://app.example/callback"}
	for _, c := range []struct {
		name   string
		change func(*decisionlog.Options)
	}{
		{"off", nil},
		{"sampled out", func(o *decisionlog.Options) { o.Samples = []decisionlog.Sample{{Realm: "master", Share: 0}} }},
		{"kept", func(o *decisionlog.Options) { o.Mode, o.BatchInterval = decisionlog.BestEffort, 100*time.Millisecond }},
		{"kept without requests", func(o *decisionlog.Options) {
			o.Mode, o.BatchInterval, o.DropRequests = decisionlog.BestEffort, 100*time.Millisecond, true
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			store := memory.New()
			defer store.Close()
			put(b, store, "master", 0, many(10))
			var kept *decisionlog.Log
			if c.change != nil {
				options := logOptions(filepath.Join(b.TempDir(), "decisions.db"))
				options.Now = time.Now
				c.change(&options)
				kept = openLog(b, options)
			}
			d, stop := directly(b, store, func(o *service.Options) { o.Decisions = kept })
			defer stop()
			ctx := metadata.NewIncomingContext(b.Context(), metadata.Pairs("traceparent", traceParent))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Evaluate(ctx, request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
