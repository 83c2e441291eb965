package server

import (
	"context"
	"fmt"
	"os"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/decisionlog"
)

// openLog opens the log of decisions and of what administrators do. The
// configuration can turn off the former alone.
func (s *server) openLog(context.Context) error {
	c := s.config.DecisionLog
	var mode decisionlog.Mode
	switch c.Mode {
	case config.LogOff, config.LogBestEffort:
		mode = decisionlog.BestEffort
	case config.LogBlock:
		mode = decisionlog.Block
	default:
		return fmt.Errorf("decision-log.mode: unknown mode %q", c.Mode)
	}
	o := decisionlog.Options{
		File: c.File, Queue: c.Queue, Sample: c.Sample, MaxAge: c.MaxAge, MaxBytes: c.MaxBytes,
		DropRequests: c.Requests == config.RequestsDrop, Mask: c.Mask, NDJSON: s.lines(), Logger: s.log.Named("decisionlog"),
		Mode: mode,
	}
	if c.Pseudonyms == config.PseudonymsHMAC {
		o.PseudonymKeyFile = c.PseudonymKeyFile
	}
	for _, x := range c.Samples {
		o.Samples = append(o.Samples, decisionlog.Sample{Realm: x.Realm, Event: x.Event, Share: x.Share})
	}
	log, err := decisionlog.Open(o)
	if err != nil {
		return fmt.Errorf("decision-log: %w", err)
	}
	if s.records = log; c.Mode != config.LogOff {
		s.decisions = log
	}
	s.closers = append(s.closers, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), s.config.ShutdownTimeout)
		defer cancel()
		return log.Close(ctx)
	})
	return nil
}

// lines says where decisions go besides the file.
func (s *server) lines() decisionlog.NDJSON {
	c := s.config.DecisionLog
	switch c.NDJSON {
	case config.NDJSONNone:
		return decisionlog.NDJSON{}
	case config.NDJSONStdout:
		return decisionlog.NDJSON{Writer: os.Stdout}
	}
	return decisionlog.NDJSON{Path: c.NDJSON, MaxBytes: c.NDJSONMaxBytes, Files: c.NDJSONFiles}
}

// audit keeps what administrators do.
func (s *server) audit(r *clientpolicyv1.AuditRecord) { s.records.RecordAudit(r) }
