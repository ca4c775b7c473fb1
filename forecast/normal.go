package forecast

import "math"

// NormalGrid returns the standard normal distribution's quantiles at GridProbabilities.
func NormalGrid() Grid {
	g := make(Grid, len(gridProbabilities))
	for i, p := range gridProbabilities {
		g[i] = math.Sqrt2 * math.Erfinv(2*p-1)
	}
	return g
}
