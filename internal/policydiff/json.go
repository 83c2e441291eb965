package policydiff

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
)

// item is a profile or a policy.
type item interface {
	*pb.Profile | *pb.Policy
	proto.Message
	GetName() string
}

// outputOnly are the members of documents that the server makes, and the one that
// JSON shows as an empty list.
var outputOnly = map[protoreflect.Name]bool{
	"global": true, "etag": true, "update_time": true, "author": true, "revision": true, "warnings": true, "available": true,
	"empty_members": true,
}

// object is a document as JSON, without output-only members. Configurations are
// shared with it.
func object(doc proto.Message) (*structpb.Struct, error) {
	s, err := members(doc.ProtoReflect(), outputOnly)
	if p, ok := doc.(*pb.Profile); ok && err == nil && len(p.GetExecutors()) == 0 && len(p.GetEmptyMembers()) > 0 {
		s.Fields["executors"] = structpb.NewListValue(&structpb.ListValue{})
	}
	return s, err
}

// members is a message as JSON, as protojson writes it. Going by way of its text
// would take five times as long.
func members(m protoreflect.Message, without map[protoreflect.Name]bool) (*structpb.Struct, error) {
	s := &structpb.Struct{Fields: make(map[string]*value, m.Descriptor().Fields().Len())}
	var failed error
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if without[f.Name()] {
			return true
		}
		s.Fields[f.JSONName()], failed = member(f, v)
		return failed == nil
	})
	return s, failed
}

func member(f protoreflect.FieldDescriptor, v protoreflect.Value) (*value, error) {
	if !f.IsList() {
		return single(f, v)
	}
	list := &structpb.ListValue{Values: make([]*value, v.List().Len())}
	var err error
	for i := range list.Values {
		if list.Values[i], err = single(f, v.List().Get(i)); err != nil {
			return nil, err
		}
	}
	return structpb.NewListValue(list), nil
}

func single(f protoreflect.FieldDescriptor, v protoreflect.Value) (*value, error) {
	switch f.Kind() {
	case protoreflect.StringKind:
		return structpb.NewStringValue(v.String()), nil
	case protoreflect.BoolKind:
		return structpb.NewBoolValue(v.Bool()), nil
	case protoreflect.Int32Kind:
		return structpb.NewNumberValue(float64(v.Int())), nil
	case protoreflect.EnumKind:
		if known := f.Enum().Values().ByNumber(v.Enum()); known != nil {
			return structpb.NewStringValue(string(known.Name())), nil
		}
		return structpb.NewNumberValue(float64(v.Enum())), nil
	case protoreflect.MessageKind:
		return message(v.Message())
	}
	return nil, fmt.Errorf("member %s is of a kind that no document has", f.FullName())
}

func message(m protoreflect.Message) (*value, error) {
	if s, ok := m.Interface().(*structpb.Struct); ok {
		return structpb.NewStructValue(s), nil
	}
	if strings.HasPrefix(string(m.Descriptor().FullName()), "google.protobuf.") {
		return wellKnown(m)
	}
	s, err := members(m, nil)
	return structpb.NewStructValue(s), err
}

// wellKnown is a duration, which JSON writes as a text.
func wellKnown(m protoreflect.Message) (*value, error) {
	text, err := protojson.Marshal(m.Interface())
	if err != nil {
		return nil, fmt.Errorf("write %s as JSON: %w", m.Descriptor().FullName(), err)
	}
	plain, err := strconv.Unquote(string(text))
	return structpb.NewStringValue(plain), err
}
