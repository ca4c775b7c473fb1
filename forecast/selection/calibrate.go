package selection

import (
	"math"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// spreadKind is how the spread of the errors depends on the forecast. Which one holds is chosen by score.
type spreadKind int

const (
	constantSpread spreadKind = iota
	rootSpread                // as the square root of the level, like counts
	levelSpread               // in proportion to the level
	memberSpread              // in proportion to the members' own 80 % intervals
	spreadKinds
)

// levelFloor keeps the spread of rootSpread and levelSpread from vanishing: the share of the mean forecast below which the level does
// not count as lower.
const levelFloor = 0.1

// memberFloor does the same for memberSpread.
const memberFloor = 0.02

// calibration turns the combination's median and spread into calibrated quantiles.
type calibration struct {
	kind  spreadKind
	floor float64
	// least is the standard deviation of a normal error that is added to all others.
	least  float64
	normal forecast.Grid
	// sigma[h] is the mean absolute error of step h+1 over the spread, smoothed over neighbouring steps.
	sigma []float64
	// shape[b] holds the errors of bucket b over spread and sigma as quantiles.
	shape []forecast.Grid
	// order[h] lists the origins by their error at step h+1, smallest first: the dependence between steps that sample paths keep.
	order [][]uint16
	// window is the number of steps that the rolling origins were spread over.
	window int
}

// said is the combination's median and its distances to the 90 % and 10 % quantiles, at one origin and step.
type said struct{ mid, up, down float64 }

// combine blends what the members said at the rolling origins.
func combine(r *rolling, w weights) [][]said {
	share := make([][]float64, len(r.members))
	for i := range share {
		share[i] = make([]float64, r.reach)
		for h := range r.reach {
			share[i][h] = w.at(i, h+1)
		}
	}
	out := make([][]said, len(r.at))
	for o := range out {
		out[o] = make([]said, r.reach)
		for i := range r.members {
			for h := range r.reach {
				if s := share[i][h]; s > 0 {
					out[o][h].mid += s * r.mid[i][o][h]
					out[o][h].up += s * (r.high[i][o][h] - r.mid[i][o][h])
					out[o][h].down += s * (r.mid[i][o][h] - r.low[i][o][h])
				}
			}
		}
	}
	return out
}

// spread returns the divisor that makes errors alike, for errors above or below the median.
func (k spreadKind) spread(s said, above bool, floor float64) float64 {
	switch k {
	case rootSpread:
		return math.Sqrt(max(s.mid, floor))
	case levelSpread:
		return max(s.mid, floor)
	case memberSpread:
		if above {
			return max(s.up, memberFloor*floor)
		}
		return max(s.down, memberFloor*floor)
	default:
		return 1
	}
}

// choiceOrigins is the number of rolling origins on which the kind of spread is chosen, orderOrigins that of the error paths that are kept.
const (
	choiceOrigins = 64
	orderOrigins  = 128
)

// calibrate measures the combination's errors on the rolling origins.
func calibrate(r *rolling, f [][]said) *calibration {
	some, said := r.thinned(f, choiceOrigins)
	best, bestScore := constantSpread, math.Inf(1)
	for k := range spreadKinds {
		if s := crossScore(some, said, k, nil); s.quantile < bestScore {
			best, bestScore = k, s.quantile
		}
	}
	c := measure(r, f, best, make([]bool, len(r.at)))
	some, said = r.thinned(f, orderOrigins)
	c.order = errorOrder(some, said, c)
	return c
}

// standard returns the error of s when y came, over its spread.
func (c *calibration) standard(s said, y float64) float64 {
	return (y - s.mid) / c.kind.spread(s, y > s.mid, c.floor)
}

// measure calibrates on the origins that are not held out.
func measure(r *rolling, f [][]said, kind spreadKind, held []bool) *calibration {
	c := &calibration{window: r.at[len(r.at)-1] - r.at[0] + r.reach, kind: kind, floor: floorOf(f), normal: forecast.NormalGrid()}
	if c.least = leastWidth * c.floor / levelFloor; c.floor <= math.SmallestNonzeroFloat64 {
		c.least = leastWidth
	}
	mean := make([]float64, r.reach)
	count := make([]float64, r.reach)
	for o, actual := range r.actual {
		if held[o] {
			continue
		}
		for h, y := range actual {
			if !math.IsNaN(y) {
				mean[h] += math.Abs(c.standard(f[o][h], y))
				count[h]++
			}
		}
	}
	c.sigma = smoothed(mean, count)
	for b := range bucketsOf(r.reach) {
		from, to := bounds(b, r.reach)
		c.shape = append(c.shape, shapeOf(r, f, c, held, from, to))
	}
	return c
}

// floorOf returns the level below which spreads do not shrink further.
func floorOf(f [][]said) float64 {
	var sum float64
	n := 0
	for _, row := range f {
		for _, s := range row {
			sum += s.mid
			n++
		}
	}
	return max(levelFloor*sum/float64(n), math.SmallestNonzeroFloat64)
}

const (
	// smallestSigma keeps divisions by sigma defined.
	smallestSigma = 1e-200
	// leastWidth keeps the intervals of a demand that never changed from having no width: the least spread as a share of the forecast or
	// the mean of all forecasts, and, where that is zero, of the scale.
	leastWidth = 1e-6
)

// smoothed returns sum/count averaged over the steps within a quarter of each step's own distance.
func smoothed(sum, count []float64) []float64 {
	out := make([]float64, len(sum))
	for h := range out {
		var s, n float64
		reach := (h + 1) / 4
		for k := max(0, h-reach); k <= min(len(sum)-1, h+reach); k++ {
			s += sum[k]
			n += count[k]
		}
		out[h] = smallestSigma
		if n > 0 {
			out[h] = max(s/n, smallestSigma)
		} else if h > 0 {
			out[h] = out[h-1]
		}
	}
	return out
}

// shapeOf returns the distribution of the standardised errors of the steps from..to. Their median is taken out: what the members' medians
// were biased by in the window is rather drift than a property of the demand. They are spread as Student's distribution is against the
// normal one (Abramowitz and Stegun 1964, 26.7.5, first term), because their width was estimated from as many windows as fit into the
// window of comparison without overlap, and no more.
func shapeOf(r *rolling, f [][]said, c *calibration, held []bool, from, to int) forecast.Grid {
	var z []float64
	for o, actual := range r.actual {
		if held[o] {
			continue
		}
		for h := from - 1; h < to; h++ {
			if y := actual[h]; !math.IsNaN(y) {
				z = append(z, c.standard(f[o][h], y)/c.sigma[h])
			}
		}
	}
	if len(z) == 0 {
		return forecast.NormalGrid()
	}
	grid := forecast.Compact(forecast.NewSample(z))
	mid := grid.Quantile(0.5)
	windows := max(float64(c.window)/float64(to), 1)
	for i, n := range c.normal {
		grid[i] = (grid[i] - mid) * (1 + (n*n+1)/(4*windows))
	}
	return grid
}

// errorOrder sorts the origins by their standardised error at each step. A missing error counts as none.
func errorOrder(r *rolling, f [][]said, c *calibration) [][]uint16 {
	order := make([][]uint16, r.reach)
	z := make([]float64, len(r.at))
	for h := range order {
		order[h] = make([]uint16, len(r.at))
		for o := range r.at {
			order[h][o], z[o] = uint16(o), 0
			if y := r.actual[o][h]; !math.IsNaN(y) {
				z[o] = c.standard(f[o][h], y)
			}
		}
		slices.SortStableFunc(order[h], func(a, b uint16) int {
			switch {
			case z[a] < z[b]:
				return -1
			case z[a] > z[b]:
				return 1
			}
			return 0
		})
	}
	return order
}

// widths returns what standardised errors above and below the median are multiplied by, and the least deviation, of step h, far steps
// after the last observation.
func (c *calibration) widths(s said, far int) (above, below, least float64) {
	n := len(c.sigma)
	sigma := c.sigma[min(far, n)-1]
	if far > n {
		sigma *= math.Sqrt(float64(far) / float64(n))
	}
	return sigma * c.kind.spread(s, true, c.floor), sigma * c.kind.spread(s, false, c.floor), max(c.least, leastWidth*s.mid)
}

// shapeAt returns the shape of the errors far steps after the last observation.
func (c *calibration) shapeAt(far int) forecast.Grid {
	return c.shape[min(bucketOf(far), len(c.shape)-1)]
}

// three returns the quantiles at scoreProbabilities.
func (c *calibration) three(s said, far int) (low, mid, high float64) {
	above, below, _ := c.widths(s, far)
	shape := c.shapeAt(far)
	return s.mid + below*shape.Quantile(scoreProbabilities[0]), s.mid, s.mid + above*shape.Quantile(scoreProbabilities[2])
}

// quantiles fills g with the calibrated distribution of step h, given what the combination says and the factors that its width was found
// to need since.
func (c *calibration) quantiles(s said, far int, up, down float64, g forecast.Grid) {
	above, below, least := c.widths(s, far)
	above *= up
	below *= down
	for i, u := range c.shapeAt(far) {
		g[i] = s.mid + least*c.normal[i]
		if u > 0 {
			g[i] += u * above
		} else {
			g[i] += u * below
		}
	}
}
