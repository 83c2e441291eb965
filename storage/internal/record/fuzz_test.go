package record

import (
	"errors"
	"testing"
	"time"

	"github.com/sidegate/sidegate/storage"
)

// FuzzDecode seals any bytes, so that the decoders see them. They must not
// panic, nor take up more memory than the bytes can mean.
func FuzzDecode(f *testing.F) {
	meta := storage.Meta{Revision: 3, Parent: 2, Time: time.Unix(1, 2), Author: "a", Surface: "s"}
	rev := &Revision{Meta: meta, Base: 2, Removed: make([]storage.Hash, 1), Runs: []Run{{Start: 1, Count: 2}, {Inserted: make([]Entry, 2)}}}
	head := &Head{Meta: meta, Oldest: 1, First: 1, Base: 1}
	for _, b := range [][]byte{rev.Encode("r"), head.Encode("r")} {
		f.Add(b[:len(b)-32])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		seal := func(name string) []byte { return (&writer{b: payload[:len(payload):len(payload)]}).seal(name) }
		r, err := DecodeRevision("r", 3, seal(revisionName("r", 3)))
		checkCorrupt(t, err)
		if err == nil {
			_, err = r.Apply("r", make([]Entry, 4), nil)
			checkCorrupt(t, err)
		}
		_, err = DecodeHead("r", seal(headName("r")))
		checkCorrupt(t, err)
		_, err = DecodeRoot(3, seal(rootName))
		checkCorrupt(t, err)
		if err := CheckFormat(seal(formatName)); !errors.Is(err, storage.ErrFormat) {
			checkCorrupt(t, err)
		}
		_, err = DecodeItem("r", Entry{}, payload)
		checkCorrupt(t, err)
	})
}

func checkCorrupt(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("%v, want ErrCorrupt", err)
	}
}
