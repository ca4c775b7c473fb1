package replay

import (
	"math"
	"math/rand/v2"
	"testing"
)

// recursion is damped additive Holt-Winters in the component form of FPP3, 8.3, over a series without gaps: the forecast h steps after
// its end.
func recursion(y []float64, period, h int, alpha, betaStar, gammaStar, phi float64) float64 {
	var l, b float64
	s := make([]float64, len(y)+h)
	for i := range period {
		l += y[i] / float64(period)
	}
	for i := range period {
		s[i] = y[i] - l
	}
	gamma := gammaStar * (1 - alpha)
	for t := period; t < len(y); t++ {
		before := l
		l = alpha*(y[t]-s[t-period]) + (1-alpha)*(before+phi*b)
		s[t] = gamma*(y[t]-before-phi*b) + (1-gamma)*s[t-period]
		b = betaStar*(l-before) + (1-betaStar)*phi*b
	}
	sum := 0.0
	for i := 1; i <= h; i++ {
		sum += math.Pow(phi, float64(i))
	}
	return l + sum*b + s[len(y)+h-1-period*((h-1)/period+1)]
}

func TestHoltWintersAgainstItsEquations(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	y := make([]float64, 200)
	for i := range y {
		y[i] = 100 + 20*math.Sin(float64(i)/4) + 5*r.Float64()
	}
	f := func(period, h int, alpha, beta, gamma float64) {
		t.Helper()
		m := newHoltWinters(smoothing{grid: 1, season: period, alpha: alpha, beta: beta, gamma: gamma})
		for _, v := range y {
			m.update(v)
		}
		want := recursion(y, period, h, alpha, beta, gamma, damping)
		if got := m.forecast(h - 1); math.Abs(got-want) > 1e-9 {
			t.Errorf("forecast %v, the equations say %v", got, want)
		}
	}
	f(24, 1, 0.2, 0.1, 0.3)
	f(24, 7, 0.2, 0.1, 0.3)
	f(24, 30, 0.5, 0, 0.1) // beyond a season
	f(7, 1, 1, 1, 0)
	f(48, 2, 0.01, 0.5, 0.9)
}

func TestHoltWintersGrid(t *testing.T) {
	m := newHoltWinters(smoothing{grid: 5, season: 20, alpha: 0.3, gamma: 0.3})
	for i := range 40 {
		m.update(float64(i / 5 % 4 * 10))
	}
	f := func(u int, want float64) {
		t.Helper()
		if got := m.forecast(u); math.Abs(got-want) > 1e-9 {
			t.Errorf("forecast of minute %d ahead is %v, want %v", u, got, want)
		}
	}
	f(0, 0)
	f(4, 0)
	f(5, 10)
	f(19, 30)
	m.update(0)
	m.update(0)
	f(0, 0) // the cell under way
	f(2, 0)
	f(3, 10)
	m.update(math.NaN())
	m.update(0)
	m.update(60) // what is known of a cell counts: a mean of 15, 0.3 of which the level takes
	f(0, 14.5)
}

func TestHoltWintersMissing(t *testing.T) {
	full := func(skip func(i int) bool) *holtWinters {
		m := newHoltWinters(smoothing{grid: 1, season: 24, alpha: 0.5, beta: 0.2, gamma: 0.3})
		for i := range 240 {
			v := 100 + 50*math.Sin(2*math.Pi*float64(i)/24)
			if skip(i) {
				v = math.NaN()
			}
			m.update(v)
		}
		return m
	}
	f := func(what string, skip func(i int) bool) {
		t.Helper()
		m := full(skip)
		for h := range 24 {
			want := 100 + 50*math.Sin(2*math.Pi*float64(240+h)/24)
			if got := m.forecast(h); !(math.Abs(got-want) < 1) {
				t.Errorf("%s: forecast of step %d is %v, want %v", what, h, got, want)
			}
		}
	}
	f("nothing missing", func(int) bool { return false })
	f("every seventh", func(i int) bool { return i%7 == 3 })
	f("two seasons and a half", func(i int) bool { return i >= 100 && i < 160 })
	f("all at the end", func(i int) bool { return i >= 200 })
	f("all of the first season", func(i int) bool { return i < 24 })
	m := full(func(i int) bool { return i%24 == 5 })
	if got := m.forecast(5); !math.IsNaN(got) {
		t.Errorf("a position that was never seen is forecast as %v", got)
	}
}

func TestHoltWintersIsNeverNegative(t *testing.T) {
	m := &holtWinters{smoothing: smoothing{grid: 1, season: 2}, started: true, level: 10, trend: -4, season: []float64{0, 30}}
	if got := m.forecast(0); math.Abs(got-6.4) > 1e-9 {
		t.Errorf("forecast %v, want 6.4", got)
	}
	if got := m.forecast(20); got != 0 {
		t.Errorf("forecast %v of a load that falls to nothing, want 0", got)
	}
	if got := m.forecast(21); !(got > 0 && got < 10) {
		t.Errorf("forecast %v of its busier half, want what is left of 30", got)
	}
}

func TestHoltWintersIsTuned(t *testing.T) {
	l := steady(14*minutesPerDay, 50)
	for _, day := range []int{5, 6, 12, 13} {
		l = l.set(day*minutesPerDay, (day+1)*minutesPerDay, 20)
	}
	m := tuneHoltWinters(l.Values, 4)
	if m.smoothing.season != minutesPerWeek {
		t.Errorf("a load with week-ends is given a season of %d minutes", m.smoothing.season)
	}
	l = week(14, 5)
	m = tuneHoltWinters(l.Values, 4)
	best := newHoltWinters(m.smoothing).follow(l.Values, minutesPerWeek+minutesPerDay, 4)
	for _, s := range smoothings(minutesPerDay) {
		if e := newHoltWinters(s).follow(l.Values, minutesPerWeek+minutesPerDay, 4); e < best {
			t.Errorf("%+v has an error of %v, the chosen %+v one of %v", s, e, m.smoothing, best)
		}
	}
}
