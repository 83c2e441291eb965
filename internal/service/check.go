package service

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage"
)

// checker finds what is wrong with a document besides what the compiler finds:
// what could not be stored or read back, and what is over a limit.
type checker struct {
	limits     pdp.Limits
	at         string // JSON pointer of the document that is being checked
	violations []violation
	deep       bool // something nests too deep to be looked at any further
}

func (c *checker) fail(pointer, format string, args ...any) {
	c.violations = append(c.violations, violation{c.at + pointer, fmt.Sprintf(format, args...)})
}

func (c *checker) failDeep(pointer string) {
	c.deep = true
	c.fail(pointer, "objects and lists nest deeper than %d", c.limits.Depth)
}

func (c *checker) profile(p *pb.Profile) {
	c.known(p, "")
	c.text("/description", p.GetDescription())
	for i, list := range p.GetEmptyMembers() {
		if list != "executors" {
			c.fail(fmt.Sprintf("/emptyMembers/%d", i), "only the list `executors` can be told to be empty, not %q", shorten(list))
		}
	}
	for i, x := range p.GetExecutors() {
		at := fmt.Sprintf("/executors/%d", i)
		c.known(x, at)
		c.text(at+"/executor", x.GetExecutor())
		c.object(at+"/configuration", x.GetConfiguration(), 1)
	}
}

func (c *checker) policy(p *pb.Policy) {
	c.known(p, "")
	c.text("/description", p.GetDescription())
	c.text("/mode", p.GetMode())
	for i, x := range p.GetConditions() {
		at := fmt.Sprintf("/conditions/%d", i)
		c.known(x, at)
		c.text(at+"/condition", x.GetCondition())
		c.object(at+"/configuration", x.GetConfiguration(), 1)
	}
	for i, name := range p.GetProfiles() {
		c.text(fmt.Sprintf("/profiles/%d", i), name)
	}
}

func (c *checker) settings(s *pb.RealmSettings) {
	const at = "/settings"
	if s == nil {
		return
	}
	c.known(s, at)
	switch s.GetKeycloakWrites() {
	case pb.RealmSettings_KEYCLOAK_WRITES_UNSPECIFIED, pb.RealmSettings_KEYCLOAK_WRITES_LAST_WINS,
		pb.RealmSettings_KEYCLOAK_WRITES_REFUSE_STALE:
	default:
		c.fail(at+"/keycloakWrites", "unknown value %d; known are LAST_WINS and REFUSE_STALE", s.GetKeycloakWrites())
	}
	for i, fact := range s.GetOmittedFacts() {
		c.text(fmt.Sprintf("%s/omittedFacts/%d", at, i), fact)
	}
	for i, client := range s.GetProtectedClients() {
		pointer := fmt.Sprintf("%s/protectedClients/%d", at, i)
		if client == "" {
			c.fail(pointer, "a client id may not be empty")
		}
		c.text(pointer, client)
	}
	c.retention(at+"/historyRetention", s.GetHistoryRetention())
}

func (c *checker) retention(at string, r *pb.HistoryRetention) {
	if r == nil {
		return
	}
	c.known(r, at)
	if r.GetMaxRevisions() < 0 {
		c.fail(at+"/maxRevisions", "is %d, expected 0 or more", r.GetMaxRevisions())
	}
	if age := r.GetMaxAge(); age != nil && (age.CheckValid() != nil || age.AsDuration() <= 0) {
		c.fail(at+"/maxAge", "expected a duration of more than 0; leave it out to keep revisions of any age")
	}
}

func (c *checker) text(pointer, s string) {
	if len(s) > c.limits.StringBytes {
		c.fail(pointer, "the text has %d bytes, at most %d are allowed", len(s), c.limits.StringBytes)
	} else if !utf8.ValidString(s) {
		c.fail(pointer, "the text is not valid UTF-8")
	}
}

// known refuses members that only a later version knows: they would be lost or
// without effect.
func (c *checker) known(m interface{ ProtoReflect() protoreflect.Message }, pointer string) {
	if len(m.ProtoReflect().GetUnknown()) > 0 {
		c.fail(pointer, "the message has members that this version does not know; use a client of this version")
	}
}

// object checks a configuration; its own braces are depth 1.
func (c *checker) object(pointer string, s *structpb.Struct, depth int) {
	if s == nil {
		return
	}
	if depth > c.limits.Depth {
		c.failDeep(pointer)
		return
	}
	for name, v := range s.GetFields() {
		member := pointer + "/" + pdp.EscapePointer(name)
		if len(name) > c.limits.StringBytes || !utf8.ValidString(name) {
			c.text(pointer, name)
			continue
		}
		c.value(member, v, depth)
	}
}

func (c *checker) value(pointer string, v *structpb.Value, depth int) {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		c.text(pointer, kind.StringValue)
	case *structpb.Value_NumberValue:
		c.number(pointer, kind.NumberValue)
	case *structpb.Value_StructValue:
		if kind.StructValue == nil {
			c.fail(pointer, "the value is not set; send null for none")
			return
		}
		c.object(pointer, kind.StructValue, depth+1)
	case *structpb.Value_ListValue:
		if depth >= c.limits.Depth {
			c.failDeep(pointer)
			return
		}
		for i, element := range kind.ListValue.GetValues() {
			c.value(fmt.Sprintf("%s/%d", pointer, i), element, depth+1)
		}
	case nil:
		c.fail(pointer, "the value has no kind; send null for none")
	}
}

// exact is the greatest number up to which a double holds every integer.
const exact = 1 << 53

// number refuses what JSON cannot write, and integers that may not be what was
// meant: beyond 2^53 a double does not hold all of them.
func (c *checker) number(pointer string, n float64) {
	switch {
	case math.IsNaN(n) || math.IsInf(n, 0):
		c.fail(pointer, "the number is not finite")
	case n == math.Trunc(n) && math.Abs(n) > exact:
		c.fail(pointer, "the integer is beyond 2^53 and would not be kept exactly; send it as a text")
	}
}

// checkRealmName returns what is wrong with the name of a realm, or "": contract
// of administration, section 2, "Names".
func checkRealmName(name string) string {
	switch n := utf8.RuneCountInString(name); {
	case name == "":
		return "a name is required"
	case !utf8.ValidString(name):
		return "the name is not valid UTF-8"
	case n > 255:
		return fmt.Sprintf("the name has %d characters, at most 255 are allowed", n)
	case strings.ContainsAny(name, "/:"):
		return "the name of a realm may not contain / or :"
	case name == "." || name == "..":
		return "the name may not be . or .."
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "the name holds a character that cannot be printed"
	}
	return ""
}

// newProfileItem makes one form of what can be said in several: a list that holds
// something is not empty, and is named once.
func newProfileItem(p *pb.Profile) (*storage.Item, error) {
	if len(p.GetEmptyMembers()) == 0 {
		return storage.NewProfile(p)
	}
	p = p.CloneVT()
	p.EmptyMembers = slices.Compact(p.EmptyMembers)
	if len(p.GetExecutors()) > 0 {
		p.EmptyMembers = nil
	}
	return storage.NewProfile(p)
}
