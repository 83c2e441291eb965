package decisionlog

import (
	"strconv"

	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

// object copies free JSON.
func (m *masker) object(c class, f protoreflect.FieldDescriptor, src protoreflect.ProtoMessage, dst protoreflect.Message) {
	switch src := src.(type) {
	case *structpb.Struct:
		to := &structpb.Struct{Fields: make(map[string]*structpb.Value, len(src.GetFields()))}
		m.copyMembers(c, src.GetFields(), to.Fields)
		dst.Set(f, protoreflect.ValueOfMessage(to.ProtoReflect()))
	case *structpb.Value:
		if v := m.value(m.target, src); v != nil {
			dst.Set(f, protoreflect.ValueOfMessage(v.ProtoReflect()))
		}
	}
}

// copyMembers copies the members of an object that may be kept.
func (m *masker) copyMembers(c class, src, dst map[string]*structpb.Value) {
	if c == objectClaims {
		m.method = src[oauth.ParamCodeChallengeMethod].GetStringValue()
	}
	for _, key := range sortedKeys(src) {
		m.at(key, func() {
			member := claimClasses[c][key]
			if member == 0 && c == documentMembers && keepName(key) {
				// Its readers ask what is there, and know nothing of omitted members.
				member = presence
			}
			if member == 0 {
				m.member(key)
			}
			if v := m.value(member, src[key]); v != nil {
				dst[key] = v
			}
		})
	}
}

// value returns a JSON value as it may be kept, nil when nothing of it may.
func (m *masker) value(c class, v *structpb.Value) *structpb.Value {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		if s, ok := m.claimText(c, kind.StringValue); ok {
			return structpb.NewStringValue(s)
		}
		return nil
	case *structpb.Value_NumberValue:
		if c == number || c == plain {
			return v
		}
	case *structpb.Value_BoolValue, *structpb.Value_NullValue:
		if keeps(c) {
			return v
		}
	case *structpb.Value_ListValue:
		if keeps(c) && c != confirmation && c != presence && len(kind.ListValue.GetValues()) <= maxClaimItems {
			return m.values(c, kind.ListValue)
		}
	case *structpb.Value_StructValue:
		if c == confirmation {
			to := &structpb.Struct{Fields: map[string]*structpb.Value{}}
			m.copyMembers(c, kind.StructValue.GetFields(), to.Fields)
			return structpb.NewStructValue(to)
		}
	}
	return m.withoutValue(c, v)
}

// keeps reports whether anything of a class is kept.
func keeps(c class) bool { return c != 0 && c != removed && c != never }

// withoutValue leaves a JSON value out, but not that it was there if that is kept.
func (m *masker) withoutValue(c class, v *structpb.Value) *structpb.Value {
	m.walker().json(v)
	if c == presence {
		m.note()
		return structpb.NewStringValue("")
	}
	m.omit()
	return nil
}

func (m *masker) claimText(c class, s string) (string, bool) {
	if !keeps(c) || c == confirmation {
		m.secret(s)
		m.omit()
		return "", false
	}
	return m.scalar(c, s)
}

// values copies a list of JSON values; elements that are no texts are left out.
func (m *masker) values(c class, src *structpb.ListValue) *structpb.Value {
	to := &structpb.ListValue{}
	for i, v := range src.GetValues() {
		m.at(strconv.Itoa(i), func() {
			s, ok := v.GetKind().(*structpb.Value_StringValue)
			if !ok {
				m.walker().json(v)
				m.note()
				return
			}
			to.Values = append(to.Values, structpb.NewStringValue(m.element(c, s.StringValue)))
		})
	}
	return structpb.NewListValue(to)
}
