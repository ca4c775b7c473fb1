package forecast

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/forethought-autoscaler/forethought/series"
)

const (
	// mostLooked bounds the history and mostRolled the length of each roll-up of it.
	mostRolled = 8192
	mostLooked = 64 * mostRolled
	// A roll-up has at least leastRolled observations and steps of at most an hour, by factors of 5 to 12.
	leastRolled   = 256
	usualFactor   = 8
	leastFactor   = 5
	mostFactor    = 12
	coarsestSteps = time.Hour
	// winsor is the number of mean absolute deviations beyond which an observation counts as lying there: 3.2 standard deviations of
	// normal noise. A one-minute job each hour still counts.
	winsorDeviations = 4
)

// rollUp is a history averaged to longer steps: the deviations from its trend, winsorised, 0 where missing. The buffers of the latest
// filter are part of it.
type rollUp struct {
	step     time.Duration
	x        []float64
	mask     []float64 // 0 where missing, 1 elsewhere; nil where nothing is
	spectrum []float64
	size     int // spectrum[i] is the power of i cycles in size steps, over that of the noise there

	z, difference masked
	filtered      float64
}

// rollUps returns y at its own step and at longer ones, from minutes over ten minutes to hours where the step divides these.
func rollUps(y series.Series) []*rollUp {
	values := y.Values[max(0, len(y.Values)-mostLooked):]
	x, step := ScaleOf(values).Scaled(series.Series{Values: values}).Values, y.Step
	var rolls []*rollUp
	for {
		factor := factorOf(step)
		last := step >= coarsestSteps || len(x)/factor < leastRolled
		var next []float64
		if !last {
			next = averaged(x, factor)
		}
		if r := newRollUp(x[max(0, len(x)-mostRolled):], step); r != nil {
			rolls = append(rolls, r)
		}
		if last {
			return rolls
		}
		x, step = next, step*time.Duration(factor)
	}
}

// factorOf returns how many steps the next roll-up averages.
func factorOf(step time.Duration) int {
	for _, round := range []time.Duration{time.Minute, 10 * time.Minute, time.Hour} {
		if f := round / step; round%step == 0 && f >= leastFactor && f <= mostFactor {
			return int(f)
		}
	}
	return usualFactor
}

// averaged returns the means of what is not missing in each n observations, the last n ending at the end of x.
func averaged(x []float64, n int) []float64 {
	out := make([]float64, 0, len(x)/n)
	for i := len(x) % n; i < len(x); i += n {
		var sum, have float64
		for _, v := range x[i : i+n] {
			if v == v { // not NaN
				sum += v
				have++
			}
		}
		out = append(out, sum/have)
	}
	return out
}

// newRollUp takes x over. It returns nil where x has too few observations for any season or does not vary.
func newRollUp(x []float64, step time.Duration) *rollUp {
	r := &rollUp{step: step, x: x}
	have := r.maskMissing()
	if float64(have) < leastSteps*leastCycles || !r.detrend() {
		return nil
	}
	r.size = 1 << bits.Len(uint(len(x)-1))
	r.spectrum = spectrumOf(x, r.size)
	return r
}

// maskMissing puts 0 for what is missing and returns how many observations are not.
func (r *rollUp) maskMissing() int {
	have := len(r.x)
	for i, v := range r.x {
		if v == v {
			continue
		}
		if r.mask == nil {
			r.mask = make([]float64, len(r.x))
			for j := range r.mask {
				r.mask[j] = 1
			}
		}
		r.x[i], r.mask[i] = 0, 0
		have--
	}
	return have
}

// detrend subtracts the regression line and winsorises the rest. It reports whether anything but rounding is left.
func (r *rollUp) detrend() bool {
	var s [3]float64 // moments of time
	var t [2]float64 // of the observations with time
	var top float64
	middle := float64(len(r.x)-1) / 2
	for i, v := range r.x {
		if r.mask != nil && r.mask[i] == 0 {
			continue
		}
		u := float64(i) - middle
		s[0]++
		s[1] += u
		s[2] += u * u
		t[0] += v
		t[1] += u * v
		top = max(top, v)
	}
	slope := (s[0]*t[1] - s[1]*t[0]) / (s[0]*s[2] - s[1]*s[1])
	level := (t[0] - slope*s[1]) / s[0]
	var deviation float64
	for i, v := range r.x {
		if r.mask == nil || r.mask[i] != 0 {
			r.x[i] = v - level - slope*(float64(i)-middle)
			deviation += math.Abs(r.x[i])
		}
	}
	deviation /= s[0]
	for i, v := range r.x {
		r.x[i] = min(max(v, -winsorDeviations*deviation), winsorDeviations*deviation)
	}
	return deviation > 1e-12*top
}

// powerFloor is the share of the mean power that counts as noise where there is less: in a history without any, the harmonics of a season
// would stand out as far as the season itself.
const powerFloor = 1e-6

// spectrumOf returns how far each of the frequencies 0..size/2 cycles in size steps stands out: the power of x there, under Hann's
// window, over the power of noise like that around it, which is e to the mean of the logarithm and Euler's constant.
func spectrumOf(x []float64, size int) []float64 {
	const euler = 0.5772156649
	tapered := make([]float64, size)
	rotate := complex(math.Cos(2*math.Pi/float64(len(x))), math.Sin(2*math.Pi/float64(len(x))))
	turn := complex(1, 0)
	for i, v := range x {
		tapered[i] = v * (1 - real(turn))
		turn *= rotate
	}
	coefficients := fourier.NewFFT(size).Coefficients(nil, tapered)
	power := tapered[:len(coefficients)]
	total := 0.0
	for i, c := range coefficients {
		power[i] = real(c)*real(c) + imag(c)*imag(c)
		total += power[i]
	}
	sum := make([]float64, len(power)+1)
	for i := range power {
		power[i] += powerFloor*total/float64(len(power)) + 1e-300
		sum[i+1] = sum[i] + math.Log(power[i])
	}
	for i := range power {
		width := 16 + i/8
		from, to := max(0, i-width), min(len(power), i+width+1)
		power[i] /= math.Exp((sum[to]-sum[from])/float64(to-from) + euler)
	}
	return power
}

// line returns how far a season of p steps stands out in the spectrum, at its best of the first four harmonics.
func (r *rollUp) line(p float64) float64 {
	var best float64
	for harmonic := 1.0; harmonic <= 4; harmonic++ {
		bin := harmonic * float64(r.size) / p
		for i := max(1, int(bin)); i <= int(math.Ceil(bin)) && i < len(r.spectrum); i++ {
			best = max(best, r.spectrum[i])
		}
	}
	return best
}

// lines returns the periods, in steps, of the n lines that stand out most.
func (r *rollUp) lines(n int) []float64 {
	s := r.spectrum
	var bins []int
	from := int(math.Ceil(leastOtherCycles * float64(r.size) / float64(len(r.x))))
	for i := from; i < len(s)-1 && leastSteps*i <= r.size; i++ {
		if s[i] > otherLine && s[i] >= s[i-1] && s[i] > s[i+1] {
			bins = append(bins, i)
		}
	}
	slices.SortStableFunc(bins, func(a, b int) int { return cmp.Compare(s[b], s[a]) })
	periods := make([]float64, 0, n)
	for _, b := range bins[:min(n, len(bins))] {
		periods = append(periods, float64(r.size)/float64(b))
	}
	return periods
}

// nearUsual reports whether the spectrum cannot tell p from a usual season.
func (r *rollUp) nearUsual(p float64) bool {
	width := max(1, p*p/float64(len(r.x)))
	return slices.ContainsFunc(usualSeasons, func(d time.Duration) bool {
		return math.Abs(p-float64(d)/float64(r.step)) <= width
	})
}
