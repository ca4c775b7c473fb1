package naive

import (
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// errorLog keeps the errors of one horizon: about logSize of them, spread evenly over the time since the first or, once that is
// longer, over the last week or more. Sorting them is what costs, so that they count in batches once there are many.
type errorLog struct {
	knot              int
	stride, maxStride int
	at                []int
	errs              []float64
	added             int // errors ever added
	grid              forecast.Grid
	known             int // how many had been added when grid was made; 0 before
}

// logSize is enough to place the 1 % and 99 % quantiles. From batchFrom errors on they count logBatch at a time.
const (
	logSize   = 256
	logBatch  = 16
	batchFrom = 64
)

// newErrors returns one log a knot.
func newErrors(knots []int, step time.Duration) []*errorLog {
	week := int(7 * 24 * time.Hour / max(step, 1))
	logs := make([]*errorLog, 0, len(knots))
	for _, k := range knots {
		l := &errorLog{knot: k, stride: 1, maxStride: 1}
		for l.maxStride*logSize < week {
			l.maxStride *= 2
		}
		logs = append(logs, l)
	}
	return logs
}

// due reports whether the error at index i is one that is kept.
func (l *errorLog) due(i int) bool { return i%l.stride == 0 }

// add keeps error e of the observation with index i. A full log forgets every other error until it spans a week, then the oldest.
func (l *errorLog) add(i int, e float64) {
	l.at, l.errs = append(l.at, i), append(l.errs, e)
	l.added++
	if len(l.errs) < logSize+logBatch || l.added%logBatch != 0 {
		return
	}
	if l.stride == l.maxStride {
		l.at, l.errs = slices.Delete(l.at, 0, logBatch), slices.Delete(l.errs, 0, logBatch)
		return
	}
	l.stride *= 2
	n := 0
	for j, at := range l.at {
		if l.due(at) {
			l.at[n], l.errs[n] = at, l.errs[j]
			n++
		}
	}
	l.at, l.errs = l.at[:n], l.errs[:n]
}

// quantiles returns the errors' distribution and how many independent errors it stands for: errors of h steps overlap, so that only
// every h-th counts. The grid is nil where there are none; it is never changed once returned.
func (l *errorLog) quantiles() (forecast.Grid, float64) {
	n := len(l.errs)
	if n == 0 {
		return nil, 0
	}
	known := l.added
	if n > batchFrom {
		known -= l.added % logBatch
		n -= l.added % logBatch
	}
	if l.known != known {
		l.grid, l.known = forecast.Compact(forecast.NewSample(slices.Clone(l.errs[:n]))), known
	}
	return l.grid, float64(n) * min(1, float64(l.stride)/float64(l.knot))
}

// The prior of a distribution: normal, with a standard deviation of priorSpread times the level. Its share falls by e with every
// priorErrors independent errors seen, to priorLeast, which keeps a demand that never changed from having no width.
const (
	priorSpread = 0.4
	priorErrors = 8
	priorLeast  = 1e-6
)

// spread is the distribution of the error at one horizon, around zero: two neighbouring logs and the prior, each with its share.
type spread struct {
	lo, hi        forecast.Grid
	wLo, wHi, wPr float64
}

// blend returns the error distribution for h steps ahead at the given level. Beyond the last knot errors grow with the square root of
// the horizon, as those of a random walk do.
func blend(logs []*errorLog, h, seasons int, level float64, normal forecast.Grid) spread {
	i := 0
	for i < len(logs)-1 && logs[i+1].knot <= h {
		i++
	}
	lo, nLo := logs[i].quantiles()
	hi, nHi := lo, nLo
	frac, grow := 0.0, math.Sqrt(float64(max(seasons, 1)))
	switch {
	case i+1 < len(logs):
		hi, nHi = logs[i+1].quantiles()
		frac = float64(h-logs[i].knot) / float64(logs[i+1].knot-logs[i].knot)
	case len(logs) > 1:
		grow = math.Sqrt(float64(h) / float64(logs[i].knot))
	}
	share := func(g forecast.Grid, n, frac float64) (w, rest float64) {
		if g == nil {
			return 0, frac
		}
		w = frac * (1 - max(math.Exp(-n/priorErrors), priorLeast))
		return w * grow, frac - w
	}
	s := spread{lo: lo, hi: hi}
	var restLo, restHi float64
	s.wLo, restLo = share(lo, nLo, 1-frac)
	s.wHi, restHi = share(hi, nHi, frac)
	s.wPr = (restLo + restHi) * priorSpread * level * grow
	if s.lo == nil {
		s.lo = normal
	}
	if s.hi == nil {
		s.hi = normal
	}
	return s
}
