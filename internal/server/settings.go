package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
)

// settingsFile keeps the values in effect at the last start.
const settingsFile = "settings.json"

// versionKey stands for the version of the binary among the values.
const versionKey = "version"

// noteSettings tells the audit stream with what else than before the server
// starts: the keys, not the values. It keeps the values for the next time.
func (s *server) noteSettings(context.Context) error {
	if s.settings == nil {
		return nil
	}
	now := maps.Clone(s.settings)
	now[versionKey] = s.version
	path := filepath.Join(s.config.Data, settingsFile)
	before, err := readSettings(path)
	if err != nil {
		// It is a note for people: the server runs without it.
		s.log.Warn("the settings of the last start cannot be read", zap.String("file", path), zap.Error(err))
	}
	detail := changed(before, now)
	if err != nil {
		detail = "the settings of the last start cannot be read"
	}
	if detail != "" {
		s.audit(&clientpolicyv1.AuditRecord{
			Kind: clientpolicyv1.AuditRecord_KIND_CONFIGURATION_CHANGED, Code: codes.OK.String(), Detail: detail,
		})
		s.log.Info("configuration", zap.String("since the last start", detail))
	}
	data, err := json.MarshalIndent(now, "", "  ")
	if err == nil {
		err = replaceFile(path, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	return nil
}

func readSettings(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var before map[string]string
	if err == nil {
		err = json.Unmarshal(data, &before)
	}
	return before, err
}

// changed says which values are not those of before; "" when all are.
func changed(before, now map[string]string) string {
	if before == nil {
		return "first start on this data directory"
	}
	var keys []string
	for key := range now {
		if old, had := before[key]; !had || old != now[key] {
			keys = append(keys, key)
		}
	}
	for key := range before {
		if _, has := now[key]; !has {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return ""
	}
	slices.Sort(keys)
	return "changed: " + strings.Join(keys, ", ")
}

// replaceFile writes a file that readers see whole, old or new.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".settings-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
