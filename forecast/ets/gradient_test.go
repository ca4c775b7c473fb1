package ets

import (
	"math"
	"testing"
)

// The derivative by the adjoint pass equals that by central differences.
func TestGradient(t *testing.T) {
	u := uniform(200)
	y := make([]float64, len(u))
	for i := range y {
		y[i] = 0.5 + 0.2*math.Sin(2*math.Pi*float64(i)/6) + 0.1*u[i] + 0.0005*float64(i)
	}
	y[40], y[41], y[77] = math.NaN(), math.NaN(), math.NaN()
	f := func(sh shape) {
		t.Helper()
		m := 6
		if sh.Season == NoSeason {
			m = 1
		}
		st := newStart(y, sh.Season, sh.Trend != NoTrend, m)
		k := newLikelihood(newTape(y, m), sh, 0.6, st.season, true)
		beta, gamma, phi, level, n := k.variables()
		x := make([]float64, n)
		x[0] = 0.3
		for _, i := range []int{beta, gamma} {
			if i >= 0 {
				x[i] = 0.2
			}
		}
		if phi >= 0 {
			x[phi] = 0.9
		}
		x[level] = st.l / 0.6
		if sh.Trend != NoTrend {
			x[level+1] = st.b / 0.6
		}
		if k.free {
			for j := range m - 1 {
				x[n-m+1+j] = st.season[j] / k.seasonUnit()
			}
		}
		g := make([]float64, n)
		k.value(x)
		k.slope(g)
		for i := range x {
			const d = 1e-6
			x[i] += d
			up := k.value(x)
			x[i] -= 2 * d
			down := k.value(x)
			x[i] += d
			if want := (up - down) / (2 * d); math.Abs(g[i]-want) > 1e-4*(1+math.Abs(want)) {
				t.Errorf("%s: derivative %d is %v, want %v", sh, i, g[i], want)
			}
		}
	}
	for _, sh := range candidates(true, true) {
		f(sh)
	}
}

// Roots 0.5, -0.25 and 0.9; then one of 1.1.
func TestStable(t *testing.T) {
	f := func(want bool, roots ...float64) {
		t.Helper()
		a := []float64{1}
		for _, r := range roots {
			next := make([]float64, len(a)+1)
			for i, v := range a {
				next[i] += v
				next[i+1] -= r * v
			}
			a = next
		}
		if got := !math.IsInf(barrier(a, make([]float64, len(a))), 1); got != want {
			t.Errorf("inside with roots %v = %v", roots, got)
		}
	}
	f(true, 0.5, -0.25, 0.9)
	f(false, 0.5, -0.25, 1.1)
	f(false, 0.5, -1.01)
	f(true, -0.99, 0.99, 0.98, 0.1)
}

// Whatever the season, a fit has somewhere to start from.
func TestSomeGuessIsAdmissible(t *testing.T) {
	for m := 2; m <= longest; m++ {
		for _, trend := range []Trend{AdditiveTrend, DampedTrend} {
			sh := shape{Trend: trend, Season: AdditiveSeason}
			k := newLikelihood(newTape(uniform(60), m), sh, 1, make([]float64, m), true)
			inside := 0
			for _, p := range guesses(sh, m) {
				p.season = k.season
				if !math.IsInf(k.value(k.pack(p)), 1) {
					inside++
				}
			}
			if inside < 2 {
				t.Errorf("%s with %d steps a season: %d admissible guesses", sh, m, inside)
			}
		}
	}
}
