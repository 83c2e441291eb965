package contexts

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// Write puts the file in place as a whole, for its owner alone.
func (f *File) Write() error {
	data, err := f.marshal()
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	if len(data) > maxBytes {
		return fmt.Errorf("%s: expected at most %d bytes", f.Path, maxBytes)
	}
	path := f.Path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return replace(path, data)
}

// replace swaps the content of a file: a crash leaves the old one or the new one.
func replace(path string, data []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".contexts-*") // for its owner alone
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name()) // it tells why already
		}
	}()
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// marshal writes texts as texts, whatever they look like.
func (f *File) marshal() ([]byte, error) {
	list := &yaml.Node{Kind: yaml.MappingNode}
	for _, c := range f.List {
		entry := &yaml.Node{Kind: yaml.MappingNode}
		c.Each(func(key, value string) { entry.Content = append(entry.Content, text(key), text(value)) })
		list.Content = append(list.Content, text(c.Name), entry)
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	if f.Current != "" {
		root.Content = append(root.Content, text("current"), text(f.Current))
	}
	root.Content = append(root.Content, text("contexts"), list)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}
