package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sidegate/sidegate/storage/bolt"
)

// minKey is the least size of the key of the pseudonyms, in bytes.
const minKey = 32

// pseudonyms checks the key: with one that is lost, nobody could be found or
// erased any more.
func (l *loader) pseudonyms(c *Config) {
	name, path := "decision-log.pseudonym-key-file", c.DecisionLog.PseudonymKeyFile
	if c.DecisionLog.Pseudonyms != PseudonymsHMAC {
		return
	}
	if path == "" {
		if c.EphemeralData {
			l.bad("decision-log.pseudonyms", "decision-log.pseudonyms hmac needs a key that outlives the server; set data or %s", name)
		}
		return
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return // it is made
	}
	if l.private(name, path) && info.Size() < minKey {
		l.bad(name, "%s: %s has %d bytes, expected %d or more", name, path, info.Size(), minKey)
	}
}

// ndjson checks where lines go to.
func (l *loader) ndjson(c *Config) {
	path := c.DecisionLog.NDJSON
	if path == NDJSONNone || path == NDJSONStdout {
		return
	}
	if !filepath.IsAbs(path) {
		l.bad("decision-log.ndjson", "decision-log.ndjson: expected %s, %s or the absolute path of a file, got %q", NDJSONNone, NDJSONStdout, clip(path))
		return
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		l.bad("decision-log.ndjson", "decision-log.ndjson: expected a file in a directory that exists, got %s", path)
	} else if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		l.bad("decision-log.ndjson", "decision-log.ndjson: expected a file, %s is none", path)
	}
}

// distinct refuses two uses of one file: the one would destroy the other.
func (l *loader) distinct(c *Config) {
	used := map[string]string{}
	if c.Data != "" {
		used[oneSpelling(filepath.Join(c.Data, bolt.File))] = "the store"
		used[oneSpelling(filepath.Join(c.Data, tokensFile))] = "the tokens"
	}
	files := append(c.files(), file{key: "decision-log.ndjson", path: &c.DecisionLog.NDJSON})
	for _, f := range files {
		if *f.path == "" || *f.path == NDJSONNone || *f.path == NDJSONStdout {
			continue
		}
		path := oneSpelling(*f.path)
		if other := used[path]; other != "" {
			l.bad(f.key, "%s is the same file as %s, %s; give it one of its own", f.key, other, *f.path)
			continue
		}
		used[path] = f.key
	}
}

// oneSpelling returns one spelling of a path.
func oneSpelling(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}
