package pdptest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// File is a vector file.
type File struct {
	// Path is the name under which the file was loaded.
	Path string
	// About is one line: what the file exercises.
	About string
	// Cases are the cases in the order of the file.
	Cases []*Case
}

// Case is one request under one policy set, and what the answer must be. It is
// read-only once loaded and may be used by several goroutines.
type Case struct {
	// Name is unique in the file.
	Name string
	// Origin says where the expectation comes from.
	Origin string
	// Compatibility is the realm's setting while the case runs; never unspecified.
	Compatibility clientpolicyv1.RealmSettings_Compatibility
	// Set holds the realm's own profiles and policies.
	Set *clientpolicyv1.PolicySet
	// SetJSON is the same as a policy set document, members as the file has them.
	SetJSON []byte
	// Request is the request without realm, times filled in, that asks for the client.
	Request *clientpolicyv1.EvaluateRequest
	// RequestJSON is the same as JSON, members as the file has them.
	RequestJSON []byte
	// Want is what the answer must be.
	Want Want
}

// RequestFor returns a copy of the request that the caller may change, with the realm set.
func (c *Case) RequestFor(realm string) *clientpolicyv1.EvaluateRequest {
	r := proto.CloneOf(c.Request)
	r.Realm = realm
	return r
}

func (r *reader) file(root *value, f *File) {
	if !r.only(root, "", []string{"about", "cases"}, nil) {
		return
	}
	f.About = r.string(root, "", "about")
	cases, seen := root.member("cases"), map[string]bool{}
	if !r.is(cases, "/cases", list) {
		return
	}
	if len(cases.items) == 0 {
		r.fail("/cases", "is empty: a file has at least one case")
	}
	for i, v := range cases.items {
		place := fmt.Sprintf("/cases/%d", i)
		c := r.readCase(v, place)
		if c.Name != "" && seen[c.Name] {
			r.fail(place+"/name", "duplicate name: the names of the cases of a file differ")
		}
		seen[c.Name] = true
		r.caseName = ""
		f.Cases = append(f.Cases, c)
	}
}

// only demands an object with all the required members and no others than the
// optional ones besides.
func (r *reader) only(v *value, place string, required, optional []string) bool {
	if !r.is(v, place, object) {
		return false
	}
	ok := true
	for _, m := range v.members {
		if !slices.Contains(required, m.name) && !slices.Contains(optional, m.name) {
			known := strings.Join(slices.Concat(required, optional), ", ")
			r.fail(below(place, m.name), "unknown member: expected %s", known)
			ok = false
		}
	}
	for _, name := range required {
		if v.member(name) == nil {
			r.fail(place, "lacks the member %q", name)
			ok = false
		}
	}
	return ok
}

func (r *reader) string(v *value, place, name string) string {
	m := v.member(name)
	if !r.is(m, below(place, name), text) {
		return ""
	}
	if m.text == "" {
		r.fail(below(place, name), "is empty")
	}
	return m.text
}

func (r *reader) readCase(v *value, place string) *Case {
	if n := v.member("name"); n != nil {
		r.caseName = n.text
	}
	c := &Case{}
	if !r.only(v, place, []string{"name", "origin", "request", "want"},
		[]string{"compatibility", "profiles", "policies"}) {
		return c
	}
	c.Name = r.string(v, place, "name")
	c.Origin = r.string(v, place, "origin")
	c.Compatibility = r.compatibility(v.member("compatibility"), place)
	r.policySet(c, v, place)
	r.request(c, v.member("request"), place+"/request")
	c.Want = r.want(v.member("want"), place+"/want")
	return c
}

func (r *reader) compatibility(v *value, place string) clientpolicyv1.RealmSettings_Compatibility {
	switch {
	case v == nil || v.text == "SAFE" && v.kind == text:
		return clientpolicyv1.RealmSettings_COMPATIBILITY_SAFE
	case v.text == "KEYCLOAK" && v.kind == text:
		return clientpolicyv1.RealmSettings_COMPATIBILITY_KEYCLOAK
	}
	r.fail(place+"/compatibility", "unknown value %s: expected \"SAFE\" or \"KEYCLOAK\"", v.json())
	return clientpolicyv1.RealmSettings_COMPATIBILITY_UNSPECIFIED
}

func (r *reader) policySet(c *Case, v *value, place string) {
	set := &value{kind: object}
	for _, name := range []string{"profiles", "policies"} {
		part := v.member(name)
		if part == nil {
			part = &value{kind: list}
		}
		if !r.is(part, below(place, name), list) {
			return
		}
		set.set(name, part)
	}
	c.SetJSON = set.json()
	c.Set = &clientpolicyv1.PolicySet{}
	if !(shape{reader: r}).decode(set, c.Set, place) {
		return
	}
	for i, p := range set.member("profiles").items {
		if e := p.member("executors"); e != nil && e.kind == list && len(e.items) == 0 {
			c.Set.Profiles[i].EmptyMembers = []string{"executors"}
		}
	}
}

func (r *reader) request(c *Case, v *value, place string) {
	c.Request = &clientpolicyv1.EvaluateRequest{}
	if !(shape{reader: r, times: true}).decode(v, c.Request, place) {
		return
	}
	r.options(c.Request, v)
	c.RequestJSON = v.json()
}

// options asks for the client and sets the time in both forms of the request.
func (r *reader) options(q *clientpolicyv1.EvaluateRequest, v *value) {
	if q.Options == nil {
		q.Options = &clientpolicyv1.EvaluateOptions{}
		v.set("options", &value{kind: object})
	}
	o := v.member("options")
	q.Options.ReturnClient = true
	o.set("returnClient", &value{kind: boolean, text: "true"})
	if q.Options.EvaluationTime == nil {
		q.Options.EvaluationTime = timestamppb.New(r.now)
		o.set("evaluationTime", &value{kind: text, text: r.now.Format(time.RFC3339)})
	}
}
