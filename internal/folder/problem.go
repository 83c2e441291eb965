package folder

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/sidegate/sidegate/internal/document"
)

// maxProblems bounds what is told at once.
const maxProblems = 100

// problems collects what is wrong with a directory.
type problems struct {
	dir  string
	list []error
	more int
}

func (p *problems) add(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			p.add(e)
		}
		return
	}
	if len(p.list) < maxProblems {
		p.list = append(p.list, err)
	} else {
		p.more++
	}
}

// at tells a problem of a path below the directory; line 0 is the whole file.
func (p *problems) at(rel string, line, column int, format string, args ...any) {
	p.add(&document.Error{Path: p.path(rel), Line: line, Column: column, Problem: fmt.Sprintf(format, args...)})
}

// path is how a path below the directory is shown.
func (p *problems) path(rel string) string { return filepath.Join(p.dir, filepath.FromSlash(rel)) }

func (p *problems) none() bool { return len(p.list) == 0 }

func (p *problems) err() error {
	list := p.list
	if p.more > 0 {
		list = append(list[:len(list):len(list)], fmt.Errorf("%s: and %d problems more", p.dir, p.more))
	}
	return errors.Join(list...)
}

// texts are the problems one by one.
func texts(err error) []string {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var list []string
		for _, e := range joined.Unwrap() {
			list = append(list, texts(e)...)
		}
		return list
	}
	return []string{err.Error()}
}
