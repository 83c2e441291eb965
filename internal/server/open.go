package server

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/sidegate/sidegate/internal/ask"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/folder"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"github.com/sidegate/sidegate/storage/bolt"
	"go.uber.org/zap"
	"google.golang.org/grpc/health/grpc_health_v1"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// The names of the storage drivers.
const (
	storageBolt   = "bolt"
	storageFolder = "folder"
)

// openData makes the data directory of a server that has none: policies come from
// a folder, and nothing else need outlive it.
func (s *server) openData(context.Context) error {
	if !s.config.EphemeralData {
		return nil
	}
	dir, err := os.MkdirTemp("", "sidegate-") // mode 0700
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	s.closers = append(s.closers, func() error { return os.RemoveAll(dir) })
	s.config = s.config.In(dir)
	s.log.Warn("no data directory is set: tokens and decisions are gone when the server stops", zap.String("data", dir))
	return nil
}

// openCompiler makes what policies are compiled with.
func (s *server) openCompiler(context.Context) error {
	security, err := profiles.Load(s.config.SecurityProfile)
	if err != nil {
		return fmt.Errorf("security-profile: %w", err)
	}
	registry, err := catalog.Registry()
	if err != nil {
		return err
	}
	s.security = security
	if s.compiler, err = pdp.NewCompiler(registry, security.Profiles, security.Policies); err != nil {
		return fmt.Errorf("security-profile %s: %w", security.Name, err)
	}
	return nil
}

// openStore opens the store in the data directory, unless policies come from a folder.
func (s *server) openStore(context.Context) error {
	if s.config.Policies != "" {
		return s.warnOfMode(s.config.Data)
	}
	store, err := bolt.Open(s.config.Data, bolt.Options{})
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	s.store = store
	s.closers = append(s.closers, store.Close)
	return s.warnOfMode(s.config.Data)
}

// openFolder reads the policies of a folder, and follows its changes.
func (s *server) openFolder(ctx context.Context) error {
	if s.config.Policies == "" {
		return nil
	}
	store, err := folder.Open(ctx, folder.Options{
		Dir: s.config.Policies, Limits: s.config.Limits.PDP(), Log: s.log.Named("folder"), Audit: s.audit,
		Check: func(set *clientpolicyv1.PolicySet, settings *clientpolicyv1.RealmSettings) []*pdp.ConfigError {
			_, problems := s.compiler.Compile(set, settings)
			return problems
		},
	})
	if err != nil {
		return fmt.Errorf("policies: %w", err)
	}
	s.store = store
	s.closers = append(s.closers, store.Close)
	return nil
}

// warnOfMode tells when others can look into the data directory, which it makes
// when it is missing.
func (s *server) warnOfMode(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o077 != 0 {
		s.log.Warn("the data directory is open to others; make it 0700",
			zap.String("data", dir), zap.Stringer("mode", info.Mode().Perm()))
	}
	return nil
}

// openServices compiles every realm of the store.
func (s *server) openServices(ctx context.Context) error {
	if s.store == nil {
		return errors.New("no store is open")
	}
	var endpoints pdp.Ask
	if s.config.Egress == config.EgressAllow {
		reach, closeIdle := ask.New()
		s.closers = append(s.closers, func() error { closeIdle(); return nil })
		endpoints = reach
	}
	o := service.Options{
		Store: s.store, Compiler: s.compiler, Security: s.security, Limits: s.config.Limits.PDP(), Ask: endpoints,
		Log: s.log.Named("service"), Version: s.version, StorageName: storageBolt, Decisions: s.decisions,
		AuditLog: s.records, Audit: s.audit,
	}
	if s.config.Policies != "" {
		o.StorageName = storageFolder
		o.ReadOnly = "policies come from the folder " + s.config.Policies + "; change them there"
	}
	var err error
	if s.services, err = service.New(ctx, o); err != nil {
		return err
	}
	s.closers = append(s.closers, func() error { s.services.Close(); return nil })
	return nil
}

// setHealth says whether decisions are answered.
func (s *server) setHealth(up bool) {
	state := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if up {
		state = grpc_health_v1.HealthCheckResponse_SERVING
	}
	for _, name := range []string{"", clientpolicyv1.PolicyDecisionService_ServiceDesc.ServiceName} {
		s.health.SetServingStatus(name, state)
	}
}
