package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// fileVersion is the version of the format of the file of tokens.
const fileVersion = 1

// maxFileBytes is the greatest size of the file of tokens.
const maxFileBytes = 16 << 20

// tokenFile is the content of the file of tokens.
type tokenFile struct {
	Version int `json:"version"`
	// Bootstrapped tells that the first administrator's token was made once, so
	// that it is not made again after somebody revokes it.
	Bootstrapped bool          `json:"bootstrapped"`
	Tokens       []storedToken `json:"tokens"`
}

// storedToken is a token with the hash of its secret.
type storedToken struct {
	Token
	Hash hash `json:"hash"`
}

// add appends a token with a name of its own.
func (f *tokenFile) add(s storedToken) error {
	if slices.ContainsFunc(f.Tokens, func(old storedToken) bool { return old.Name == s.Name }) {
		return fmt.Errorf("%w: %q; choose another or revoke that one", ErrTokenExists, s.Name)
	}
	if len(f.Tokens) >= maxTokens {
		return fmt.Errorf("there are %d tokens, which is the greatest number; revoke some", len(f.Tokens))
	}
	f.Tokens = append(f.Tokens, s)
	return nil
}

// readTokenFile reads and checks the file, and tells which one it was.
func readTokenFile(path string) (*tokenFile, fs.FileInfo, error) {
	file, err := os.Open(path) //nolint:gosec // the path comes from the operator
	if err != nil {
		return nil, nil, fmt.Errorf("token file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("token file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, nil, fmt.Errorf("token file %s is open to others (mode %v); make it 0600", path, info.Mode().Perm())
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("token file: %w", err)
	}
	f, err := parseTokenFile(data)
	if err != nil {
		return nil, nil, fmt.Errorf("token file %s: %w; restore it from a backup, or delete it to make new tokens", path, err)
	}
	return f, info, nil
}

func parseTokenFile(data []byte) (*tokenFile, error) {
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("it has more than %d bytes", maxFileBytes)
	}
	f := &tokenFile{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("there is something after its end")
	}
	if f.Version != fileVersion {
		return nil, fmt.Errorf("its format is version %d, expected %d", f.Version, fileVersion)
	}
	for i := range f.Tokens {
		if err := f.Tokens[i].check(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// write replaces the file: whoever reads sees the old one or the new one, whole.
func (f *tokenFile) write(path string) error {
	f.Version = fileVersion
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".tokens-*") // mode 0600
	if err != nil {
		return err
	}
	if err := writeSynced(temporary, append(data, '\n')); err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// writeSynced writes, makes durable and closes.
func writeSynced(file *os.File, data []byte) error {
	_, err := file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// syncDir makes a new name in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
