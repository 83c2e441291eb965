package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/knadh/koanf/v2"
	"github.com/sidegate/sidegate/pdp"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// OriginDefault is the origin of what nobody set.
const OriginDefault = "default"

// Value is one value in effect.
type Value struct {
	// Key is its name, with dots between the levels of the file; of what comes from
	// the environment only, the name of the variable.
	Key string
	// Node is the value as the file has it; nil when there is none.
	Node *yaml.Node
	// Origin is where it comes from: OriginDefault, `file:line:column`, an
	// environment variable or a flag.
	Origin string
	// Environment tells that the file cannot say it.
	Environment bool
}

// Explain loads the configuration as Load does and returns all values in effect.
// Passwords are not among them, only that there is one.
func Explain(flags *pflag.FlagSet, environ []string) ([]Value, error) {
	l := newLoader()
	c, err := l.load(flags, environ)
	if err != nil {
		return nil, err
	}
	var values []Value
	for i := range keys {
		values = append(values, l.explain(keys[i].name, field(reflect.ValueOf(c), keys[i].name)))
		if keys[i].name == "decision-log.sample" {
			values = append(values, l.explain(samplesKey, reflect.ValueOf(written(c.DecisionLog.Samples))))
		}
	}
	values = append(values,
		l.explain("auth.oidc", reflect.ValueOf(c.Auth.OIDC)),
		l.explain("auth.certificates", reflect.ValueOf(c.Auth.Certificates)),
		l.explain("auth.principals", reflect.ValueOf(c.Auth.Principals)))
	if c.BootstrapUsername != "" {
		values = append(values,
			Value{EnvBootstrapUsername, plain(reflect.ValueOf(c.BootstrapUsername)), EnvBootstrapUsername, true},
			Value{EnvBootstrapPassword, plain(reflect.ValueOf(c.BootstrapPassword.String())), EnvBootstrapPassword, true})
	}
	return values, nil
}

func newLoader() *loader {
	return &loader{origin: map[string]string{}, doubtful: map[string]bool{}, koanf: koanf.New(".")}
}

func (l *loader) explain(name string, v reflect.Value) Value {
	value := Value{Key: name, Origin: l.origin[name]}
	if value.Origin == "" {
		value.Origin = OriginDefault
	}
	if !v.IsZero() || v.CanInt() || v.CanFloat() {
		value.Node = plain(v)
	}
	return value
}

// field is the value of a key in a struct.
func field(v reflect.Value, name string) reflect.Value {
	group, rest, nested := strings.Cut(name, ".")
	v = v.Field(slices.Index(memberNames(v.Type()), group))
	if nested {
		return field(v, rest)
	}
	return v
}

// written turns samples into what is written.
func written(samples []Sample) (list []rawSample) {
	for _, s := range samples {
		raw := rawSample{Realm: s.Realm, Share: &s.Share}
		if s.Event != 0 {
			raw.Event = pdp.EventName(s.Event)
		}
		list = append(list, raw)
	}
	return list
}

// plain returns a value as the file has it; members that are empty are left out.
func plain(v reflect.Value) *yaml.Node {
	if d, ok := v.Interface().(time.Duration); ok {
		return scalarNode("!!str", d.String())
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	switch v.Kind() {
	case reflect.Pointer:
		return plain(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			n.Content = append(n.Content, plain(v.Index(i)))
		}
	case reflect.Struct:
		n.Kind = yaml.MappingNode
		for i, name := range memberNames(v.Type()) {
			if !v.Field(i).IsZero() {
				n.Content = append(n.Content, scalarNode("!!str", name), plain(v.Field(i)))
			}
		}
	case reflect.Map:
		n.Kind = yaml.MappingNode
		names := v.MapKeys()
		slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, name := range names {
			n.Content = append(n.Content, scalarNode("!!str", name.String()), plain(v.MapIndex(name)))
		}
	case reflect.Float64:
		return scalarNode("", strconv.FormatFloat(v.Float(), 'f', -1, 64))
	case reflect.Bool:
		return scalarNode("!!bool", fmt.Sprint(v))
	case reflect.String:
		return scalarNode("!!str", v.String())
	default:
		return scalarNode("!!int", fmt.Sprint(v))
	}
	return n
}

func scalarNode(tag, text string) *yaml.Node {
	n := &yaml.Node{}
	if tag == "!!str" {
		n.SetString(text)
		return n
	}
	n.Kind, n.Tag, n.Value = yaml.ScalarNode, tag, text
	return n
}
