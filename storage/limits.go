package storage

import (
	"strings"
	"unicode/utf8"
)

// Limits of what a store takes. They bound memory and records; what a name may
// look like is decided before.
const (
	// MaxName is the greatest length of a name of a realm or item, in characters.
	MaxName = 255
	// MaxDocument is the greatest size of one encoded document, in bytes.
	MaxDocument = 16 << 20
	// MaxItems is the greatest number of items of a realm.
	MaxItems = 100_000
	// MaxAuthor is the greatest length of an author, in characters.
	MaxAuthor = 1024
	// MaxSurface is the greatest length of a surface, in characters.
	MaxSurface = 64
	// MaxComment is the greatest length of a comment, in characters.
	MaxComment = 4096
	// MaxHistory is the greatest number of revisions that History returns at once.
	MaxHistory = 1000
)

// CheckHistory checks the arguments of Store.History, for drivers.
func CheckHistory(before int64, limit int) error {
	if before < 0 {
		return invalid("history before revision %d, expected 0 or more", before)
	}
	if limit < 1 || limit > MaxHistory {
		return invalid("history limit %d, expected 1 to %d", limit, MaxHistory)
	}
	return nil
}

// check checks everything about a change that does not depend on its parent.
func (c *Change) check() error {
	if err := c.checkTexts(); err != nil {
		return err
	}
	if c.Parent < 0 {
		return invalid("parent revision %d, expected 0 or more", c.Parent)
	}
	if y := c.Time.UTC().Year(); c.Time.IsZero() || y < 1 || y > 9999 {
		return invalid("the time of the change is missing or out of range")
	}
	if c.Delete {
		return c.checkDelete()
	}
	if n := len(c.Profiles) + len(c.Policies); n > MaxItems {
		return invalid("realm %q would have %d items, at most %d are kept", c.Realm, n, MaxItems)
	}
	return c.checkRetention()
}

func (c *Change) checkTexts() error {
	// The contract of administration, rules common to all: realm names have
	// neither / nor :.
	if strings.ContainsAny(c.Realm, "/:") {
		return invalid("realm name %q contains / or :", c.Realm)
	}
	for _, t := range []struct {
		what, text  string
		least, most int
	}{
		{"name of the realm", c.Realm, 1, MaxName},
		{"author", c.Author, 1, MaxAuthor},
		{"surface", c.Surface, 1, MaxSurface},
		{"comment", c.Comment, 0, MaxComment},
	} {
		if err := checkText(t.what, t.text, t.least, t.most); err != nil {
			return err
		}
	}
	return nil
}

func (c *Change) checkDelete() error {
	if c.Parent == 0 {
		return invalid("deleting realm %q needs the revision that it is based on", c.Realm)
	}
	if c.Settings != nil || len(c.Profiles) > 0 || len(c.Policies) > 0 {
		return invalid("deleting realm %q cannot store content", c.Realm)
	}
	return nil
}

func (c *Change) checkRetention() error {
	keep := c.Settings.GetHistoryRetention()
	if n := keep.GetMaxRevisions(); n < 0 {
		return invalid("settings.history_retention.max_revisions is %d, expected 0 or more", n)
	}
	age := keep.GetMaxAge()
	if age == nil {
		return nil
	}
	if err := age.CheckValid(); err != nil {
		return invalid("settings.history_retention.max_age: %v", err)
	}
	if age.AsDuration() <= 0 {
		return invalid("settings.history_retention.max_age is %v, expected more than 0, or none for any age", age.AsDuration())
	}
	return nil
}

// checkText checks a text of the given number of characters.
func checkText(what, s string, least, most int) error {
	if !utf8.ValidString(s) {
		return invalid("%s is not UTF-8", what)
	}
	if n := utf8.RuneCountInString(s); n < least || n > most {
		return invalid("%s has %d characters, %d to %d are allowed", what, n, least, most)
	}
	return nil
}
