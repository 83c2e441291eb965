package cli

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sidegate/sidegate/internal/filter"
	"github.com/spf13/cobra"
)

// span is which entries of a log are shown.
type span struct {
	filter, since, until string
	limit                int
	follow               bool
}

// spanFlags defines them; the filter's keys are told by example.
func (s *span) spanFlags(c *cobra.Command, example string) {
	c.Flags().StringVar(&s.filter, "filter", "", "only those for which all terms hold, such as '"+example+"'")
	c.Flags().StringVar(&s.since, "since", "", "only from then on: a time (RFC 3339), or how long ago, such as 1h or 7d")
	c.Flags().StringVar(&s.until, "until", "", "only before then")
}

// listFlags defines what a list takes besides.
func (s *span) listFlags(c *cobra.Command) {
	c.Flags().IntVar(&s.limit, "limit", 50, "greatest number, newest first; 0 means all")
	c.Flags().BoolVar(&s.follow, "follow", false, "show new ones as they come, after those of --since")
}

func (s *span) check(verb string) error {
	switch {
	case s.limit < 0:
		return usage("%s: --limit: expected 0 or more, got %d", verb, s.limit)
	case s.follow && s.until != "":
		return usage("%s: --follow shows what is to come; leave out --until", verb)
	}
	return nil
}

// terms is the whole filter, with what else must hold.
func (s *span) terms(verb string, now time.Time, more ...filter.Term) (string, error) {
	var all []string
	if s.filter != "" {
		all = append(all, s.filter)
	}
	for _, t := range []filter.Term{{Key: "since", Value: s.since}, {Key: "until", Value: s.until}} {
		if t.Value == "" {
			continue
		}
		at, err := instant(t.Value, now)
		if err != nil {
			return "", usage("%s: --%s: %w", verb, t.Key, err)
		}
		more = append(more, filter.Term{Key: t.Key, Value: at})
	}
	if len(more) > 0 {
		all = append(all, filter.Join(more...))
	}
	return strings.Join(all, " AND "), nil
}

// instant reads a time, or how long ago it was.
func instant(s string, now time.Time) (string, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC().Format(time.RFC3339Nano), nil
	}
	ago, err := duration(s)
	if err != nil || ago < 0 {
		return "", usage("expected a time such as %s, or how long ago, such as 90m or 7d, got %q", now.UTC().Format(time.RFC3339), s)
	}
	return now.Add(-ago).UTC().Format(time.RFC3339Nano), nil
}

// days is a flag with a duration in which days are known.
type days time.Duration

// Set implements pflag.Value.
func (d *days) Set(s string) error {
	v, err := duration(s)
	*d = days(v)
	return err
}

// String implements pflag.Value.
func (d *days) String() string { return time.Duration(*d).String() }

// Type implements pflag.Value.
func (d *days) Type() string { return "duration" }

// duration reads a duration, in which days are known too.
func duration(s string) (time.Duration, error) {
	wrong := fmt.Errorf("expected a duration such as 90m, 12h or 7d, got %q", s)
	var sum time.Duration
	if count, rest, found := strings.Cut(s, "d"); found {
		n, err := time.ParseDuration(count + "h")
		if err != nil || n > math.MaxInt64/48 || n < 0 {
			return 0, wrong
		}
		if sum, s = 24*n, rest; s == "" {
			return sum, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d > math.MaxInt64-sum {
		return 0, wrong
	}
	return sum + d, nil
}
