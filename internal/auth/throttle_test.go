package auth_test

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sidegate/sidegate/internal/auth"
)

var pace = auth.Pace{Free: 3, First: time.Second, Longest: 10 * time.Second, Forget: time.Minute}

func TestThrottleDoublesAndForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := auth.NewThrottle(pace, nil)
		for i, want := range []time.Duration{0, 0, 0, 1, 2, 4, 8, 10, 10} {
			if wait := th.Fail("k"); wait != 0 {
				t.Fatalf("attempt %d has to wait %v", i, wait)
			}
			if got := th.Wait("k"); got != want*time.Second {
				t.Errorf("after %d failures: closed for %v, want %v", i+1, got, want*time.Second)
			}
			if want > 0 {
				time.Sleep(want*time.Second - time.Nanosecond)
				if got := th.Fail("k"); got != time.Nanosecond {
					t.Errorf("after %d failures: open %v too early", i+1, got)
				}
				time.Sleep(time.Nanosecond)
			}
		}
		if th.Wait("other") != 0 {
			t.Error("another key is closed")
		}
		time.Sleep(time.Minute)
		th.Fail("k")
		if got := th.Wait("k"); got != 0 {
			t.Errorf("nothing is forgotten: %v", got)
		}
	})
}

// A flood of keys neither grows without bound nor opens a door that is closed.
func TestThrottleIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := auth.NewThrottle(auth.Pace{Free: 1, First: time.Minute, Longest: time.Hour, Forget: time.Hour}, nil)
		th.Fail("victim")
		th.Fail("victim")
		for i := range 5000 {
			th.Fail(fmt.Sprint(i))
		}
		if th.Wait("victim") == 0 {
			t.Error("the flood opened the door")
		}
		if n := auth.Size(th); n != auth.MaxThrottled {
			t.Errorf("%d keys, want %d", n, auth.MaxThrottled)
		}
	})
}

func TestSeconds(t *testing.T) {
	for wait, want := range map[time.Duration]string{1: "1", time.Second: "1", time.Second + 1: "2", 90 * time.Second: "90"} {
		if got := auth.Seconds(wait); got != want {
			t.Errorf("%v: %s", wait, got)
		}
	}
}

func TestSource(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.1:99": "192.0.2.1", "[2001:db8:1:2:3::4]:99": "2001:db8:1:2::/64", "2001:db8:1:2:5::6": "2001:db8:1:2::/64",
		"[::ffff:192.0.2.1]:1": "192.0.2.1", "[fe80::1%eth0]:1": "fe80::/64", "uid:7": "uid:7", "": "", "bufconn": "bufconn",
	} {
		if got := auth.Source(from); got != want {
			t.Errorf("%q: %q, want %q", from, got, want)
		}
	}
}

// Too many wrong tokens from one address are answered otherwise. A good one is let
// in all the time, and so are callers elsewhere; who sends none is told to.
func TestWrongTokensAreSlowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := auth.NewGuard(one{err: auth.ErrUnknownToken}, zap.NewNop())
		call := func(g *auth.Guard, md metadata.MD) error {
			_, err := who(g, over(t, nil, md))
			return err
		}
		token := metadata.Pairs("authorization", "Bearer x")
		for range auth.TokenPace.Free + 1 {
			check(t, "wrong", call(wrong, token), codes.Unauthenticated, "UNAUTHENTICATED")
		}
		err := call(wrong, token)
		check(t, "too many", err, codes.ResourceExhausted, "TOO_MANY_ATTEMPTS")
		if wait := retry(err); wait != time.Second {
			t.Errorf("to wait: %v", wait)
		}
		check(t, "none", call(wrong, metadata.MD{}), codes.Unauthenticated, "UNAUTHENTICATED")
		time.Sleep(time.Second)
		check(t, "later", call(wrong, token), codes.Unauthenticated, "UNAUTHENTICATED")
		check(t, "again", call(wrong, token), codes.ResourceExhausted, "TOO_MANY_ATTEMPTS")
	})
}

// turning is an Authenticator whose answer changes.
type turning struct{ one }

func TestGoodTokensGetInBesidesWrongOnes(t *testing.T) {
	a := &turning{one{err: auth.ErrUnknownToken}}
	g := auth.NewGuard(a, zap.NewNop())
	token := metadata.Pairs("authorization", "Bearer x")
	for range 2 * auth.TokenPace.Free {
		_, _ = who(g, over(t, nil, token))
	}
	a.one = one{p: root}
	if author, err := who(g, over(t, nil, token)); err != nil || author != "token:root" {
		t.Error(author, err)
	}
	a.one = one{err: auth.ErrTokenExpired}
	_, err := who(g, over(t, nil, token))
	check(t, "expired", err, codes.Unauthenticated, "UNAUTHENTICATED")
}

func retry(err error) time.Duration {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return math.MinInt64
}
