package oauth

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// DN is a distinguished name: relative names in written order, each a sorted list
// of attributes in canonical form.
type DN [][]string

// maxDNBytes bounds what [ParseDN] reads.
const maxDNBytes = 4096

var errDN = errors.New("malformed distinguished name")

// dnKeywords are the attribute types by keyword, in upper case (RFC 4514 §3, RFC
// 1779 §2.3, and those that Keycloak adds).
var dnKeywords = map[string]string{
	"CN": "2.5.4.3", "C": "2.5.4.6", "L": "2.5.4.7", "S": "2.5.4.8", "ST": "2.5.4.8", "STREET": "2.5.4.9", "O": "2.5.4.10",
	"OU": "2.5.4.11", "T": "2.5.4.12", "DC": "0.9.2342.19200300.100.1.25", "UID": "0.9.2342.19200300.100.1.1",
	"IP": "1.3.6.1.4.1.42.2.11.2.1", "SURNAME": "2.5.4.4", "GIVENNAME": "2.5.4.42", "INITIALS": "2.5.4.43",
	"GENERATION": "2.5.4.44", "DNQ": "2.5.4.46", "DNQUALIFIER": "2.5.4.46", "SERIALNUMBER": "2.5.4.5",
	"BUSINESSCATEGORY": "2.5.4.15", "JURISDICTIONCOUNTRYNAME": "1.3.6.1.4.1.311.60.2.1.3",
	"EMAILADDRESS": "1.2.840.113549.1.9.1", "EMAIL": "1.2.840.113549.1.9.1", "E": "1.2.840.113549.1.9.1",
}

// ParseDN reads a distinguished name in the form of RFC 4514 or RFC 1779: types
// become object identifiers, values lose their letter case, outer blanks and
// repeated inner blanks, so that two names are compared by [DN.Equal]. A value
// written as `#` and hex digits is not decoded and equals only itself. It refuses
// unknown keywords, empty names and names of more than 4,096 bytes.
func ParseDN(text string) (DN, error) {
	if len(text) > maxDNBytes || strings.TrimSpace(text) == "" {
		return nil, errDN
	}
	p := dnParser{rest: text}
	var dn DN
	for {
		rdn, err := p.relative()
		if err != nil {
			return nil, err
		}
		dn = append(dn, rdn)
		if p.rest == "" {
			return dn, nil
		}
		p.rest = p.rest[1:] // the separator
	}
}

// Equal reports whether two names have the same relative names in the same order.
func (d DN) Equal(other DN) bool {
	return slices.EqualFunc(d, other, slices.Equal)
}

type dnParser struct{ rest string }

// relative reads attributes joined by plus signs, up to a separator or the end.
func (p *dnParser) relative() ([]string, error) {
	var rdn []string
	for {
		attribute, err := p.attribute()
		if err != nil {
			return nil, err
		}
		rdn = append(rdn, attribute)
		if p.rest == "" || p.rest[0] != '+' {
			slices.Sort(rdn)
			return rdn, nil
		}
		p.rest = p.rest[1:]
	}
}

func (p *dnParser) attribute() (string, error) {
	keyword, rest, found := strings.Cut(p.rest, "=")
	if !found {
		return "", errDN
	}
	oid, err := dnType(strings.TrimSpace(keyword))
	if err != nil {
		return "", err
	}
	p.rest = strings.TrimLeft(rest, " ")
	if strings.HasPrefix(p.rest, "#") {
		value, err := p.hexString()
		return oid + "=#" + value, err
	}
	value, err := p.value()
	if err != nil {
		return "", err
	}
	value = strings.ToLower(strings.Join(strings.FieldsFunc(value, isBlank), " "))
	if strings.HasPrefix(value, "#") {
		value = `\` + value // a text, where a bare one is a hex string
	}
	return oid + "=" + value, nil
}

func isBlank(r rune) bool { return r == ' ' }

// hexString reads the encoding of a value (RFC 4514 §2.4).
func (p *dnParser) hexString() (string, error) {
	n := strings.IndexAny(p.rest, ",;+")
	if n < 0 {
		n = len(p.rest)
	}
	digits := strings.ToLower(strings.TrimRight(p.rest[1:n], " "))
	if _, err := hex.DecodeString(digits); err != nil || digits == "" {
		return "", errDN
	}
	p.rest = p.rest[n:]
	return digits, nil
}

func dnType(keyword string) (string, error) {
	upper := strings.ToUpper(keyword)
	if oid, ok := dnKeywords[upper]; ok {
		return oid, nil
	}
	oid := strings.TrimPrefix(upper, "OID.")
	// X.660 §7.6: the first arc is 0, 1 or 2.
	if first, rest, _ := strings.Cut(oid, "."); first != "0" && first != "1" && first != "2" || rest == "" ||
		strings.Trim(rest, digits+".") != "" || strings.HasPrefix(rest, ".") || strings.HasSuffix(rest, ".") || strings.Contains(rest, "..") {
		return "", errDN
	}
	return oid, nil
}

// value reads a quoted text (RFC 1779 §2.3) or a text with escapes (RFC 4514 §2.4)
// and stops before a separator.
func (p *dnParser) value() (string, error) {
	if strings.HasPrefix(p.rest, `"`) {
		return p.quoted()
	}
	var b strings.Builder
	for i := 0; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case ',', ';', '+':
			p.rest = p.rest[i:]
			return b.String(), nil
		case '"', '<', '>':
			return "", errDN
		case '\\':
			n, err := unescapeDN(&b, p.rest[i+1:])
			if err != nil {
				return "", err
			}
			i += n
		default:
			b.WriteByte(c)
		}
	}
	p.rest = ""
	return b.String(), nil
}

func (p *dnParser) quoted() (string, error) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case '"':
			p.rest = strings.TrimLeft(p.rest[i+1:], " ")
			if p.rest != "" && !strings.ContainsRune(",;+", rune(p.rest[0])) {
				return "", errDN
			}
			return b.String(), nil
		case '\\':
			n, err := unescapeDN(&b, p.rest[i+1:])
			if err != nil {
				return "", err
			}
			i += n
		default:
			b.WriteByte(c)
		}
	}
	return "", errDN
}

// unescapeDN writes what follows a backslash and returns how many bytes that took.
func unescapeDN(b *strings.Builder, rest string) (int, error) {
	if rest == "" {
		return 0, errDN
	}
	if len(rest) >= 2 {
		if raw, err := hex.DecodeString(rest[:2]); err == nil {
			b.Write(raw)
			return 2, nil
		}
	}
	if !strings.ContainsRune(`,=+<>#;"\ `, rune(rest[0])) {
		return 0, errDN
	}
	b.WriteByte(rest[0])
	return 1, nil
}
