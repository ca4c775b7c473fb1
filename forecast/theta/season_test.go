package theta

import (
	"math"
	"math/rand/v2"
	"testing"
)

// noisy returns n values around a season of m steps.
func noisy(n, m int, amplitude float64) []float64 {
	rng := rand.New(rand.NewPCG(5, 5))
	z := make([]float64, n)
	for i := range z {
		z[i] = 1 + amplitude*math.Sin(2*math.Pi*float64(i)/float64(m)) + 0.1*rng.NormFloat64()
	}
	return z
}

func TestSeasonal(t *testing.T) {
	f := func(z []float64, m int, want bool) {
		t.Helper()
		if got := indices(z, m) != nil; got != want {
			t.Errorf("season of %d steps in %d values: %v, want %v", m, len(z), got, want)
		}
	}
	f(noisy(400, 24, 0.3), 24, true)
	f(noisy(400, 24, 0), 24, false)
	f(noisy(4000, 288, 0.3), 288, true)
	f(noisy(48, 24, 0.3), 24, false) // two seasons are not enough
	f(noisy(400, 24, 0.3), 1, false)
	f(make([]float64, 400), 24, false)
}

// Both ways to compute autocorrelations give the same.
func TestAutocorrelations(t *testing.T) {
	z := noisy(3000, 48, 0.2)
	z[7] = math.NaN()
	quick := autocorrelations(z, 48)
	var mean float64
	for i, v := range z {
		if i != 7 {
			mean += v / 2999
		}
	}
	at := func(k int) float64 {
		var s float64
		for i := range z[k:] {
			if i != 7 && i+k != 7 {
				s += (z[i] - mean) * (z[i+k] - mean)
			}
		}
		return s
	}
	for k, r := range quick {
		if want := at(k) / at(0); math.Abs(r-want) > 1e-12 {
			t.Errorf("autocorrelation at lag %d is %v, want %v", k, r, want)
		}
	}
}

// The reference is R's decompose(y, "multiplicative")$figure, for the series of TestThetaAsInR.
func TestDecompose(t *testing.T) {
	z := make([]float64, 60)
	x := 7
	for i := range z {
		x = 16807 * x % 2147483647
		z[i] = (100+0.5*float64(i))*[]float64{1.2, 0.9, 0.8, 1.1}[i%4] + 16*(float64(x)/2147483647-0.5)
	}
	f := func(z []float64, tolerance float64) {
		t.Helper()
		got := decompose(z, 4)
		for j, want := range []float64{1.229975067489, 0.897403516649, 0.785975031912, 1.086646383951} {
			if math.Abs(got[j]-want) > tolerance {
				t.Errorf("index %d is %.12f, want %.12f", j, got[j], want)
			}
		}
	}
	f(z, 1e-11)
	z[20], z[33], z[34] = math.NaN(), math.NaN(), math.NaN()
	f(z, 0.02)
}

// Brent's search finds minima inside and at the ends.
func TestSmallest(t *testing.T) {
	f := func(want float64, g func(float64) float64) {
		t.Helper()
		n := 0
		got := smallest(0, 1, func(x float64) float64 { n++; return g(x) })
		if math.Abs(got-want) > 1e-7 || n > 60 {
			t.Errorf("minimum at %v after %d values, want %v", got, n, want)
		}
	}
	f(0.3, func(x float64) float64 { return (x - 0.3) * (x - 0.3) })
	f(0, func(x float64) float64 { return x })
	f(1, func(x float64) float64 { return -x * x })
	f(0.9, func(x float64) float64 { return math.Abs(x - 0.9) })
	f(0.95, func(x float64) float64 { return min(math.Abs(x-0.2)+0.5, 3*math.Abs(x-0.95)) })
}
