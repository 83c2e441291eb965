package service

import (
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
)

// errStore marks an error of the store that is none of those it names.
var errStore = errors.New("store not usable")

// errBroken is what every event of a faulty realm ends in.
var errBroken = errors.New("the stored policies of this realm cannot be used; " +
	"the server's log and the administration of the realm say why")

// fault is why the stored policies of a realm cannot be used.
type fault struct {
	// problems say what is wrong and where.
	problems []violation
	// cause is the error of the store; nil when the policies were read and do not
	// compile.
	cause error
	// retry tells that the store may be able to read them later.
	retry bool
}

// err is the refusal of everything that needs what could not be read.
func (f *fault) err(realm string) error {
	return fmt.Errorf("%w: realm %q cannot be loaded: %w", errStore, realm, f.cause)
}

// warnings tell whoever reads the realm what is wrong.
func (f *fault) warnings() []*pb.Warning {
	if f == nil {
		return nil
	}
	var list []*pb.Warning
	for _, v := range f.problems[:min(len(f.problems), maxViolations)] {
		list = append(list, &pb.Warning{
			Path:    v.field,
			Message: shorten("every event of this realm is rejected: " + v.problem),
		})
	}
	return list
}

// report logs a realm that became faulty.
func (s *Services) report(realm string, revision int64, f *fault) {
	remedy := "correct these documents, or restore the store from a backup"
	if f.cause != nil {
		remedy = "restore the store from a backup, or delete the realm"
	}
	problems := make([]string, 0, len(f.problems))
	for _, v := range f.problems[:min(len(f.problems), maxViolations)] {
		problems = append(problems, shorten(strings.TrimPrefix(v.field+": "+v.problem, ": ")))
	}
	s.log.Error("realm cannot be used: every event of it is rejected", zap.String("realm", realm),
		zap.Int64("revision", revision), zap.Strings("problems", problems), zap.String("remedy", remedy))
}

// brokenID is the id under which findings and traces show that a realm is faulty.
const brokenID = "sidegate-stored-policies"

type brokenCondition struct{}

// Vote cannot decide, whatever the request.
func (brokenCondition) Vote(*pdp.Request) (pdp.Vote, error) { return 0, errBroken }

// newBroken makes the realm that stands in for one whose policies cannot be used.
// The engine itself makes the answer, as for any fault: REJECT, server_error,
// REASON_FAULT, delivered as the event asks.
func newBroken() (*pdp.Realm, error) {
	registry, err := pdp.NewRegistry([]pdp.ConditionInfo{{
		ID: brokenID, Doc: "Cannot decide: the stored policies cannot be used.", Events: pdp.AllEvents, MayFault: true,
		New: pdp.Configure(func(pdp.NoConfig) (pdp.Condition, error) { return brokenCondition{}, nil }),
	}}, nil)
	if err != nil {
		return nil, err
	}
	compiler, err := pdp.NewCompiler(registry, nil, nil)
	if err != nil {
		return nil, err
	}
	realm, problems := compiler.Compile(&pb.PolicySet{Policies: []*pb.Policy{{
		Name: brokenID, Enabled: proto.Bool(true), Conditions: []*pb.PolicyCondition{{Condition: brokenID}},
	}}}, nil)
	return realm, pdp.JoinErrors(problems)
}
