package tree

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// booster is a Regressor at work.
type booster struct {
	Regressor
	g        *grower
	rng      *rand.Rand
	residual []int32 // by row of the matrix, in units
	train    int     // rows from here on are held out
	shift    uint    // bits by which residuals are shortened for the histogram
	codes    []uint8
	scratch  []int32
}

// fit boosts trees on the first rows of m, train of them and at least one; the others are held out. r has its defaults.
func (r Regressor) fit(ctx context.Context, m *matrix, y []float64, train int) (*RegressorModel, error) {
	out := &RegressorModel{cuts: m.cuts, unit: unitOf(y)}
	b := newBooster(r, m, max(1, train))
	for i, v := range y {
		b.residual[i] = int32(math.Round(math.Ldexp(v, -out.unit)))
	}
	out.start = b.value(append(b.scratch[:0], b.residual[:b.train]...), 1, 0)
	for i := range b.residual {
		b.residual[i] = lower(b.residual[i], out.start)
	}
	best, kept := b.loss(), 0
	for range r.Trees {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t := b.next()
		out.trees = append(out.trees, t)
		if b.train == m.rows {
			continue
		}
		if l := b.loss(); l < best {
			best, kept = l, len(out.trees)
		} else if len(out.trees) >= kept+r.Patience {
			break
		}
	}
	if b.train < m.rows {
		out.trees = out.trees[:kept:kept]
	}
	return out, nil
}

func newBooster(r Regressor, m *matrix, train int) *booster {
	b := &booster{
		Regressor: r, rng: rand.New(rand.NewPCG(r.Seed, 1)), residual: make([]int32, m.rows), codes: make([]uint8, 2*m.cols),
		scratch: make([]int32, m.rows), train: train,
	}
	rule := rule{least: int64(r.LeastRows), penalty: r.Penalty}
	if r.Probability > 0 { // the gradient is p for rows above and p-1 for others; the histogram counts those above
		rule.shift = r.Probability - 1
	}
	b.g = newGrower(m, rule, r.Leaves, 1)
	for rows := b.train; unitBits+1+bitsOf(rows) > sumBits+int(b.shift); {
		b.shift++
	}
	return b
}

// bitsOf returns the number of bits of n.
func bitsOf(n int) int {
	bits := 0
	for ; n > 0; n >>= 1 {
		bits++
	}
	return bits
}

// unitBits is the number of bits of the largest target.
const unitBits = 27

// unitOf returns the power of two that targets are counted in.
func unitOf(y []float64) int {
	var top float64
	for _, v := range y {
		top = max(top, math.Abs(v))
	}
	_, exp := math.Frexp(top)
	return exp - unitBits
}

// lower returns r - v, at most 8 times the largest target away from zero.
func lower(r, v int32) int32 {
	const limit = 1 << (unitBits + 3)
	return int32(min(max(int64(r)-int64(v), -limit), limit))
}

// next grows a tree, takes its values off the residuals and returns it.
func (b *booster) next() ensembleTree {
	b.gradients()
	b.draw()
	t, spans := b.g.grow()
	out := ensembleTree{tree: t.clip(), values: make([]int32, len(spans))}
	for k, s := range spans {
		rows := b.g.rows[s.from:s.to]
		residuals := b.scratch[:len(rows)]
		for i, row := range rows {
			residuals[i] = b.residual[row]
		}
		v := b.value(residuals, b.Rate, b.Penalty)
		out.values[k] = v
		for _, row := range rows {
			b.residual[row] = lower(b.residual[row], v)
		}
	}
	b.lowerOthers(out)
	return out
}

// gradients fills the entries that histograms add up.
func (b *booster) gradients() {
	residual, entries := b.residual[:b.train], b.g.entries[:b.train]
	if b.Probability == 0 {
		for i, r := range residual {
			entries[i] = pack(int64(r >> b.shift))
		}
		return
	}
	for i, r := range residual {
		above := int64(uint32(-max(r, -math.MaxInt32)) >> 31) // 1 where r > 0
		entries[i] = pack(above)
	}
}

// draw chooses the rows and the features of the next tree.
func (b *booster) draw() {
	b.g.rows = b.g.rows[:0]
	for i := range b.train {
		if b.RowShare == 1 || b.rng.Float64() < b.RowShare {
			b.g.rows = append(b.g.rows, int32(i))
		}
	}
	if b.FeatureShare < 1 {
		features := someFeatures(b.rng, b.g.m.cols, b.FeatureShare)
		b.g.features = func() []int { return features }
	}
}

// someFeatures draws a share of n features, at least one, ascending.
func someFeatures(rng *rand.Rand, n int, share float64) []int {
	out := rng.Perm(n)[:max(1, int(math.Round(share*float64(n))))]
	slices.Sort(out)
	return out
}

// lowerOthers takes the values of t off the residuals of the rows that it was not grown on.
func (b *booster) lowerOthers(t ensembleTree) {
	if len(b.g.rows) == b.g.m.rows {
		return
	}
	grown := make([]bool, b.g.m.rows)
	for _, i := range b.g.rows {
		grown[i] = true
	}
	for i := range grown {
		if !grown[i] {
			b.g.m.doubled(int32(i), b.codes)
			b.residual[i] = lower(b.residual[i], t.values[t.leaf[t.find(b.codes)]])
		}
	}
}

// value returns what rows with these residuals are predicted beyond what they were, times rate. It reorders residuals.
func (b *booster) value(residuals []int32, rate, penalty float64) int32 {
	if len(residuals) == 0 {
		return 0
	}
	if b.Probability > 0 {
		return int32(math.Round(rate * quantileOf(residuals, b.Probability)))
	}
	var sum int64
	for _, r := range residuals {
		sum += int64(r)
	}
	return int32(math.Round(rate * float64(sum) / (float64(len(residuals)) + penalty)))
}

// loss returns the sum of the losses of the rows held out, in units.
func (b *booster) loss() float64 {
	var sum float64
	for _, r := range b.residual[b.train:] {
		v := float64(r)
		switch {
		case b.Probability == 0:
			sum += v * v
		case v > 0:
			sum += b.Probability * v
		default:
			sum -= (1 - b.Probability) * v
		}
	}
	return sum
}
