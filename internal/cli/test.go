package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/sidegate/sidegate/pdp/pdptest"
	"github.com/sidegate/sidegate/pdp/profiles"
	"github.com/spf13/cobra"
)

// testing is one run of test.
type testing struct {
	*app
	securityProfile string
	verbose         bool
}

func (a *app) test() *cobra.Command {
	t := &testing{app: a}
	c := &cobra.Command{
		Use:   "test PATH…",
		Short: "Replay decision vectors",
		Long: "Replays the vector files, or all .json files below a directory, by the engine in this process; with\n" +
			"--server or --context by a running server over REST, with --grpc by its decision listener. Against a server every\n" +
			"set of policies gets a realm of its own, which is deleted at the end; the token needs the role admin\n" +
			"for all realms. Cases that need a provider this version does not have are skipped. Those of\n" +
			"intent-client-bind-checker want a server that runs with --egress deny.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("test: expected vector files, or directories with them")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return t.run(c, args) },
	}
	a.grpcFlag(c, "decision listener to ask: host:port or unix:///path; policies are written by --server")
	c.Flags().StringVar(&t.securityProfile, "security-profile", profiles.None, "none, lax, strict or a JSON file, for the engine in this process")
	c.Flags().BoolVarP(&t.verbose, "verbose", "v", false, "show differences and skipped cases")
	a.serverFlags(c)
	a.outputFlag(c)
	return c
}

func (t *testing) run(c *cobra.Command, paths []string) error {
	remote := t.flags.GRPC != "" || t.flags.Server != "" || t.context != ""
	if remote && c.Flags().Changed("security-profile") {
		return usage("test: --security-profile is for the engine in this process; a server has its own")
	}
	files, err := loadVectors(paths, time.Now())
	if err != nil {
		return err
	}
	providers, err := known()
	if err != nil {
		return err
	}
	decide, finish, err := t.decider(remote)
	if err != nil {
		return err
	}
	// An interrupted run still deletes its realms.
	ctx, restore := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer restore()
	summary, err := pdptest.Summarize(ctx, files, decide.decide, providers)
	if err := errors.Join(err, decide.broken, finish()); err != nil {
		return err
	}
	if err := t.report(summary); err != nil {
		return err
	}
	if _, differ, _ := summary.Count(); differ > 0 {
		return quiet(exitFailed)
	}
	return nil
}

// loadVectors reads the files that the paths name.
func loadVectors(paths []string, now time.Time) ([]*pdptest.File, error) {
	var files []*pdptest.File
	for _, path := range paths {
		dir, name := filepath.Split(filepath.Clean(path))
		if dir == "" {
			dir = "."
		}
		if strings.ContainsAny(name, `*?[\`) {
			return nil, usage("test: %s: names with *, ?, [ or \\ are not supported", path)
		}
		if name == ".." {
			dir, name = path, "."
		}
		loaded, err := pdptest.Load(os.DirFS(dir), name, now)
		if err != nil {
			return nil, err
		}
		for _, f := range loaded {
			f.Path = filepath.Join(dir, f.Path)
		}
		files = append(files, loaded...)
	}
	return files, nil
}

// stopper decides cases until one fails for another reason than a refusal: what
// comes after it would fail for the same reason.
type stopper struct {
	ask    pdptest.Decide
	broken error
}

func (s *stopper) decide(ctx context.Context, c *pdptest.Case) (*clientpolicyv1.EvaluateResponse, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	resp, err := s.ask(ctx, c)
	if hopeless(err) {
		s.broken = err
	}
	return resp, err
}

// hopeless tells errors that the next case would meet too.
func hopeless(err error) bool {
	if p, ok := errors.AsType[*problem](err); ok {
		return p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden || p.Status >= http.StatusInternalServerError
	}
	return err != nil && exitCode(err) != exitFailed
}

// decider says who decides, and returns what must be done at the end.
func (t *testing) decider(remote bool) (s *stopper, finish func() error, err error) {
	if !remote {
		engine, err := newEngine(t.securityProfile)
		if err != nil {
			return nil, nil, err
		}
		return &stopper{ask: func(_ context.Context, c *pdptest.Case) (*clientpolicyv1.EvaluateResponse, error) {
			return engine.evaluate(c.Set, c.Compatibility, c.RequestFor("vectors"), time.Now)
		}}, func() error { return nil }, nil
	}
	client, err := t.connect()
	if err != nil {
		return nil, nil, err
	}
	at, err := t.remote()
	if err != nil {
		return nil, nil, err
	}
	r := &realms{api: client, made: map[string]*madeRealm{}}
	if at.GRPC == "" {
		return &stopper{ask: r.rest}, r.remove, nil
	}
	if r.decisions, err = dialDecisions(at); err != nil {
		return nil, nil, err
	}
	return &stopper{ask: r.grpc}, func() error { defer r.decisions.close(); return r.remove() }, nil
}

func (t *testing) report(s pdptest.Summary) error {
	agree, differ, skipped := s.Count()
	var list []*document.Node
	for _, f := range s.Files {
		list = append(list, object("file", f.Path, "agree", f.Agree, "differ", f.Differ, "skipped", f.Skipped, "total", f.Total(), "cases", caseNodes(f)))
	}
	doc := object("files", list, "agree", agree, "differ", differ, "skipped", skipped, "total", agree+differ+skipped)
	err := t.print(doc, func(w table.Writer) {
		w.AppendHeader(table.Row{"FILE", "AGREE", "DIFFER", "SKIPPED", "TOTAL"})
		for _, f := range s.Files {
			w.AppendRow(table.Row{f.Path, f.Agree, t.count(f.Differ), f.Skipped, f.Total()})
		}
		w.AppendRow(table.Row{"all", agree, t.count(differ), skipped, agree + differ + skipped})
	})
	if t.output == outputTable {
		t.cases(s)
	}
	return err
}

func (t *testing) count(differ int) painted {
	if differ == 0 {
		return "0"
	}
	return t.colour(text.FgRed, fmt.Sprint(differ))
}

func caseNodes(f pdptest.FileResult) []*document.Node {
	list := []*document.Node{}
	for _, c := range f.Cases {
		list = append(list, object("name", c.Case.Name, "differences", c.Differences, "missing", c.Missing))
	}
	return list
}

// cases shows what was skipped and why, and with -v every difference.
func (t *testing) cases(s pdptest.Summary) {
	var missing []string
	for _, f := range s.Files {
		for _, c := range f.Cases {
			missing = append(missing, c.Missing...)
			if !t.verbose {
				continue
			}
			if len(c.Missing) > 0 {
				t.say("skipped %s: %s: missing %s", f.Path, c.Case.Name, strings.Join(c.Missing, ", "))
			}
			for _, d := range c.Differences {
				t.say("differs %s: %s: %s", f.Path, c.Case.Name, d)
			}
		}
	}
	if _, differ, _ := s.Count(); differ > 0 && !t.verbose {
		t.say("-v shows every difference")
	}
	slices.Sort(missing)
	if missing = slices.Compact(missing); len(missing) > 0 && !t.verbose {
		t.say("skipped for lack of %s", strings.Join(missing, ", "))
	}
}
