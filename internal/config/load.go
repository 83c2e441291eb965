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

// ConfigFlag is the flag that names the configuration file.
const ConfigFlag = "config"

// AddFlags defines the flags of all keys.
func AddFlags(flags *pflag.FlagSet) {
	flags.String(ConfigFlag, "", "YAML file with any of the keys below (environment: "+EnvConfig+")")
	for i := range keys {
		k := &keys[i]
		v := &flagValue{key: k}
		if k.preset != nil {
			v.text = fmt.Sprint(k.preset)
		}
		flags.Var(v, k.name, k.doc)
	}
}

// flagValue is a flag that is checked as soon as it is read.
type flagValue struct {
	key  *key
	text string
}

// Set implements pflag.Value.
func (v *flagValue) Set(s string) error {
	_, err := v.key.parse(s)
	v.text = s
	return err
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
	default:
		return "string"
	}
}

// Load makes the configuration from parsed flags and the environment
// (`NAME=value` each). The error joins all problems, each a [Problem].
func Load(flags *pflag.FlagSet, environ []string) (Config, error) {
	l := &loader{origin: map[string]string{}, koanf: koanf.New(".")}
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
	var c Config
	if err := l.decode(&c); err != nil {
		return Config{}, err
	}
	if len(l.problems) == 0 {
		c.fill()
		l.check(&c)
	}
	if err := errors.Join(l.problems...); err != nil {
		return Config{}, err
	}
	return c, nil
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
	koanf    *koanf.Koanf
	layer    layer
	origin   map[string]string
	problems []error
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

// set takes the text of a value.
func (l *loader) set(k *key, s, place string) {
	v, err := k.parse(s)
	if err != nil {
		l.fail(place, "%s: %v", k.name, err)
		return
	}
	l.put(k, v)
	l.origin[k.name] = place
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
