package storage

import (
	"context"
	"time"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Store keeps realms and their revisions. All methods may be called
// concurrently; after Close each of them answers ErrClosed. Realm names are
// compared exactly.
type Store interface {
	// Realms returns all realms, sorted by name.
	Realms(ctx context.Context) ([]Realm, error)

	// Load returns a realm as it was at a revision; 0 means the current one.
	// It answers ErrRealmNotFound, ErrRevisionNotFound when the revision is not
	// kept (any more), and ErrCorrupt when a record of it is damaged. The state
	// belongs to the caller.
	Load(ctx context.Context, realm string, revision int64) (*State, error)

	// Commit makes c.Content the next revision of the realm, in one transaction:
	// when it returns without error the revision is durable (as far as the driver
	// is) and Load and Realms show it; when it fails with any error named here,
	// nothing has changed. It answers ErrConflict (a *ConflictError) when
	// c.Parent is not the current revision, ErrRealmExists when c creates a realm
	// that is there, ErrRealmNotFound when c changes or deletes one that is not,
	// and ErrInvalid when c is malformed.
	//
	// A change that changes nothing writes nothing and returns the Meta of the
	// current revision. Revisions and items that retention no longer keeps are
	// removed in the same transaction.
	Commit(ctx context.Context, c Change) (Meta, error)

	// History returns revisions still kept, newest first: those below before, or
	// from the current one when before is 0. Limit is 1 to MaxHistory.
	History(ctx context.Context, realm string, before int64, limit int) ([]Meta, error)

	// Watch reports every change committed after it returned. A slow reader
	// holds up nobody: heads of one realm that it has not read yet are replaced
	// by the latest. To miss nothing, watch first and then list the realms. The
	// channel is closed when ctx is done or the store closed.
	Watch(ctx context.Context) (<-chan Head, error)

	// Close ends all watches and releases the store. Closing twice is harmless.
	Close() error
}

// Meta says how a revision came about.
type Meta struct {
	// Revision counts from 1 per realm.
	Revision int64
	// Parent is the revision it was based on; 0 when it created the realm.
	Parent int64
	// Time is when it was made, as told by the caller, in UTC.
	Time time.Time
	// Author is who made it.
	Author string
	// Surface is the way it came: "rest", "grpc", "keycloak", "cli", "bootstrap".
	Surface string
	// Comment is why, in the author's words; it may be empty.
	Comment string
}

// Content is what a realm holds. Later kinds of item become further members.
type Content struct {
	// Settings of the realm; nil in a Change means none set, and is never nil in
	// a State.
	Settings *clientpolicyv1.RealmSettings
	// Profiles in stored order, their names unique.
	Profiles []*Item
	// Policies in evaluation order, their names unique.
	Policies []*Item
}

// State is a realm at one revision.
type State struct {
	// Realm is the name.
	Realm string
	// Meta tells the revision.
	Meta Meta
	Content
}

// Realm is a realm in a list.
type Realm struct {
	// Name of the realm.
	Name string
	// Meta of the current revision.
	Meta Meta
	// Settings of the current revision.
	Settings *clientpolicyv1.RealmSettings
}

// Head is the latest revision of a realm.
type Head struct {
	// Realm is the name.
	Realm string
	// Revision is the current one, or the one that deleted the realm.
	Revision int64
	// Deleted tells that the realm is gone.
	Deleted bool
}

// Change is a commit: the whole content wanted, and what it was based on.
type Change struct {
	// Realm to change.
	Realm string
	// Parent is the revision that the change was based on; 0 creates the realm.
	Parent int64
	// Content wanted, whole: what is not in it is gone. Items may be new or come
	// from any State; one whose kind, name and document stand in the parent keeps
	// update time and author, every other one gets those of the change.
	Content
	// Author is who makes the change; required.
	Author string
	// Surface is the way it comes, such as "rest"; required.
	Surface string
	// Comment says why; optional.
	Comment string
	// Time is now; required. Retention by age counts from it.
	Time time.Time
	// Delete deletes the realm with its history; Content must be empty.
	Delete bool
}
