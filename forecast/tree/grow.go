package tree

import "slices"

// grower grows trees on one matrix. Its buffers are reused from tree to tree.
type grower struct {
	m      *matrix
	rule   rule
	leaves int     // the most leaves; 0 for no bound
	class  []uint8 // of each row of the matrix, for a rule with classes; rows are then in order of class
	nk     int     // histograms a node
	// features returns the features to try at a node.
	features func() []int

	entries []int64 // by row of the matrix: what it adds to a histogram
	rows    []int32 // in the order of leaves
	spare   []int32
	packed  []int64
	pool    [][]histogram
}

// part is a node that may be split: its rows are rows[from:to].
type part struct {
	node     int32
	from, to int
	h        []histogram
	split    split
}

// span is where a leaf's rows are in grower.rows.
type span struct{ from, to int }

func newGrower(m *matrix, r rule, leaves, classes int) *grower {
	all := make([]int, m.cols)
	for j := range all {
		all[j] = j
	}
	return &grower{
		m: m, rule: r, leaves: leaves, nk: max(classes, 1), entries: make([]int64, m.rows), features: func() []int { return all },
		spare: make([]int32, m.rows), packed: make([]int64, m.rows),
	}
}

// take returns a histogram for each class, with whatever is in them.
func (g *grower) take() []histogram {
	if n := len(g.pool); n > 0 {
		h := g.pool[n-1]
		g.pool = g.pool[:n-1]
		return h
	}
	h := make([]histogram, g.nk)
	for k := range h {
		h[k] = make(histogram, len(g.m.words))
	}
	return h
}

// count adds up the histogram of rows from..to.
func (g *grower) count(from, to int) []histogram {
	h := g.take()
	rows := g.rows[from:to]
	for k := range h {
		clear(h[k])
	}
	if !g.rule.classes {
		h[0].add(g.m, rows, g.gather(rows))
		return h
	}
	for len(rows) > 0 { // stable divisions keep the rows in order of class
		k := g.class[rows[0]]
		n := 1
		for n < len(rows) && g.class[rows[n]] == k {
			n++
		}
		h[k].add(g.m, rows[:n], g.gather(rows[:n]))
		rows = rows[n:]
	}
	return h
}

// gather returns the entries of the rows, in their order.
func (g *grower) gather(rows []int32) []int64 {
	out := g.packed[:len(rows)]
	for k, i := range rows {
		out[k] = g.entries[i]
	}
	return out
}

// grow grows a tree on g.rows, which it reorders, and returns where each leaf's rows are.
func (g *grower) grow() (tree, []span) {
	var t tree
	spans := make([]span, 0, max(g.leaves, 16))
	leaf := func(p part) {
		t.leaf[p.node] = int32(len(spans))
		spans = append(spans, span{p.from, p.to})
		if p.h != nil {
			g.pool = append(g.pool, p.h)
		}
	}
	t.nodes, t.leaf = append(t.nodes, node{}), append(t.leaf, -1)
	var open []part
	offer := func(p part) {
		if p.h != nil {
			p.split = g.rule.best(p.h, g.m, g.features())
		}
		if p.split.gain > 0 {
			open = append(open, p)
			return
		}
		leaf(p)
	}
	root := part{to: len(g.rows)}
	if g.splittable(root) {
		root.h = g.count(root.from, root.to)
	}
	offer(root)
	for len(open) > 0 && (g.leaves == 0 || len(spans)+len(open) < g.leaves) {
		k := g.next(open)
		p := open[k]
		open = slices.Delete(open, k, k+1)
		left, right := g.divide(&t, p)
		offer(left)
		offer(right)
	}
	for _, p := range open {
		leaf(p)
	}
	return t, spans
}

// next returns which open part to split: the one of largest gain, or the latest where leaves are not bounded, when the order does not
// matter and few histograms are held at a time.
func (g *grower) next(open []part) int {
	if g.leaves == 0 {
		return len(open) - 1
	}
	k := 0
	for i := range open {
		if open[i].split.gain > open[k].split.gain {
			k = i
		}
	}
	return k
}

func (g *grower) splittable(p part) bool { return int64(p.to-p.from) >= 2*g.rule.least }

// divide turns p's node into a split and returns its two sides, with histograms where they may be split further.
func (g *grower) divide(t *tree, p part) (left, right part) {
	at := int32(len(t.nodes))
	n := &t.nodes[p.node]
	n.feature, n.bin, n.kids = uint16(2*p.split.feature), p.split.bin, [2]int32{at, at + 1}
	if p.split.missingLeft {
		n.feature++
	}
	mid := p.from + g.partition(p, *n)
	t.nodes, t.leaf = append(t.nodes, node{}, node{}), append(t.leaf, -1, -1)
	left = part{node: at, from: p.from, to: mid}
	right = part{node: at + 1, from: mid, to: p.to}
	small, large := &left, &right
	if left.to-left.from > right.to-right.from {
		small, large = large, small
	}
	if !g.splittable(*large) {
		g.pool = append(g.pool, p.h)
		return left, right
	}
	small.h = g.count(small.from, small.to)
	large.h = p.h
	for k := range large.h {
		large.h[k].subtract(small.h[k])
	}
	if !g.splittable(*small) {
		g.pool = append(g.pool, small.h)
		small.h = nil
	}
	return left, right
}

// partition moves the rows of p that go left to the front, both sides keeping their order, and returns their number.
func (g *grower) partition(p part, n node) int {
	rows := g.rows[p.from:p.to]
	spare := g.spare[:len(rows)]
	words, at := g.m.words[p.split.feature/octet], 8*(p.split.feature%octet)
	var lost uint8 = missing
	if p.split.missingLeft {
		lost = 0
	}
	l, r := 0, 0
	for _, i := range rows {
		c := uint8(words[i] >> at)
		if c == missing {
			c = lost
		}
		s := n.side(c)
		rows[l], spare[r] = i, i
		l += 1 - s
		r += s
	}
	copy(rows[l:], spare[:r])
	return l
}
