package server

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/sidegate/sidegate/internal/ask"
	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"github.com/sidegate/sidegate/storage/bolt"
	"go.uber.org/zap"
	"google.golang.org/grpc/health/grpc_health_v1"

	clientpolicyv1 "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// storageName is the name of the storage driver.
const storageName = "bolt"

// openStore opens the data directory: the store and the tokens.
func (s *server) openStore(context.Context) error {
	store, err := bolt.Open(s.config.Data, bolt.Options{})
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	s.store = store
	s.closers = append(s.closers, store.Close)
	s.warnOfMode(s.config.Data)
	tokens, err := auth.OpenTokens(s.config.Data, time.Now)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if err := tokens.Bootstrap(s.config.BootstrapTokenFile, s.log); err != nil {
		return fmt.Errorf("bootstrap-token-file: %w", err)
	}
	s.tokens, s.guard = tokens, auth.NewGuard(tokens, s.log.Named("auth"))
	return nil
}

// warnOfMode tells when others can look into the data directory.
func (s *server) warnOfMode(dir string) {
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o077 != 0 {
		s.log.Warn("the data directory is open to others; make it 0700",
			zap.String("data", dir), zap.Stringer("mode", info.Mode().Perm()))
	}
}

// openServices compiles every realm of the store.
func (s *server) openServices(ctx context.Context) error {
	security, err := profiles.Load(s.config.SecurityProfile)
	if err != nil {
		return fmt.Errorf("security-profile: %w", err)
	}
	registry, err := catalog.Registry()
	if err != nil {
		return err
	}
	compiler, err := pdp.NewCompiler(registry, security.Profiles, security.Policies)
	if err != nil {
		return fmt.Errorf("security-profile %s: %w", security.Name, err)
	}
	var endpoints pdp.Ask
	if s.config.Egress == config.EgressAllow {
		reach, closeIdle := ask.New()
		s.closers = append(s.closers, func() error { closeIdle(); return nil })
		endpoints = reach
	}
	s.services, err = service.New(ctx, service.Options{
		Store: s.store, Compiler: compiler, Security: security, Limits: s.config.Limits.PDP(), Ask: endpoints,
		Log: s.log.Named("service"), Version: s.version, StorageName: storageName,
	})
	if err != nil {
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
