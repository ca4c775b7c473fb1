package selection

import (
	"math"
	"slices"

	"github.com/forethought-autoscaler/forethought/forecast"
)

const (
	// adaptGain is the step of adaptive conformal inference (Gibbs and Candes 2021), here in the logarithm of the width: after a miss at the
	// 90 % quantile the width above grows by 0.9 of it, after a hit it shrinks by 0.1 of it.
	adaptGain = 0.02
	// adaptMost bounds the factor and its inverse.
	adaptMost = 3.0
	// driftMemory discounts the one-step errors that drift is seen in; their mean age is ten steps. A demand has drifted once they are
	// driftLimit times as large as on the rolling origins; a single error counts as driftMost times at most.
	driftMemory = 0.9
	driftLimit  = 4.0
	driftMost   = 10.0
)

// tracker keeps, for a few steps of each bucket, what was said of observations still to come, and what it learns from them: how well each
// member does now, how wide the intervals must be, and whether the demand has drifted.
type tracker struct {
	followed []followed
	n        int // origins noted
	// up and down are the factors of the widths above and below the median, by bucket.
	up, down []float64
	// decay discounts the members' errors as the rolling origins do.
	decay   float64
	shock   float64
	drifted bool
}

// followed is one step of a bucket. said is a ring of what the combination said at the latest origins of the observation so many steps
// later; mids is one of what each member did, for the geometric middle of the bucket only. share is its part in the bucket.
type followed struct {
	bucket, step int
	share        float64
	said         []said
	mids         [][]float64
}

// newTracker follows the first, middle and last step of each bucket.
func newTracker(w weights, members, window int) *tracker {
	t := &tracker{decay: math.Exp2(-1 / (recencyHalf * float64(max(window, 1)))), shock: 1}
	for b := range w.byBucket {
		from, to := bounds(b, w.reach)
		to = max(from, to)
		middle := int(math.Sqrt(float64(from) * float64(to)))
		steps := slices.Compact([]int{from, middle, to})
		for _, step := range steps {
			f := followed{bucket: b, step: step, share: 1 / float64(len(steps)), said: make([]said, step)}
			if step == middle {
				f.mids = matrix(step, members)
			}
			t.followed = append(t.followed, f)
		}
		t.up, t.down = append(t.up, 1), append(t.down, 1)
	}
	return t
}

// factors returns the factors of the widths far steps ahead.
func (t *tracker) factors(far int) (up, down float64) {
	b := min(bucketOf(far), len(t.up)-1)
	return t.up[b], t.down[b]
}

// settle compares observation y with what was said of it. A missing one teaches nothing.
func (m *model) settle(y float64) {
	t := m.tracker
	if t == nil || math.IsNaN(y) {
		return
	}
	for _, f := range t.followed {
		slot := (t.n - f.step) % f.step
		if t.n < f.step || math.IsNaN(f.said[slot].mid) {
			continue
		}
		t.adapt(f, f.said[slot], y, m.calibration)
		if f.mids == nil {
			continue
		}
		errs := m.weights.errs[f.bucket]
		for i, mid := range f.mids[slot] {
			if !math.IsNaN(mid) {
				errs[i] = t.decay*errs[i] + (1-t.decay)*math.Abs(y-mid)
			}
		}
		m.weights.follow(f.bucket, func(i int) bool { return m.members[i] != nil })
	}
}

// adapt moves the widths of a bucket, and the measure of drift.
func (t *tracker) adapt(f followed, s said, y float64, c *calibration) {
	b := f.bucket
	above, below, least := c.widths(s, f.step)
	shape := c.shapeAt(f.step)
	move := func(factor *float64, missed bool) {
		step := -adaptGain * 0.1
		if missed {
			step = adaptGain * 0.9
		}
		*factor = min(max(*factor*math.Exp(f.share*step), 1/adaptMost), adaptMost)
	}
	move(&t.up[b], y > s.mid+t.up[b]*shape.Quantile(0.9)*above+least)
	move(&t.down[b], y < s.mid+t.down[b]*shape.Quantile(0.1)*below-least)
	if b == 0 {
		width := above
		if y < s.mid {
			width = below
		}
		t.shock = driftMemory*t.shock + (1-driftMemory)*min(math.Abs(y-s.mid)/(width+least), driftMost)
		t.drifted = t.drifted || t.shock > driftLimit
	}
}

// track notes what is said now of the observations to come.
func (m *model) track() {
	if m.calibration == nil {
		return
	}
	if m.tracker == nil {
		m.tracker = newTracker(m.weights, len(m.members), m.calibration.window)
	}
	t := m.tracker
	far := 0
	for _, f := range t.followed {
		far = max(far, f.step)
	}
	mids := make([][]float64, len(m.members))
	for i, member := range m.members {
		if member != nil {
			mids[i] = make([]float64, far)
		}
	}
	m.now = m.say(far, mids)
	for _, f := range t.followed {
		slot := t.n % f.step
		f.said[slot] = m.now[f.step-1]
		if m.gap > 0 {
			f.said[slot].mid = math.NaN() // as far ahead of the last observation as a step of another bucket
		}
		if f.mids != nil {
			note(f.mids[slot], mids, f.step)
		}
	}
	t.n++
}

// note copies what each member said of a step, NaN where it said nothing.
func note(to []float64, mids [][]float64, step int) {
	for i, mid := range mids {
		to[i] = math.NaN()
		if mid != nil {
			to[i] = mid[step-1]
		}
	}
}

// Drifted implements forecast.Drifter.
func (m *model) Drifted() bool { return m.tracker != nil && m.tracker.drifted }

var _ forecast.Drifter = (*model)(nil)
