package cli_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// placed is a server that notes which tokens came to it.
func placed(t *testing.T) (c command, tokens *[]string) {
	t.Helper()
	tokens = &[]string{}
	c = start(t, &fake{
		answers: map[string]string{"GET /v1/realms": `{"realms":[]}`, "GET /v1/realms/home/profiles": `{"profiles":[]}`},
		seen: func(r *http.Request) {
			*tokens = append(*tokens, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		},
	})
	return c, tokens
}

// home is a directory with contexts and token files.
func home(t *testing.T, current, server string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"contexts.yaml": "current: " + current + "\ncontexts:\n" +
			"  here: {server: '" + server + "', token-file: here.token, realm: home}\n" +
			"  away: {server: 'http://127.0.0.1:1', token-file: away.token}\n",
		"here.token": "of-here", "away.token": "of-away", "flag.token": "of-flag", "env.token": "of-env-file",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWhereACommandFindsItsServer(t *testing.T) {
	for name, tc := range map[string]struct {
		current string
		args    []string
		environ []string
		code    int
		token   string
	}{
		"current context":                          {current: "here", token: "of-here"},
		"context by flag":                          {current: "away", args: []string{"--context", "here"}, token: "of-here"},
		"context by environment":                   {current: "away", environ: []string{"SIDEGATE_CONTEXT=here"}, token: "of-here"},
		"flag over environment":                    {current: "away", args: []string{"--context=here"}, environ: []string{"SIDEGATE_CONTEXT=away"}, token: "of-here"},
		"named context over environment":           {current: "away", args: []string{"--context=here"}, environ: []string{"SIDEGATE_SERVER=http://127.0.0.1:1", "SIDEGATE_TOKEN=of-env"}, token: "of-here"},
		"environment over current context":         {current: "away", environ: []string{"SIDEGATE_SERVER=SERVER"}},
		"environment's token over context's":       {current: "here", environ: []string{"SIDEGATE_TOKEN=of-env"}, token: "of-env"},
		"environment's token file over context's":  {current: "here", environ: []string{"SIDEGATE_TOKEN_FILE=DIR/env.token"}, token: "of-env-file"},
		"flag's token over all":                    {current: "here", args: []string{"--token-file", "DIR/flag.token"}, environ: []string{"SIDEGATE_TOKEN=of-env"}, token: "of-flag"},
		"a server from a flag gets no token of it": {current: "away", args: []string{"--server", "SERVER"}},
		"unless both are named":                    {current: "away", args: []string{"--server", "SERVER", "--context", "away"}, token: "of-away"},
		"unknown context":                          {current: "here", args: []string{"--context", "her"}, code: 2},
		"two servers":                              {current: "here", environ: []string{"SIDEGATE_SERVER=SERVER", "SIDEGATE_CONTEXT=here"}, code: 2},
		"flag's server settles that":               {current: "here", args: []string{"--server=SERVER"}, environ: []string{"SIDEGATE_SERVER=http://127.0.0.1:1", "SIDEGATE_CONTEXT=here"}},
		"current context cannot be reached":        {current: "away", code: 3},
	} {
		t.Run(name, func(t *testing.T) {
			c, tokens := placed(t)
			dir := home(t, tc.current, c.server.URL)
			fill := strings.NewReplacer("SERVER=SERVER", "SERVER="+c.server.URL, "=SERVER", "="+c.server.URL, "DIR", dir).Replace
			args := []string{"get", "realms"}
			for _, arg := range tc.args {
				if arg = fill(arg); arg == "SERVER" {
					arg = c.server.URL
				}
				args = append(args, arg)
			}
			environ := []string{"SIDEGATE_CONFIG_HOME=" + dir}
			for _, entry := range tc.environ {
				environ = append(environ, fill(entry))
			}
			r := c.in(t.Context(), environ, args...)
			if r.code != tc.code {
				t.Fatalf("got %+v", r)
			}
			if tc.code == 0 && (len(*tokens) != 1 || (*tokens)[0] != tc.token) {
				t.Errorf("token %q, want %q", *tokens, tc.token)
			}
		})
	}
}

func TestTokensAndAnswersHaveLimits(t *testing.T) {
	const token, body = 8 << 10, 64 << 20
	for size, code := range map[int]int{token: 0, token + 1: 2} {
		c, tokens := placed(t)
		r := c.run(t.Context(), "get", "realms", "--token-file", write(t, "t", strings.Repeat("x", size)))
		if r.code != code || code == 0 && len((*tokens)[0]) != size {
			t.Errorf("token of %d: got %+v", size, r)
		}
	}
	const list = `{"realms":[]}`
	for size, code := range map[int]int{body: 0, body + 1: 1} {
		c := handled(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(list + strings.Repeat(" ", size-len(list))))
		})
		if r := c.run(t.Context(), "get", "realms"); r.code != code || code != 0 && !strings.Contains(r.err, "larger than") {
			t.Errorf("answer of %d: got %+v", size, r)
		}
	}
}

func TestTheRealmOfAContext(t *testing.T) {
	c, _ := placed(t)
	dir := "SIDEGATE_CONFIG_HOME=" + home(t, "here", c.server.URL)
	if r := c.in(t.Context(), []string{dir}, "get", "profiles"); r.code != 0 {
		t.Errorf("context: %+v", r)
	}
	if r := c.in(t.Context(), []string{dir, "SIDEGATE_REALM=other"}, "get", "profiles"); r.code == 0 {
		t.Errorf("environment over context: %+v", r)
	}
	if r := c.in(t.Context(), []string{dir, "SIDEGATE_REALM=other"}, "get", "profiles", "--realm", "home"); r.code != 0 {
		t.Errorf("flag over environment: %+v", r)
	}
	if r := c.in(t.Context(), []string{dir}, "get", "profiles", "--server", c.server.URL); r.code != 2 {
		t.Errorf("another server has no such realm: %+v", r)
	}
}

func TestWhereContextsAreKept(t *testing.T) {
	c, _ := placed(t)
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		environ []string
		want    string
	}{
		"own":              {[]string{"SIDEGATE_CONFIG_HOME=" + dir, "XDG_CONFIG_HOME=/x", "HOME=/h"}, dir + "/contexts.yaml"},
		"xdg":              {[]string{"XDG_CONFIG_HOME=" + dir, "HOME=/h"}, dir + "/sidegate/contexts.yaml"},
		"xdg, not so":      {[]string{"XDG_CONFIG_HOME=relative", "HOME=" + dir}, dir + "/.config/sidegate/contexts.yaml"},
		"home":             {[]string{"HOME=" + dir}, dir + "/.config/sidegate/contexts.yaml"},
		"nowhere: no file": {nil, ""},
	} {
		r := c.in(t.Context(), tc.environ, "context", "list", "-o", "json")
		if tc.want == "" {
			if r.code != 2 || !strings.Contains(r.err, "SIDEGATE_CONFIG_HOME") {
				t.Errorf("%s: %+v", name, r)
			}
			continue
		}
		if r.code != 0 || !strings.Contains(r.out, `"file": "`+tc.want+`"`) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
