package naive

import "math"

// centre is what distinguishes the methods: where the forecast lies. All values are at the model's scale.
type centre interface {
	// knots are the horizons at which errors are kept, ascending, at most 128. One knot means that errors do not grow with the horizon.
	knots() []int
	// ahead returns the forecast of step h, NaN while nothing was observed.
	ahead(h int) float64
	// seasons returns by how many seasons step h lies ahead, 1 where there is no season.
	seasons(h int) int
	// observe takes the next observation, NaN where missing.
	observe(y float64)
}

// levelKnots double from the first step to beyond two hours of minutes.
func levelKnots() []int { return []int{1, 2, 4, 8, 16, 32, 64, 128} }

// last is the centre of Last.
type last struct{ value float64 }

func (l *last) knots() []int      { return levelKnots() }
func (l *last) ahead(int) float64 { return l.value }
func (l *last) seasons(int) int   { return 1 }
func (l *last) observe(y float64) {
	if !math.IsNaN(y) {
		l.value = y
	}
}

// smooth runs simple exponential smoothing at several parameters side by side and answers with the one whose errors smoothKnot steps
// ahead were smallest lately.
type smooth struct {
	level [len(alphas)]float64
	err   [len(alphas)]float64
	past  [smoothKnot][len(alphas)]float64
	n     int
}

// alphas spans smoothing over 40 observations to nearly none; 1 is method Last.
var alphas = [...]float64{0.05, 0.1, 0.2, 0.35, 0.5, 0.75}

// smoothKnot is the horizon on which alpha is chosen; smoothMemory discounts old errors, with a mean age of 1000 observations.
const (
	smoothKnot   = 4
	smoothMemory = 0.999
)

func newSmooth() *smooth {
	s := &smooth{}
	for i := range s.level {
		s.level[i] = math.NaN()
		for k := range s.past {
			s.past[k][i] = math.NaN()
		}
	}
	return s
}

func (s *smooth) knots() []int    { return levelKnots() }
func (s *smooth) seasons(int) int { return 1 }

func (s *smooth) ahead(int) float64 {
	best := len(alphas) - 1
	for i := len(alphas) - 2; i >= 0; i-- {
		if s.err[i] < s.err[best] {
			best = i
		}
	}
	return s.level[best]
}

func (s *smooth) observe(y float64) {
	slot := &s.past[s.n%smoothKnot]
	s.n++
	if !math.IsNaN(y) {
		for i, a := range alphas {
			if old := slot[i]; !math.IsNaN(old) {
				s.err[i] = smoothMemory*s.err[i] + (1-smoothMemory)*math.Abs(y-old)
			}
			if math.IsNaN(s.level[i]) {
				s.level[i] = y
			} else {
				s.level[i] += a * (y - s.level[i])
			}
		}
	}
	*slot = s.level
}

// seasonal is the centre of Seasonal: a ring of the last two seasons, in which a missing observation is answered by the season before
// it, because the ring then keeps what it had.
type seasonal struct {
	period int
	ring   []float64
	n      int
	value  float64
}

func newSeasonal(period int) *seasonal {
	s := &seasonal{period: period, ring: make([]float64, period), value: math.NaN()}
	for i := range s.ring {
		s.ring[i] = math.NaN()
	}
	return s
}

func (s *seasonal) knots() []int      { return []int{1} }
func (s *seasonal) seasons(h int) int { return (h + s.period - 1) / s.period }

func (s *seasonal) ahead(h int) float64 {
	if v := s.ring[(s.n+h-1)%s.period]; !math.IsNaN(v) {
		return v
	}
	return s.value
}

func (s *seasonal) observe(y float64) {
	if !math.IsNaN(y) {
		s.ring[s.n%s.period] = y
		s.value = y
	}
	s.n++
}
