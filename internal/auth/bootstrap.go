package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.uber.org/zap"
)

// bootstrapName is the name of the first administrator's token.
const bootstrapName = "bootstrap-admin"

// Bootstrap makes the first administrator's token at the first start of a data
// directory and writes it to path, readable by the owner alone. It does nothing
// on later starts, and never overwrites a file. When nobody could administer the
// server any more, it logs how to recover.
func (t *Tokens) Bootstrap(path string, log *zap.Logger) error {
	t.mu.Lock()
	err := t.refresh()
	file := t.file
	t.mu.Unlock()
	if err != nil {
		return err
	}
	if !file.Bootstrapped && !file.administrator(t) {
		return t.bootstrap(path, log)
	}
	t.remind(file, path, log)
	return nil
}

func (t *Tokens) bootstrap(path string, log *zap.Logger) error {
	secret := newSecret()
	token := Token{ID: newID(), Name: bootstrapName, Role: Admin, Realms: []string{AllRealms}, Created: t.now().UTC()}
	// The file comes first: a crash in between leaves a token that opens nothing,
	// and the next start says so.
	if err := writeSecret(path, secret); err != nil {
		return err
	}
	err := t.change(func(f *tokenFile) error {
		f.Bootstrapped = true
		return f.add(storedToken{Token: token, Hash: hashOf(secret)})
	})
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	log.Info("first administrator's token made; keep the file secret", zap.String("file", path))
	return nil
}

// writeSecret creates the file of the token.
func writeSecret(path, secret string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("administrator token file %s exists, but its token is not known here; "+
			"move it away to have a new one made, or choose another file", path)
	}
	if err != nil {
		return fmt.Errorf("administrator token file: %w", err)
	}
	if err := writeSynced(file, []byte(secret+"\n")); err != nil {
		return errors.Join(fmt.Errorf("administrator token file: %w", err), os.Remove(path))
	}
	return syncDir(filepath.Dir(path))
}

// administrator reports whether somebody can administer all realms.
func (f *tokenFile) administrator(t *Tokens) bool {
	return slices.ContainsFunc(f.Tokens, func(s storedToken) bool {
		return s.Role == Admin && slices.Contains(s.Realms, AllRealms) && !s.expired(t.now())
	})
}

// remind logs how to get back in when the administrator's token is out of reach.
func (t *Tokens) remind(file *tokenFile, path string, log *zap.Logger) {
	if !file.administrator(t) {
		log.Warn("no token can administer all realms; make one by `sidegate token create NAME --role admin` on this data directory",
			zap.String("tokens", t.path))
		return
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		log.Info("the administrator's token file is not there; if the token is lost, make another by "+
			"`sidegate token create NAME --role admin` on this data directory", zap.String("file", path), zap.String("tokens", t.path))
	}
}
