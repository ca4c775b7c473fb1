package arima

import "math"

// history is what a model is fitted to, at the scale of the model.
type history struct {
	y       []float64 // missing observations hold a forecast of them, or what stands in for one
	missing []int     // their indices, ascending
	m       int       // steps per season, 0 where there is none
}

// newHistory takes values over, whose first and last are not missing.
func newHistory(values []float64, m int) history {
	h := history{y: values, m: m}
	for t, v := range values {
		if !math.IsNaN(v) {
			continue
		}
		h.missing = append(h.missing, t)
		if m > 0 && t > m {
			values[t] = values[t-1] + values[t-m] - values[t-m-1]
		} else {
			values[t] = values[t-1]
		}
	}
	return h
}

// present returns the number of observations.
func (h history) present() int { return len(h.y) - len(h.missing) }

// refill puts the forecasts of a model in place of the missing observations. What comes after one is not looked at, so that a model
// fitted to the result is not shown its own answer.
func (h history) refill(f *filter) {
	next := 0
	for t := range h.y {
		missing := next < len(h.missing) && h.missing[next] == t
		switch {
		case t < len(f.State)-f.Rank:
			f.push(h.y[t])
		case missing:
			h.y[t] = f.advance(f.State, 0, f.Constant)
		default:
			f.advance(f.State, h.y[t]-f.predict(f.State, f.Constant), f.Constant)
		}
		if missing {
			next++
		}
	}
}
