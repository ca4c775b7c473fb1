package workload

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

const (
	day  = 24 * time.Hour
	week = 7
)

// The levels that features are about, as shares of the mean: below idleLevel a demand is idle, above burstLevel it bursts, and two
// observations that differ by less than sameLevel are the same. busiestShare is the share of hours that are the busiest.
const (
	idleLevel    = 0.02
	burstLevel   = 2
	sameLevel    = 0.01
	busiestShare = 0.05
)

// trendDays is the number of days from which it is worth asking how straight a trend is, and weekDays that from which the days of the
// week can be told apart.
const (
	trendDays = 5
	weekDays  = 14
)

// demandFeatures are what a demand's row holds, in its order.
var demandFeatures = []feature{
	{"daily_season", percent("the time of day explains %.0f %% of how it varies within a day")},
	{"weekly_season", percent("the day of the week explains %.0f %% of how its days differ")},
	{"variation", times("its standard deviation is %s times its mean")},
	{"peak_over_mean", times("its peak is %s times its mean")},
	{"busiest_hours", percent("the busiest twentieth of its hours holds %.0f %% of it")},
	{"dispersion", percent("its hourly means have %.0f %% of the variance of its observations")},
	{"trend", trend},
	{"trend_fit", percent("a straight line explains %.0f %% of how its days differ")},
	{"idle", percent("%.0f %% of the time it is idle")},
	{"same", percent("%.0f %% of the time it stays the same while it is not idle")},
	{"bursts", times("it rises above twice its mean %s times a day")},
	{"burst_hours", times("it stays above twice its mean for %s hours at a time")},
	{"autocorrelation_step", plain("one observation correlates with the next by %.2f")},
	{"autocorrelation_hour", plain("it correlates by %.2f with what it was an hour before")},
}

func percent(format string) func(float64, time.Duration) string {
	return func(v float64, _ time.Duration) string { return fmt.Sprintf(format, 100*v) }
}

func plain(format string) func(float64, time.Duration) string {
	return func(v float64, _ time.Duration) string { return fmt.Sprintf(format, v) }
}

// times prints two digits, and all before the point.
func times(format string) func(float64, time.Duration) string {
	return func(v float64, _ time.Duration) string {
		digits := "%.2g"
		if v >= 10 {
			digits = "%.0f"
		}
		return fmt.Sprintf(format, fmt.Sprintf(digits, v))
	}
}

func trend(v float64, span time.Duration) string {
	days := span.Hours() / day.Hours()
	switch {
	case math.Abs(v) < 0.005:
		return fmt.Sprintf("it neither rose nor fell in %.0f days", days)
	case v < 0:
		return fmt.Sprintf("it fell by %.0f %% of its mean in %.0f days", -100*v, days)
	}
	return fmt.Sprintf("it rose by %.0f %% of its mean in %.0f days", 100*v, days)
}

// profileFeatures are those of a profile's row.
var profileFeatures = []feature{
	{"cpu_share", percent("%.0f %% of its shape is cpu")},
	{"memory_share", percent("%.0f %% of its shape is memory")},
	{"gpu_share", percent("%.0f %% of its shape is gpu")},
}

// demand is a history on its way to features.
type demand struct {
	step    time.Duration
	values  []float64 // NaN is missing
	present int
	span    time.Duration // from the first to the last observation, both included
	mean    float64
	// hours are means of the hours of the clock, NaN where more than half is missing, and days those of 24 hours each from the first on,
	// NaN where more than a quarter is.
	hours, days []float64
}

// newDemand takes what is usable of y.
func newDemand(y series.Series) *demand {
	d := &demand{step: y.Step}
	from, to := -1, -1
	d.values = make([]float64, len(y.Values))
	var sum float64
	for i, v := range y.Values {
		if !(v >= 0) || math.IsInf(v, 1) {
			d.values[i] = math.NaN()
			continue
		}
		d.values[i] = v
		if from < 0 {
			from = i
		}
		to = i
		d.present++
		sum += v
	}
	if from < 0 {
		return d
	}
	d.values = d.values[from : to+1]
	d.span = time.Duration(len(d.values)) * d.step
	d.mean = sum / float64(d.present)
	if d.step <= 0 || d.step > longestStep {
		return d
	}
	width := max(int(time.Hour/d.step), 1)
	start := y.TimeAt(from)
	d.hours = rollUp(d.values, int(start.Sub(start.Truncate(time.Hour))/d.step), width, 0.5)
	d.days = rollUp(d.hours, 0, d.perDay(), 0.75)
	return d
}

// perDay returns the number of hours of a day; coarser steps count as hours.
func (d *demand) perDay() int { return int(day / max(d.step, time.Hour)) }

// rollUp returns means of width values each, of which skip lie before the first; NaN where less than the given share is present.
func rollUp(values []float64, skip, width int, share float64) []float64 {
	var out []float64
	for from := -skip; from < len(values); from += width {
		var sum float64
		n := 0
		for _, v := range values[max(from, 0):min(from+width, len(values))] {
			if !math.IsNaN(v) {
				sum, n = sum+v, n+1
			}
		}
		if float64(n) < share*float64(width) {
			sum = math.NaN()
		}
		out = append(out, sum/float64(n))
	}
	return out
}

// unusable says why there are no features, nothing where there are.
func (d *demand) unusable() string {
	have := time.Duration(d.present) * d.step
	switch {
	case d.present == 0:
		return "there is no history"
	case d.step <= 0 || d.step > longestStep:
		return fmt.Sprintf("the step of %s is longer than %s", d.step, longestStep)
	case d.span < leastSpan:
		return fmt.Sprintf("the history covers %.1f days and %.0f are needed", d.span.Hours()/24, leastSpan.Hours()/24)
	case have < leastSpan/2:
		return fmt.Sprintf("the history holds observations of %.1f days and %.0f are needed", have.Hours()/24, leastSpan.Hours()/48)
	case d.mean == 0:
		return "there was no demand at all"
	}
	return ""
}

// row returns the features in the order of demandFeatures, NaN where one is not known.
func (d *demand) row() []float64 {
	variance, most := d.spread()
	idle, same, bursts, length := d.levels()
	rise, fit := d.trend()
	hour := math.NaN()
	if lag := int(time.Hour / d.step); lag >= 1 {
		hour = d.correlation(lag, variance)
	}
	hourly := varianceOf(d.hours)
	dispersion := math.NaN()
	if variance > 0 {
		dispersion = hourly / variance
	}
	return []float64{
		d.daily(), d.weekly(), math.Sqrt(variance) / d.mean, most / d.mean, d.busiest(), dispersion, rise, fit, idle, same, bursts, length,
		d.correlation(1, variance), hour,
	}
}

// spread returns the variance and the largest observation.
func (d *demand) spread() (variance, most float64) {
	var sum float64
	for _, v := range d.values {
		if v == v {
			sum += (v - d.mean) * (v - d.mean)
			most = max(most, v)
		}
	}
	return sum / float64(d.present), most
}

// levels returns the share of time that the demand is idle and that it stays the same while it is not, and how often a day and for how
// many hours it bursts; NaN hours where it never does.
func (d *demand) levels() (idle, same, bursts, hours float64) {
	low, high, near := idleLevel*d.mean, burstLevel*d.mean, sameLevel*d.mean
	var idles, sames, busy, starts, above float64
	last := math.NaN()
	for _, v := range d.values {
		if v != v {
			continue
		}
		if v <= low {
			idles++
		} else if last > low {
			busy++
			if math.Abs(v-last) <= near {
				sames++
			}
		}
		if v > high {
			above++
			if !(last > high) {
				starts++
			}
		}
		last = v
	}
	n := float64(d.present)
	days := n * d.step.Hours() / 24
	same, hours = math.NaN(), math.NaN()
	if busy > 0 {
		same = sames / busy
	}
	if starts > 0 {
		hours = above / starts * d.step.Hours()
	}
	return idles / n, same, starts / days, hours
}

// correlation returns the autocorrelation at a lag of what is present at both ends, NaN where nothing varies.
func (d *demand) correlation(lag int, variance float64) float64 {
	var sum float64
	n := 0
	for i := lag; i < len(d.values); i++ {
		if a, b := d.values[i-lag], d.values[i]; a == a && b == b {
			sum += (a - d.mean) * (b - d.mean)
			n++
		}
	}
	if n == 0 || variance == 0 {
		return math.NaN()
	}
	return sum / float64(n) / variance
}

// busiest returns the share of the demand in its busiest hours.
func (d *demand) busiest() float64 {
	hours := slices.DeleteFunc(slices.Clone(d.hours), math.IsNaN)
	slices.Sort(hours)
	var all, top float64
	n := max(int(math.Round(busiestShare*float64(len(hours)))), 1)
	for i, v := range hours {
		all += v
		if i >= len(hours)-n {
			top += v
		}
	}
	return top / all
}
