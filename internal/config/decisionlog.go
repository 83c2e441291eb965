package config

import (
	"time"

	"github.com/sidegate/sidegate/pdp"
)

// What the decision log does when it cannot keep up.
const (
	// LogOff keeps no decisions.
	LogOff = "off"
	// LogBestEffort drops decisions, counts them and marks the gap.
	LogBestEffort = "best-effort"
	// LogBlock makes decisions wait.
	LogBlock = "block"
)

// What the decision log keeps of requests.
const (
	// RequestsKeep keeps the request, masked.
	RequestsKeep = "keep"
	// RequestsDrop keeps nothing of it but what the list shows.
	RequestsDrop = "drop"
)

// How the decision log names clients and users.
const (
	// PseudonymsNone keeps their names.
	PseudonymsNone = "none"
	// PseudonymsHMAC keeps a keyed hash of them.
	PseudonymsHMAC = "hmac"
)

// Where the decision log writes lines to besides its file.
const (
	// NDJSONNone writes no lines.
	NDJSONNone = "none"
	// NDJSONStdout writes them to standard output.
	NDJSONStdout = "stdout"
)

// DecisionLog says what is kept of decisions, and where.
type DecisionLog struct {
	// Mode is LogOff, LogBestEffort or LogBlock.
	Mode string `koanf:"mode"`
	// File is the log, a file of its own.
	File string `koanf:"file"`
	// Queue is how many decisions may wait to be written.
	Queue int `koanf:"queue"`
	// Sample is the share, 0 to 1, that is kept of decisions that allow without
	// findings and mutations; all others are kept.
	Sample float64 `koanf:"sample"`
	// Samples are other shares for some realms and events; see Sample.
	Samples []Sample `koanf:"-"`
	// MaxAge is how long decisions are kept.
	MaxAge time.Duration `koanf:"max-age"`
	// MaxBytes bounds what is kept; the oldest goes first.
	MaxBytes int64 `koanf:"max-bytes"`
	// Requests is RequestsKeep or RequestsDrop.
	Requests string `koanf:"requests"`
	// Mask are JSON pointers into EvaluateRequest, masked besides what always is.
	Mask []string `koanf:"mask"`
	// Pseudonyms is PseudonymsNone or PseudonymsHMAC.
	Pseudonyms string `koanf:"pseudonyms"`
	// PseudonymKeyFile holds the key of PseudonymsHMAC, made when missing.
	PseudonymKeyFile string `koanf:"pseudonym-key-file"`
	// NDJSON is NDJSONNone, NDJSONStdout or the absolute path of a file.
	NDJSON string `koanf:"ndjson"`
	// NDJSONMaxBytes is the size at which that file is rotated.
	NDJSONMaxBytes int64 `koanf:"ndjson-max-bytes"`
	// NDJSONFiles is how many rotated files are kept.
	NDJSONFiles int `koanf:"ndjson-files"`
}

// Sample is the share kept for a realm and an event. The most telling one counts:
// realm and event, then realm, then event.
type Sample struct {
	// Realm is a name, or "" for every realm.
	Realm string
	// Event is an event, or 0 for every event.
	Event pdp.Event
	// Share is what is kept, 0 to 1.
	Share float64
}
