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
	at                []int32 // their indices, while any will be forgotten by these
	errs              []float32
	added             int // errors ever added
	grid              forecast.Grid
	known             int // how many had been added when grid was made; 0 before
}

// logSize is enough to place the 1 % and 99 % quantiles. From batchFrom errors on they count logBatch at a time.
const (
	logSize   = 256
	logBatch  = 32
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
	if n := len(l.errs); n == cap(l.errs) {
		l.errs = append(make([]float32, 0, min(max(2*n, logBatch), logSize+logBatch)), l.errs...)
	}
	l.errs = append(l.errs, float32(e))
	if l.stride < l.maxStride {
		l.at = append(l.at, int32(i))
	}
	l.added++
	if len(l.errs) < logSize+logBatch || l.added%logBatch != 0 {
		return
	}
	if l.stride == l.maxStride {
		l.errs = slices.Delete(l.errs, 0, logBatch)
		return
	}
	l.stride *= 2
	n := 0
	for j, at := range l.at {
		if l.due(int(at)) {
			l.at[n], l.errs[n] = at, l.errs[j]
			n++
		}
	}
	l.at, l.errs = l.at[:n], l.errs[:n]
	if l.stride == l.maxStride {
		l.at = nil
	}
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
		errs := make([]float64, n)
		for i, e := range l.errs[:n] {
			errs[i] = float64(e)
		}
		l.grid, l.known = forecast.Compact(forecast.NewSample(errs)), known
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

// belief is the distribution of the errors of one log, nil where there are none, and the share that it has earned against the prior.
type belief struct {
	grid  forecast.Grid
	share float64
}

// beliefs returns what each log says.
func beliefs(logs []*errorLog) []belief {
	out := make([]belief, len(logs))
	for i, l := range logs {
		if grid, n := l.quantiles(); grid != nil {
			out[i] = belief{grid, 1 - max(math.Exp(-n/priorErrors), priorLeast)}
		}
	}
	return out
}

// spread is the distribution of the error at one horizon, around zero: two neighbouring logs and the prior, each with its share.
type spread struct {
	lo, hi        forecast.Grid
	wLo, wHi, wPr float64
}

// blend returns the error distribution for h steps ahead at the given level. Beyond the last knot errors grow with the square root of
// the horizon, as those of a random walk do.
func blend(logs []*errorLog, said []belief, h, seasons int, level float64) spread {
	i := 0
	for i < len(logs)-1 && logs[i+1].knot <= h {
		i++
	}
	lo, hi := said[i], said[i]
	frac, grow := 0.0, 1.0
	switch {
	case i+1 < len(logs):
		hi = said[i+1]
		frac = float64(h-logs[i].knot) / float64(logs[i+1].knot-logs[i].knot)
	case len(logs) > 1:
		grow = math.Sqrt(float64(h) / float64(logs[i].knot))
	case seasons > 1:
		grow = math.Sqrt(float64(seasons))
	}
	wLo, wHi := (1-frac)*lo.share, frac*hi.share
	return spread{lo: lo.grid, hi: hi.grid, wLo: wLo * grow, wHi: wHi * grow, wPr: (1 - wLo - wHi) * priorSpread * level * grow}
}
