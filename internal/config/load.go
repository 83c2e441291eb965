package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// ErrInvalid is every error of Load.
var ErrInvalid = errors.New("configuration invalid")

// Problem is one thing wrong with a configuration.
type Problem struct {
	// Place is where the value comes from: `file:line:column`, an environment
	// variable, a flag, or the key itself when it is nowhere.
	Place string
	// Text says what is wrong, what was expected and how to mend it.
	Text string
}

// Error returns place and text.
func (p *Problem) Error() string { return p.Place + ": " + p.Text }

// Is makes the error ErrInvalid.
func (p *Problem) Is(target error) bool { return target == ErrInvalid }

// Problems returns what is wrong, of an error of Load.
func Problems(err error) []*Problem {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var list []*Problem
		for _, e := range joined.Unwrap() {
			list = append(list, Problems(e)...)
		}
		return list
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		return []*Problem{p}
	}
	if err == nil {
		return nil
	}
	return []*Problem{{Place: "configuration", Text: err.Error()}}
}

// ConfigFlag is the flag that names the configuration file.
const ConfigFlag = "config"

// AddFlags defines the flags of all keys.
func AddFlags(flags *pflag.FlagSet) {
	flags.String(ConfigFlag, "", "YAML file with any of the keys below (environment: "+EnvConfig+")")
	for i := range keys {
		k := &keys[i]
		v := &flagValue{key: k}
		if k.preset != nil {
			v.text = format(k.preset)
		}
		flags.Var(v, k.name, k.doc)
	}
}

// flagValue is a flag that is checked with everything else, by Load.
type flagValue struct {
	key  *key
	text string
}

// Set implements pflag.Value.
func (v *flagValue) Set(s string) error {
	v.text = s
	return nil
}

// String implements pflag.Value.
func (v *flagValue) String() string { return v.text }

// Type implements pflag.Value.
func (v *flagValue) Type() string {
	switch v.key.kind {
	case duration:
		return "duration"
	case whole:
		return "int"
	case fraction:
		return "float"
	case texts, numbers:
		return "list"
	default:
		return "string"
	}
}

// Load makes the configuration from parsed flags and the environment
// (`NAME=value` each). The error joins all problems, each a [Problem].
func Load(flags *pflag.FlagSet, environ []string) (Config, error) {
	l := newLoader()
	c, err := l.load(flags, environ)
	if err != nil {
		return Config{}, err
	}
	return c, nil
}

func (l *loader) load(flags *pflag.FlagSet, environ []string) (c Config, err error) {
	l.defaults()
	if path, place := configFile(flags, environ); path != "" {
		l.fromFile(path)
	} else if place != "" {
		l.fail(place, "expected the path of a file, got nothing; leave it out for none")
	}
	l.next()
	l.fromEnvironment(environ)
	l.next()
	l.fromFlags(flags)
	l.next()
	if err := l.decode(&c); err != nil {
		return c, err
	}
	c.DecisionLog.Samples = l.samples(l.raw)
	c.Auth, c.BootstrapUsername, c.BootstrapPassword = l.auth, l.username, l.password
	c.fill()
	l.check(&c)
	return c, errors.Join(l.problems...)
}

// configFile returns the file to read, and what names it.
func configFile(flags *pflag.FlagSet, environ []string) (path, place string) {
	if f := flags.Lookup(ConfigFlag); f != nil && f.Changed {
		return f.Value.String(), "--" + ConfigFlag
	}
	for _, entry := range environ {
		if path, ok := strings.CutPrefix(entry, EnvConfig+"="); ok {
			return path, EnvConfig
		}
	}
	return "", ""
}

// loader collects values, source by source, and what is wrong with them.
type loader struct {
	koanf *koanf.Koanf
	layer layer
	// origin is where the values come from that are no defaults.
	origin   map[string]string
	problems []error
	// doubtful are the keys whose value is wrong; nothing more is said of them.
	doubtful map[string]bool
	// unread tells that there is a file and nothing of it is known.
	unread bool

	// What is not said by keys.
	auth     Auth
	raw      []rawSample
	username string
	password Secret
}

// layer is what one source sets: a koanf.Provider.
type layer map[string]any

// ReadBytes implements koanf.Provider; there are none.
func (layer) ReadBytes() ([]byte, error) { return nil, errors.ErrUnsupported }

// Read implements koanf.Provider.
func (l layer) Read() (map[string]any, error) { return l, nil }

// next lays what was collected over the sources before.
func (l *loader) next() {
	if err := l.koanf.Load(l.layer, nil); err != nil {
		l.problems = append(l.problems, err)
	}
	l.layer = nil
}

func (l *loader) fail(place, format string, args ...any) {
	l.problems = append(l.problems, &Problem{Place: place, Text: fmt.Sprintf(format, args...)})
}

// bad says what is wrong with the value of a key, or with one part of it.
func (l *loader) bad(name, format string, args ...any) {
	l.doubtful[name] = true
	l.fail(l.place(name), format, args...)
}

// set takes the text of a value.
func (l *loader) set(k *key, s, place string) {
	l.origin[k.name] = place
	v, err := k.parse(s)
	if err != nil {
		l.bad(k.name, "%s: %v", k.name, err)
		return
	}
	l.put(k, v)
}

func (l *loader) put(k *key, v any) {
	if l.layer == nil {
		l.layer = layer{}
	}
	group, name, nested := strings.Cut(k.name, ".")
	if !nested {
		l.layer[k.name] = v
		return
	}
	in, _ := l.layer[group].(map[string]any)
	if in == nil {
		in = map[string]any{}
		l.layer[group] = in
	}
	in[name] = v
}

func (l *loader) defaults() {
	for i := range keys {
		if k := &keys[i]; k.preset != nil {
			l.put(k, k.preset)
		}
	}
	l.next()
}

func (l *loader) fromFlags(flags *pflag.FlagSet) {
	flags.Visit(func(f *pflag.Flag) {
		if k := find(f.Name); k != nil {
			l.set(k, f.Value.String(), "--"+f.Name)
		}
	})
}

// decode fills the struct. A key without a field is a mistake of this package,
// and found here too.
func (l *loader) decode(c *Config) error {
	return l.koanf.UnmarshalWithConf("", c, koanf.UnmarshalConf{
		DecoderConfig: &mapstructure.DecoderConfig{ErrorUnused: true, Result: c},
	})
}
