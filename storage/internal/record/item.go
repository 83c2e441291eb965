package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/sidegate/sidegate/storage"
)

// castagnoli guards the few bytes of an item's record that its hash does not.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// EncodeItem writes the record of an item: a checksum, the last revision that
// brought it into the list, its kind, and its document.
func EncodeItem(i *storage.Item, added int64) []byte {
	hash := i.Hash()
	head := append(binary.AppendUvarint(nil, uint64(added)), byte(i.Kind()))
	b := binary.BigEndian.AppendUint32(nil, itemSum(hash, head))
	return i.AppendDocument(append(b, head...))
}

func itemSum(hash storage.Hash, head []byte) uint32 {
	return crc32.Update(crc32.Checksum(hash[:], castagnoli), castagnoli, head)
}

// DecodeItem reads the record of an item of the realm and checks its hash.
func DecodeItem(realm string, e Entry, b []byte) (*storage.Item, error) {
	name := itemName(realm, e.Hash)
	_, kind, document, err := splitItem(name, e.Hash, b)
	if err != nil {
		return nil, err
	}
	i, err := storage.RestoreItem(e.Hash, kind, bytes.Clone(document), e.Stamp.Time, e.Stamp.Author)
	if err != nil {
		return nil, fmt.Errorf("realm %q: %w", realm, err)
	}
	return i, nil
}

// Added reads from the record of an item the last revision that brought it in.
func Added(realm string, hash storage.Hash, b []byte) (int64, error) {
	added, _, _, err := splitItem(itemName(realm, hash), hash, b)
	return added, err
}

func splitItem(name string, hash storage.Hash, b []byte) (int64, storage.Kind, []byte, error) {
	if b == nil {
		return 0, 0, nil, corrupt(name, "it is missing")
	}
	if len(b) < 4 {
		return 0, 0, nil, corrupt(name, "it is too short")
	}
	sum, rest := binary.BigEndian.Uint32(b), b[4:]
	added, n := binary.Uvarint(rest)
	if n <= 0 || n == len(rest) || int64(added) < 1 {
		return 0, 0, nil, corrupt(name, errShort.Error())
	}
	if itemSum(hash, rest[:n+1]) != sum {
		return 0, 0, nil, corrupt(name, "it does not match its checksum")
	}
	return int64(added), storage.Kind(rest[n]), rest[n+1:], nil
}

func itemName(realm string, hash storage.Hash) string {
	return fmt.Sprintf("item %s of realm %q", hash, realm)
}
