package tree

// batchRows is the number of rows that go through a tree together: the bits of a word.
const batchRows = 64

// batch holds, for each feature's code of tree.find and each bin, the set of rows whose code is at most the bin. Rows that agree in most
// features, as the steps of one origin do, then part at few nodes.
type batch struct {
	all  uint64   // all rows
	bins int      // sets of a feature
	upTo []uint64 // by feature and bin
}

// eachBatch calls do with batches of n rows of codes and the number of the first row of each.
func eachBatch(c []cuts, codes []uint8, n int, do func(b *batch, first int)) {
	width := 2 * len(c)
	b := &batch{}
	for _, v := range c {
		b.bins = max(b.bins, len(v)+1)
	}
	b.upTo = make([]uint64, width*b.bins)
	for first := 0; first < n; first += batchRows {
		count := min(batchRows, n-first)
		b.all = ^uint64(0) >> (batchRows - count)
		b.fill(c, codes[first*width:(first+count)*width], width)
		do(b, first)
	}
}

// fill makes the sets of the rows of codes.
func (b *batch) fill(c []cuts, codes []uint8, width int) {
	for f := range width {
		sets := b.upTo[f*b.bins : (f+1)*b.bins][:len(c[f/2])+1]
		clear(sets)
		for i, at := 0, f; at < len(codes); i, at = i+1, at+width {
			if code := codes[at]; code != missing {
				sets[code] |= 1 << i
			}
		}
		for k := 1; k < len(sets); k++ {
			sets[k] |= sets[k-1]
		}
	}
}

// spread sends rows down from a node and calls visit with each leaf that some of them end in.
func (t *tree) spread(at int32, rows uint64, b *batch, visit func(leaf int32, rows uint64)) {
	for t.leaf[at] < 0 {
		n := &t.nodes[at]
		left := rows & b.upTo[int(n.feature)*b.bins+int(n.bin)]
		switch left {
		case rows:
			at = n.kids[0]
		case 0:
			at = n.kids[1]
		default:
			t.spread(n.kids[0], left, b, visit)
			rows &^= left
			at = n.kids[1]
		}
	}
	visit(t.leaf[at], rows)
}
