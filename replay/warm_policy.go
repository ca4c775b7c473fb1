package replay

import (
	"errors"
	"math"
	"slices"

	"github.com/forethought-autoscaler/forethought/pool"
)

// StaticWarm keeps one stock all the time. Its settings are all stocks from 1 to most, so that the smallest that is enough is found.
func StaticWarm(most int) WarmPolicy { return staticWarm(most) }

type staticWarm int

func (s staticWarm) Name() string { return "static" }

func (s staticWarm) Settings() []float64 {
	out := make([]float64, s)
	for i := range out {
		out[i] = float64(i + 1)
	}
	return out
}

func (s staticWarm) Start(int) (WarmPlanner, error) {
	if s < 1 {
		return nil, errors.New("no stock to choose from")
	}
	return s, nil
}

func (s staticWarm) Stock(_ []float64, stocks []int) error {
	for k := range stocks {
		stocks[k] = k + 1
	}
	return nil
}

// ForecastWarm keeps the base stock that a forecast of the claims in the lead time needs for a hit rate, its setting (package pool has the
// formula). The forecast is a combination of what came at this time of the day on past days, at three widths, of what came just now and of
// what came within the hour, with weights above 0 that are fitted to the past by least squares; the index of dispersion is that of its
// errors.
func ForecastWarm() WarmPolicy { return forecastWarm{} }

type forecastWarm struct{}

func (forecastWarm) Name() string { return "forecast" }

// Settings are hit rates in even steps of the logarithm of the misses, from three in ten to one in a hundred thousand.
func (forecastWarm) Settings() []float64 {
	const n = 32
	out := make([]float64, n)
	for k := range out {
		out[k] = 1 - 0.3*math.Pow(1e-5/0.3, float64(k)/(n-1))
	}
	return out
}

func (p forecastWarm) Start(lead int) (WarmPlanner, error) {
	window := lead + 1
	return &claimForecast{
		rates: p.Settings(), window: window, sums: make([]float64, 1), known: make([]int, 1),
		signs: make([][claimSigns]float64, window), means: make([]float64, window), stocks: map[[2]int][]int{},
	}, nil
}

const (
	minutesADay = 1440
	// daysBack is how many past days count, those of the same weekday sameWeekday times.
	daysBack, sameWeekday = 14, 3
	// warmHalfLife is the age in days at which a past minute counts half in the fit.
	warmHalfLife = 7
	// rateFloor is the claim rate in an hour that is always reckoned with: one that never came may come.
	rateFloor = 0.02
	// stockGrid is how finely means and dispersions are told apart, in steps of their logarithms, rounded up.
	stockGrid = 50
)

// claimSigns is how many numbers a forecast is combined from: a constant, the latest window and hour, and past days at three widths.
const claimSigns = 6

// claimForecast forecasts the claims of the next window minutes, a lead time and the minute that is decided about.
type claimForecast struct {
	rates  []float64
	window int
	// sums[m] is the claims before minute m, and known[m] how many of these minutes are known.
	sums  []float64
	known []int
	// signs and means are those of the latest window, of minute m at m modulo its length.
	signs   [][claimSigns]float64
	means   []float64
	weights [claimSigns]float64
	fit     leastSquares
	// errors and meansSum are the decayed sums of squared errors and of means, whose ratio is the index of dispersion.
	errors, meansSum float64
	stocks           map[[2]int][]int // by mean and dispersion on the grid
}

// Stock takes in the latest minute and sets the stocks for the next window.
func (f *claimForecast) Stock(past []float64, stocks []int) error {
	if m := len(past); m > 0 {
		v, known := past[m-1], 1
		if math.IsNaN(v) {
			v, known = 0, 0
		}
		f.sums = append(f.sums, f.sums[m-1]+v)
		f.known = append(f.known, f.known[m-1]+known)
	}
	m := len(past)
	f.learn(m)
	signs := f.signsAt(m)
	var mean float64
	for i, w := range f.weights {
		mean += w * signs[i]
	}
	mean = max(mean, rateFloor*float64(f.window)/60)
	f.signs[m%f.window], f.means[m%f.window] = signs, mean
	dispersion := 1.0
	if f.meansSum > 0 {
		dispersion = max(f.errors/f.meansSum, 1)
	}
	return f.stock(mean, dispersion, stocks)
}

// stock sets the base stocks of all hit rates.
func (f *claimForecast) stock(mean, dispersion float64, stocks []int) error {
	key := [2]int{int(math.Ceil(stockGrid * math.Log(mean))), int(math.Ceil(stockGrid * math.Log(dispersion)))}
	known := f.stocks[key]
	if known == nil {
		c := pool.Claims{Mean: math.Exp(float64(key[0]) / stockGrid), Dispersion: math.Exp(float64(key[1]) / stockGrid)}
		for _, rate := range f.rates {
			n, err := c.WarmStock(rate)
			if err != nil {
				return err
			}
			known = append(known, n)
		}
		f.stocks[key] = known
	}
	copy(stocks, known)
	return nil
}

// rate returns the claims of a window at the rate of the minutes from..to-1; ok is false where none of them is known.
func (f *claimForecast) rate(from, to int) (v float64, ok bool) {
	from, to = max(from, 0), min(max(to, 0), len(f.sums)-1)
	if from >= to || f.known[to] == f.known[from] {
		return 0, false
	}
	return (f.sums[to] - f.sums[from]) / float64(f.known[to]-f.known[from]) * float64(f.window), true
}

// signsAt returns what a forecast from minute m on is combined from. What is not known is what came at this time of the day for the latest
// hour, and the latest hour for the rest.
func (f *claimForecast) signsAt(m int) [claimSigns]float64 {
	now, hasNow := f.rate(m-f.window, m)
	hour, hasHour := f.rate(m-60, m)
	var out [claimSigns]float64
	for i, half := range []int{0, 15, 60} {
		past, ok := f.daily(m, half)
		switch {
		case !ok && !hasHour:
			past, _ = f.rate(0, m)
		case !ok:
			past = hour
		}
		out[3+i] = past
	}
	if !hasHour {
		hour = out[claimSigns-1]
	}
	if !hasNow {
		now = hour
	}
	out[0], out[1], out[2] = 1, now, hour
	return out
}

// daily returns the mean claims of the window from minute m on, half an interval wider on both sides, on past days; ok is false where there
// is none.
func (f *claimForecast) daily(m, half int) (mean float64, ok bool) {
	var sum, weight float64
	for day := 1; day <= daysBack && m >= day*minutesADay; day++ {
		at := m - day*minutesADay
		v, known := f.rate(at-half, min(at+f.window+half, m))
		if !known {
			continue
		}
		w := 1.0
		if day%7 == 0 {
			w = sameWeekday
		}
		sum += w * v
		weight += w
	}
	return sum / max(weight, 1), weight > 0
}

// learn compares the window that ended before minute m with its forecast.
func (f *claimForecast) learn(m int) {
	at := m - f.window
	if at < 0 {
		f.weights = [claimSigns]float64{2: 1}
		return
	}
	if f.known[m]-f.known[at] < f.window {
		return
	}
	decay := math.Exp2(-1 / float64(warmHalfLife*minutesADay))
	claims, _ := f.rate(at, m)
	mean := f.means[at%f.window]
	f.errors = decay*f.errors + (claims-mean)*(claims-mean)
	f.meansSum = decay*f.meansSum + mean
	f.fit.add(f.signs[at%f.window], claims, 1/(mean+0.1), decay) // the variance of claims grows with their mean
	if m%360 == 0 && m >= 2*minutesADay {
		f.fit.solve(&f.weights)
	}
}

// leastSquares is a regression with weights at least 0.
type leastSquares struct {
	a [claimSigns][claimSigns]float64
	b [claimSigns]float64
}

func (l *leastSquares) add(x [claimSigns]float64, y, weight, decay float64) {
	for i := range x {
		for j := range x {
			l.a[i][j] = decay*l.a[i][j] + weight*x[i]*x[j]
		}
		l.b[i] = decay*l.b[i] + weight*x[i]*y
	}
}

// solve improves w one coefficient after the other (Franc, Hlavac and Navara 2005).
func (l *leastSquares) solve(w *[claimSigns]float64) {
	for range 200 {
		before := *w
		for i := range w {
			rest := l.b[i]
			for j := range w {
				if j != i {
					rest -= l.a[i][j] * w[j]
				}
			}
			if l.a[i][i] > 0 {
				w[i] = max(rest/l.a[i][i], 0)
			}
		}
		if slices.Equal(before[:], w[:]) {
			return
		}
	}
}
