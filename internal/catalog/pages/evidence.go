package pages

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/pdptest"
	recorded "github.com/sidegate/sidegate/pdp/pdptest/testdata"
)

// decided is a vector that was decided, with its trace.
type decided struct {
	*pdptest.Case
	answer *pb.EvaluateResponse
}

// refusal is an objection that an executor makes.
type refusal struct{ description, spec string }

// evidence is what the vectors show of one provider.
type evidence struct {
	// cases are those of the provider's files, its own ones first.
	cases []*decided
	// errors and fields are those of an objection.
	errors, fields map[refusal]map[string]bool
	// changes and obligations are what it did beside judging.
	changes, obligations map[string]bool
}

// vectorFiles are the vector files by provider, its own ones first.
func vectorFiles(repository fs.FS) (map[string][]*pdptest.File, error) {
	files := map[string][]*pdptest.File{}
	for _, kind := range []string{"conditions", "executors"} {
		own, err := pdptest.Load(repository, kind+"/testdata", now)
		if err != nil {
			return nil, err
		}
		others, err := pdptest.Load(recorded.FS(), kind, now)
		if err != nil {
			return nil, err
		}
		for _, f := range append(own, others...) {
			id := strings.TrimSuffix(f.Path[strings.LastIndexByte(f.Path, '/')+1:], ".json")
			files[id] = append(files[id], f)
		}
	}
	return files, nil
}

// witness decides all vectors of the providers. Those of another compatibility,
// and those whose policies or requests are refused, show nothing here.
func witness(repository fs.FS, compiler *pdp.Compiler) (map[string]*evidence, error) {
	files, err := vectorFiles(repository)
	if err != nil {
		return nil, err
	}
	shown := map[string]*evidence{}
	for id, list := range files {
		e := &evidence{
			errors: map[refusal]map[string]bool{}, fields: map[refusal]map[string]bool{},
			changes: map[string]bool{}, obligations: map[string]bool{},
		}
		shown[id] = e
		for _, f := range list {
			for _, c := range f.Cases {
				answer, err := decide(compiler, c)
				if err != nil {
					return nil, fmt.Errorf("%s: %s: %w", f.Path, c.Name, err)
				}
				if answer != nil {
					e.cases = append(e.cases, &decided{c, answer})
					e.note(id, answer)
				}
			}
		}
	}
	return shown, nil
}

// decide returns the answer to a case with its trace, or nil where there is none.
func decide(compiler *pdp.Compiler, c *pdptest.Case) (*pb.EvaluateResponse, error) {
	if c.Compatibility != pb.RealmSettings_COMPATIBILITY_SAFE {
		return nil, nil
	}
	realm, problems := compiler.Compile(c.Set, &pb.RealmSettings{Compatibility: &c.Compatibility})
	if len(problems) > 0 {
		return nil, nil
	}
	req, resp := c.RequestFor("vectors"), &pb.EvaluateResponse{}
	req.Options.Explain = true
	err := realm.Evaluate(req, pdp.Env{Now: now, Ask: agree}, resp)
	if _, refused := errors.AsType[*pdp.RequestError](err); refused {
		return nil, nil
	}
	return resp, err
}

// agree is an endpoint that says yes to whatever an executor asks.
func agree(string, []byte) (status int, answer []byte, err error) {
	return http.StatusOK, []byte(`{"is_bound":true}`), nil
}

func (e *evidence) note(id string, answer *pb.EvaluateResponse) {
	for _, p := range answer.Trace.Policies {
		for _, x := range p.Executors {
			// What could not be decided says nothing about what is refused.
			if x.Executor != id || x.Outcome == pb.ExecutorTrace_OUTCOME_FAULT {
				continue
			}
			for _, f := range x.Findings {
				r := refusal{generally(f.Description), f.Spec}
				add(e.errors, r, f.Error)
				add(e.fields, r, pointerOfAll(f.Field))
			}
			for _, m := range x.Mutations {
				e.changes[strings.ToLower(strings.TrimPrefix(m.Op.String(), "OP_"))+" "+m.Path] = true
			}
			for _, o := range x.Obligations {
				e.obligations[obligationName(o)] = true
			}
		}
	}
}

func add(m map[refusal]map[string]bool, r refusal, text string) {
	if m[r] == nil {
		m[r] = map[string]bool{}
	}
	if text != "" {
		m[r][text] = true
	}
}

// generally drops what a description says about one value.
func generally(description string) string {
	general, _, _ := strings.Cut(description, ": ")
	return general
}

var elementIndex = regexp.MustCompile(`/\d+$`)

// pointerOfAll makes the place of one element that of all.
func pointerOfAll(field string) string { return elementIndex.ReplaceAllString(field, "/…") }

func obligationName(o *pb.Obligation) string {
	m := o.ProtoReflect()
	if field := m.WhichOneof(m.Descriptor().Oneofs().ByName("obligation")); field != nil {
		return field.JSONName()
	}
	return "none"
}

// refusals returns all objections, by clause and description.
func (e *evidence) refusals() []refusal {
	return slices.SortedFunc(maps.Keys(e.errors), func(a, b refusal) int {
		return cmp.Or(cmp.Compare(a.spec, b.spec), cmp.Compare(a.description, b.description))
	})
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
