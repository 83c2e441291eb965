package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/decisionlog"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"github.com/sidegate/sidegate/storage"
)

// Options are what the services need. Members are required unless said otherwise.
type Options struct {
	// Store keeps the realms. It stays the caller's to close, after Services.Close.
	Store storage.Store
	// Compiler makes realms from policy sets.
	Compiler *pdp.Compiler
	// Security is the security profile that the compiler was made with.
	Security *profiles.SecurityProfile
	// Limits are the bounds on input.
	Limits pdp.Limits
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// NewID makes ids of decisions, each unlike all others; random when nil.
	NewID func() string
	// Ask reaches the endpoints that configurations name; nil makes a fault of them.
	Ask pdp.Ask
	// Log takes what operators must know.
	Log *zap.Logger
	// Version is the version of the binary; it may be empty.
	Version string
	// StorageName is the name of the storage driver, such as `bolt`; it may be empty.
	StorageName string
	// Features are names of features that the caller adds; it may be empty.
	Features []string
	// Decisions keeps decisions; nil keeps none. It stays the caller's to close, after
	// Services.Close.
	Decisions *decisionlog.Log
	// AuditLog is where audit records are read; nil means Decisions.
	AuditLog *decisionlog.Log
	// Audit takes what administrators did; nil when nobody wants to know. It must
	// not block and may keep the record.
	Audit func(*pb.AuditRecord)
	// ReadOnly, when not empty, refuses every write with READ_ONLY and says why and
	// where policies are changed instead.
	ReadOnly string
}

// Services are the RPCs of clientpolicy.v1 over a store. All methods may be
// called concurrently.
type Services struct {
	store    storage.Store
	compiler *pdp.Compiler
	limits   pdp.Limits
	now      func() time.Time
	newID    func() string
	ask      pdp.Ask
	log      *zap.Logger
	readOnly string
	kept     *decisionlog.Log
	audited  *decisionlog.Log
	audit    func(*pb.AuditRecord)

	globals   *globals
	catalogue *catalogue
	broken    *pdp.Realm // answers for faulty realms
	realms    *realms
	about     about

	stop    context.CancelFunc
	running sync.WaitGroup

	watching watches

	// following ends when streams that have no end of their own do.
	following  context.Context //nolint:containedctx // it outlives no call, and is watched by all
	endStreams context.CancelFunc
}

// New loads and compiles every realm of the store and follows its changes until
// Close. A realm that cannot be loaded or compiled is logged and answers every
// event with a fault; only a store that cannot be listed is an error.
func New(ctx context.Context, o Options) (*Services, error) {
	s, err := newServices(o)
	if err != nil {
		return nil, err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	// The watch begins before the realms are read, so that no change is missed.
	heads, err := o.Store.Watch(background)
	if err != nil {
		stop()
		return nil, fmt.Errorf("watch store: %w", err)
	}
	if err := s.loadAll(ctx); err != nil {
		stop()
		return nil, err
	}
	s.running.Go(func() { s.follow(background, heads) })
	return s, nil
}

func newServices(o Options) (*Services, error) {
	switch {
	case o.Store == nil, o.Compiler == nil, o.Security == nil, o.Log == nil:
		return nil, errors.New("services need a store, a compiler, a security profile and a log")
	case o.Limits == (pdp.Limits{}):
		return nil, errors.New("services need limits; pdp.DefaultLimits has some")
	}
	s := &Services{
		store: noting{o.Store}, compiler: o.Compiler, limits: o.Limits, now: o.Now, newID: o.NewID, ask: o.Ask, log: o.Log,
		readOnly: o.ReadOnly, kept: o.Decisions, audited: cmp.Or(o.AuditLog, o.Decisions), audit: o.Audit, realms: newRealms(), about: newAbout(o),
	}
	s.following, s.endStreams = context.WithCancel(context.Background())
	if s.now == nil {
		s.now = time.Now
	}
	if s.newID == nil {
		s.newID = newDecisionID
	}
	var err error
	if s.globals, err = newGlobals(o.Security, o.Compiler); err != nil {
		return nil, err
	}
	if s.catalogue, err = newCatalogue(o.Compiler.Registry(), s.globals); err != nil {
		return nil, err
	}
	s.broken, err = newBroken()
	return s, err
}

// Register offers all services.
func (s *Services) Register(r grpc.ServiceRegistrar) {
	s.RegisterDecision(r)
	pb.RegisterRealmServiceServer(r, &realmService{Services: s})
	pb.RegisterPolicyAdminServiceServer(r, &policyAdmin{Services: s})
	pb.RegisterRevisionServiceServer(r, &revisions{Services: s})
	pb.RegisterCatalogueServiceServer(r, &catalogueService{Services: s})
	pb.RegisterDecisionLogServiceServer(r, &decisionLog{Services: s})
	pb.RegisterAuditLogServiceServer(r, &auditLog{Services: s})
	pb.RegisterServerServiceServer(r, &serverService{Services: s})
}

// RegisterDecision offers the decision service alone.
func (s *Services) RegisterDecision(r grpc.ServiceRegistrar) {
	pb.RegisterPolicyDecisionServiceServer(r, &decisions{Services: s})
}

// EndStreams ends all calls that have no end of their own: those that follow
// something. A server calls it when it begins to stop.
func (s *Services) EndStreams() { s.endStreams() }

// Close stops following the store and waits until nothing runs any more. Calls
// under way are not waited for.
func (s *Services) Close() {
	s.endStreams()
	s.stop()
	s.running.Wait()
}
