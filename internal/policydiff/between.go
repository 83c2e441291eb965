package policydiff

import (
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// Realm is one state of a realm. The zero value is the empty realm.
type Realm struct {
	// Settings may be nil, which is as good as empty ones.
	Settings *pb.RealmSettings
	// Profiles in stored order, their names unique.
	Profiles []*pb.Profile
	// Policies in the order of evaluation, their names unique.
	Policies []*pb.Policy
}

// Between tells what changed from before to after: settings, then profiles, then
// policies, each in the order of after, what was removed last. A document that both
// share costs nothing. The error is that of a document that cannot be written as
// JSON.
func Between(before, after Realm) ([]*pb.ItemChange, error) {
	d := &differ{cells: maxCells, paths: maxPaths}
	var changes []*pb.ItemChange
	fields, err := d.documents(settingsOf(before.Settings), settingsOf(after.Settings))
	if err != nil {
		return nil, err
	}
	if len(fields) > 0 {
		changes = append(changes, &pb.ItemChange{
			Kind: pb.ItemChange_KIND_SETTINGS, Type: pb.ItemChange_TYPE_CHANGED, Fields: fields,
		})
	}
	if changes, err = items(d, changes, pb.ItemChange_KIND_PROFILE, before.Profiles, after.Profiles); err != nil {
		return nil, err
	}
	return items(d, changes, pb.ItemChange_KIND_POLICY, before.Policies, after.Policies)
}

func settingsOf(s *pb.RealmSettings) *pb.RealmSettings {
	if s == nil {
		return &pb.RealmSettings{}
	}
	return s
}

// pair is a document that stands on both sides.
type pair struct {
	name          string
	before, after int
}

// items appends what changed of the documents of one kind.
func items[D item](d *differ, changes []*pb.ItemChange, kind pb.ItemChange_Kind, before, after []D) ([]*pb.ItemChange, error) {
	old := make(map[string]int, len(before))
	for i, doc := range before {
		old[doc.GetName()] = i
	}
	pairs := make([]pair, 0, len(after))
	for i, doc := range after {
		if j, there := old[doc.GetName()]; there {
			pairs = append(pairs, pair{doc.GetName(), j, i})
		}
	}
	moved := movedOf(pairs)
	there := make(map[string]bool, len(after))
	for i, doc := range after {
		name := doc.GetName()
		there[name] = true
		j, both := old[name]
		if !both {
			changes = append(changes, &pb.ItemChange{Kind: kind, Type: pb.ItemChange_TYPE_ADDED, Name: name, IndexAfter: index(i)})
			continue
		}
		fields, err := d.documents(before[j], doc)
		if err != nil {
			return nil, err
		}
		if len(fields) > 0 {
			changes = append(changes, &pb.ItemChange{
				Kind: kind, Type: pb.ItemChange_TYPE_CHANGED, Name: name, Fields: fields, IndexBefore: index(j), IndexAfter: index(i),
			})
		}
		if moved[name] {
			changes = append(changes, &pb.ItemChange{
				Kind: kind, Type: pb.ItemChange_TYPE_MOVED, Name: name, IndexBefore: index(j), IndexAfter: index(i),
			})
		}
	}
	for j, doc := range before {
		if !there[doc.GetName()] {
			changes = append(changes, &pb.ItemChange{
				Kind: kind, Type: pb.ItemChange_TYPE_REMOVED, Name: doc.GetName(), IndexBefore: index(j),
			})
		}
	}
	return changes, nil
}

func index(i int) *int32 {
	n := int32(i)
	return &n
}

// value is a JSON value.
type value = structpb.Value
