package gateway

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/sidegate/sidegate/internal/gateway/strictjson"
)

// outputOnly names the members of documents that are ignored when sent back.
var outputOnly = map[protoreflect.Name]bool{
	"etag": true, "revision": true, "update_time": true, "author": true, "warnings": true, "global": true, "available": true,
}

// group reports whether a field is an object of members, which a mask can name.
func group(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && !fd.IsList() && !fd.IsMap() && fd.Message().FullName().Parent() != "google.protobuf"
}

// queryMask reads a mask of JSON names, such as `settings.omittedFacts`.
func queryMask(d protoreflect.MessageDescriptor, value string) (*fieldmaskpb.FieldMask, string) {
	if value == "" {
		return nil, "query parameter updateMask is empty; name the members to change, or leave it out to change those sent"
	}
	mask := &fieldmaskpb.FieldMask{}
	for path := range strings.SplitSeq(value, ",") {
		converted, text := maskPath(d, path)
		if text != "" {
			return nil, fmt.Sprintf("query parameter updateMask: path %q: %s", path, text)
		}
		if !slices.Contains(mask.Paths, converted) {
			mask.Paths = append(mask.Paths, converted)
		}
	}
	return mask, ""
}

// maskPath converts a path of JSON names, one or two of them, to field names.
func maskPath(d protoreflect.MessageDescriptor, path string) (converted, fault string) {
	outer, inner, nested := strings.Cut(path, ".")
	fd, hint := strictjson.Member(d, outer)
	if fd == nil {
		return "", fmt.Sprintf("unknown member %q%s", outer, hint)
	}
	if !nested {
		return string(fd.Name()), ""
	}
	if !group(fd) {
		return "", fmt.Sprintf("member %q is replaced whole; name it alone", outer)
	}
	member, hint := strictjson.Member(fd.Message(), inner)
	switch {
	case strings.Contains(inner, "."):
		return "", "a mask goes no deeper than one member of " + outer
	case member == nil:
		return "", fmt.Sprintf("unknown member %q%s", inner, hint)
	}
	return string(fd.Name()) + "." + string(member.Name()), ""
}

// sentMask returns the mask of the members that a body sends, null and empty ones
// included, nil when there are none. An object changes the members that it holds,
// so an empty one changes nothing. Members that are output only are left out, and
// so is the name, when it is the one in the path. The body was checked.
func sentMask(body []byte, d protoreflect.MessageDescriptor, item string) *fieldmaskpb.FieldMask {
	s := sent{dec: jsontext.NewDecoder(bytes.NewBuffer(body)), item: item}
	s.members(d, "", true)
	if len(s.paths) == 0 {
		return nil
	}
	slices.Sort(s.paths)
	return &fieldmaskpb.FieldMask{Paths: s.paths}
}

// sent collects paths.
type sent struct {
	dec   *jsontext.Decoder
	item  string
	paths []string
}

func (s *sent) members(d protoreflect.MessageDescriptor, prefix string, top bool) {
	if tok, err := s.dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return
	}
	for {
		tok, err := s.dec.ReadToken()
		if err != nil || tok.Kind() != '"' {
			return
		}
		fd, _ := strictjson.Member(d, tok.String())
		if fd == nil {
			return
		}
		if top && group(fd) && s.dec.PeekKind() == '{' {
			s.members(fd.Message(), string(fd.Name())+".", false)
			continue
		}
		value, err := s.dec.ReadValue()
		if err != nil {
			return
		}
		if !top || !outputOnly[fd.Name()] && !s.same(fd, value) {
			s.paths = append(s.paths, prefix+string(fd.Name()))
		}
	}
}

// same reports whether a member is the name that the path has already.
func (s *sent) same(fd protoreflect.FieldDescriptor, value jsontext.Value) bool {
	if fd.Name() != "name" || value.Kind() != '"' {
		return false
	}
	name, err := jsontext.AppendUnquote(nil, value)
	return err == nil && string(name) == s.item
}
