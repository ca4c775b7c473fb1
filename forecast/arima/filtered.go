package arima

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
)

const (
	// diffuse is the variance of what is not known of the observations before the first, in units of the innovations', and predicted is
	// the variance above which an error counts as not predicted at all. Both are those of R's stats::arima.
	diffuse   = 1e6
	predicted = 1e4
)

// startFilter returns the filter before the first observation: the differenced series is in its stationary distribution, and of the
// observations before the first little more is known than that they are near y.
func startFilter(o order, c coefficients, constant, y float64) (*filter, bool) {
	f := newFilter(o, c, constant)
	prior := newSquare(f.Rank)
	if !start(prior, f.AR, f.MA, o.ar(), o.ma()) {
		return nil, false
	}
	prior.half(f.Rank)
	for j := range f.Rank {
		column := make([]float64, len(f.State))
		for i := j; i < f.Rank; i++ {
			column[i] = prior[i][j]
		}
		f.Columns = append(f.Columns, column)
	}
	for i := f.Rank; i < len(f.State); i++ {
		f.State[i] = y
		column := make([]float64, len(f.State))
		column[i] = math.Sqrt(diffuse)
		f.Columns = append(f.Columns, column)
	}
	return f, true
}

// run brings the filter over the observations from index from on. It returns the errors and their variances, of those present.
func (f *filter) run(h history, from int) (errs, variances []float64) {
	next, _ := slices.BinarySearch(h.missing, from)
	errs, variances = make([]float64, 0, len(h.y)-from), make([]float64, 0, len(h.y)-from)
	for t := from; t < len(h.y); t++ {
		if next < len(h.missing) && h.missing[next] == t {
			f.miss()
			next++
			continue
		}
		v, s := f.observe(h.y[t])
		errs, variances = append(errs, v), append(variances, s)
	}
	if len(f.Columns) > 0 {
		f.compress()
	}
	return errs, variances
}

// filtered is the exact likelihood by the Kalman filter, for a series with many missing observations.
type filtered struct {
	o order
	h history
	// errs are the errors without the constant and slope their derivatives by it, minus one, both in units of their deviations.
	errs, slope []float64
}

// at implements likelihood. The errors are linear in the constant, which is found by generalised least squares from two passes.
func (l *filtered) at(c coefficients) (value, bool) {
	f, ok := startFilter(l.o, c, 0, l.h.y[0])
	if !ok {
		return value{}, false
	}
	errs, variances := f.run(l.h, 0)
	with := errs
	if l.o.Constant {
		one, _ := startFilter(l.o, c, 1, l.h.y[0])
		with, _ = one.run(l.h, 0)
	}
	l.errs, l.slope = l.errs[:0], l.slope[:0]
	var v value
	for i, s := range variances {
		if s < predicted {
			v.logDet += math.Log(s)
			l.errs, l.slope = append(l.errs, errs[i]/math.Sqrt(s)), append(l.slope, (errs[i]-with[i])/math.Sqrt(s))
		}
	}
	v.used = len(l.errs)
	if own := floats.Dot(l.slope, l.slope); own > 0 {
		v.constant = floats.Dot(l.slope, l.errs) / own
	}
	for _, e := range l.standard(v) {
		v.sum += e * e
	}
	return v, v.concentrate()
}

// standard implements likelihood.
func (l *filtered) standard(v value) []float64 {
	out := append([]float64(nil), l.errs...)
	floats.AddScaled(out, -v.constant, l.slope)
	return out
}
