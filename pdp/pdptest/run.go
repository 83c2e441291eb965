package pdptest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Decide answers the request of a case under its policy set and compatibility.
// It must not change the case. That the other side refuses the call is an error
// that has a gRPC status; every other error is a failure.
type Decide func(ctx context.Context, c *Case) (*clientpolicyv1.EvaluateResponse, error)

// Run replays all cases as subtests `file/case`. A case whose providers are
// missing is a skipped subtest that names them.
func Run(t *testing.T, files []*File, decide Decide, providers Providers) {
	t.Helper()
	if len(files) == 0 {
		t.Fatal("no vector files: nothing would be checked")
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(f.Path, ".json"), func(t *testing.T) {
			for _, c := range f.Cases {
				t.Run(c.Name, func(t *testing.T) { runCase(t, c, decide, providers) })
			}
		})
	}
}

func runCase(t *testing.T, c *Case, decide Decide, providers Providers) {
	t.Helper()
	if missing := providers.Missing(c); len(missing) > 0 {
		t.Skipf("not runnable: missing %s", strings.Join(missing, ", "))
	}
	resp, err := decide(t.Context(), c)
	for _, d := range Check(c, resp, err) {
		t.Error(d)
	}
}

// Summary is the outcome of all cases of some files.
type Summary struct {
	// Files are the outcomes in the order of the files.
	Files []FileResult
}

// FileResult is the outcome of the cases of one file.
type FileResult struct {
	// Path is the name of the file.
	Path string
	// Agree, Differ and Skipped count the cases; a skipped one was not runnable.
	Agree, Differ, Skipped int
	// Cases are those that differ or were skipped, in the order of the file.
	Cases []CaseResult
}

// CaseResult is a case that did not agree.
type CaseResult struct {
	// Case is the case.
	Case *Case
	// Differences say where the answer is not what the case wants.
	Differences []string
	// Missing are the providers for lack of which the case was skipped.
	Missing []string
}

// Total returns the number of cases, skipped ones included.
func (f FileResult) Total() int { return f.Agree + f.Differ + f.Skipped }

// Count returns how many cases of all files agree, differ and were skipped.
func (s Summary) Count() (agree, differ, skipped int) {
	for _, f := range s.Files {
		agree, differ, skipped = agree+f.Agree, differ+f.Differ, skipped+f.Skipped
	}
	return agree, differ, skipped
}

// Summarize replays all cases and counts. It stops with an error when the
// context ends: what it has counted by then is not the whole.
func Summarize(ctx context.Context, files []*File, decide Decide, providers Providers) (Summary, error) {
	var s Summary
	for _, f := range files {
		result := FileResult{Path: f.Path}
		for _, c := range f.Cases {
			r := CaseResult{Case: c, Missing: providers.Missing(c)}
			if len(r.Missing) == 0 {
				resp, err := decide(ctx, c)
				if ctx.Err() != nil {
					return s, fmt.Errorf("replay %s: %w", f.Path, context.Cause(ctx))
				}
				r.Differences = Check(c, resp, err)
			}
			result.add(r)
		}
		s.Files = append(s.Files, result)
	}
	return s, nil
}

func (f *FileResult) add(r CaseResult) {
	switch {
	case len(r.Missing) > 0:
		f.Skipped++
	case len(r.Differences) > 0:
		f.Differ++
	default:
		f.Agree++
		return
	}
	f.Cases = append(f.Cases, r)
}
