package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sidegate/sidegate/pdp"
)

func (k *key) expected() string {
	switch {
	case k.kind == duration:
		return fmt.Sprintf("a duration from %v to %v, such as 10s", time.Duration(k.least), time.Duration(k.most))
	case k.kind == whole:
		return fmt.Sprintf("a whole number from %d to %d", k.least, k.most)
	case k.kind == fraction:
		return fmt.Sprintf("a number from %d to %d", k.least, k.most)
	case k.kind == texts:
		return fmt.Sprintf("a list of %d to %d JSON pointers, such as /request/parameters/login_hint", k.least, k.most)
	case k.kind == numbers:
		return fmt.Sprintf("a list of %d to %d numbers from 0 to %d", k.least, k.most, uint32(math.MaxUint32))
	case len(k.options) > 0:
		return "one of " + strings.Join(k.options, ", ")
	default:
		return "a text that is not empty"
	}
}

// list reports whether the key has several values.
func (k *key) list() bool { return k.kind == texts || k.kind == numbers }

// parse reads a value from its text.
func (k *key) parse(s string) (any, error) {
	switch k.kind {
	case duration:
		d, err := time.ParseDuration(s)
		if err != nil || int64(d) < k.least || int64(d) > k.most {
			return nil, k.wrong(s)
		}
		return d, nil
	case whole:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < k.least || n > k.most {
			return nil, k.wrong(s)
		}
		return n, nil
	case fraction:
		return k.parseFraction(s)
	case texts, numbers:
		return k.parseList(strings.Split(s, ","))
	}
	return k.parseText(s)
}

func (k *key) parseText(s string) (any, error) {
	if s == "" || strings.ContainsRune(s, 0) {
		return nil, k.wrong(s)
	}
	if len(k.options) > 0 && !slices.Contains(k.options, s) {
		return nil, fmt.Errorf("%w%s", k.wrong(s), nearest(s, k.options))
	}
	return s, nil
}

// nearest suggests the nearest option, after a message that names them all.
func nearest(s string, options []string) string {
	if near := pdp.Suggest(s, options); strings.HasPrefix(near, "; did you mean") {
		return near
	}
	return ""
}

func (k *key) parseFraction(s string) (any, error) {
	f, err := strconv.ParseFloat(s, 64)
	// Not a number is in no range; neither are the hexadecimal forms of Go.
	if err != nil || strings.ContainsAny(s, "xX_") || !(f >= float64(k.least) && f <= float64(k.most)) {
		return nil, k.wrong(s)
	}
	return f, nil
}

// parseList reads the values of a list, none of which may come twice.
func (k *key) parseList(items []string) (any, error) {
	if n := len(items); int64(n) < k.least || int64(n) > k.most {
		return nil, fmt.Errorf("expected %s, got %d", k.expected(), n)
	}
	seen := map[string]bool{}
	for _, item := range items {
		if seen[item] {
			return nil, fmt.Errorf("%q is given twice", clip(item))
		}
		seen[item] = true
	}
	if k.kind == numbers {
		return k.parseNumbers(items)
	}
	for _, item := range items {
		if err := checkMask(item); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (k *key) parseNumbers(items []string) (any, error) {
	list := make([]uint32, 0, len(items))
	for _, item := range items {
		n, err := strconv.ParseUint(strings.TrimSpace(item), 10, 32)
		if err != nil {
			return nil, k.wrong(item)
		}
		list = append(list, uint32(n))
	}
	slices.Sort(list)
	if len(slices.Compact(slices.Clone(list))) != len(list) {
		return nil, fmt.Errorf("a number is given twice in %q", clip(strings.Join(items, ",")))
	}
	return list, nil
}

// format writes a value as parse reads it.
func format(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []string:
		return strings.Join(v, ",")
	case []uint32:
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(v), " ", ","), "[]")
	default:
		return fmt.Sprint(v)
	}
}
