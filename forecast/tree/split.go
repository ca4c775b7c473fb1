package tree

// split is a way to divide the rows of a node.
type split struct {
	feature     int
	bin         uint8 // codes up to it go left
	missingLeft bool
	gain        float64
}

// rule says what a split is worth.
type rule struct {
	least   int64   // rows that each side keeps
	penalty float64 // added to the count of rows of a side (lambda of Chen and Guestrin 2016, equation 7, for hessians of one)
	shift   float64 // added to the gradient of each row: the part of it that the histogram leaves out
	classes bool    // histograms hold counts by class and the gain is that of Gini's index
}

// score is the part of the gain that a side with sum s of n rows contributes (Chen and Guestrin 2016, equation 6).
func (r rule) score(s, n int64) float64 {
	g := float64(s) + r.shift*float64(n)
	return g * g / (float64(n) + r.penalty)
}

// leastGain is the share of the score of the two sides below which a gain is rounding.
const leastGain = 1e-10

// best returns the split of largest gain of a node with histogram h among the features, one histogram per class where there are classes.
// Its gain is zero where there is none. Of equal gains the first counts.
func (r rule) best(h []histogram, m *matrix, features []int) split {
	var out split
	for _, j := range features {
		if r.classes {
			r.scanClasses(h, j, len(m.cuts[j]), &out)
			continue
		}
		r.scan(h[0].feature(j), j, len(m.cuts[j]), &out)
	}
	return out
}

// scan tries the splits of feature j, whose values have the codes 0..last, and improves out.
func (r rule) scan(h *[binsPerFeature]int64, j, last int, out *split) {
	total := h[missing]
	for _, v := range h[:last+1] {
		total += v
	}
	sum, count := unpack(total)
	parent := r.score(sum, count)
	if h[missing] != 0 {
		r.sweep(h, total, parent, j, last+1, false, out)
		r.sweep(h, total, parent, j, last, true, out)
		return
	}
	before := out.gain
	r.sweep(h, total, parent, j, last, false, out)
	if out.gain > before { // nothing was missing: a missing value follows the larger side
		var left int64
		for _, v := range h[:int(out.bin)+1] {
			left += v
		}
		_, n := unpack(left)
		out.missingLeft = 2*n >= count
	}
}

// sweep moves the codes 0..end-1 to the left one by one; missing values are on the left from the start if missingLeft.
func (r rule) sweep(h *[binsPerFeature]int64, total int64, parent float64, j, end int, missingLeft bool, out *split) {
	_, all := unpack(total)
	var left int64
	if missingLeft {
		left = h[missing]
	}
	most, gain, bin := all-r.least, out.gain, -1
	for b, v := range h[:end] {
		if v == 0 {
			continue
		}
		left += v
		s, n := unpack(left)
		if n < r.least {
			continue
		}
		if n > most {
			break
		}
		rest, m := unpack(total - left)
		a, c := float64(s)+r.shift*float64(n), float64(rest)+r.shift*float64(m)
		x, y := float64(n)+r.penalty, float64(m)+r.penalty
		sides := (a*a*y + c*c*x) / (x * y)
		if g := sides - parent; g > gain && g > leastGain*sides {
			gain, bin = g, b
		}
	}
	if bin >= 0 {
		*out = split{feature: j, bin: uint8(bin), missingLeft: missingLeft, gain: gain}
	}
}

// scanClasses is scan for Gini's index: the gain is the sum over classes of squared counts over the rows of each side.
func (r rule) scanClasses(h []histogram, j, last int, out *split) {
	var whole, lost [mostClasses]int64
	for k := range h {
		f := h[k].feature(j)
		_, lost[k] = unpack(f[missing])
		whole[k] = lost[k]
		for _, v := range f[:last+1] {
			_, n := unpack(v)
			whole[k] += n
		}
	}
	total, start := newCounts(whole[:len(h)]), newCounts(lost[:len(h)])
	r.sweepClasses(h, total, newCounts(make([]int64, len(h))), j, last+1, start.n == 0, out)
	if start.n > 0 {
		r.sweepClasses(h, total, start, j, last, false, out)
	}
}

// counts holds the rows of each class, their number and the sum of the squares.
type counts struct {
	by         []int64
	n, squares int64
}

func newCounts(by []int64) counts {
	c := counts{by: by}
	for _, v := range by {
		c.n += v
		c.squares += v * v
	}
	return c
}

// sweepClasses is sweep for counts by class; left is what is on the left from the start and is changed. Where nothing is missing, a
// missing value follows the larger side.
func (r rule) sweepClasses(h []histogram, total, left counts, j, end int, none bool, out *split) {
	missingLeft := left.n > 0
	parent := float64(total.squares) / float64(total.n)
	right := total.squares // of the squares of what is not on the left
	for k, v := range left.by {
		right += v*v - 2*v*total.by[k]
	}
	for b := range end {
		moved := int64(0)
		for k := range h {
			_, n := unpack(h[k].feature(j)[b])
			l := left.by[k]
			left.squares += n * (2*l + n)
			right -= n * (2*(total.by[k]-l) - n)
			left.by[k] += n
			moved += n
		}
		left.n += moved
		rest := total.n - left.n
		if rest < r.least {
			return
		}
		if moved == 0 || left.n < r.least {
			continue
		}
		sides := float64(left.squares)/float64(left.n) + float64(right)/float64(rest)
		if g := sides - parent; g > out.gain && g > leastGain*sides {
			*out = split{feature: j, bin: uint8(b), missingLeft: missingLeft || none && left.n >= rest, gain: g}
		}
	}
}
