package strictjson

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sidegate/sidegate/pdp"
)

// emptyMembers is the field that carries the names of empty lists; JSON never
// shows it.
const emptyMembers = protoreflect.Name("empty_members")

// emptyLists names, per message with [emptyMembers], the lists that keep
// "present and empty" apart from "absent".
var emptyLists = map[protoreflect.FullName][]protoreflect.Name{
	"clientpolicy.v1.Profile": {"executors"},
}

// shown names, per message, the members that are printed although they are empty.
var shown = map[protoreflect.FullName][]protoreflect.Name{
	"clientpolicy.v1.PolicySet":                     {"profiles", "policies"},
	"clientpolicy.v1.ListRealmsResponse":            {"realms", "next_page_token", "total_size"},
	"clientpolicy.v1.ListProfilesResponse":          {"profiles", "next_page_token", "total_size", "revision"},
	"clientpolicy.v1.ListPoliciesResponse":          {"policies", "next_page_token", "total_size", "revision"},
	"clientpolicy.v1.ListRevisionsResponse":         {"revisions", "next_page_token", "total_size", "revision"},
	"clientpolicy.v1.DiffRevisionsResponse":         {"revision", "other", "changes"},
	"clientpolicy.v1.ListExecutorsResponse":         {"executors", "next_page_token", "total_size"},
	"clientpolicy.v1.ListConditionsResponse":        {"conditions", "next_page_token", "total_size"},
	"clientpolicy.v1.ListEventsResponse":            {"events", "next_page_token", "total_size"},
	"clientpolicy.v1.ListCatalogueProfilesResponse": {"profiles", "next_page_token", "total_size"},
	"clientpolicy.v1.Provider":                      {"events", "specifications"},
	"clientpolicy.v1.EventDescription":              {"executors", "conditions", "required_facts", "specifications"},
	"clientpolicy.v1.ListDecisionsResponse":         {"decisions", "next_page_token", "total_size", "revision"},
	"clientpolicy.v1.ReplayDecisionResponse":        {"revision", "differs", "caveats"},
	"clientpolicy.v1.EraseDecisionsResponse":        {"erased"},
	"clientpolicy.v1.ListAuditRecordsResponse":      {"audit_records", "next_page_token", "total_size"},
	"google.rpc.Status":                             {"code", "message", "details"},
}

// Member returns the field of d that a JSON member of this name is, or nil and
// the end of a message about it: what was probably meant.
func Member(d protoreflect.MessageDescriptor, name string) (fd protoreflect.FieldDescriptor, hint string) {
	if fd := d.Fields().ByJSONName(name); fd != nil && !hidden(fd) {
		return fd, ""
	}
	if fd := d.Fields().ByTextName(name); fd != nil && !hidden(fd) {
		return nil, fmt.Sprintf("; did you mean %q?", fd.JSONName())
	}
	var known []string
	for i := range d.Fields().Len() {
		if fd := d.Fields().Get(i); !hidden(fd) {
			known = append(known, fd.JSONName())
		}
	}
	return nil, pdp.Suggest(name, known)
}

func hidden(fd protoreflect.FieldDescriptor) bool {
	return fd.Name() == emptyMembers && emptyLists[fd.ContainingMessage().FullName()] != nil
}

// tracked reports whether `[]` for fd is something else than its absence.
func tracked(fd protoreflect.FieldDescriptor) bool {
	return slices.Contains(emptyLists[fd.ContainingMessage().FullName()], fd.Name())
}

// mark is an object that holds empty lists.
type mark struct {
	// offset is that behind the opening brace.
	offset int
	names  []string
}

// rewritten returns the document with the names of empty lists in its objects.
func (s *scanner) rewritten() []byte {
	if len(s.marks) == 0 {
		return s.data
	}
	slices.SortFunc(s.marks, func(a, b mark) int { return a.offset - b.offset })
	var out bytes.Buffer
	from := 0
	for _, m := range s.marks {
		out.Write(s.data[from:m.offset])
		// Another member always follows: the empty list itself.
		fmt.Fprintf(&out, `"emptyMembers":["%s"],`, strings.Join(m.names, `","`))
		from = m.offset
	}
	out.Write(s.data[from:])
	return out.Bytes()
}
