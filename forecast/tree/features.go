package tree

import (
	"math"
	"time"
)

const (
	// grain is what features and targets are rounded to, in units of a window's scale, so that the rounding errors of other units of
	// demand vanish and the same trees grow.
	grain = 1.0 / (1 << 12)
	// featureLimit and targetLimit bound features and targets in the same unit.
	featureLimit = 64
	targetLimit  = 10
)

// The numbers of features.
const (
	sharedAlways     = 12
	sharedPerSeason  = 5
	sharedPerLeading = 3
	ownAlways        = 5
	ownFirstSeason   = back + 4
	ownLaterSeason   = 4
	ownCalendar      = 3
)

// sharedCount is the number of features that all steps of an origin share.
func (l layout) sharedCount() int {
	return sharedAlways + sharedPerSeason*len(l.seasons) + sharedPerLeading*l.leading
}

// count is the number of all features.
func (l layout) count() int {
	n := l.sharedCount() + ownAlways
	if len(l.seasons) > 0 {
		n += ownFirstSeason + ownLaterSeason*(len(l.seasons)-1)
	}
	if l.calendar != nil {
		n += ownCalendar
	}
	return n
}

// writer takes features one by one.
type writer struct{ out []float32 }

// put takes a feature, NaN where missing.
func (w *writer) put(v float64) {
	w.out[0] = float32(rounded(v, featureLimit))
	w.out = w.out[1:]
}

// rounded rounds v to the grain within a limit. NaN stays NaN.
func rounded(v, limit float64) float64 {
	return math.RoundToEven(min(max(v, -limit), limit)/grain) * grain
}

// shared writes the features that all steps share: where the latest observations and the means of several windows lie to each other, how
// much the demand moves, and by how much it lately differed from the season before.
func (o *origin) shared(out []float32) {
	w := writer{out}
	n, span := o.n, o.window()
	last, mean := o.at(n-1), o.level.mean(n-span, n)
	put := func(v float64) { w.put(v / o.scale) }
	put(last - o.now)
	put(last - o.at(n-2))
	put(last - o.at(n-4))
	put(o.level.mean(n-6, n) - o.now)
	put(o.level.mean(n-max(span/4, 8), n) - o.now)
	put(mean - o.now)
	put(mean - o.level.mean(n-2*span, n-span))
	put(mean - o.level.mean(n-8*span, n-span))
	put(o.moves.mean(n-span, n))
	put(o.moves.mean(n-max(span/8, 3), n))
	w.put(4 * math.Log2(o.scale/math.Abs(mean)))
	put(o.now / 8)
	for i := range o.seasons {
		put(o.errs[i].mean(n-1, n))
		put(o.errs[i].mean(n-latest, n))
		put(o.errs[i].mean(n-max(span/4, 4), n))
		put(o.errs[i].mean(n-span, n))
		put(o.sizes[i].mean(n-span, n))
	}
	for i := range o.leads {
		o.leadingFeatures(&w, &o.leads[i])
	}
}

// leadingFeatures writes how a leading indicator lately differs from its last window, from just before and from a window before, in
// units of its mean.
func (o *origin) leadingFeatures(w *writer, x *means) {
	n, span := o.n, o.window()
	now, unit := x.mean(n-latest, n), x.mean(n-4*span, n)
	if !(unit > 0) {
		unit = 1
	}
	w.put((now - x.mean(n-span, n)) / unit)
	w.put((now - x.mean(n-4*latest, n-latest)) / unit)
	w.put((now - x.mean(n-span-latest, n-span)) / unit)
}

// base returns what the target of step h is a difference from: the observation at the same phase of the season before, or further back
// where that is missing, or else the mean of the latest steps.
func (o *origin) base(h int) float64 {
	if len(o.seasons) == 0 {
		return o.now
	}
	s := o.seasons[0]
	for k := range back {
		if v := o.at(o.n + h - 1 - lag(s, first(s, h)+k)); v == v {
			return v
		}
	}
	return o.now
}

// own writes the features of step h: the step itself, its time, and what the same phase was in earlier seasons, as differences from the
// base.
func (o *origin) own(h int, base float64, out []float32) {
	w := writer{out}
	w.put(float64(min(h, o.horizon)) * featureLimit / float64(max(o.horizon, featureLimit)))
	w.put((o.now - base) / o.scale)
	w.put(base / o.scale / 8)
	o.clock(&w, o.n+h-1)
	for i, s := range o.seasons {
		if i == 0 {
			o.firstSeason(&w, s, h, base)
			continue
		}
		k := lag(s, first(s, h))
		j := o.n + h - 1 - k
		w.put((o.at(j) - base) / o.scale)
		w.put((o.moved(j, k) - base) / o.scale)
		w.put((o.level.mean(j-2, min(j+3, o.n)) - base) / o.scale)
		w.put((o.at(o.n+h-1-lag(s, first(s, h)+1)) - base) / o.scale)
	}
}

// moved returns z[j], k steps before a target, moved by what the level has changed in those k steps.
func (o *origin) moved(j, k int) float64 {
	return o.at(j) + o.now - o.level.mean(o.n-k-latest, o.n-k)
}

// firstSeason writes the features of the first season: the phase in each of several seasons, the mean of them and how far they lie apart,
// the smoothed latest one, and the latest one and the mean moved by the change of level.
func (o *origin) firstSeason(w *writer, s float64, h int, base float64) {
	var sum, moved float64
	n, nMoved := 0, 0
	low, high, smooth, latestMoved := math.Inf(1), math.Inf(-1), math.NaN(), math.NaN()
	for i := range back {
		k := lag(s, first(s, h)+i)
		j := o.n + h - 1 - k
		v, m := o.at(j), o.moved(j, k)
		if i == 0 {
			smooth, latestMoved = o.level.mean(j-1, min(j+2, o.n)), m
		} else {
			w.put((v - base) / o.scale)
		}
		if v == v {
			sum, low, high = sum+v, min(low, v), max(high, v)
			n++
		}
		if m == m {
			moved += m
			nMoved++
		}
	}
	w.put((sum/float64(n) - base) / o.scale)
	w.put((moved/float64(nMoved) - base) / o.scale)
	w.put((high - low) / o.scale)
	w.put((smooth - base) / o.scale)
	w.put((latestMoved - base) / o.scale)
}

// clock writes the time of day and the day of the week of grid point j, and what the calendar knows of that day and the one before.
func (o *origin) clock(w *writer, j int) {
	t := o.start.Add(time.Duration(j) * o.step)
	if o.calendar != nil {
		t = t.In(o.calendar.Location())
	}
	hour, minute, second := t.Clock()
	w.put(float64(3600*hour+60*minute+second) / 3600)
	w.put(float64(t.Weekday()))
	if o.calendar == nil {
		return
	}
	on := o.calendar.On(t)
	which := -1.0
	if len(on) > 0 {
		which = float64(on[0])
	}
	w.put(which)
	w.put(float64(len(on)))
	w.put(float64(len(o.calendar.On(t.Add(-day)))))
}
