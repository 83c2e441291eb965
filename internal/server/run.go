package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/sidegate/sidegate/internal/auth"
	"github.com/sidegate/sidegate/internal/auth/login"
	"github.com/sidegate/sidegate/internal/config"
	"github.com/sidegate/sidegate/internal/decisionlog"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"github.com/sidegate/sidegate/storage"
	"go.uber.org/zap"
	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
)

// Options are what a server takes from its process besides the configuration.
type Options struct {
	// Log is where it logs.
	Log *zap.Logger
	// Version is the version of the binary.
	Version string
	// Settings are the values in effect by key, without secrets: what changes
	// between two starts on one data directory is told to the audit stream.
	Settings map[string]string
	// Ready is called once, when the server answers; nil is allowed.
	Ready func(Addresses)
}

// Addresses are where a server listens.
type Addresses struct {
	// Socket is the path of the Unix socket for decisions.
	Socket string
	// Decision is the address for decisions over TCP; nil when there is none.
	Decision net.Addr
	// Admin is the address for administration.
	Admin net.Addr
	// Ops is the address for health.
	Ops net.Addr
}

// Run runs a server until ctx ends or it fails. When it returns, everything is
// closed: what was acknowledged is on disk.
func Run(ctx context.Context, c config.Config, o Options) error {
	s := &server{
		config: c, log: o.Log, version: o.Version, settings: o.Settings, health: health.NewServer(),
		stopping: make(chan struct{}), failed: make(chan error, 1),
	}
	s.setHealth(false)
	err := s.start(ctx)
	if err == nil {
		s.announce(o.Ready)
		err = s.wait(ctx)
	}
	return errors.Join(err, s.stop())
}

// server is one run.
type server struct {
	config   config.Config
	log      *zap.Logger
	version  string
	settings map[string]string

	ops       *ops
	records   *decisionlog.Log
	decisions *decisionlog.Log // records, or nil when no decisions are kept
	security  *profiles.SecurityProfile
	compiler  *pdp.Compiler
	store     storage.Store
	reporter  *auth.Reporter
	guard     *auth.Guard
	login     *login.Server
	services  *service.Services
	health    *health.Server
	decision  []*grpc.Server
	admin     *admin

	addresses Addresses
	// closers run in reverse once nothing answers any more.
	closers []func() error
	// stopping is closed when the server begins to stop.
	stopping chan struct{}
	// failed has the first error of a listener.
	failed  chan error
	serving sync.WaitGroup
}

// start opens everything. What it has opened when it fails, stop closes.
func (s *server) start(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		s.listenOps, s.openData, s.openCompiler, s.openStore, s.openLog, s.openFolder, s.openAuth, s.openServices,
		s.noteSettings, s.listenSocket, s.listenDecision, s.listenAdmin,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *server) listenOps(ctx context.Context) error {
	s.ops = newOps(s.log.Named("ops"))
	l, err := listenTCP(ctx, "ops-addr", s.config.OpsAddr, false)
	if err != nil {
		return err
	}
	s.addresses.Ops = l.Addr()
	s.serve(func() error { return s.ops.serve(bounded(l)) })
	return nil
}

func (s *server) listenSocket(ctx context.Context) error {
	l, err := listenUnix(ctx, s.config.DecisionSocket, socketMode(s.config.SocketUIDs))
	if err != nil {
		return err
	}
	known, err := auth.NewPeerListener(l, s.config.SocketUIDs, s.reporter)
	if err != nil {
		return errors.Join(fmt.Errorf("socket-uids: %w", err), l.Close())
	}
	s.addresses.Socket = s.config.DecisionSocket
	s.serveDecision(known, s.decisionServer(nil))
	return nil
}

func (s *server) listenDecision(ctx context.Context) error {
	if s.config.DecisionAddr == "" {
		return nil
	}
	secure, err := loadTLS("decision", s.config.DecisionTLSCert, s.config.DecisionTLSKey)
	if err != nil {
		return err
	}
	if s.config.DecisionAuth == config.DecisionAuthMTLS {
		if secure, err = auth.TakeCertificates(secure, s.config.DecisionClientCA, true); err != nil {
			return fmt.Errorf("decision-client-ca: %w", err)
		}
	}
	protected := secure != nil && s.config.DecisionAuth != config.DecisionAuthNone
	l, err := listenTCP(ctx, "decision-addr", s.config.DecisionAddr, protected)
	if err != nil {
		return err
	}
	s.addresses.Decision = l.Addr()
	s.serveDecision(l, s.decisionServer(secure))
	return nil
}

func (s *server) serveDecision(l net.Listener, g *grpc.Server) {
	s.decision = append(s.decision, g)
	s.serve(func() error {
		if err := g.Serve(bounded(l)); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			return fmt.Errorf("decisions on %s: %w", l.Addr(), err)
		}
		return nil
	})
}

func (s *server) listenAdmin(ctx context.Context) error {
	secure, err := loadTLS("admin", s.config.AdminTLSCert, s.config.AdminTLSKey)
	if err != nil {
		return err
	}
	if s.config.AdminClientCA != "" {
		if secure, err = auth.TakeCertificates(secure, s.config.AdminClientCA, false); err != nil {
			return fmt.Errorf("admin-client-ca: %w", err)
		}
	}
	a, err := s.newAdmin(secure)
	if err != nil {
		return err
	}
	l, err := listenTCP(ctx, "admin-addr", s.config.AdminAddr, secure != nil)
	if err != nil {
		return errors.Join(err, a.conn.Close())
	}
	s.admin, s.addresses.Admin = a, l.Addr()
	s.serve(func() error { return a.internal.Serve(a.pipe) })
	s.serve(func() error { return a.serve(bounded(l)) })
	return nil
}

// maxConnections bounds the connections of one listener; more of them wait.
const maxConnections = 4096

// bounded keeps callers from using up file descriptors.
func bounded(l net.Listener) net.Listener { return netutil.LimitListener(l, maxConnections) }

// serve runs a listener until it is stopped. The first that fails ends the run.
func (s *server) serve(run func() error) {
	s.serving.Go(func() {
		if err := run(); err != nil {
			select {
			case s.failed <- err:
			default: // another one has failed before
			}
		}
	})
}

// announce tells everybody that the server answers.
func (s *server) announce(ready func(Addresses)) {
	s.setHealth(true)
	s.ops.set(serving)
	fields := []zap.Field{
		zap.String("version", s.version), zap.String("decision-socket", s.addresses.Socket),
		zap.Stringer("admin-addr", s.addresses.Admin), zap.Stringer("ops-addr", s.addresses.Ops),
	}
	if s.addresses.Decision != nil {
		fields = append(fields, zap.Stringer("decision-addr", s.addresses.Decision))
	}
	s.log.Info("ready", fields...)
	if ready != nil {
		ready(s.addresses)
	}
}

func (s *server) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// stop ends everything, in the order in which others depend on it.
func (s *server) stop() error {
	s.log.Info("stopping", zap.Duration("at most", s.config.ShutdownTimeout))
	s.ops.set(stopping)
	close(s.stopping)
	if s.services != nil {
		s.services.EndStreams()
	}
	s.health.Shutdown()
	ctx, cancel := context.WithTimeout(context.Background(), s.config.ShutdownTimeout)
	defer cancel()
	errs := []error{s.stopListeners(ctx)}
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	errs = append(errs, s.ops.close())
	s.serving.Wait()
	s.log.Info("stopped")
	return errors.Join(errs...)
}

// stopListeners stops all listeners at the same time, within one deadline.
func (s *server) stopListeners(ctx context.Context) error {
	var stops sync.WaitGroup
	for _, g := range s.decision {
		stops.Go(func() { stopGRPC(ctx, g) })
	}
	var err error
	if s.admin != nil {
		err = s.admin.stop(ctx)
	}
	stops.Wait()
	return err
}
