package decisionlog

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"google.golang.org/protobuf/encoding/protowire"
)

// castagnoli finds all damage of up to 32 bits in a row, and other damage with a
// chance of one in four thousand million to miss it.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// key is the place of a record: its time and a number that no other has.
type key struct {
	time int64 // nanoseconds since 1970
	seq  uint64
}

const keyBytes = 16

func (k key) encode() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, keyBytes), uint64(max(k.time, 0)))
	return binary.BigEndian.AppendUint64(b, k.seq)
}

func decodeKey(b []byte) (key, bool) {
	if len(b) != keyBytes || b[0] > 0x7f {
		return key{}, false
	}
	return key{int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:])}, true
}

func (k key) less(other key) bool {
	return k.time < other.time || k.time == other.time && k.seq < other.seq
}

// keyTime is the time of a key: a time that it cannot hold becomes the nearest one.
func keyTime(t time.Time) int64 {
	switch year := t.UTC().Year(); {
	case year < 1970:
		return 0
	case year > 2261:
		return math.MaxInt64
	}
	return t.UnixNano()
}

// Cursor is a place in a list. The zero value is the beginning, and as an answer
// the end.
type Cursor struct{ k key }

// String returns the cursor as text for [ParseCursor]; the zero value is empty.
func (c Cursor) String() string {
	if c == (Cursor{}) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(c.k.encode())
}

// ParseCursor reads what [Cursor.String] returned.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	if len(s) != base64.RawURLEncoding.EncodedLen(keyBytes) {
		return Cursor{}, errors.New("cursor has the wrong length")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return Cursor{}, errors.New("cursor is not base64url")
	}
	k, ok := decodeKey(b)
	if !ok || k == (key{}) {
		return Cursor{}, errors.New("cursor is out of range")
	}
	return Cursor{k}, nil
}

// seal returns a record as it is stored: the message and a checksum of it, its
// bucket and its key.
func seal(name string, k, message []byte) []byte {
	record := make([]byte, 0, len(message)+crc32.Size)
	record = append(record, message...)
	return binary.BigEndian.AppendUint32(record, checksum(name, k, message))
}

func checksum(name string, k, message []byte) uint32 {
	sum := crc32.Update(0, castagnoli, binary.AppendUvarint(nil, uint64(len(name))))
	sum = crc32.Update(sum, castagnoli, []byte(name))
	sum = crc32.Update(sum, castagnoli, k)
	return crc32.Update(sum, castagnoli, message)
}

// unseal returns the message of a record, which is part of it.
func unseal(name string, k, record []byte) ([]byte, error) {
	n := len(record) - crc32.Size
	if n < 0 {
		return nil, damaged(recordName(name, k), "it is too short")
	}
	if checksum(name, k, record[:n]) != binary.BigEndian.Uint32(record[n:]) {
		return nil, damaged(recordName(name, k), "it does not match its checksum")
	}
	return record[:n], nil
}

func recordName(name string, k []byte) string { return fmt.Sprintf("record %x of %q", k, name) }

// decodeDecision returns a copy of the decision in a record.
func decodeDecision(realm string, k, record []byte) (*pb.LoggedDecision, error) {
	message, err := unseal(realm, k, record)
	if err != nil {
		return nil, err
	}
	d := &pb.LoggedDecision{}
	if err := d.UnmarshalVT(message); err != nil {
		return nil, damaged(recordName(realm, k), "%v", err)
	}
	return d, nil
}

// decisionID returns the id in the message of a decision without decoding the
// rest; empty when it has none.
func decisionID(message []byte) string {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return ""
		}
		message = message[n:]
		if number == 1 && kind == protowire.BytesType {
			id, n := protowire.ConsumeBytes(message)
			if n < 0 {
				return ""
			}
			return string(id)
		}
		if n = protowire.ConsumeFieldValue(number, kind, message); n < 0 {
			return ""
		}
		message = message[n:]
	}
	return ""
}

// withLost returns the message of a decision with `lost_before` added to it. The
// last value of a field counts.
func withLost(message []byte, lost int64) []byte {
	if lost == 0 {
		return message
	}
	const lostBefore protowire.Number = 23
	message = protowire.AppendTag(message[:len(message):len(message)], lostBefore, protowire.VarintType)
	return protowire.AppendVarint(message, uint64(lost))
}
