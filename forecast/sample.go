package forecast

import (
	"math"
	"slices"
)

// Sample is the distribution of equally likely values, sorted ascending. It is never empty and holds no NaN.
type Sample []float64

// NewSample sorts values, which it takes over, into a Sample.
func NewSample(values []float64) Sample {
	slices.Sort(values)
	return values
}

// Quantile interpolates linearly between the order statistics at plotting positions (i-0.5)/n (Hyndman and Fan 1996, type 5); below
// the first and above the last position it is the smallest and the largest value.
func (s Sample) Quantile(p float64) float64 {
	x := p*float64(len(s)) - 0.5
	switch i := math.Floor(x); {
	case x <= 0:
		return s[0]
	case i >= float64(len(s)-1):
		return s[len(s)-1]
	default:
		k := int(i)
		return s[k] + (x-i)*(s[k+1]-s[k])
	}
}

// Point is the distribution of a number that is certain.
type Point float64

// Quantile returns the number.
func (v Point) Quantile(float64) float64 { return float64(v) }

// Peak returns the distribution of the largest demand over the steps from..to of the sample paths, both counted from 1 and clipped to
// the paths. The quantile of a maximum is not the maximum of the quantiles, which is why it is taken path by path.
func Peak(paths [][]float64, from, to int) Sample {
	peaks := make([]float64, 0, len(paths))
	for _, path := range paths {
		lo := min(max(from, 1), len(path))
		hi := min(max(to, lo), len(path))
		peaks = append(peaks, slices.Max(path[lo-1:hi]))
	}
	return NewSample(peaks)
}

// RunningPeaks returns, for each step h of the paths, the distribution of the largest demand over the steps 1..h.
func RunningPeaks(paths [][]float64) []Distribution {
	if len(paths) == 0 {
		return nil
	}
	running := make([]float64, len(paths))
	out := make([]Distribution, len(paths[0]))
	for h := range out {
		for i, path := range paths {
			if h == 0 || path[h] > running[i] {
				running[i] = path[h]
			}
		}
		out[h] = Compact(NewSample(slices.Clone(running)))
	}
	return out
}

// gridProbabilities are where a Grid keeps its quantiles: close together in the tails, where capacity is decided.
var gridProbabilities = []float64{
	0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999,
}

// GridProbabilities returns the probabilities at which a Grid keeps quantiles, ascending.
func GridProbabilities() []float64 { return slices.Clone(gridProbabilities) }

// Grid is a distribution kept as its quantiles at GridProbabilities, ascending.
type Grid []float64

// Compact keeps d as a Grid, sorted so that its quantiles do not cross.
func Compact(d Distribution) Grid {
	g := make(Grid, len(gridProbabilities))
	for i, p := range gridProbabilities {
		g[i] = d.Quantile(p)
	}
	slices.Sort(g)
	return g
}

// Quantile interpolates linearly between the kept quantiles and is constant outside them.
func (g Grid) Quantile(p float64) float64 {
	i, exact := slices.BinarySearch(gridProbabilities, p)
	switch {
	case exact:
		return g[i]
	case i == 0:
		return g[0]
	case i == len(g):
		return g[len(g)-1]
	}
	lo, hi := gridProbabilities[i-1], gridProbabilities[i]
	return g[i-1] + (p-lo)/(hi-lo)*(g[i]-g[i-1])
}

// Spaced returns the quantiles of a grid at the probabilities (i+1/2)/n for i = 0..n-1, ascending, in out, which has that length. It is
// what n calls of Quantile return, for less.
func (g Grid) Spaced(out []float64) {
	k := 0
	for i := range out {
		p := (float64(i) + 0.5) / float64(len(out))
		for k < len(g) && gridProbabilities[k] <= p {
			k++
		}
		switch {
		case k == 0:
			out[i] = g[0]
		case k == len(g):
			out[i] = g[k-1]
		default:
			low, high := gridProbabilities[k-1], gridProbabilities[k]
			out[i] = g[k-1] + (p-low)/(high-low)*(g[k]-g[k-1])
		}
	}
}

// Midmean is the mean of the middle half of a distribution (Tukey 1977), by the midpoint rule over 100 probabilities: the mean of a
// distribution that is alike on both sides, and, unlike the mean, not moved by how far a rare spike may go.
func Midmean(d Distribution) float64 {
	const n = 100
	var mean float64
	for i := range n {
		mean += (d.Quantile(0.25+(float64(i)+0.5)/(2*n)) - mean) / float64(i+1)
	}
	return mean
}
