package calendar

import (
	"cmp"
	"slices"
)

// span says that what is on from a second, inclusive, to another, exclusive, since the Unix epoch.
type span struct {
	from, to int64
	what     int
}

// table answers what is on at a time: on[i] holds from bounds[i] until bounds[i+1].
type table struct {
	bounds []int64
	on     [][]int
}

// edge is where a span begins (by is 1) or ends (-1).
type edge struct {
	at   int64
	what int
	by   int
}

// newTable sweeps over the edges of spans, which may overlap, also with others of the same occasion.
func newTable(spans []span) table {
	edges := make([]edge, 0, 2*len(spans))
	for _, s := range spans {
		edges = append(edges, edge{s.from, s.what, 1}, edge{s.to, s.what, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.what, b.what), cmp.Compare(b.by, a.by))
	})
	var t table
	var now []int // ascending
	depth := map[int]int{}
	for i, e := range edges {
		depth[e.what] += e.by
		k, on := slices.BinarySearch(now, e.what)
		switch {
		case depth[e.what] > 0 && !on:
			now = slices.Insert(now, k, e.what)
		case depth[e.what] == 0 && on:
			now = slices.Delete(now, k, k+1)
		}
		if i+1 < len(edges) && edges[i+1].at == e.at || len(t.on) > 0 && slices.Equal(t.on[len(t.on)-1], now) {
			continue
		}
		t.bounds = append(t.bounds, e.at)
		t.on = append(t.on, slices.Clone(now))
	}
	return t
}

// at returns what is on at second u.
func (t table) at(u int64) []int {
	i, exact := slices.BinarySearch(t.bounds, u)
	if !exact {
		i--
	}
	if i < 0 {
		return nil
	}
	return t.on[i]
}
