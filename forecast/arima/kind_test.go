package arima

import (
	"math"
	"testing"
)

// The likelihood is computed in the way that costs least.
func TestKind(t *testing.T) {
	f := func(o order, n, missing int, want kind) {
		t.Helper()
		values := make([]float64, n)
		for i := range missing {
			values[2+i*(n/(missing+1))] = math.NaN()
		}
		if got := newFitter(newHistory(values, o.M), o, bound).kind(o); got != want {
			t.Errorf("%v of %d with %d missing: kind %d, want %d", o, n, missing, got, want)
		}
	}
	f(order{P: 5, Q: 5}, 1250, 0, byUnknowns)
	f(order{P: 5, Q: 5}, 1250, 1, byUnknowns)
	f(order{P: 5, Q: 5}, 1250, 105, byFilter)
	f(order{P: 5, D: 1, Q: 5}, 3000, 150, byFilter)
	f(order{P: 1, Q: 1, SP: 1, SD: 1, SQ: 1, M: 24}, 3000, 30, byUnknowns)
	f(order{P: 1, Q: 1, SP: 1, SD: 1, SQ: 1, M: 24}, 3000, 150, bySquares)
}
