package forecast

import (
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// The rule of Outages. An outage is a run of zeros that a demand of this kind has no reason to show.
const (
	outageHistory = 14 * 24 * time.Hour // so that every hour of the week was seen twice
	outageLength  = 30 * time.Minute
	outagePoints  = 5
	outageShare   = 0.02 // of the observations at the same time of other days
	day           = 24 * time.Hour
)

// Outages marks the observations that record a failure rather than a demand: result[i] is true where y.Values[i] belongs to a run of
// zeros of at least 30 minutes and 5 steps, while outside of such runs at most 2 % of the observations at the same times of day are
// zero. A run that reaches the end of y is not marked, because it is what is known of now; nor is anything in a history below 14 days,
// where a first quiet week-end would look the same. It returns nil where nothing is marked.
func Outages(y series.Series) []bool {
	if y.Step <= 0 || time.Duration(y.Len())*y.Step < outageHistory {
		return nil
	}
	runs := zeroRuns(y.Values, max(outagePoints, int((outageLength+y.Step-1)/y.Step)))
	if len(runs) == 0 {
		return nil
	}
	inRun := make([]bool, y.Len())
	for _, r := range runs {
		for i := r[0]; i < r[1]; i++ {
			inRun[i] = true
		}
	}
	perDay := max(1, int(day/y.Step))
	var marked []bool
	for _, r := range runs {
		if r[1] == y.Len() || !unusual(y.Values, inRun, r, perDay) {
			continue
		}
		if marked == nil {
			marked = make([]bool, y.Len())
		}
		for i := r[0]; i < r[1]; i++ {
			marked[i] = true
		}
	}
	return marked
}

// WithoutOutages returns y with its outages missing. It returns y itself where there are none.
func WithoutOutages(y series.Series) series.Series {
	marked := Outages(y)
	if marked == nil {
		return y
	}
	y = y.Clone()
	for i, m := range marked {
		if m {
			y.Values[i] = math.NaN()
		}
	}
	return y
}

// zeroRuns returns the half-open index ranges of runs of at least n zeros. Missing observations inside a run do not end it.
func zeroRuns(values []float64, n int) [][2]int {
	var runs [][2]int
	from, last, zeros := -1, -1, 0
	flush := func() {
		if zeros >= n {
			runs = append(runs, [2]int{from, last + 1})
		}
		from, zeros = -1, 0
	}
	for i, v := range values {
		switch {
		case math.IsNaN(v):
		case v != 0:
			flush()
		default:
			if from < 0 {
				from = i
			}
			last = i
			zeros++
		}
	}
	if zeros >= n {
		last = len(values) - 1
	}
	flush()
	return runs
}

// unusual reports whether zeros are rare at the times of day of run r on the days on which those times are not in a long run of zeros
// of their own, and whether such days are most of the days: a time of day that is at zero every other day is no outage.
func unusual(values []float64, inRun []bool, r [2]int, perDay int) bool {
	var seen, zeros, runs int
	stride := max(1, (r[1]-r[0])/256)
	for i := r[0]; i < min(r[1], r[0]+perDay); i += stride {
		for j := i % perDay; j < len(values); j += perDay {
			switch {
			case j >= r[0] && j < r[1] || math.IsNaN(values[j]):
			case inRun[j]:
				runs++
			default:
				seen++
				if values[j] == 0 {
					zeros++
				}
			}
		}
	}
	return seen > 0 && float64(zeros) <= outageShare*float64(seen) && float64(runs) <= 0.1*float64(seen)
}
