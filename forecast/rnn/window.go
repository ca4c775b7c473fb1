package rnn

import "math"

const (
	// inputLimit is where inputs and candidates are cut, in spreads of the window; targetLimit is the same for targets, whose influence
	// the pinball loss bounds.
	inputLimit, targetLimit = 8, 20
	// leastSpread, as a share of the level, keeps windows that never change from dividing by zero; floor does it for those of zeros.
	leastSpread, floor = 1e-4, 1e-9
	// noise is the share of the window's standard deviation that is added to the spread of differences.
	noise = 0.02
)

// window is what the network sees of a history at one origin, and how its outputs become a demand.
type window struct {
	z      []float64 // the history; z[n] is the first observation after the origin
	n      int
	clock  clock
	level  float64                  // of the window
	recent float64                  // of its last observations
	wide   float64                  // spread of the values
	narrow float64                  // spread of the differences from a season before: the unit of outputs and targets
	last   float64                  // the weight of the recent level in the base
	weight [mostSeasons]float64     // of each season in the base; all weights sum to one
	shifts [2 * mostSeasons]float64 // per season, by how much the recent level and the level differ from those a season before
}

// at returns z[i], NaN outside.
func at(z []float64, i int) float64 {
	if i < 0 || i >= len(z) {
		return math.NaN()
	}
	return z[i]
}

// mean returns the mean of the observations of z in [from, to), NaN where there is none.
func mean(z []float64, from, to int) float64 {
	var s float64
	n := 0
	for _, v := range z[min(max(from, 0), len(z)):min(max(to, 0), len(z))] {
		if v == v { // not NaN
			s += v
			n++
		}
	}
	return s / float64(n)
}

// meanDifference returns the mean absolute difference between the observations in [from, to) and those lag before, NaN where there is
// none.
func meanDifference(z []float64, from, to, lag int) float64 {
	var s float64
	n := 0
	for i := max(from, lag); i < min(to, len(z)); i++ {
		if d := z[i] - z[i-lag]; d == d {
			s += math.Abs(d)
			n++
		}
	}
	return s / float64(n)
}

// newWindow measures the window of z at origin n, whose latest observation is z[n-1]. It reports false where there is nothing to measure.
func (l layout) newWindow(z []float64, n int, c clock) (window, bool) {
	w := window{z: z, n: n, clock: c, level: mean(z, n-l.level, n), recent: mean(z, n-l.recent, n)}
	from := n - l.window()
	if math.IsNaN(w.level) {
		w.level = mean(z, from, n)
	}
	if math.IsNaN(w.level) {
		return w, false
	}
	if math.IsNaN(w.recent) {
		w.recent = w.level
	}
	var s float64
	count := 0
	for _, v := range z[max(min(from, n-l.level), 0):n] {
		if v == v {
			s += (v - w.level) * (v - w.level)
			count++
		}
	}
	least := leastSpread*w.level + floor
	w.wide = math.Sqrt(s/float64(count)) + least
	w.narrow = w.wide
	w.compare(l)
	w.narrow += noise*w.wide + least
	return w, true
}

// movement returns how far the demand moves over the horizon: the largest of the mean absolute differences over a quarter of it, half of
// it and so on, so that none is taken for small because it is a season. It is NaN where there is none.
func (l layout) movement(z []float64, from, to int) float64 {
	most := math.NaN()
	for i := 1; i <= 4; i++ {
		if d := meanDifference(z, from, to, max(1, i*l.horizon/4)); !(d <= most) && d == d {
			most = d
		}
	}
	return most
}

// compare sets what the window says of the naive forecast and of each season: its weight in the base, in inverse proportion to the square
// of its mean absolute error over the window, and the shifts.
func (w *window) compare(l layout) {
	var sum float64
	weigh := func(d float64) float64 {
		if d != d {
			return 0
		}
		w.narrow = min(w.narrow, d)
		d += noise*w.wide + floor
		sum += 1 / (d * d)
		return 1 / (d * d)
	}
	from := w.n - l.window()
	w.last = weigh(l.movement(w.z, from, w.n))
	for i, s := range l.seasons {
		lag := s.lag(1)
		w.shifts[2*i] = mean(w.z, w.n-l.recent, w.n) - mean(w.z, w.n-lag-l.recent, w.n-lag)
		w.shifts[2*i+1] = mean(w.z, w.n-l.level, w.n) - mean(w.z, w.n-lag-l.level, w.n-lag)
		w.weight[i] = weigh(meanDifference(w.z, from, w.n, lag))
	}
	if sum == 0 {
		w.last, sum = 1, 1
	}
	w.last /= sum
	for i := range w.weight {
		w.weight[i] /= sum
	}
}

// quantum returns v cut to the limit and rounded to a multiple of 2^-16, so that the rounding of float64 arithmetic, which depends on the
// unit of the demand, does not reach the network. A missing v is 0.
func quantum(v, limit float64) float32 {
	if v != v {
		return 0
	}
	const shift = 3 << 35 // of which float64 keeps 16 bits behind the point
	return float32((min(max(v, -limit), limit) + shift) - shift)
}

// readPatches fills the sequence of row k of b, the oldest patch first. A missing observation is 0, which is the level or no difference,
// and counts in the share that is missing.
func (l layout) readPatches(w *window, b *batch, k int) {
	for t := range l.patches {
		out := b.x.row(t*b.batch + k)
		from := w.n - (l.patches-t)*l.patch
		missing := 0
		for j := range l.patch {
			v := at(w.z, from+j)
			if v != v {
				missing++
			}
			out[j] = quantum((v-w.level)/w.wide, inputLimit)
		}
		for i, s := range l.seasons {
			channel := out[(1+i)*l.patch : (2+i)*l.patch]
			lag := s.lag(1)
			for j := range channel {
				channel[j] = quantum((at(w.z, from+j)-at(w.z, from+j-lag))/w.narrow, inputLimit)
			}
		}
		out[len(out)-1] = float32(missing) / float32(l.patch)
	}
}

// readContext fills row k of b's context: the last patch, how the spreads and levels compare, and the time of the first step.
func (l layout) readContext(w *window, b *batch, k int) {
	out := b.context.row(k)
	out = out[copy(out, b.x.row((l.patches-1)*b.batch+k)):]
	out[0] = quantum(math.Log(w.wide/w.narrow), inputLimit)
	out[1] = quantum((w.recent-w.level)/w.narrow, inputLimit)
	out[2] = quantum(w.last, 1)
	out = out[contextInputs:]
	for i := range l.seasons {
		out[0] = quantum(w.weight[i], 1)
		out[1] = quantum(w.shifts[2*i+1]/w.narrow, inputLimit)
		out = out[contextPerSeason:]
	}
	if l.calendar {
		for i, v := range w.clock.phases(w.n) {
			out[i] = quantum(v, 1)
		}
	}
}

// latest returns what was observed at the phase of step h in the latest season that has it, and the mean over several seasons, NaN where
// none has it.
func (s season) latest(w *window, h int) (value, average float64) {
	value = math.NaN()
	var sum float64
	n := 0
	k0 := s.first(h)
	for k := k0; k < k0+s.back; k++ {
		v := at(w.z, w.n-1+h-s.lag(k))
		if v != v {
			continue
		}
		if n == 0 {
			value = v
		}
		sum += v
		n++
	}
	return value, sum / float64(n)
}

// readStep returns the base of step h, which is the weighted mean of the recent level and the latest seasons, and fills out with the
// candidates as differences from it.
func (l layout) readStep(w *window, h int, out []float32) float64 {
	base, total := w.last*w.recent, w.last
	var values [2 * mostSeasons]float64
	for i, s := range l.seasons {
		values[2*i], values[2*i+1] = s.latest(w, h)
		if v := values[2*i]; v == v {
			base += w.weight[i] * v
			total += w.weight[i]
		}
	}
	if base /= total; total == 0 {
		base = w.recent
	}
	put := func(v float64) {
		out[0] = quantum(v/w.narrow, inputLimit)
		out = out[1:]
	}
	for i := range l.seasons {
		put(values[2*i] - base)
		put(values[2*i+1] - base)
		put(w.shifts[2*i])
		put(w.shifts[2*i+1])
	}
	put(w.recent - base)
	put(w.level - base)
	if l.calendar {
		l.readOccasions(w, h, out)
	}
	return base
}

// readOccasions fills out with whether an occasion is on at step h, and at the same phase of the latest season.
func (l layout) readOccasions(w *window, h int, out []float32) {
	out[0], out[1] = 0, 0
	if w.clock.on(w.n - 1 + h) {
		out[0] = 1
	}
	if len(l.seasons) == 0 {
		return
	}
	if s := l.seasons[0]; w.clock.on(w.n - 1 + h - s.lag(s.first(h))) {
		out[1] = 1
	}
}

// readSteps fills the candidates and targets of row k of b: what came after the window, as differences from the base in units of narrow.
func (l layout) readSteps(w *window, b *batch, k int) {
	target, known, candidates := b.target.row(k), b.known.row(k), b.candidates.row(k)
	n := l.candidates()
	for i, h := range l.knots {
		base := l.readStep(w, h, candidates[i*n:(i+1)*n])
		v := at(w.z, w.n+h-1)
		known[i] = 1
		if v != v {
			known[i] = 0
		}
		target[i] = quantum((v-base)/w.narrow, targetLimit)
	}
}
