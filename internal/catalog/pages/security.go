package pages

import (
	"fmt"
	"slices"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"google.golang.org/protobuf/encoding/protojson"
)

const securityIntro = `# Profiles and security profiles

A **profile** is a list of executors with their configuration. The built-in ones below implement a standard each; every
realm can name them in its policies, none can change them. On their own they do nothing: a profile acts only where a
policy applies that names it.

A **security profile** is a choice of the whole server, made at its start with ` + "`--security-profile`" + ` (see
[configuration](../configuration.md)). It adds policies that take part in every realm, before the realm's own. No
realm can switch them off, reorder or override them, nor use one of their names; the built-in profiles can be named
under each of them.

`

const securityAfter = `
- **none**, the default: no server-wide policy. Realms decide alone.
- **lax**: confidential OpenID Connect clients follow OAuth 2.1, SAML clients the hardening profile. Public clients,
  which are hardest to change, are left alone.
- **strict**: public OpenID Connect clients follow OAuth 2.1 as well: their tokens are bound to DPoP keys, and redirects
  to ` + "`localhost`" + `, to loopback addresses over http and to registered loopback ports are refused.

The server-wide policies judge clients that exist already, too. Turn one of them on in a realm of its own first, as a
policy with ` + "`enforcement`" + ` WARN or AUDIT, and read what it would have refused.

A server-wide policy with two conditions applies where both vote. ` + "[client-type](../providers/client-type.md)" + ` and
` + "[client-access-type](../providers/client-access-type.md)" + ` vote on the same events; they abstain on
PRE_AUTHORIZATION_REQUEST, on the response of the front channel, on the device endpoints and on the response to the
password grant, so nothing is enforced there.

## A security profile of your own

` + "`--security-profile`" + ` also takes the path of a JSON file with the members ` + "`policies`" + ` and, if wanted,
` + "`profiles`" + `. Its policies may name the built-in profiles and its own. A file that does not compile stops the start.

` + "```json\n%s\n```" + `

## The built-in profiles

`

// ownProfile is the example of a file; it must compile.
const ownProfile = `{"profiles": [{"name": "house", "executors": [{"executor": "reject-ropc-grant",
"configuration": {"auto-configure": true}}]}], "policies": [{"name": "FAPI 2 for confidential clients", "enabled": true,
"conditions": [{"condition": "client-access-type", "configuration": {"type": ["confidential"]}}],
"profiles": ["fapi-2-security-profile", "house"]}]}`

// securityProfiles returns the page on none, lax and strict.
func (b *book) securityProfiles() (string, error) {
	policies, err := policyTable()
	if err != nil {
		return "", err
	}
	if err := b.compiles(ownProfile); err != nil {
		return "", err
	}
	example, err := excerpt([]byte(ownProfile))
	if err != nil {
		return "", err
	}
	var rows [][]string
	for _, p := range b.profiles {
		rows = append(rows, []string{fmt.Sprintf("[%s](%s.md)", p.Name, p.Name), b.about[p.Name].implements()})
	}
	return securityIntro + policies + fmt.Sprintf(securityAfter, example) + table([]string{"profile", "implements"}, rows), nil
}

// policyTable lists the server-wide policies and where they take part.
func policyTable() (string, error) {
	strict, err := profiles.Load(profiles.Strict)
	if err != nil {
		return "", err
	}
	names := []string{profiles.None, profiles.Lax, profiles.Strict}
	var rows [][]string
	for _, p := range strict.Policies {
		conditions, err := conditionList(p)
		if err != nil {
			return "", err
		}
		row := []string{p.Name, conditions, strings.Join(p.Profiles, ", ")}
		for _, name := range names {
			loaded, err := profiles.Load(name)
			if err != nil {
				return "", err
			}
			row = append(row, takesPart(loaded, p.Name))
		}
		rows = append(rows, row)
	}
	return table(append([]string{"policy", "conditions", "profile"}, names...), rows), nil
}

func takesPart(security *profiles.SecurityProfile, policy string) string {
	if slices.ContainsFunc(security.Policies, func(p *pb.Policy) bool { return p.Name == policy }) {
		return "yes"
	}
	return "–"
}

func conditionList(p *pb.Policy) (string, error) {
	var list []string
	for _, c := range p.Conditions {
		configuration, err := inline(c.Configuration)
		if err != nil {
			return "", err
		}
		list = append(list, c.Condition+" "+configuration)
	}
	return strings.Join(list, "; "), nil
}

// compiles refuses an example that the compiler refuses.
func (b *book) compiles(document string) error {
	set := &pb.PolicySet{}
	if err := protojson.Unmarshal([]byte(document), set); err != nil {
		return fmt.Errorf("example: %w", err)
	}
	_, problems := b.compiler.Compile(set, &pb.RealmSettings{})
	return pdp.JoinErrors(problems)
}
