package folder

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/document"
	"google.golang.org/protobuf/proto"
)

// Realm is a realm as its files have it.
type Realm struct {
	// Settings are those of the realm, never nil.
	Settings *pb.RealmSettings
	// Set are the profiles and policies in order, never nil.
	Set *pb.PolicySet
	// Files are the paths read, in order.
	Files []string

	settings           placed
	profiles, policies []placed
	names              map[string]placed // of items, by kind and name
	hashes             map[string][sha256.Size]byte
	bytes              int64
	broken             bool
}

// placed is a part of a document and its file.
type placed struct {
	rel  string
	node *document.Node
}

// Read reads all realms of a directory, by name. The error joins all problems.
func Read(dir string) (map[string]*Realm, error) {
	s := readSteady(dir)
	if err := s.err(); err != nil {
		return nil, err
	}
	return s.realms, nil
}

// state is what was read at one time.
type state struct {
	*problems
	realms      map[string]*Realm
	fingerprint string
	listing     *listing
}

// tries is how often a directory is read that changes meanwhile.
const tries = 3

// readSteady reads a directory until it does not change meanwhile.
func readSteady(dir string) *state {
	for try := 1; ; try++ {
		s, steady := read(dir)
		if steady {
			return s
		}
		if try == tries {
			s.at("", 0, 0, "the folder changes while it is read; try again")
			return s
		}
	}
}

// read reads a directory, and tells whether it is still what was read.
func read(dir string) (s *state, steady bool) {
	s = readOnce(dir)
	return s, look(dir).fingerprint() == s.fingerprint
}

// look lists the directory.
func look(dir string) *listing {
	p := &problems{dir: dir}
	root, err := open(dir)
	if err != nil {
		p.add(err)
		return &listing{problems: p}
	}
	defer func() { _ = root.Close() }()
	return list(root, p)
}

func open(dir string) (*os.Root, error) {
	if dir == "" {
		return nil, errors.New("folder: expected the path of a directory")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	return root, nil
}

func readOnce(dir string) *state {
	s := &state{problems: &problems{dir: dir}, realms: map[string]*Realm{}}
	root, err := open(dir)
	if err != nil {
		s.add(err)
		s.fingerprint = (&listing{problems: s.problems}).fingerprint()
		return s
	}
	defer func() { _ = root.Close() }()
	s.listing = list(root, s.problems)
	s.fingerprint = s.listing.fingerprint()
	for _, f := range s.listing.files {
		s.file(root, f)
	}
	return s
}

// file reads one file into its realm.
func (s *state) file(root *os.Root, f entry) {
	r := s.realms[f.realm]
	if r == nil {
		r = &Realm{
			Settings: &pb.RealmSettings{}, Set: &pb.PolicySet{},
			names: map[string]placed{}, hashes: map[string][sha256.Size]byte{},
		}
		s.realms[f.realm] = r
	}
	before := len(s.list) + s.more
	defer func() { r.broken = r.broken || len(s.list)+s.more > before }()
	if r.bytes > maxRealmBytes {
		return // told already
	}
	data, err := load(root, f.rel, maxRealmBytes-r.bytes)
	if err != nil {
		s.listing.failed(f.rel, err)
		return
	}
	if r.bytes += int64(len(data)); r.bytes > maxRealmBytes {
		s.at(f.rel, 0, 0, "expected at most %d bytes in the files of realm %q", maxRealmBytes, f.realm)
		return
	}
	r.Files = append(r.Files, s.path(f.rel))
	r.hashes[f.rel] = sha256.Sum256(data)
	n, err := document.Parse(s.path(f.rel), data)
	if err != nil {
		s.add(err)
		return
	}
	(&part{state: s, Realm: r, rel: f.rel}).add(n, f.whole)
}

// load reads a file, at most one byte more than the limit.
func load(root *os.Root, rel string, limit int64) ([]byte, error) {
	f, err := root.Open(rel)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// part is a file that is being taken into its realm.
type part struct {
	*state
	*Realm
	rel string
}

func (p *part) fail(n *document.Node, format string, args ...any) {
	p.at(p.rel, n.Line, n.Column, format, args...)
}

// decode reads a node as a message and tells what is wrong with it.
func (p *part) decode(n *document.Node, m proto.Message) bool {
	err := document.Decode(p.path(p.rel), n, m)
	if err != nil {
		p.state.add(err)
	}
	return err == nil
}
