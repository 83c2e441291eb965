package dist

import (
	"archive/zip"
	"os"
	"path/filepath"
	"testing"
)

func archive(t *testing.T, files map[string]os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.zip")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(out)
	for name, mode := range files {
		h := &zip.FileHeader{Name: name}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	if err := unpack(archive(t, map[string]os.FileMode{"k/bin/kc.sh": 0o755, "k/conf/c": 0o644}), dir); err != nil {
		t.Fatal(err)
	}
	if !isHome(filepath.Join(dir, "k")) {
		t.Error("bin/kc.sh was not unpacked")
	}
	if info, err := os.Stat(filepath.Join(dir, "k/bin/kc.sh")); err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("bin/kc.sh cannot be run: %v %v", info, err)
	}
}

func TestUnpackStaysInside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := unpack(archive(t, map[string]os.FileMode{"../out": 0o644}), dir); err == nil {
		t.Error("an archive wrote outside its directory")
	}
	if _, err := os.Stat(filepath.Join(dir, "..", "out")); err == nil {
		t.Error("a file lies outside")
	}
}
