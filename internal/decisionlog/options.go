package decisionlog

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"go.uber.org/zap"
)

// Mode is what happens to a decision for which there is no room.
type Mode int

// The modes; the zero value is none of them.
const (
	// BestEffort drops it, counts it, and marks the gap.
	BestEffort Mode = iota + 1
	// Block makes the caller wait for room, and refuse when there is none in time.
	Block
)

// Defaults of [Options].
const (
	DefaultQueue         = 8192
	DefaultSample        = 1.0
	DefaultMaxAge        = 30 * 24 * time.Hour
	DefaultMaxBytes      = 1 << 30
	DefaultAuditMaxAge   = 400 * 24 * time.Hour
	DefaultAuditRecords  = 200_000
	DefaultNDJSONBytes   = 100 << 20
	DefaultNDJSONFiles   = 5
	DefaultTimeout       = time.Second
	DefaultBatchInterval = 100 * time.Millisecond
)

// Options say what is kept, how much of it and for how long. [Open] checks them;
// a number or duration of 0 means the default unless its comment says otherwise.
type Options struct {
	// File is the bbolt file; required. Its directory is made with mode 0700.
	File string
	// Mode is required.
	Mode Mode
	// Queue is the greatest number of decisions that wait to be written.
	Queue int
	// Sample is the share of clean ALLOWs that is kept, 0 to 1; 0 keeps none.
	Sample float64
	// Samples are shares for some realms and events; the most specific wins.
	Samples []Sample
	// MaxAge is how long decisions are kept.
	MaxAge time.Duration
	// MaxBytes is how much of the file decisions may fill.
	MaxBytes int64
	// AuditMaxAge is how long audit records are kept.
	AuditMaxAge time.Duration
	// AuditRecords is how many audit records are kept, of refusals and of all
	// others each.
	AuditRecords int
	// DropRequests leaves requests out.
	DropRequests bool
	// Mask are JSON pointers into EvaluateRequest: facts to leave out besides
	// those that are always; `*` stands for every element or member.
	Mask []string
	// PseudonymKeyFile turns on pseudonyms for client ids and users: a file of 32
	// bytes or more, mode 0600, made when it is missing.
	PseudonymKeyFile string
	// NDJSON writes every decision that was stored as a line of JSON too.
	NDJSON NDJSON
	// Timeout is how long Open waits for another process that holds the file.
	Timeout time.Duration
	// BatchInterval is how long a decision waits for others to be written with.
	BatchInterval time.Duration
	// NoSync leaves out fsync, for tests.
	NoSync bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Random is where a new pseudonym key comes from; nil means crypto/rand.
	Random io.Reader
	// Logger is told of trouble; nil means nobody is.
	Logger *zap.Logger
}

// Sample is the share of clean ALLOWs that is kept of a realm, of an event, or of
// an event in a realm.
type Sample struct {
	// Realm is the name of a realm; empty means all.
	Realm string
	// Event is the event; 0 means all.
	Event pb.Event
	// Share is 0 to 1.
	Share float64
}

// NDJSON is where decisions go as lines of JSON. The zero value is nowhere.
type NDJSON struct {
	// Writer takes the lines, such as os.Stdout. It is not closed.
	Writer io.Writer
	// Path is a file that takes the lines, mode 0600; not together with Writer.
	Path string
	// MaxBytes is the size at which the file is rotated.
	MaxBytes int64
	// Files is how many rotated files are kept beside it.
	Files int
}

// check reports all problems, and returns the parts that it read.
func (o *Options) check() (sampling, []maskPath, error) {
	shares, problems := o.shares()
	mask, wrong := parseMask(o.Mask)
	problems = append(problems, wrong...)
	if o.File == "" {
		problems = append(problems, "file: none is named")
	}
	if o.Mode != BestEffort && o.Mode != Block {
		problems = append(problems, "mode: expected best effort or block")
	}
	for _, n := range []struct {
		name               string
		value, least, most int64
	}{
		{"queue", int64(o.Queue), 1, 1 << 20},
		{"max-age", int64(o.MaxAge), int64(time.Minute), int64(100 * 366 * 24 * time.Hour)},
		{"max-bytes", o.MaxBytes, 1 << 20, 1 << 40},
		{"audit max-age", int64(o.AuditMaxAge), int64(time.Minute), int64(100 * 366 * 24 * time.Hour)},
		{"audit records", int64(o.AuditRecords), 100, 10_000_000},
		{"ndjson-max-bytes", o.NDJSON.MaxBytes, 1 << 10, 1 << 40},
		{"ndjson-files", int64(o.NDJSON.Files), 1, 1000},
		{"timeout", int64(o.Timeout), 1, int64(time.Hour)},
		{"batch interval", int64(o.BatchInterval), 1, int64(10 * time.Second)},
	} {
		if n.value != 0 && (n.value < n.least || n.value > n.most) {
			problems = append(problems, fmt.Sprintf("%s: %d is out of bounds, expected %d to %d, or 0 for the default", n.name, n.value, n.least, n.most))
		}
	}
	if o.NDJSON.Writer != nil && o.NDJSON.Path != "" {
		problems = append(problems, "ndjson: name a writer or a path, not both")
	}
	if len(problems) > 0 {
		return shares, mask, fmt.Errorf("decision log options: %s", strings.Join(problems, "; "))
	}
	return shares, mask, nil
}

// shares reads the shares that are kept.
func (o *Options) shares() (s sampling, problems []string) {
	s = sampling{shares: map[sampled]float64{}, rest: o.Sample}
	if !isShare(o.Sample) {
		problems = append(problems, fmt.Sprintf("sample: %v is no share, expected 0 to 1", o.Sample))
	}
	for i, of := range o.Samples {
		at := sampled{of.Realm, of.Event}
		switch _, twice := s.shares[at]; {
		case !isShare(of.Share):
			problems = append(problems, fmt.Sprintf("samples[%d]: %v is no share, expected 0 to 1", i, of.Share))
		case at == sampled{}:
			problems = append(problems, fmt.Sprintf("samples[%d]: names neither realm nor event; set sample instead", i))
		case twice:
			problems = append(problems, fmt.Sprintf("samples[%d]: realm %q and %v stand twice; keep one of them", i, of.Realm, of.Event))
		}
		s.shares[at] = of.Share
	}
	return s, problems
}

func isShare(share float64) bool { return share >= 0 && share <= 1 }

// fill puts the defaults where nothing was set.
func (o *Options) fill(random io.Reader) {
	o.Queue = cmp.Or(o.Queue, DefaultQueue)
	o.MaxAge = cmp.Or(o.MaxAge, DefaultMaxAge)
	o.MaxBytes = cmp.Or(o.MaxBytes, DefaultMaxBytes)
	o.AuditMaxAge = cmp.Or(o.AuditMaxAge, DefaultAuditMaxAge)
	o.AuditRecords = cmp.Or(o.AuditRecords, DefaultAuditRecords)
	o.NDJSON.MaxBytes = cmp.Or(o.NDJSON.MaxBytes, DefaultNDJSONBytes)
	o.NDJSON.Files = cmp.Or(o.NDJSON.Files, DefaultNDJSONFiles)
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.BatchInterval = cmp.Or(o.BatchInterval, DefaultBatchInterval)
	if o.Random == nil {
		o.Random = random
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
}
