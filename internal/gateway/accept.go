package gateway

import (
	"mime"
	"strconv"
	"strings"
)

// preference is how much a caller wants a type: by its weight, and among equal
// ones by how exactly it was named.
type preference struct {
	weight float64
	exact  int
}

func (p preference) above(other preference) bool {
	if p.weight != other.weight {
		return p.weight > other.weight
	}
	return p.exact > other.exact
}

// choose returns the form that an Accept header wants most, the first of equal
// ones; nil when it wants none. A header that is absent, or of which nothing can
// be understood, wants the first.
func choose(accept string, forms []*form) *form {
	ranges := mediaRanges(accept)
	if len(ranges) == 0 {
		return forms[0]
	}
	var best preference
	var chosen *form
	for _, f := range forms {
		for _, media := range f.asked {
			if p := prefer(ranges, media); p.weight > 0 && (chosen == nil || p.above(best)) {
				best, chosen = p, f
			}
		}
	}
	return chosen
}

// mediaRanges reads an Accept header into weights by type (RFC 9110 section
// 12.5.1). Parameters besides the weight, such as a character set, do not count.
func mediaRanges(accept string) map[string]float64 {
	ranges := map[string]float64{}
	for element := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(element)
		if err != nil || !strings.Contains(media, "/") {
			continue
		}
		weight := 1.0
		if q, weighed := params["q"]; weighed {
			// RFC 9110 section 12.4.2: from 0 to 1.
			if weight, err = strconv.ParseFloat(q, 64); err != nil || !(weight >= 0 && weight <= 1) {
				continue
			}
		}
		ranges[media] = max(ranges[media], weight)
	}
	return ranges
}

// prefer returns the preference for a type: that of the range that names it most
// exactly.
func prefer(ranges map[string]float64, media string) preference {
	family, _, _ := strings.Cut(media, "/")
	for i, name := range []string{media, family + "/*", "*/*"} {
		if weight, named := ranges[name]; named {
			return preference{weight, -i}
		}
	}
	return preference{}
}
