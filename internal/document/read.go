package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// MaxBytes is the greatest size of a file.
const MaxBytes = 16 << 20

// maxDepth is the greatest nesting (contract of administration, 2).
const maxDepth = 64

// Read reads one file; "-" is stdin. Files named .json are JSON, .yaml and .yml
// YAML; of others those that begin with a brace are JSON.
func Read(path string, stdin io.Reader) (*Node, error) {
	data, err := load(path, stdin)
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

func load(path string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > MaxBytes {
		return nil, &Error{Path: path, Problem: fmt.Sprintf("expected at most %d bytes", MaxBytes)}
	}
	return data, nil
}

// Parse reads a document from memory; path names it in errors and tells its form.
func Parse(path string, data []byte) (*Node, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		return nil, &Error{Path: path, Problem: "expected UTF-8 text"}
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, &Error{Path: path, Problem: "the file is empty; expected a document"}
	}
	if isJSON(path, data) {
		return parseJSON(path, data)
	}
	return parseYAML(path, data)
}

func isJSON(path string, data []byte) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
		return true
	case ".yaml", ".yml":
		return false
	}
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{"))
}

// Files returns the documents that a path names: the file itself, or the JSON
// and YAML files in a directory, sorted by name.
func Files(path string) ([]string, error) {
	if path == "-" {
		return []string{path}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		switch strings.ToLower(filepath.Ext(e.Name())) {
		case ".json", ".yaml", ".yml":
			if !e.IsDir() {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
	}
	if len(files) == 0 {
		return nil, errors.New(path + ": expected files named .json, .yaml or .yml in the directory, found none")
	}
	return files, nil
}
