package auth

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// maxListed bounds the tokens that one report names.
const maxListed = 20

// Report tells a reporter, from now on, of tokens that were made or revoked, by
// whatever process, as soon as a call makes them noticed.
func (t *Tokens) Report(r *Reporter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.refresh() // what cannot be read now is told of when it can
	t.told, t.reporter = t.file.byID(), r
}

func (f *tokenFile) byID() map[string]Token {
	all := make(map[string]Token, len(f.Tokens))
	for _, s := range f.Tokens {
		all[s.ID] = s.Token
	}
	return all
}

// tell reports what has changed. The caller holds t.mu.
func (t *Tokens) tell() {
	if t.reporter == nil {
		return
	}
	now := t.file.byID()
	made, gone := missingFrom(t.told, now), missingFrom(now, t.told)
	t.told = now
	if len(made)+len(gone) == 0 {
		return
	}
	var parts []string
	if len(made) > 0 {
		parts = append(parts, "made "+listed(made))
	}
	if len(gone) > 0 {
		parts = append(parts, "revoked "+listed(gone))
	}
	t.reporter.Happened(Event{
		Kind: pb.AuditRecord_KIND_CREDENTIALS_CHANGED, Code: codes.OK, Detail: "API tokens: " + strings.Join(parts, "; "),
	})
}

// missingFrom are the tokens of b that a lacks, or has otherwise, by name.
func missingFrom(a, b map[string]Token) (list []string) {
	for _, id := range slices.Sorted(maps.Keys(b)) {
		if old, ok := a[id]; !ok || !old.same(b[id]) {
			token := b[id]
			list = append(list, fmt.Sprintf("%q (%s in %s)", token.Name, token.Role, strings.Join(token.Realms[:min(len(token.Realms), 3)], ", ")))
		}
	}
	return list
}

// same reports whether two descriptions let the same holder do the same.
func (t Token) same(o Token) bool {
	return t.Name == o.Name && t.Role == o.Role && slices.Equal(t.Realms, o.Realms) && t.Expires.Equal(o.Expires)
}

func listed(names []string) string {
	if len(names) > maxListed {
		return strings.Join(names[:maxListed], ", ") + fmt.Sprintf(" and %d more", len(names)-maxListed)
	}
	return strings.Join(names, ", ")
}
