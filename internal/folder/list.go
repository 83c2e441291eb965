package folder

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of a directory.
const (
	maxEntries    = 10_000
	maxDepth      = 64
	maxRealmBytes = 16 << 20
)

// entry is a file that belongs to a realm.
type entry struct {
	realm string
	// rel is the path below the directory, with slashes.
	rel string
	// whole tells that the file is all of the realm.
	whole bool
	size  int64
	time  time.Time
}

// listing is what is in a directory.
type listing struct {
	*problems
	root  *os.Root
	files []entry
	// realms are those that have a directory or a file, by name, with the entry of it.
	realms map[string]string
	count  int
	// marks tell this state of the directory from others.
	marks []string
}

// list looks at everything in the directory. Links are followed within it.
func list(root *os.Root, p *problems) *listing {
	l := &listing{problems: p, root: root, realms: map[string]string{}}
	for _, name := range l.names(".") {
		l.top(name)
	}
	// A Kubernetes volume is swapped by this link.
	if target, err := root.Readlink("..data"); err == nil {
		l.marks = append(l.marks, "..data "+target)
	}
	if len(l.realms) == 0 && p.none() {
		p.at("", 0, 0, "expected a file or directory for each realm, such as main.yaml, found none")
	}
	slices.SortFunc(l.files, func(a, b entry) int { return cmp.Or(cmp.Compare(a.realm, b.realm), cmp.Compare(a.rel, b.rel)) })
	return l
}

// fingerprint is equal for equal states.
func (l *listing) fingerprint() string {
	marks := slices.Sorted(slices.Values(l.marks))
	for _, p := range l.list {
		marks = append(marks, p.Error())
	}
	return strings.Join(marks, "\n")
}

// newest is when a file was last changed.
func (l *listing) newest() (t time.Time) {
	for _, f := range l.files {
		if f.time.After(t) {
			t = f.time
		}
	}
	return t
}

// names are the entries of a directory that count, sorted.
func (l *listing) names(dir string) []string {
	f, err := l.root.Open(dir)
	if err != nil {
		l.failed(dir, err)
		return nil
	}
	defer func() { _ = f.Close() }()
	var names []string
	for {
		batch, err := f.ReadDir(256)
		for _, e := range batch {
			if l.count++; l.count > maxEntries {
				l.at(dir, 0, 0, "expected at most %d files and directories", maxEntries)
				return nil
			}
			if !ignored(e.Name()) {
				names = append(names, e.Name())
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				l.failed(dir, err)
			}
			slices.Sort(names)
			return names
		}
	}
}

// failed tells what the system said, without the path, which stands in front.
func (l *listing) failed(rel string, err error) {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	if err.Error() == "path escapes from parent" { // os does not export it
		err = errors.New("the link leads out of the folder; only links within it are followed")
	}
	l.at(rel, 0, 0, "%v", err)
}

// ignored reports whether a name is nobody's policy: hidden, a backup of an
// editor, or text for people.
func ignored(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || ext == ".md" || ext == ".txt"
}

// documentExt returns the ending of a document's name, or "".
func documentExt(name string) string {
	switch ext := path.Ext(name); strings.ToLower(ext) {
	case ".yaml", ".yml", ".json":
		return ext
	}
	return ""
}

// top takes an entry of the directory itself: a realm.
func (l *listing) top(name string) {
	info := l.stat(name)
	if info == nil {
		return
	}
	ext := documentExt(name)
	if !info.IsDir() && ext == "" {
		l.unexpected(name)
		return
	}
	if info.IsDir() {
		ext = ""
	}
	realm, problem := realmName(strings.TrimSuffix(name, ext))
	if problem != "" {
		l.at(name, 0, 0, "%s", problem)
		return
	}
	if other, twice := l.realms[realm]; twice {
		l.at(name, 0, 0, "realm %q is in %s already; put it into one file or one directory", realm, l.path(other))
		return
	}
	l.realms[realm] = name
	if !info.IsDir() {
		l.take(realm, name, info, true)
		return
	}
	files, wrong := len(l.files), len(l.list)+l.more
	l.below(realm, name, 1)
	if len(l.files) == files && len(l.list)+l.more == wrong {
		l.at(name, 0, 0, "realm %q has no files; write `policies: []` into one for a realm without policies", realm)
	}
}

func (l *listing) unexpected(rel string) {
	l.at(rel, 0, 0, "expected a name that ends in .yaml, .yml or .json; move other files elsewhere, or put a dot in front")
}

// below takes what is in the directory of a realm.
func (l *listing) below(realm, dir string, depth int) {
	if depth > maxDepth {
		l.at(dir, 0, 0, "expected directories at most %d levels deep", maxDepth)
		return
	}
	l.marks = append(l.marks, "dir "+dir)
	for _, name := range l.names(dir) {
		rel := path.Join(dir, name)
		info := l.stat(rel)
		switch {
		case info == nil:
		case l.count > maxEntries:
			return
		case info.IsDir():
			l.below(realm, rel, depth+1)
		case documentExt(name) == "":
			l.unexpected(rel)
		default:
			l.take(realm, rel, info, false)
		}
	}
}

// stat looks at what a name leads to; nil when it is nothing that can be read.
func (l *listing) stat(rel string) fs.FileInfo {
	if target, err := l.root.Readlink(rel); err == nil {
		l.marks = append(l.marks, "link "+rel+" "+target)
	}
	info, err := l.root.Stat(rel)
	if err != nil {
		l.failed(rel, err)
		return nil
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		l.at(rel, 0, 0, "expected a file or a directory")
		return nil
	}
	return info
}

func (l *listing) take(realm, rel string, info fs.FileInfo, whole bool) {
	l.files = append(l.files, entry{realm: realm, rel: rel, whole: whole, size: info.Size(), time: info.ModTime()})
	l.marks = append(l.marks, fmt.Sprintf("file %s %d %d", rel, info.Size(), info.ModTime().UnixNano()))
}

// realmName decodes the name of a realm, and says what is wrong with it (contract
// of administration, section 2, "Names"). No file has a name that is too long.
func realmName(name string) (decoded, problem string) {
	decoded, err := url.PathUnescape(name)
	switch {
	case err != nil:
		return "", "expected %25 for a percent sign, and two hexadecimal digits after any other"
	case !utf8.ValidString(decoded):
		return "", "expected the name of a realm in UTF-8"
	case decoded == "." || decoded == ".." || strings.ContainsAny(decoded, "/:"):
		return "", "the name of a realm may not contain / or :, nor be . or .."
	case strings.ContainsFunc(decoded, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", "the name of the realm holds a character that cannot be printed"
	}
	return decoded, ""
}
