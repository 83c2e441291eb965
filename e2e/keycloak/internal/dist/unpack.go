package dist

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The bounds of the archive; the real one has about 190 MB.
const (
	maxFiles = 20_000
	maxBytes = 2 << 30
)

var errTooLarge = errors.New("archive is larger than expected")

// unpack writes the files of an archive below a directory.
func unpack(archive, into string) error {
	r, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(archive), err)
	}
	defer func() { _ = r.Close() }()
	if len(r.File) > maxFiles {
		return fmt.Errorf("unpack %s: %w", filepath.Base(archive), errTooLarge)
	}
	root, err := os.OpenRoot(into)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(archive), err)
	}
	defer func() { _ = root.Close() }()
	left := int64(maxBytes)
	for _, f := range r.File {
		n, err := unpackFile(root, f, left)
		if err != nil {
			return fmt.Errorf("unpack %s: %w", f.Name, err)
		}
		left -= n
	}
	return nil
}

// unpackFile writes one entry and returns its size. The root keeps names inside.
func unpackFile(root *os.Root, f *zip.File, most int64) (int64, error) {
	name := filepath.FromSlash(f.Name)
	if f.FileInfo().IsDir() {
		return 0, root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return 0, err
	}
	in, err := f.Open()
	if err != nil {
		return 0, err
	}
	defer func() { _ = in.Close() }()
	mode := fs.FileMode(0o644) | f.Mode().Perm()&0o111
	out, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(out, io.LimitReader(in, most+1))
	if n > most {
		err = errTooLarge
	}
	return n, errors.Join(err, out.Close())
}
