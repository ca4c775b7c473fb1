package workload

import "math"

// meanOf returns the mean of what is present and how many that are.
func meanOf(values []float64) (mean float64, n int) {
	for _, v := range values {
		if v == v {
			mean, n = mean+v, n+1
		}
	}
	return mean / float64(n), n
}

// varianceOf returns the variance of what is present.
func varianceOf(values []float64) float64 {
	mean, n := meanOf(values)
	var sum float64
	for _, v := range values {
		if v == v {
			sum += (v - mean) * (v - mean)
		}
	}
	return sum / float64(n)
}

// explained returns the share of the variance of values that the mean at their phase, i modulo period, explains, with as much
// taken off as so many means explain of noise (the adjusted coefficient of determination). It is at least 0, and NaN where there are fewer
// than two cycles or nothing varies.
func explained(values []float64, period int) float64 {
	sums, counts := make([]float64, period), make([]float64, period)
	mean, n := meanOf(values)
	for i, v := range values {
		if v == v {
			sums[i%period] += v
			counts[i%period]++
		}
	}
	var all, rest float64
	for i, v := range values {
		if v == v {
			k := i % period
			all += (v - mean) * (v - mean)
			rest += (v - sums[k]/counts[k]) * (v - sums[k]/counts[k])
		}
	}
	if n < 2*period || !(all > 0) {
		return math.NaN()
	}
	return max(1-rest/all*float64(n-1)/float64(n-period), 0)
}

// daily returns the share of the variance of hours within their days that the hour of the day explains.
func (d *demand) daily() float64 {
	perDay := d.perDay()
	within := make([]float64, len(d.hours))
	for i, v := range d.hours {
		within[i] = v - d.days[i/perDay]
	}
	return explained(within, perDay)
}

// weekly returns the share of the variance of days, their trend taken out, that the day of the week explains; NaN for less than two weeks.
func (d *demand) weekly() float64 {
	if len(d.days) < weekDays {
		return math.NaN()
	}
	slope, mean, centre, _ := line(d.days)
	flat := make([]float64, len(d.days))
	for i, v := range d.days {
		flat[i] = v - mean - slope*(float64(i)-centre)
	}
	return explained(flat, week)
}

// trend returns by how much of its mean the demand rises over the history, by the straight line through its days, and the share of their
// variance that the line explains, NaN for few days.
func (d *demand) trend() (rise, fit float64) {
	slope, mean, _, fit := line(d.days)
	if len(d.days) < trendDays {
		fit = math.NaN()
	}
	return slope * float64(len(d.days)) / mean, fit
}

// line returns the least squares line mean + slope × (i - centre) through what is present of values, and the share of their variance that
// it explains, NaN where nothing varies. The slope of fewer than two values is NaN.
func line(values []float64) (slope, mean, centre, fit float64) {
	mean, n := meanOf(values)
	for i, v := range values {
		if v == v {
			centre += float64(i) / float64(n)
		}
	}
	var xx, xy, yy float64
	for i, v := range values {
		if v == v {
			x := float64(i) - centre
			xx += x * x
			xy += x * (v - mean)
			yy += (v - mean) * (v - mean)
		}
	}
	if xx == 0 {
		return math.NaN(), mean, centre, math.NaN()
	}
	slope = xy / xx
	if yy == 0 {
		return slope, mean, centre, math.NaN()
	}
	return slope, mean, centre, slope * xy / yy
}
