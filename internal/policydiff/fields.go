package policydiff

import (
	"maps"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
)

// maxPaths is the greatest number of bytes of all pointers.
const maxPaths = 16 << 20

// differ compares documents within its means.
type differ struct {
	// cells and paths are what may still be spent; see maxCells and maxPaths.
	cells, paths int
	// fields are the changes of the document at hand.
	fields []*pb.FieldChange
}

// documents tells which members of a document changed.
func (d *differ) documents(before, after proto.Message) ([]*pb.FieldChange, error) {
	if before == after || proto.Equal(before, after) {
		return nil, nil
	}
	a, err := object(before)
	if err != nil {
		return nil, err
	}
	b, err := object(after)
	if err != nil {
		return nil, err
	}
	d.fields = nil
	d.objects("", a, b)
	if d.paths < 0 && len(d.fields) > 0 {
		d.fields = []*pb.FieldChange{{Before: structpb.NewStructValue(a), After: structpb.NewStructValue(b)}}
	}
	return d.fields, nil
}

// change notes a member that differs; a value that is nil is not there.
func (d *differ) change(path string, before, after *value) {
	if d.paths -= len(path); d.paths < 0 {
		if len(d.fields) > 0 {
			return // the document will be told as a whole
		}
		path = ""
	}
	d.fields = append(d.fields, &pb.FieldChange{Path: path, Before: before, After: after})
}

// values compares two values that are both there.
func (d *differ) values(path string, before, after *value) {
	switch a := before.GetKind().(type) {
	case *structpb.Value_StructValue:
		if b, ok := after.GetKind().(*structpb.Value_StructValue); ok {
			d.objects(path, a.StructValue, b.StructValue)
			return
		}
	case *structpb.Value_ListValue:
		if b, ok := after.GetKind().(*structpb.Value_ListValue); ok {
			d.lists(path, a.ListValue.GetValues(), b.ListValue.GetValues())
			return
		}
	default:
		if proto.Equal(before, after) {
			return
		}
	}
	d.change(path, before, after)
}

func (d *differ) objects(path string, before, after *structpb.Struct) {
	a, b := before.GetFields(), after.GetFields()
	names := slices.AppendSeq(make([]string, 0, len(a)+len(b)), maps.Keys(a))
	for name := range b {
		if _, both := a[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if d.paths < 0 && len(d.fields) > 0 {
			return
		}
		member := path + "/" + pdp.EscapePointer(name)
		was, is := a[name], b[name]
		if was != nil && is != nil {
			d.values(member, was, is)
		} else {
			d.change(member, was, is)
		}
	}
}

// lists compares the elements that belong together, and tells the others.
func (d *differ) lists(path string, before, after []*value) {
	edits, ok := d.align(before, after)
	if !ok {
		d.change(path, structpb.NewListValue(&structpb.ListValue{Values: before}), structpb.NewListValue(&structpb.ListValue{Values: after}))
		return
	}
	for _, e := range edits {
		switch {
		case e.after < 0:
			d.change(element(path, e.before), before[e.before], nil)
		case e.before < 0:
			d.change(element(path, e.after), nil, after[e.after])
		default:
			d.values(element(path, e.after), before[e.before], after[e.after])
		}
	}
}

func element(path string, i int) string { return path + "/" + strconv.Itoa(i) }
