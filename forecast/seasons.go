package forecast

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// usualSeasons are the periods that a demand of people and of machines most often repeats after, ascending. They are tried wherever the
// spectrum does not speak against them, and believed on less evidence than others.
var usualSeasons = []time.Duration{
	5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour,
	4 * time.Hour, 6 * time.Hour, 8 * time.Hour, 12 * time.Hour, day, 7 * day,
}

// The rules of Seasons. Those without a source were chosen on simulated noise, random walks, autoregressions and sparse events, of which
// fewer than one in a hundred is said to have a season, and on sums of seasons, noise and gaps.
const (
	mostSeasons = 3
	// A season has at least leastSteps steps and leastCycles cycles in the history. An unusual one has leastOtherCycles.
	leastSteps       = 4
	leastCycles      = 2.5
	leastOtherCycles = 4
	// An unusual season is looked for in the coarsest roll-up that gives it resolvedSteps, a usual one in all that give it coarseSteps.
	resolvedSteps = 96
	coarseSteps   = 24
	// A line of the spectrum must stand out by usualLine to try a usual season, which one bin of noise in 50 does, or by otherLine, which
	// one in ten million does, to try another. Below lineCycles cycles lines cannot be told apart and usual seasons are tried anyway.
	usualLine       = 4
	otherLine       = 16
	lineCycles      = 6
	mostOthersTried = 4
	// Two periods whose ratio is below alikeRatio are one season and its leakage. A ratio is whole within wholeTolerance of itself.
	alikeRatio     = 1.3
	wholeTolerance = 0.02
	// A longer season must raise the autocorrelation by leastRaise over that at the lags in between. A shorter one is part of the shape of a
	// longer one where the autocorrelation is partRatio times as high after the longer. Of a season and its double to its fewMultiples-fold
	// one goes: the shorter where the longer has replaceRatio times its autocorrelation and leastRaise more.
	leastRaise   = 0.05
	partRatio    = 1.5
	fewMultiples = 4
	replaceRatio = 1.25
)

// Seasons returns the periods that y repeats after, ascending and at most three; none where y shows none. Periods found in the
// spectrum of the detrended and winsorised history are confirmed by its autocorrelation at one period and at more; they are usual ones,
// such as an hour, a day and a week, or, where the evidence is strong, any multiple of y's step of at least four steps. A period needs
// two and a half cycles, an unusual one four. Of a season and its multiples the shortest is returned that explains the others, and the
// week beside the day only where days of the week differ. Missing observations count for nothing. The latest half million observations
// are looked at: the fine structure in the latest 8192, the coarse in averages.
func Seasons(y series.Series) []time.Duration {
	if y.Step <= 0 {
		return nil
	}
	rolls := rollUps(y)
	var found []season
	for _, length := range usualSeasons {
		if s, ok := findUsual(rolls, length); ok {
			found = append(found, s)
		}
	}
	for k := range rolls {
		found = append(found, findOthers(rolls, k, y.Step)...)
	}
	slices.SortStableFunc(found, func(a, b season) int { return cmp.Compare(a.length, b.length) })
	found = strongest(withoutMultiples(rolls, withoutParts(rolls, withoutLeakage(found))))
	lengths := make([]time.Duration, 0, len(found))
	for _, s := range found {
		lengths = append(lengths, s.length)
	}
	return lengths
}

// season is a period that was confirmed in a roll-up.
type season struct {
	evidence
	length time.Duration
	usual  bool
	roll   int
	steps  float64 // of the roll-up
}

// findUsual looks for a period in the coarsest roll-up that shows its shape and, because an average hides what lasts a step, in finer
// ones.
func findUsual(rolls []*rollUp, length time.Duration) (season, bool) {
	for k, r := range slices.Backward(rolls) {
		p := float64(length) / float64(r.step)
		switch n := float64(len(r.x)); {
		case k > 0 && p < coarseSteps || p < leastSteps:
			continue
		case n < leastCycles*p:
			return season{}, false
		case n > lineCycles*p && r.line(p) < usualLine:
			continue
		}
		if e, ok := r.confirm(p, usualEvidence); ok {
			return season{e, length, true, k, p}, true
		}
	}
	return season{}, false
}

// findOthers returns the unusual periods, in multiples of step, that stand out most in roll-up k and are confirmed.
func findOthers(rolls []*rollUp, k int, step time.Duration) []season {
	r := rolls[k]
	var found []season
	for _, p := range r.lines(mostOthersTried) {
		length := time.Duration(p * float64(r.step))
		if bestRoll(rolls, length) != k || r.nearUsual(p) {
			continue
		}
		e, ok := r.confirm(p, otherEvidence)
		if !ok {
			continue
		}
		steps := math.Round(r.refine(p) * float64(r.step) / float64(step))
		length = time.Duration(steps) * step
		found = append(found, season{e, length, false, k, float64(length) / float64(r.step)})
	}
	return found
}

// bestRoll returns the coarsest roll-up that resolves a period.
func bestRoll(rolls []*rollUp, length time.Duration) int {
	for k, r := range slices.Backward(rolls) {
		if float64(length) >= resolvedSteps*float64(r.step) {
			return k
		}
	}
	return 0
}

// withoutLeakage keeps the best of periods that are alike.
func withoutLeakage(found []season) []season {
	return slices.DeleteFunc(slices.Clone(found), func(a season) bool {
		return slices.ContainsFunc(found, func(b season) bool {
			ratio := float64(max(a.length, b.length)) / float64(min(a.length, b.length))
			return ratio < alikeRatio && b.better(a)
		})
	})
}

// better reports whether of two periods that are alike s is the season: the usual one, unless the other lasts longer.
func (s season) better(than season) bool {
	switch {
	case s.usual && !than.usual:
		return than.far <= replaceRatio*s.far
	case than.usual && !s.usual:
		return s.far > replaceRatio*than.far
	}
	return s.z > than.z
}

// multiple returns how many times a goes into b, and false where that is no whole number of at least 2.
func multiple(a, b season) (float64, bool) {
	ratio := float64(b.length) / float64(a.length)
	m := math.Round(ratio)
	return m, m >= 2 && math.Abs(ratio-m) <= wholeTolerance*m
}

// withoutParts drops periods below a day that are parts of the shape of a longer one: the half day of a day with two unequal peaks.
func withoutParts(rolls []*rollUp, found []season) []season {
	for j := len(found) - 1; j > 0; j-- {
		for i := j - 1; i >= 0; i-- {
			a, b := found[i], found[j]
			m, ok := multiple(a, b)
			if ok && a.length < day && rolls[a.roll].after(a, m) > partRatio*a.r && raise(rolls, b, m) > leastRaise {
				found = slices.Delete(found, i, i+1)
				j--
			}
		}
	}
	return found
}

// withoutMultiples drops periods that repeat a shorter one, and shorter ones that a small multiple explains better.
func withoutMultiples(rolls []*rollUp, found []season) []season {
	for i := 0; i < len(found); i++ {
		for j := i + 1; j < len(found); j++ {
			a, b := found[i], found[j]
			m, ok := multiple(a, b)
			switch {
			case !ok:
			case m <= fewMultiples && rolls[a.roll].after(a, m) > replaceRatio*a.r+leastRaise:
				found = slices.Delete(found, i, i+1)
				j = i
			case m <= fewMultiples || raise(rolls, b, m) < leastRaise:
				found = slices.Delete(found, j, j+1)
				j--
			}
		}
	}
	return found
}

// after returns the autocorrelation m cycles of s later, without what changes more slowly than s; NaN beyond the history.
func (r *rollUp) after(s season, m float64) float64 {
	if (m+1)*s.steps >= float64(len(r.x)) {
		return math.NaN()
	}
	r.filter(s.steps)
	return r.z.correlation(lagOf(m * s.steps))
}

// raise returns by how much the autocorrelation after the season exceeds the mean of that after its m-ths.
func raise(rolls []*rollUp, s season, m float64) float64 {
	const most = 8
	k := 0
	for k < s.roll && float64(len(rolls[k].x))*float64(rolls[k].step) < leastCycles*float64(s.length) {
		k++
	}
	r := rolls[k]
	p := float64(s.length) / float64(r.step)
	r.filter(p)
	var sum, n float64
	for i := 1; i < int(m); i += max(1, int(m)/most) {
		sum += r.z.correlation(lagOf(p * float64(i) / m))
		n++
	}
	return r.z.correlation(lagOf(p)) - sum/n
}

// strongest keeps the seasons with the strongest evidence.
func strongest(found []season) []season {
	for len(found) > mostSeasons {
		least := 0
		for i, s := range found {
			if s.z < found[least].z {
				least = i
			}
		}
		found = slices.Delete(found, least, least+1)
	}
	return found
}
