package gateway

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/sidegate/sidegate/pdp"
)

const updateMask = protoreflect.Name("update_mask")

// query is a query that was checked.
type query struct {
	// encoded is what the generated handler reads: all parameters but the mask.
	encoded string
	mask    *fieldmaskpb.FieldMask
	// masked reports whether the query had a mask.
	masked bool
}

// askable reports whether a field can be a query parameter.
func askable(fd protoreflect.FieldDescriptor) bool {
	if fd.IsList() || fd.IsMap() {
		return false
	}
	switch fd.Kind() {
	case protoreflect.BoolKind, protoreflect.StringKind, protoreflect.Int32Kind, protoreflect.Int64Kind:
		return true
	}
	return fd.Name() == updateMask
}

// patches reports whether the route has an update mask.
func (r *route) patches() bool {
	return slices.ContainsFunc(r.query, func(fd protoreflect.FieldDescriptor) bool { return fd.Name() == updateMask })
}

// parameter returns the field of a query parameter, spelled as in JSON.
func (r *route) parameter(name string) protoreflect.FieldDescriptor {
	for _, fd := range r.query {
		if fd.JSONName() == name {
			return fd
		}
	}
	return nil
}

func (r *route) parameters() []string {
	var names []string
	for _, fd := range r.query {
		names = append(names, fd.JSONName())
	}
	return names
}

// readQuery checks a query; all that is wrong with it is reported at once.
func (r *route) readQuery(raw string) (query, *problem) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return query{}, invalid(violation{Description: "the query is not well-formed: it holds a bare ; or a broken percent-encoding"})
	}
	var q query
	var wrong []violation
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if text := r.readParameter(&q, name, values[name]); text != "" {
			wrong = append(wrong, violation{Field: name, Description: text})
		}
	}
	if len(wrong) > 0 {
		return query{}, invalid(wrong[:min(len(wrong), 20)]...)
	}
	values.Del("updateMask")
	q.encoded = values.Encode()
	return q, nil
}

// readParameter returns what is wrong with a parameter.
func (r *route) readParameter(q *query, name string, values []string) string {
	fd := r.parameter(name)
	if fd == nil {
		return r.unknownParameter(name)
	}
	if len(values) > 1 {
		return fmt.Sprintf("query parameter %s was sent %d times; send it once", name, len(values))
	}
	if fd.Name() == updateMask {
		var text string
		q.mask, text = queryMask(r.document, values[0])
		q.masked = true
		return text
	}
	return fault(fd, values[0])
}

func (r *route) unknownParameter(name string) string {
	known := r.parameters()
	if len(known) == 0 {
		return fmt.Sprintf("unknown query parameter %q; this path takes none", name)
	}
	return fmt.Sprintf("unknown query parameter %q%s", name, pdp.Suggest(name, known))
}

// fault returns what is wrong with the value of a parameter.
func fault(fd protoreflect.FieldDescriptor, value string) string {
	name := fd.JSONName()
	switch fd.Kind() {
	case protoreflect.BoolKind:
		if value != "true" && value != "false" {
			return fmt.Sprintf("query parameter %s: expected true or false, such as %s=true", name, name)
		}
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		bits := 64
		if fd.Kind() == protoreflect.Int32Kind {
			bits = 32
		}
		if n, err := strconv.ParseInt(value, 10, bits); err != nil || strconv.FormatInt(n, 10) != value {
			return fmt.Sprintf("query parameter %s: expected a whole number of %d bits in digits", name, bits)
		}
	default:
		if !utf8.ValidString(value) {
			return fmt.Sprintf("query parameter %s is not UTF-8; percent-encode its UTF-8 form", name)
		}
	}
	return ""
}
