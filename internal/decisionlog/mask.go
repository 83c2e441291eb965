package decisionlog

import (
	"slices"
	"strconv"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Bounds of what masking notes.
const (
	maxMasked  = 256
	maxSecrets = 512
	// minSecret is the length from which a text that was left out is looked for
	// inside of others; a shorter one is compared with them.
	minSecret = 8
	// maxClaimItems is how many elements of a list in free JSON are kept.
	maxClaimItems = 100
)

// identity is a client id or user that a decision is about, and what it is kept as.
type identity struct {
	kind     kind
	id, kept string
}

// masker copies messages and leaves out what must not be kept. What it copies it
// shares with the original.
type masker struct {
	realm      string
	issuer     string
	pseudonyms *pseudonyms

	path []string // where it is
	// masked are the pointers to what was left out, omitted those of them that
	// count as not looked up.
	masked, omitted []string
	// secrets are texts that were left out, members the names of such texts.
	secrets, members []string
	// identities are the clients and users found, under their plain ids.
	identities []identity
	// method is the code challenge method that goes with a challenge.
	method string
	// target is the member of the client that a mutation is about.
	target class
	// facts tells that it is in the request.
	facts bool
	// flooded tells that there are more texts left out than can be looked for.
	flooded bool
	// overflow tells that more was left out than can be noted.
	overflow bool
}

// at runs fn one step further down.
func (m *masker) at(segment string, fn func()) {
	m.path = append(m.path, segment)
	fn()
	m.path = m.path[:len(m.path)-1]
}

// pointer is the JSON pointer of where it is.
func (m *masker) pointer() string {
	var b strings.Builder
	for _, segment := range m.path {
		b.WriteByte('/')
		if !keepName(segment) {
			segment = maskedText
		}
		b.WriteString(pdp.EscapePointer(segment))
	}
	return b.String()
}

// note notes that something was left out here.
func (m *masker) note() {
	pointer := m.pointer()
	switch {
	case slices.Contains(m.masked, pointer):
	case m.facts && len(m.masked) >= maxMasked:
		m.overflow = true
	case len(m.masked) < 2*maxMasked:
		m.masked = append(m.masked, pointer)
	}
}

// omit notes that a fact was left out here: whoever reads it cannot decide.
func (m *masker) omit() {
	m.note()
	if pointer := m.pointer(); m.facts && len(m.omitted) < maxMasked && !slices.Contains(m.omitted, pointer) {
		m.omitted = append(m.omitted, pointer)
	}
}

// secret notes a text that was left out, so that it is found in others.
func (m *masker) secret(s string) {
	switch {
	case s == "", slices.Contains(harmless, s), slices.Contains(m.secrets, s):
	case len(m.secrets) >= maxSecrets:
		m.flooded = true
	default:
		m.secrets = append(m.secrets, s)
	}
}

// minMember is the length from which the name of something that was left out is
// looked for in others: shorter ones are words.
const minMember = 12

// member notes the name of something that was left out.
func (m *masker) member(s string) {
	switch {
	case len(s) < minMember, jsonNames[s], slices.Contains(m.members, s):
	case len(m.members) >= maxSecrets:
		m.flooded = true
	default:
		m.members = append(m.members, s)
	}
}

func (m *masker) walker() walker { return walker{text: m.secret, member: m.member} }

// harmless are texts that stand in what is left out and in what is not.
var harmless = []string{
	maskedText, "true", "false", "none", oauth.ProtocolOpenIDConnect, oauth.ProtocolSAML, oauth.ProtocolDocker,
}

// message copies the populated fields that have a class.
func (m *masker) message(src, dst protoreflect.Message) {
	switch of := src.Interface().(type) {
	case *pb.SessionFacts:
		m.method = of.GetCodeChallengeMethod()
	case *pb.Mutation:
		m.target = memberClass(of.GetPath())
	}
	p := plans[src.Descriptor().FullName()]
	src.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		m.at(f.JSONName(), func() {
			if c := p[f.Index()]; c == parameters || c == attributes {
				m.texts(c, *textsOf(src, f), textsOf(dst, f))
			} else {
				m.field(c, f, v, dst)
			}
		})
		return true
	})
}

func (m *masker) field(c class, f protoreflect.FieldDescriptor, v protoreflect.Value, dst protoreflect.Message) {
	switch {
	case c == 0 || c == removed || c == never:
		m.remove(c, v)
	case f.IsMap():
		m.keys(c, v.Map(), dst.Mutable(f).Map())
	case f.IsList():
		m.list(c, f, v.List(), dst.Mutable(f).List())
	case c == plain:
		dst.Set(f, v)
	case f.Message() == nil:
		if s, ok := m.scalar(c, v.String()); ok {
			dst.Set(f, protoreflect.ValueOfString(s))
		}
	case c == nested && serialized(v.Message()):
		// Its claims are in what is never kept: it cannot be judged any more.
		m.remove(removed, v)
	case c == nested:
		m.message(v.Message(), dst.Mutable(f).Message())
	default:
		m.object(c, f, v.Message().Interface(), dst)
	}
}

// serialized reports whether a message is a JWT that was left to be parsed.
func serialized(m protoreflect.Message) bool {
	switch jwt := m.Interface().(type) {
	case *pb.RequestObject:
		return jwt.GetCompact() != "" && jwt.GetClaims() == nil
	case *pb.JwtFacts:
		return jwt.GetCompact() != "" && jwt.GetClaims() == nil
	}
	return false
}

// remove leaves a field out.
func (m *masker) remove(c class, v protoreflect.Value) {
	m.walker().value(v)
	m.leaveOut(c)
}

// leaveOut notes that something of a class was left out here. What is never sent is
// not missed.
func (m *masker) leaveOut(c class) {
	if c == never {
		m.note()
		return
	}
	m.omit()
}

// scalar returns a text as it may be kept; one that may not is omitted.
func (m *masker) scalar(c class, s string) (string, bool) {
	kept, ok := m.text(c, s)
	switch {
	case !ok:
		m.secret(s)
		m.omit()
	case kept != s && !aliased(c):
		m.note()
	}
	return kept, ok
}

// aliased reports whether a class has pseudonyms, which are not masked.
func aliased(c class) bool { return c == clientID || c == userID || c == audience }

// checks are what classes demand of texts that are kept as they are.
var checks = map[class]func(string) bool{
	plain:      func(string) bool { return true },
	name:       keepName,
	flag:       isFlag,
	number:     isNumber,
	thumbprint: isThumbprint,
	address:    isAddress,
}

// text returns a text as it may be kept, and false when nothing of it may.
func (m *masker) text(c class, s string) (kept string, ok bool) {
	if check := checks[c]; check != nil {
		return s, check(s)
	}
	switch c {
	case fact:
		// A pointer in place of another would say something else.
		m.overflow = m.overflow || !keepName(s)
		return s, true
	case uri:
		return m.uri(s)
	case clientID:
		return m.identity(kindClient, s)
	case userID:
		return m.identity(kindUser, s)
	case audience:
		return m.audience(s)
	case challenge:
		return s, m.method == oauth.S256 && isThumbprint(s)
	case prose:
		return m.prose(s), true
	case presence:
		m.secret(s)
		return "", true
	}
	return "", false
}

// uri cleans one URI, or several as Keycloak's attributes hold them.
func (m *masker) uri(s string) (string, bool) {
	const between = "##"
	if !strings.Contains(s, between) {
		return cleanURI(s, m.secret)
	}
	list := strings.Split(s, between)
	for i := range list {
		clean, ok := cleanURI(list[i], m.secret)
		if !ok {
			return "", false
		}
		list[i] = clean
	}
	return strings.Join(list, between), true
}

// identity notes an id and returns it or its pseudonym.
func (m *masker) identity(k kind, s string) (string, bool) {
	if len(s) > maxNameBytes || marked(s) {
		return "", false
	}
	s = cleanID(s, m.secret)
	for _, known := range m.identities {
		if known.kind == k && known.id == s {
			return known.kept, true
		}
	}
	kept := s
	if m.pseudonyms != nil {
		kept = m.pseudonyms.of(k, m.realm, s)
	}
	if s != "" {
		m.identities = append(m.identities, identity{k, s, kept})
	}
	return kept, true
}

// audience returns who a token is for: the issuer itself, an URI, or a client.
func (m *masker) audience(s string) (string, bool) {
	if s == m.issuer && s != "" || strings.Contains(s, "://") {
		clean, ok := cleanURI(s, m.secret)
		if ok && clean != s {
			m.note()
		}
		return clean, ok
	}
	if !keepName(s) {
		return "", false
	}
	if m.pseudonyms != nil {
		return m.pseudonyms.of(kindClient, m.realm, s), true
	}
	return s, true
}

// prose returns a text for people, without anything that was left out elsewhere.
func (m *masker) prose(s string) string {
	if m.tainted(s) {
		return maskedText
	}
	return cleanProse(s, nothing)
}

func (m *masker) tainted(s string) bool {
	return m.flooded && s != "" || slices.ContainsFunc(m.secrets, func(secret string) bool {
		return s == secret || len(secret) >= minSecret && strings.Contains(s, secret)
	}) || slices.ContainsFunc(m.members, func(member string) bool { return replaceID(s, member, "", false) != s })
}

// list copies a list. An element that may not be kept leaves its place.
func (m *masker) list(c class, f protoreflect.FieldDescriptor, src, dst protoreflect.List) {
	for i := range src.Len() {
		v := src.Get(i)
		m.at(strconv.Itoa(i), func() {
			switch {
			case f.Message() != nil:
				m.message(v.Message(), dst.AppendMutable().Message())
			case c == plain:
				dst.Append(v)
			default:
				dst.Append(protoreflect.ValueOfString(m.element(c, v.String())))
			}
		})
	}
}

// element returns a text as it may be kept in a list.
func (m *masker) element(c class, s string) string {
	kept, ok := m.text(c, s)
	if !ok {
		m.secret(s)
		kept = maskedText
	}
	if kept != s && !aliased(c) {
		m.note()
	}
	return kept
}

// textsOf returns a map that holds parameters or attributes. Reflection would cost
// more than all else.
func textsOf(m protoreflect.Message, f protoreflect.FieldDescriptor) *map[string]string {
	switch of := m.Interface().(type) {
	case *pb.Client:
		return &of.Attributes
	case *pb.OAuthRequest:
		switch f.Name() {
		case "effective_parameters":
			return &of.EffectiveParameters
		case "pushed_parameters":
			return &of.PushedParameters
		}
		return &of.Parameters
	}
	return &map[string]string{}
}

// texts copies parameters or attributes.
func (m *masker) texts(c class, src map[string]string, to *map[string]string) {
	*to = make(map[string]string, len(src))
	wire := c == parameters && m.path[len(m.path)-1] == "parameters"
	m.method = src[oauth.ParamCodeChallengeMethod]
	for k, v := range src {
		m.at(k, func() {
			of := attributeClass(k, v)
			if c == parameters {
				of = parameterClasses[k]
			}
			switch {
			case wire:
				m.wireParameter(of, k, v, *to)
			case of == 0, of == removed, of == never, !keepName(k):
				m.member(k)
				m.secret(v)
				m.leaveOut(of)
			default:
				if s, ok := m.scalar(of, v); ok {
					(*to)[k] = s
				}
			}
		})
	}
}

// keys copies a map whose keys may have to be masked.
func (m *masker) keys(c class, src, dst protoreflect.Map) {
	src.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		kept, ok := m.text(c, k.String())
		m.at(kept, func() {
			if !ok {
				m.member(k.String())
				m.walker().value(v)
				m.omit()
				return
			}
			to := protoreflect.ValueOfString(kept).MapKey()
			if of, message := v.Interface().(protoreflect.Message); message {
				m.message(of, dst.Mutable(to).Message())
				return
			}
			dst.Set(to, v)
		})
		return true
	})
}

// wireParameter copies a parameter as it came on the wire. Its name stays when its
// value does not: see [masker.request].
func (m *masker) wireParameter(c class, k, s string, to map[string]string) {
	kept, ok := m.text(c, s)
	if !ok || c == presence || !keepName(k) {
		m.member(k)
		m.secret(s)
		m.note()
		return
	}
	if kept != s && !aliased(c) {
		m.note()
	}
	to[k] = kept
}
