package workload_test

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// history is a demand of n steps.
func history(step time.Duration, n int, at func(i int, hour float64) float64) series.Series {
	y := series.Series{Start: monday, Step: step, Values: make([]float64, n)}
	for i := range y.Values {
		y.Values[i] = at(i, float64(i)*step.Hours())
	}
	return y
}

// days returns the number of steps of d days.
func days(d float64, step time.Duration) int { return int(d * 24 * float64(time.Hour/step)) }

// The kinds of demand that the answers are checked on are made differently from those that the classifier learns from: other steps, other
// shapes of seasons, growth, bursts and jobs, noise by addition.
var kinds = map[pool.Pattern]func(rng *rand.Rand, step time.Duration, n int) series.Series{
	pool.Steady: func(rng *rand.Rand, step time.Duration, n int) series.Series {
		level, swing, shape, noise := 50+500*rng.Float64(), 0.9*rng.Float64(), rng.IntN(3), 0.15*rng.Float64()
		return history(step, n, func(_ int, hour float64) float64 {
			of := math.Mod(hour, 24)
			season := []float64{0, 0, math.Sin(2*math.Pi*of/24) + 0.3*math.Sin(4*math.Pi*of/24)}[shape]
			if shape == 1 && of >= 8 && of < 18 {
				season = 1 // office hours
			}
			return level * max(1+swing*season+noise*rng.NormFloat64(), 0.1)
		})
	},
	pool.Growing: func(rng *rand.Rand, step time.Duration, n int) series.Series {
		level, swing, noise, rise, kind := 20+500*rng.Float64(), 0.4*rng.Float64(), 0.1*rng.Float64(), 0.8+3*rng.Float64(), rng.IntN(3)
		return history(step, n, func(i int, hour float64) float64 {
			share := float64(i) / float64(n)
			growth := []float64{share, 1 / (1 + math.Exp(8*(0.5-share))), math.Floor(5*share) / 4}[kind] // a line, an S, stairs
			return level * (1 + rise*growth) * max(1+swing*math.Sin(2*math.Pi*hour/24)+noise*rng.NormFloat64(), 0.1)
		})
	},
	pool.Bursty: func(rng *rand.Rand, step time.Duration, n int) series.Series {
		level, rate, height, length := 5+100*rng.Float64(), 0.7+4*rng.Float64(), 6+40*rng.Float64(), 0.1+0.5*rng.Float64()
		y := history(step, n, func(int, float64) float64 { return level * (0.5 + rng.Float64()) })
		for range max(int(rate*float64(n)*step.Hours()/24), 3) {
			from, wide := rng.IntN(n), max(int(length*(0.5+rng.Float64())/step.Hours()), 1)
			peak := height * math.Exp(0.7*rng.NormFloat64())
			for i := from; i < min(from+wide, n); i++ { // a triangle
				y.Values[i] += level * peak * (1 - float64(i-from)/float64(wide))
			}
		}
		return y
	},
	pool.Batch: func(rng *rand.Rand, step time.Duration, n int) series.Series {
		size, length, period, rest := 1+200*rng.Float64(), 1+5*rng.Float64(), []float64{8, 12, 24, 24}[rng.IntN(4)], 0.01*rng.Float64()
		late, slots := 2*rng.Float64(), 1+rng.IntN(3)
		shift := 0.0
		return history(step, n, func(_ int, hour float64) float64 { // one to three tasks, at about the same times
			of := math.Mod(hour, period)
			if of < step.Hours() {
				shift = late * rng.Float64()
			}
			v := rest
			for k := range slots {
				if from := 1 + shift + 0.5*float64(k); of >= from && of < from+length/float64(1+k) {
					v++
				}
			}
			return size * v
		})
	},
}
