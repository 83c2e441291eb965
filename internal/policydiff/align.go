package policydiff

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	// maxTable is the greatest number of pairs of elements of one list.
	maxTable = 1 << 20
	// maxCells is the greatest number of pairs of elements of all lists.
	maxCells = 1 << 24
)

// edit is an element of either list or of both; -1 means that it is not in the one.
type edit struct{ before, after int }

// weights of elements that belong together.
const (
	sameID    = 2
	sameValue = 3
)

// key is an element as it is compared: its content, and the id of the provider that
// it configures, if it is one.
type key struct{ content, id string }

func keysOf(list []*value) []key {
	keys := make([]key, len(list))
	for i, v := range list {
		// A value that was read from JSON can always be written again.
		content, _ := proto.MarshalOptions{Deterministic: true}.Marshal(v)
		keys[i] = key{string(content), idOf(v)}
	}
	return keys
}

// idOf is the id in an executor of a profile or a condition of a policy.
func idOf(v *value) string {
	members := v.GetStructValue().GetFields()
	for _, name := range []string{"executor", "condition"} {
		if id, ok := members[name].GetKind().(*structpb.Value_StringValue); ok {
			return id.StringValue
		}
	}
	return ""
}

func (k key) weight(other key) int32 {
	switch {
	case k.content == other.content:
		return sameValue
	case k.id != "" && k.id == other.id:
		return sameID
	}
	return 0
}

// align finds out which elements belong together, and returns all that are not
// equal to their counterpart, in order. It reports false when the lists are too
// long for that.
func (d *differ) align(before, after []*value) ([]edit, bool) {
	a, b := keysOf(before), keysOf(after)
	begin := 0
	for begin < len(a) && begin < len(b) && a[begin].content == b[begin].content {
		begin++
	}
	end := 0
	for end < len(a)-begin && end < len(b)-begin && a[len(a)-1-end].content == b[len(b)-1-end].content {
		end++
	}
	a, b = a[begin:len(a)-end], b[begin:len(b)-end]
	cells := (len(a) + 1) * (len(b) + 1)
	if len(a) > maxTable || len(b) > maxTable || cells > maxTable || cells > d.cells {
		return nil, false
	}
	d.cells -= cells
	return offset(walk(a, b), begin), true
}

func offset(edits []edit, by int) []edit {
	for i := range edits {
		if edits[i].before >= 0 {
			edits[i].before += by
		}
		if edits[i].after >= 0 {
			edits[i].after += by
		}
	}
	return edits
}

// walk follows the heaviest alignment. Of several it takes the one that leaves the
// lesser content out first, whichever list that is in.
func walk(a, b []key) []edit {
	best := table(a, b)
	width := len(b) + 1
	var edits []edit
	i, j := 0, 0
	from := edit{} // where the elements begin that have no counterpart
	flush := func() {
		edits = append(edits, gap(a, b, from, edit{i, j})...)
	}
	for i < len(a) && j < len(b) {
		here, w := best[i*width+j], a[i].weight(b[j])
		down, right := best[(i+1)*width+j], best[i*width+j+1]
		switch {
		case w > 0 && here == w+best[(i+1)*width+j+1]:
			flush()
			if w != sameValue {
				edits = append(edits, edit{i, j})
			}
			i, j = i+1, j+1
			from = edit{i, j}
		case here == down && (here != right || a[i].content < b[j].content):
			i++
		default:
			j++
		}
	}
	i, j = len(a), len(b)
	flush()
	return edits
}

// table holds for every pair of places the weight of the best alignment from there.
func table(a, b []key) []int32 {
	width := len(b) + 1
	best := make([]int32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			most := max(best[(i+1)*width+j], best[i*width+j+1])
			if w := a[i].weight(b[j]); w > 0 {
				most = max(most, w+best[(i+1)*width+j+1])
			}
			best[i*width+j] = most
		}
	}
	return best
}

// gap tells of elements without a counterpart: one by one when there are equally
// many on both sides and none has an id, else as removed and added.
func gap(a, b []key, from, to edit) []edit {
	var edits []edit
	n := to.before - from.before
	paired := n == to.after-from.after
	for i := range n {
		paired = paired && a[from.before+i].id == "" && b[from.after+i].id == ""
	}
	for i := from.before; i < to.before; i++ {
		e := edit{i, -1}
		if paired {
			e.after = from.after + i - from.before
		}
		edits = append(edits, e)
	}
	for j := from.after; j < to.after && !paired; j++ {
		edits = append(edits, edit{-1, j})
	}
	return edits
}
