package pdptest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// MaxFileSize is the greatest size of a vector file in bytes.
const MaxFileSize = 16 << 20

// maxProblems bounds what is reported of one file.
const maxProblems = 50

// FileError is one problem of a vector file.
type FileError struct {
	// Path is the name of the file.
	Path string
	// Case is the name of the case; empty outside the cases and where it has none.
	Case string
	// Place is a JSON pointer into the file, or a line and column where it is not
	// JSON; empty for the whole file.
	Place string
	// Problem says what is wrong and how to mend it.
	Problem string
}

// Error returns file, case, place and problem in one line.
func (e *FileError) Error() string {
	var b strings.Builder
	b.WriteString(e.Path + ": ")
	if e.Case != "" {
		fmt.Fprintf(&b, "case %q: ", e.Case)
	}
	if e.Place != "" {
		b.WriteString(e.Place + ": ")
	}
	return b.String() + e.Problem
}

// reader reads one file and collects its problems.
type reader struct {
	path     string
	caseName string
	now      time.Time
	problems []error
}

func (r *reader) fail(place, format string, args ...any) {
	if len(r.problems) == maxProblems {
		place, format, args = "", "has more problems than %d: mend those first", []any{maxProblems}
	}
	if len(r.problems) > maxProblems {
		return
	}
	r.problems = append(r.problems, &FileError{
		Path: r.path, Case: r.caseName, Place: place, Problem: fmt.Sprintf(format, args...)})
}

// Load reads the files that pattern names: all `.json` below a directory, or
// those that match an fs.Glob pattern, sorted by name. That there is none is an
// error, as is any problem in any of them.
func Load(fsys fs.FS, pattern string, now time.Time) ([]*File, error) {
	names, err := find(fsys, pattern)
	if err != nil {
		return nil, err
	}
	var files []*File
	var problems []error
	for _, name := range names {
		f, err := LoadFile(fsys, name, now)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		files = append(files, f)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return files, nil
}

func find(fsys fs.FS, pattern string) ([]string, error) {
	names, err := fs.Glob(fsys, pattern)
	if err != nil {
		return nil, fmt.Errorf("find vector files %q: %w", pattern, err)
	}
	if info, err := fs.Stat(fsys, pattern); err == nil && info.IsDir() {
		if names, err = walk(fsys, pattern); err != nil {
			return nil, fmt.Errorf("find vector files in %q: %w", pattern, err)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("find vector files %q: %w", pattern, fs.ErrNotExist)
	}
	slices.Sort(names)
	return names, nil
}

func walk(fsys fs.FS, dir string) (names []string, err error) {
	err = fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path.Ext(name) == ".json" {
			names = append(names, name)
		}
		return err
	})
	return names, err
}

// LoadFile reads one file. now replaces "@now", cut to whole seconds; the zero
// time is an error. Problems of the content are joined, each a [FileError].
func LoadFile(fsys fs.FS, name string, now time.Time) (*File, error) {
	if now.IsZero() {
		return nil, errors.New("load vectors: now is the zero time: give the time that \"@now\" stands for")
	}
	r := &reader{path: name, now: now.UTC().Truncate(time.Second)}
	data, err := read(fsys, name)
	if err != nil {
		return nil, err
	}
	f := &File{Path: name}
	if root := r.parse(data); root != nil {
		r.file(root, f)
	}
	if err := errors.Join(r.problems...); err != nil {
		return nil, err
	}
	return f, nil
}

func read(fsys fs.FS, name string) ([]byte, error) {
	in, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read vectors: %w", err)
	}
	defer func() { _ = in.Close() }()
	data, err := io.ReadAll(io.LimitReader(in, MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read vectors: %w", err)
	}
	if len(data) > MaxFileSize {
		return nil, &FileError{Path: name, Problem: fmt.Sprintf("larger than %d bytes: split the file", MaxFileSize)}
	}
	return data, nil
}
