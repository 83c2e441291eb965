package service

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/storage"
)

// itemWrite is what the writes of one profile or policy have in common.
type itemWrite struct {
	realm, name, comment string
	validateOnly         bool
}

// getItem returns a document of the realm or a built-in one.
func getItem[D document](ctx context.Context, s *Services, k *kind[D], realm, name string) (none D, _ error) {
	now, err := s.readable(realm)
	if err != nil {
		return none, err
	}
	kd, _ := k.find(&now.content, name)
	if kd == nil {
		kd = k.global(s.globals, name)
	}
	if kd == nil {
		return none, k.notFound(name)
	}
	sendETag(ctx, kd.doc.GetEtag())
	return k.answer(kd.doc, now.meta.Revision, nil), nil
}

// readable returns the current snapshot of a realm whose documents are known.
func (s *Services) readable(realm string) (*snapshot, error) {
	now := s.realms.get(realm)
	switch {
	case now == nil:
		return nil, realmNotFound(realm)
	case now.fault != nil && now.fault.cause != nil:
		return nil, now.fault.err(realm)
	}
	return now, nil
}

// createItem appends a document.
func createItem[D document](ctx context.Context, s *Services, k *kind[D], w itemWrite, doc D) (none D, _ error) {
	out, err := s.write(ctx, w.comment, write{realm: w.realm, validateOnly: w.validateOnly, propose: func(now *snapshot, by *caller) (*proposal, error) {
		// If-Match of a creation is about the collection, which has the tag of the
		// realm; so is the revision that it was based on.
		if err := by.condition.holds(ctx, "the list", now.tag()); err != nil {
			return nil, err
		}
		err := s.unchangedSince(ctx, now, by.condition.revision, "the list", func(then *storage.State) bool {
			return sameItems(k, &now.content, then)
		})
		if err != nil {
			return nil, err
		}
		p, err := proposeItem(s, k, now, doc)
		if err != nil {
			return nil, err
		}
		if err := k.free(s, &now.content, doc.GetName()); err != nil {
			return nil, err
		}
		list := k.of(&p.content)
		p.at = place{item: fmt.Sprintf("%s/%d", k.list, len(*list))}
		*list = append(slices.Clone(*list), sent(doc))
		return p, nil
	}})
	if err != nil {
		return none, err
	}
	return answerItem(ctx, k, out, doc.GetName(), w.validateOnly), nil
}

// replaceItem replaces a document in its place; a new name renames it.
func replaceItem[D document](ctx context.Context, s *Services, k *kind[D], w itemWrite, doc D) (D, error) {
	if doc != nil && doc.GetName() == "" {
		k.name(doc, w.name)
	}
	return changeItem(ctx, s, k, w, func(D) (D, error) { return doc, nil })
}

// updateItem changes members of a document; a new name renames it.
func updateItem[D document](ctx context.Context, s *Services, k *kind[D], w itemWrite, doc D, mask *fieldmaskpb.FieldMask) (D, error) {
	return changeItem(ctx, s, k, w, func(old D) (D, error) {
		if doc == nil {
			return nil, nil
		}
		return patchItem(old, doc, mask)
	})
}

// changeItem puts the document that next makes in the place of the one that it is
// given.
func changeItem[D document](ctx context.Context, s *Services, k *kind[D], w itemWrite, next func(old D) (D, error)) (none D, _ error) {
	var name string
	out, err := s.write(ctx, w.comment, write{realm: w.realm, validateOnly: w.validateOnly, propose: func(now *snapshot, by *caller) (*proposal, error) {
		i, err := writable(ctx, s, k, now, by, w.name)
		if err != nil {
			return nil, err
		}
		doc, err := next((*k.of(&now.content))[i].doc)
		if err != nil {
			return nil, err
		}
		p, err := proposeItem(s, k, now, doc)
		if err != nil {
			return nil, err
		}
		name = doc.GetName()
		if err := rename(s, k, p, w.name, name); err != nil {
			return nil, err
		}
		list := k.of(&p.content)
		p.at = place{item: fmt.Sprintf("%s/%d", k.list, i)}
		*list = slices.Clone(*list)
		(*list)[i] = sent(doc)
		return p, nil
	}})
	if err != nil {
		return none, err
	}
	return answerItem(ctx, k, out, name, w.validateOnly), nil
}

// rename refuses a new name that is taken, and that of a profile in use.
func rename[D document](s *Services, k *kind[D], p *proposal, from, to string) error {
	if from == to {
		return nil
	}
	if err := k.free(s, &p.content, to); err != nil {
		return err
	}
	p.renamed.list, p.renamed.from, p.renamed.to = strings.TrimPrefix(k.list, "/"), from, to
	return k.unused(&p.content, from, "renamed")
}

// deleteItem takes a document out and returns the revision without it, or 0 when
// it was only checked.
func deleteItem[D document](ctx context.Context, s *Services, k *kind[D], w itemWrite) (int64, error) {
	out, err := s.write(ctx, w.comment, write{realm: w.realm, validateOnly: w.validateOnly, propose: func(now *snapshot, by *caller) (*proposal, error) {
		i, err := writable(ctx, s, k, now, by, w.name)
		if err != nil {
			return nil, err
		}
		p := &proposal{content: now.content}
		if err := k.unused(&p.content, w.name, "deleted"); err != nil {
			return nil, err
		}
		list := k.of(&p.content)
		*list = slices.Delete(slices.Clone(*list), i, i+1)
		return p, nil
	}})
	if err != nil || w.validateOnly {
		return 0, err
	}
	return out.after.meta.Revision, nil
}

// writable finds a document that is to be changed and checks what the caller
// demands of it, before the document sent is looked at (RFC 9110 section 13.2.1).
func writable[D document](ctx context.Context, s *Services, k *kind[D], now *snapshot, by *caller, name string) (int, error) {
	old, i := k.find(&now.content, name)
	if old == nil {
		if k.global(s.globals, name) != nil {
			return 0, refuse(pb.ErrorReason_ERROR_REASON_READ_ONLY,
				"%s %q is built-in and cannot be changed; make one of your own", k.noun, name)
		}
		return 0, k.notFound(name)
	}
	what := fmt.Sprintf("%s %q", k.noun, name)
	if err := by.condition.demanded(now.settings, what); err != nil {
		return 0, err
	}
	if err := by.condition.holds(ctx, what, old.doc.GetEtag()); err != nil {
		return 0, err
	}
	return i, s.unchangedSince(ctx, now, by.condition.revision, what, func(then *storage.State) bool {
		return slices.ContainsFunc(k.items(then), func(item *storage.Item) bool { return item.Hash() == old.item.Hash() })
	})
}

// proposeItem begins a proposal with a document that was sent, and looks at it.
func proposeItem[D document](s *Services, k *kind[D], now *snapshot, doc D) (*proposal, error) {
	if doc == nil {
		return nil, invalidAt("", "a document is required")
	}
	if n := doc.SizeVT(); n > s.limits.DocumentBytes {
		return nil, refuse(pb.ErrorReason_ERROR_REASON_TOO_LARGE, "the %s has %d bytes, at most %d are allowed", k.noun, n, s.limits.DocumentBytes)
	}
	p := &proposal{content: now.content, checked: checker{limits: s.limits}, warnings: k.warnings(doc, "")}
	k.check(&p.checked, doc)
	return p, nil
}

// free refuses a name that another item has.
func (k *kind[D]) free(s *Services, c *content, name string) error {
	if taken, _ := k.find(c, name); taken != nil {
		return refuse(pb.ErrorReason_ERROR_REASON_ALREADY_EXISTS, "%s %q exists; choose another name or replace it", k.noun, name)
	}
	if s.compiler.GlobalName(name) {
		return refuse(pb.ErrorReason_ERROR_REASON_ALREADY_EXISTS, "%q is the name of a built-in item; choose another name", name)
	}
	return nil
}

// maxUsers is the greatest number of policies that are named for using a profile.
const maxUsers = 10

// unused refuses to take a profile away that policies name.
func (k *kind[D]) unused(c *content, name, done string) error {
	if k.list != profileKind.list {
		return nil
	}
	var users []string
	for _, p := range c.policies {
		if slices.Contains(p.doc.GetProfiles(), name) {
			users = append(users, fmt.Sprintf("%q", p.doc.GetName()))
		}
	}
	if len(users) == 0 {
		return nil
	}
	more := ""
	if n := len(users) - maxUsers; n > 0 {
		users, more = users[:maxUsers], fmt.Sprintf(" and %d more", n)
	}
	return refuse(pb.ErrorReason_ERROR_REASON_PROFILE_IN_USE,
		"profile %q cannot be %s: it is named by %s%s; take it out of them first", name, done, strings.Join(users, ", "), more)
}

func (k *kind[D]) notFound(name string) error {
	return refuse(k.unknown, "%s %q does not exist; correct the name or create it", k.noun, shorten(name))
}

// answerItem is the document as it is now, or would be.
func answerItem[D document](ctx context.Context, k *kind[D], out *outcome, name string, validateOnly bool) D {
	kd, _ := k.find(&out.after.content, name)
	if !validateOnly {
		sendETag(ctx, kd.doc.GetEtag())
	}
	return k.answer(kd.doc, out.after.meta.Revision, out.warnings)
}
