package decisionlog

import (
	"context"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Unclassified gives tests the fields below a message that have no class, and the
// classes of which there is no field.
func Unclassified() (missing, dead []string) {
	seen := map[protoreflect.FullName]bool{}
	for name, p := range plans {
		for i, c := range p {
			d := descriptors()[name].Fields().Get(i)
			short := protoreflect.FullName(strings.TrimPrefix(string(d.FullName()), protoPackage))
			seen[short] = true
			if c == 0 && !recordItself(d) {
				missing = append(missing, string(short))
			}
		}
	}
	for field := range fields {
		if !seen[field] {
			dead = append(dead, string(field))
		}
	}
	return missing, dead
}

// recordItself reports whether a field is one that build fills by hand.
func recordItself(f protoreflect.FieldDescriptor) bool {
	return f.ContainingMessage().Name() == "LoggedDecision"
}

func descriptors() map[protoreflect.FullName]protoreflect.MessageDescriptor {
	all := map[protoreflect.FullName]protoreflect.MessageDescriptor{}
	var add func(d protoreflect.MessageDescriptor)
	add = func(d protoreflect.MessageDescriptor) {
		if all[d.FullName()] != nil || !ours(d) {
			return
		}
		all[d.FullName()] = d
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			if f.IsMap() {
				f = f.MapValue()
			}
			if f.Message() != nil {
				add(f.Message())
			}
		}
	}
	add((*pb.EvaluateRequest)(nil).ProtoReflect().Descriptor())
	add((*pb.LoggedDecision)(nil).ProtoReflect().Descriptor())
	return all
}

// Classes gives tests the class of each member, as the documentation calls it.
func Classes() map[string]string {
	all := map[string]string{}
	for field, c := range fields {
		all[string(field)] = classNames[c]
	}
	return all
}

var classNames = map[class]string{
	nested: "nested", plain: "plain", name: "name", flag: "flag", fact: "fact", uri: "uri", thumbprint: "thumbprint", number: "number",
	address: "address", clientID: "client", userID: "user", audience: "audience", challenge: "challenge",
	presence: "presence", prose: "prose", removed: "removed", never: "never", parameters: "parameters", attributes: "attributes",
	assertionClaims: "assertion claims", objectClaims: "object claims", tokenClaims: "token claims", documentMembers: "document members",
	confirmation: "confirmation", clientValue: "client value",
}

// SetMaxSize gives tests a disk that is full.
func (l *Log) SetMaxSize(n int) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.file.db.MaxSize = n
}

// CleanURI gives fuzz tests cleanURI.
func CleanURI(s string) (string, bool) { return cleanURI(s, func(string) {}) }

// CleanProse gives fuzz tests cleanProse.
func CleanProse(s string) string { return cleanProse(s, func(string) {}) }

// Credential gives tests credential.
func Credential(s string) bool { return credential(s) }

// DecodeRecord gives fuzz tests the decoder of records.
func DecodeRecord(realm string, k, record []byte) (*pb.LoggedDecision, error) {
	return decodeDecision(realm, k, record)
}

// Seal gives tests a record with a right checksum.
func Seal(realm string, k, message []byte) []byte { return seal(realm, k, message) }

// DecisionID gives fuzz tests decisionID.
func DecisionID(message []byte) string { return decisionID(message) }

// InSample gives tests inSample.
func InSample(id string, share float64) bool { return inSample(id, share) }

// Pseudonym gives tests the pseudonym of a client or a user.
func (l *Log) Pseudonym(user bool, realm, id string) string {
	if user {
		return l.pseudonyms.of(kindUser, realm, id)
	}
	return l.pseudonyms.of(kindClient, realm, id)
}

// QueueBounds gives tests the bounds of the queue and of a follower.
const (
	MaxQueueAudits = maxQueueAudits
	FollowerBuffer = followerBuffer
)

// Queue is the queue of a log, for tests of its own.
type Queue struct{ q *queue }

// NewQueue makes a queue.
func NewQueue(greatest int) Queue { return Queue{newQueue(greatest)} }

// Wait is queue.wait with a message of so many bytes.
func (q Queue) Wait(ctx context.Context, size int) error {
	return q.q.wait(ctx, pending{realm: "master", message: make([]byte, size)})
}

// Offer is queue.offer with a message of so many bytes.
func (q Queue) Offer(size int) bool {
	return q.q.offer(pending{realm: "master", message: make([]byte, size)})
}

// Take returns how many decisions a batch takes, and what was lost before each.
func (q Queue) Take() (lost []int64) {
	b := q.q.take()
	for _, p := range b.decisions {
		lost = append(lost, p.lost)
	}
	q.q.settle(len(b.decisions))
	return lost
}

// Close is queue.close, Flush queue.flush, SetDown queue.setDown.
func (q Queue) Close()                          { q.q.close() }
func (q Queue) Flush(ctx context.Context) error { return q.q.flush(ctx) }
func (q Queue) SetDown(err error)               { q.q.setDown(err) }

// Retain runs retention once, as the writer does when nothing is written.
func (l *Log) Retain() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.retain(1 << 20)
}

// Reopen opens the file anew, as after a commit with an unknown outcome.
func (l *Log) Reopen() error { return l.file.reopen() }
