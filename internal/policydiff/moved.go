package policydiff

import "slices"

// movedOf tells which of the documents on both sides stand at another place among
// them. The others are a longest line of documents in the same order on both sides;
// of several such lines the one is taken whose names come first, so that the choice
// is the same from either side. Pairs come in the order of after.
func movedOf(pairs []pair) map[string]bool {
	length := chains(pairs)
	longest := 0
	for _, n := range length {
		longest = max(longest, n)
	}
	if longest == len(pairs) {
		return nil
	}
	levels := make([][]int, longest+1)
	for i, n := range length {
		levels[n] = append(levels[n], i)
	}
	moved := make(map[string]bool, len(pairs))
	for _, p := range pairs {
		moved[p.name] = true
	}
	last := pair{before: -1, after: -1}
	for n := longest; n > 0; n-- {
		next := -1
		for _, i := range levels[n] {
			p := pairs[i]
			if p.before > last.before && p.after > last.after && (next < 0 || p.name < pairs[next].name) {
				next = i
			}
		}
		last = pairs[next]
		delete(moved, last.name)
	}
	return moved
}

// chains returns for every pair the length of the longest line that begins with it.
func chains(pairs []pair) []int {
	length := make([]int, len(pairs))
	// heads[n] is the greatest place before of a pair that begins a line of n+1.
	// The places fall.
	var heads []int
	for i := len(pairs) - 1; i >= 0; i-- {
		at := pairs[i].before
		n, _ := slices.BinarySearchFunc(heads, at, func(head, at int) int { return at - head })
		if n == len(heads) {
			heads = append(heads, at)
		} else {
			heads[n] = at
		}
		length[i] = n + 1
	}
	return length
}
