package forecast

import "math"

// NormalGrid returns the standard normal distribution's quantiles at GridProbabilities.
func NormalGrid() Grid {
	g := make(Grid, len(gridProbabilities))
	for i, p := range gridProbabilities {
		g[i] = NormalQuantile(p)
	}
	return g
}

// NormalQuantile returns the standard normal distribution's quantile at probability p, 0 < p < 1.
func NormalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }
