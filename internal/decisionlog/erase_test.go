package decisionlog_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// erase erases and checks how many that were.
func erase(t *testing.T, l *decisionlog.Log, client, user string, want int64) {
	t.Helper()
	if got, err := l.Erase(context.Background(), "master", client, user); got != want || err != nil {
		t.Errorf("erase %q %q = %d, %v, want %d", client, user, got, err, want)
	}
}

// inFile reports whether a text is in the file.
func inFile(t *testing.T, file, text string) bool {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(content, []byte(text))
}

// TestErase erases a client, then a user, and finds no byte of their ids in the file,
// neither in decisions of others nor in free pages.
func TestErase(t *testing.T) {
	for name, o := range map[string]decisionlog.Options{"plain": options(t), "pseudonyms": pseudonymous(t)} {
		t.Run(name, func(t *testing.T) {
			l := open(t, o)
			// Decisions that retention has removed left bytes behind.
			for n := range 30 {
				record(t, l, personal(t, n, "erased-client", "some-user"), personal(t, 100+n, "kept-client", "erased-user"), personal(t, 200+n, "kept-client", "kept-user"))
			}
			record(t, l, entry("other", 300))
			mention := personal(t, 301, "third-client", "third-user")
			mention.Request.Token.Claims = object(t, "sub", "third-user", "aud", []any{"erased-client", "account"})
			mention.Request.Actor = &pb.Actor{ClientRoles: map[string]*pb.RoleList{"erased-client": {Roles: []string{"view"}}, "erased-client-2": {}}}
			mention.Response.Findings[0].Actual = "audience erased-client, not third-client"
			record(t, l, mention)
			client, user := l.Pseudonym(false, "master", "erased-client"), l.Pseudonym(true, "master", "erased-user")
			if client == "" {
				client, user = "erased-client", "erased-user"
			}
			if !inFile(t, o.File, client) || !inFile(t, o.File, user) {
				t.Fatal("the ids are not in the file: the test shows nothing")
			}

			erase(t, l, "erased-client", "kept-user", 0)
			erase(t, l, "erased-client", "", 30)
			erase(t, l, "erased-client", "", 0)
			erase(t, l, "", "erased-user", 30)
			if n, err := l.Count(t.Context(), "master"); n != 31 || err != nil {
				t.Errorf("%d are left, %v, want 31", n, err)
			}
			if got := ids(t, l, "other", ""); !slices.Equal(got, []string{"000300"}) {
				t.Errorf("in another realm are left %v", got)
			}
			if _, err := l.Get(t.Context(), "master", decisionID(5)); err == nil {
				t.Error("an erased decision is found by its id")
			}
			d := get(t, l, "master", decisionID(301))
			if name == "plain" {
				if got := d.GetFindings()[0].GetActual(); got != "audience ~erased, not third-client" {
					t.Errorf("a finding about another says %q", got)
				}
				if got := len(d.GetRequest().GetActor().GetClientRoles()); got != 2 {
					t.Errorf("%d clients have roles, want 2", got)
				}
			}
			record(t, l, personal(t, 400, "kept-client", "kept-user"))
			closeLog(t, l)
			for _, id := range []string{client, user} {
				content, err := os.ReadFile(o.File)
				if err != nil {
					t.Fatal(err)
				}
				content = bytes.ReplaceAll(content, []byte("erased-client-2"), nil)
				if bytes.Contains(content, []byte(id)) {
					t.Errorf("%q is still in the file", id)
				}
			}
			if got := len(ids(t, open(t, o), "master", "")); got != 32 {
				t.Errorf("opened again, %d are left, want 32", got)
			}
		})
	}
}

// TestEraseByName erases a user by a name that is not what the decision is listed
// under, and a client by its internal id.
func TestEraseByName(t *testing.T) {
	l := open(t, options(t))
	record(t, l, personal(t, 1, "a", "alice"), personal(t, 2, "b", "bob"))
	erase(t, l, "", "alice-name", 1)
	erase(t, l, "uuid-of-b", "", 1)
	if n, err := l.Count(t.Context(), "master"); n != 0 || err != nil {
		t.Errorf("%d are left, %v", n, err)
	}
}

// TestEraseBoth erases what is of both together.
func TestEraseBoth(t *testing.T) {
	l := open(t, options(t))
	record(t, l, personal(t, 1, "a", "alice"), personal(t, 2, "a", "bob"), personal(t, 3, "b", "alice"))
	erase(t, l, "a", "alice", 1)
	if got := ids(t, l, "master", ""); !slices.Equal(got, []string{"000003", "000002"}) {
		t.Errorf("left are %v", got)
	}
	if _, err := l.Erase(t.Context(), "master", "", ""); err == nil {
		t.Error("nobody in particular was erased")
	}
}

// TestEraseOldKey reaches decisions from before pseudonyms were turned on.
func TestEraseOldKey(t *testing.T) {
	o := pseudonymous(t)
	plain := o
	plain.PseudonymKeyFile = ""
	l := open(t, plain)
	record(t, l, personal(t, 1, "erased-client", "alice"))
	closeLog(t, l)
	l = open(t, o)
	record(t, l, personal(t, 2, "erased-client", "alice"))
	erase(t, l, "erased-client", "", 2)
	if inFile(t, o.File, "erased-client") {
		t.Error("the id is still in the file")
	}
}

// TestEraseUnderWay takes back what waits to be written and what waits for followers.
func TestEraseUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t)
		o.BatchInterval = 10 * time.Second
		l := open(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		follow, err := l.Follow(ctx, "master", decisionlog.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 10 {
			if err := l.Record(t.Context(), personal(t, n, fmt.Sprintf("client-%d", n%2), "alice")); err != nil {
				t.Fatal(err)
			}
		}
		// The first is in the hands of the follower's goroutine once it is stored.
		flush(t, l)
		synctest.Wait()
		for n := 10; n < 20; n++ {
			if err := l.Record(t.Context(), personal(t, n, fmt.Sprintf("client-%d", n%2), "alice")); err != nil {
				t.Fatal(err)
			}
		}
		erase(t, l, "client-1", "", 10)
		var got []string
		for range 10 {
			got = append(got, (<-follow).GetClientId())
		}
		if want := slices.Repeat([]string{"client-0"}, 10); !slices.Equal(got, want) {
			t.Errorf("followed %v", got)
		}
	})
}

// TestEraseFails leaves everything as it was.
func TestEraseFails(t *testing.T) {
	o := options(t)
	l := open(t, o)
	record(t, l, personal(t, 1, "a", "alice"))
	if err := os.MkdirAll(o.File+".rewrite/in-the-way", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Erase(t.Context(), "master", "a", ""); err == nil {
		t.Error("erased without a file to write to")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Erase(ctx, "master", "a", ""); err == nil {
		t.Error("erased after the end")
	}
	record(t, l, personal(t, 2, "a", "alice"))
	if n, err := l.Count(t.Context(), "master"); n != 2 || err != nil {
		t.Errorf("%d are left, %v, want 2", n, err)
	}
}

// TestEraseLarge copies a log in more transactions than one.
func TestEraseLarge(t *testing.T) {
	o := options(t)
	l := open(t, o)
	for n := range 200 {
		e := personal(t, n, fmt.Sprintf("client-%d", n%2), "alice")
		for i := range 250 {
			e.Request.Client.RedirectUris = append(e.Request.Client.RedirectUris, fmt.Sprintf("https://host.example/%0300d", i))
		}
		record(t, l, e)
	}
	erase(t, l, "client-1", "", 100)
	closeLog(t, l)
	if got := len(ids(t, open(t, o), "master", "")); got != 100 {
		t.Errorf("%d are left, want 100", got)
	}
	if inFile(t, o.File, "client-1") {
		t.Error("the id is still in the file")
	}
}
