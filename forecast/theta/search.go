package theta

import "math"

const (
	// trials is the number of weights tried over the range before the search closes in on the best.
	trials = 8
	// closeness is the width, relative to the range, at which the search ends: function values do not tell weights apart that are
	// closer than the square root of the rounding error.
	closeness = 3e-9
	// golden is the golden section, (3 - sqrt 5)/2.
	golden = 0.38196601125010515
)

// smallest returns where in [lo, hi] f is smallest: between the neighbours of the best of a row of trials, by Brent's method of
// parabolas and golden sections (Brent 1973, chapter 5). The ends themselves are tried too.
func smallest(lo, hi float64, f func(float64) float64) float64 {
	at := func(i int) float64 { return lo + (hi-lo)*float64(i)/(trials-1) }
	best, value := 0, math.Inf(1)
	for i := range trials {
		if v := f(at(i)); v < value {
			best, value = i, v
		}
	}
	x, v := brent(at(max(best-1, 0)), at(min(best+1, trials-1)), closeness*(hi-lo), f)
	if value <= v {
		return at(best)
	}
	return x
}

// brent returns the place and the value of the minimum of f between a and b.
func brent(a, b, tolerance float64, f func(float64) float64) (x, fx float64) {
	x = a + golden*(b-a)
	s := bracket{a: a, b: b, tolerance: tolerance, best: place{x, f(x)}}
	s.second, s.third = s.best, s.best
	for !s.closed() {
		u := s.propose()
		s.record(place{u, f(u)})
	}
	return s.best.x, s.best.f
}

// place is a place and the value there.
type place struct{ x, f float64 }

// bracket is an interval that holds a minimum, and the three lowest places seen.
type bracket struct {
	a, b, tolerance     float64
	best, second, third place
	step, before        float64 // the latest step and the one before it
}

// closed reports whether no place in the bracket is far from the best.
func (s *bracket) closed() bool {
	return math.Abs(s.best.x-(s.a+s.b)/2) <= 2*s.tolerance-(s.b-s.a)/2
}

// propose returns where to look next: at the bottom of the parabola through the three places or, where that does not close in, at a
// golden section of the longer side.
func (s *bracket) propose() float64 {
	x, middle := s.best.x, (s.a+s.b)/2
	next := s.parabola()
	if u := x + next; math.Abs(next) < math.Abs(s.before)/2 && u > s.a && u < s.b {
		if u-s.a < 2*s.tolerance || s.b-u < 2*s.tolerance {
			next = math.Copysign(s.tolerance, middle-x)
		}
		s.before = s.step
	} else {
		s.before = s.b - x
		if x >= middle {
			s.before = s.a - x
		}
		next = golden * s.before
	}
	if math.Abs(next) < s.tolerance {
		next = math.Copysign(s.tolerance, next)
	}
	s.step = next
	return x + next
}

// record narrows the bracket by the value at a place.
func (s *bracket) record(u place) {
	if u.f <= s.best.f {
		s.narrow(s.best.x, u.x)
		s.third, s.second, s.best = s.second, s.best, u
		return
	}
	s.narrow(u.x, s.best.x)
	switch {
	case u.f <= s.second.f || s.second.x == s.best.x:
		s.third, s.second = s.second, u
	case u.f <= s.third.f || s.third.x == s.best.x || s.third.x == s.second.x:
		s.third = u
	}
}

// narrow moves an end of the bracket to at, which lies beyond inner.
func (s *bracket) narrow(at, inner float64) {
	if at < inner {
		s.a = at
	} else {
		s.b = at
	}
}

// parabola returns the step from the best place to the bottom of the parabola through the three, +Inf where it has none.
func (s *bracket) parabola() float64 {
	r := (s.best.x - s.second.x) * (s.best.f - s.third.f)
	q := (s.best.x - s.third.x) * (s.best.f - s.second.f)
	p := (s.best.x-s.third.x)*q - (s.best.x-s.second.x)*r
	if q == r {
		return math.Inf(1)
	}
	return -p / (2 * (q - r))
}
