package workload

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// The demands that the classifier learns from: recipesEach of each pattern at each of the steps, all of different lengths and levels. The
// seed is any number; it is fixed so that every process learns the same.
const (
	recipesEach  = 36
	profilesEach = 100
	recipeSeed   = 20260101
)

// recipeSteps are the steps learned from, with the days that a history has at least and at most.
var recipeSteps = []struct {
	step        time.Duration
	least, most float64
}{{time.Minute, 2, 4}, {5 * time.Minute, 2, 15}, {time.Hour, 3, 60}}

// A recipe draws a demand of n steps whose mean is in the order of 1.
type recipe func(rng *rand.Rand, step time.Duration, n int) []float64

var recipes = map[pool.Pattern]recipe{pool.Steady: steady, pool.Growing: growing, pool.Bursty: bursty, pool.Batch: batch}

// demandRows returns the features of all made-up demands and the class of each, an index of patterns.
func demandRows() (rows [][]float64, class []int) {
	for k, pattern := range patterns {
		for s, at := range recipeSteps {
			for i := range uint64(recipesEach) {
				rng := rand.New(rand.NewPCG(recipeSeed+i, uint64(100*k+s)))
				days := at.least * math.Pow(at.most/at.least, rng.Float64())
				n := int(days * float64(day/at.step))
				values := recipes[pattern](rng, at.step, n)
				scatter(rng, values)
				y := series.Series{Start: time.Unix(0, 0).UTC().Add(time.Duration(rng.IntN(168)) * time.Hour), Step: at.step, Values: values}
				rows, class = append(rows, newDemand(y).row()), append(class, k)
			}
		}
	}
	return rows, class
}

// profileRows returns the rows of made-up profiles and the class of each, an index of bounds: one share is the largest and the others are
// below it by any amount; of every second profile one share is not known.
func profileRows() (rows [][]float64, class []int) {
	for k := range bounds {
		for i := range uint64(profilesEach) {
			rng := rand.New(rand.NewPCG(recipeSeed+i, uint64(1000+k)))
			shares := make([]float64, len(bounds))
			for j := range shares {
				shares[j] = rng.Float64()
			}
			shares[k] = 1
			if i%2 == 0 {
				shares[(k+1+rng.IntN(len(bounds)-1))%len(bounds)] = math.NaN()
			}
			row, _ := Profile{CPU: shares[0], Memory: shares[1], GPU: shares[2]}.row()
			rows, class = append(rows, row), append(class, k)
		}
	}
	return rows, class
}

// scatter makes a few observations of every third demand missing.
func scatter(rng *rand.Rand, values []float64) {
	if rng.IntN(3) > 0 || len(values) == 0 {
		return
	}
	for range 1 + rng.IntN(3) {
		from := rng.IntN(len(values))
		for i := from; i < min(from+len(values)/40, len(values)); i++ {
			values[i] = math.NaN()
		}
	}
}

// between draws from [low, high), evenly.
func between(rng *rand.Rand, low, high float64) float64 { return low + (high-low)*rng.Float64() }

// scaled draws from [low, high), evenly on a logarithmic scale.
func scaled(rng *rand.Rand, low, high float64) float64 {
	return low * math.Pow(high/low, rng.Float64())
}

// noise multiplies values by exp(e), e being an autoregression of the given standard deviation whose memory is a few minutes to a day, and
// some white noise.
func noise(rng *rand.Rand, values []float64, step time.Duration, deviation float64) {
	memory := scaled(rng, 0.05, 24) // hours
	keep := math.Exp(-step.Hours() / memory)
	slow := deviation * rng.Float64()
	fast := math.Sqrt(deviation*deviation - slow*slow)
	e := slow * rng.NormFloat64()
	for i := range values {
		e = keep*e + slow*math.Sqrt(1-keep*keep)*rng.NormFloat64()
		values[i] *= math.Exp(e + fast*rng.NormFloat64())
	}
}

// seasonal returns a level with a season of a day, at whose height it is up to four times what it is at its depth, and in every second quieter week-ends.
func seasonal(rng *rand.Rand, step time.Duration, n int) []float64 {
	swing, sharp, phase := between(rng, 0, 3), float64(1+rng.IntN(3)), rng.Float64()
	weekend := 1.0
	if rng.IntN(2) == 0 {
		weekend = between(rng, 0.3, 1)
	}
	if rng.IntN(4) == 0 {
		swing = 0
	}
	out := make([]float64, n)
	perDay := float64(day / step)
	for i := range out {
		t := float64(i)/perDay + phase
		out[i] = 1 + swing*math.Pow((1+math.Cos(2*math.Pi*t))/2, sharp)
		if int(t)%week >= 5 {
			out[i] *= weekend
		}
	}
	return out
}

// steady draws a demand that stays or repeats: a season, noise of up to two fifths, at most a slight trend, and sometimes one event.
func steady(rng *rand.Rand, step time.Duration, n int) []float64 {
	out := seasonal(rng, step, n)
	noise(rng, out, step, scaled(rng, 0.01, 0.4))
	tilt(out, between(rng, -0.2, 0.2))
	if rng.IntN(4) == 0 {
		at, height := rng.IntN(n), scaled(rng, 1, 12)
		for i := at; i < min(at+int(2*time.Hour/step), n); i++ {
			out[i] += height
		}
	}
	return out
}

// tilt makes values rise by the given share of their mean along a straight line.
func tilt(values []float64, rise float64) {
	for i := range values {
		values[i] *= 1 + rise*(float64(i)/float64(len(values))-0.5)
	}
}

// growing draws a steady demand that rises, along a line or exponentially, by two fifths of its mean to its fivefold.
func growing(rng *rand.Rand, step time.Duration, n int) []float64 {
	out := seasonal(rng, step, n)
	noise(rng, out, step, scaled(rng, 0.01, 0.2))
	if rng.IntN(2) == 0 {
		tilt(out, between(rng, 0.5, 1.9))
		return out
	}
	rate := math.Log(scaled(rng, 1.6, 6))
	for i := range out {
		out[i] *= math.Exp(rate * float64(i) / float64(n))
	}
	return out
}

// bursty draws a low level with bursts at random times, from several a day to one in some days, that are four to a hundred times as high
// and decay within minutes to an hour or two.
func bursty(rng *rand.Rand, step time.Duration, n int) []float64 {
	out := seasonal(rng, step, n)
	noise(rng, out, step, scaled(rng, 0.1, 0.6))
	if rng.IntN(3) == 0 { // counts of a few, which are often none
		for i := range out {
			out[i] = poisson(rng, out[i])
		}
	}
	days := float64(n) * step.Hours() / 24
	bursts := max(int(scaled(rng, 0.5, 12)*days), 2)
	decay := math.Exp(-step.Hours() / scaled(rng, 0.03, 1))
	typical := scaled(rng, 4, 30)
	for range bursts {
		height := typical * math.Pow(1-rng.Float64(), -0.5) // Pareto's law, of infinite variance
		for i := rng.IntN(n); i < n && height > 0.1; i++ {
			out[i] += height
			height *= decay * between(rng, 0.7, 1)
		}
	}
	return out
}

// poisson draws a count of the given mean by multiplication (Knuth, The Art of Computer Programming, volume 2, section 3.4.1).
func poisson(rng *rand.Rand, mean float64) float64 {
	least, product, n := math.Exp(-mean), rng.Float64(), 0.0
	for product > least {
		product *= rng.Float64()
		n++
	}
	return n
}

// batch draws jobs that each hold a constant amount from start to end, in one to three queues, with pauses in which there is next to
// nothing: at the same times each day, or at any time.
func batch(rng *rand.Rand, step time.Duration, n int) []float64 {
	out := make([]float64, n)
	for range 1 + rng.IntN(3) {
		if rng.IntN(2) == 0 {
			nightly(rng, out, step)
		} else {
			queued(rng, out, step)
		}
	}
	rest := between(rng, 0, 0.01)
	wobble := scaled(rng, 0.0005, 0.05)
	for i := range out {
		out[i] = out[i]*(1+wobble*rng.NormFloat64()) + rest
	}
	return out
}

// nightly adds a job that starts at the same time of each day, or each weekday, for half an hour to seven hours.
func nightly(rng *rand.Rand, out []float64, step time.Duration) {
	at, length, size := between(rng, 0, 17), between(rng, 0.5, 7), scaled(rng, 0.3, 3)
	days := week
	if rng.IntN(3) == 0 {
		days = 5
	}
	for i := range out {
		t := float64(i) * step.Hours()
		if hour := math.Mod(t, 24); hour >= at && hour < at+length && int(t/24)%week < days {
			out[i] += size
		}
	}
}

// queued adds jobs at random times, with pauses of one to twenty hours, each of which runs for half an hour to half a day.
func queued(rng *rand.Rand, out []float64, step time.Duration) {
	pause, length := scaled(rng, 2, 20), scaled(rng, 0.7, 10)
	for t := pause * rng.ExpFloat64(); ; {
		end, size := t+max(length*rng.ExpFloat64(), 0.3), scaled(rng, 0.3, 3)
		from := int(t / step.Hours())
		if from >= len(out) {
			return
		}
		for i := from; i < min(max(int(end/step.Hours()), from+1), len(out)); i++ {
			out[i] += size
		}
		t = end + pause*rng.ExpFloat64()
	}
}
