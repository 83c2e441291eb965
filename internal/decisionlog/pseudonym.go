package decisionlog

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// Bounds of the key file.
const (
	minKeyBytes = 32
	maxKeyBytes = 4096
)

// pseudonymMark begins every pseudonym.
const pseudonymMark = "~"

// kind tells clients and users apart: the same text as both has two pseudonyms.
type kind byte

const (
	kindClient kind = 'c'
	kindUser   kind = 'u'
)

// pseudonyms makes pseudonyms. The nil pointer makes none.
type pseudonyms struct{ key []byte }

// of returns the pseudonym of an id in a realm; empty when there are no pseudonyms
// or no id. An id that looks like a pseudonym gets one of its own, so that nobody
// can pass for another.
func (p *pseudonyms) of(k kind, realm, id string) string {
	if p == nil || id == "" {
		return ""
	}
	h := hmac.New(sha256.New, p.key)
	h.Write([]byte{byte(k), byte(len(realm) >> 8), byte(len(realm))})
	h.Write([]byte(realm))
	h.Write([]byte(id))
	return pseudonymMark + hex.EncodeToString(h.Sum(nil)[:16])
}

// fingerprint tells keys apart and says nothing about them.
func (p *pseudonyms) fingerprint() []byte {
	h := hmac.New(sha256.New, p.key)
	h.Write([]byte("\x00fingerprint"))
	return h.Sum(nil)[:16]
}

// loadPseudonyms reads the key that the file is bound to. One that is missing is
// made, unless there are pseudonyms of another: then clients and users in the file
// could no longer be found, nor erased.
func loadPseudonyms(file *store, path string, random io.Reader) (*pseudonyms, error) {
	if path == "" {
		return nil, nil
	}
	noted, err := file.fingerprint()
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) && noted == nil {
		if err := makeKey(path, random); err != nil {
			return nil, fmt.Errorf("pseudonym key: %w", err)
		}
	}
	key, err := readKey(path)
	if err != nil {
		return nil, fmt.Errorf("pseudonym key: %w", err)
	}
	p := &pseudonyms{key}
	switch {
	case noted == nil:
		return p, file.bind(p.fingerprint())
	case !bytes.Equal(noted, p.fingerprint()):
		return nil, fmt.Errorf("pseudonym key: %s is not the one that the pseudonyms in the file were made with; "+
			"put that key file back, or move the decision log away", path)
	}
	return p, nil
}

// fingerprint returns that of the key that the pseudonyms in the file are made with.
func (s *store) fingerprint() (noted []byte, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		b, err := bucket(tx, metaBucket)
		if err == nil {
			noted = bytes.Clone(b.Get(fingerprintKey))
		}
		return err
	})
	return noted, err
}

func (s *store) bind(fingerprint []byte) error {
	return s.update(func(tx *bbolt.Tx) error {
		b, err := bucket(tx, metaBucket)
		if err != nil {
			return err
		}
		return b.Put(fingerprintKey, fingerprint)
	})
}

func makeKey(path string, random io.Reader) error {
	key := make([]byte, minKeyBytes)
	if _, err := io.ReadFull(random, key); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(key)
	return errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path)))
}

func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // nothing was written
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s has mode %04o, others than the owner may use it; set mode 0600", path, info.Mode().Perm())
	case info.Size() < minKeyBytes || info.Size() > maxKeyBytes:
		return nil, fmt.Errorf("%s has %d bytes, expected %d to %d random ones", path, info.Size(), minKeyBytes, maxKeyBytes)
	}
	return io.ReadAll(io.LimitReader(f, maxKeyBytes))
}
