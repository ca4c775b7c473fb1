package selection

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// explain says which method leads and why.
func (a Auto) explain(y series.Series, scale forecast.Scale, r *rolling, w weights, c *calibration) forecast.Selection {
	s := forecast.Selection{Seasons: a.Seasons}
	if a.benchmark(r) < 0 {
		s.Limited, s.ReadyAt = true, a.readyAt(y, r)
	}
	if len(r.members) == 0 {
		s.Method = a.Fallback.Name()
		s.Reason = fmt.Sprintf("%s, because %s of history are too short to compare methods", s.Method, span(y.Len(), y.Step)) +
			missing(y, r)
		return s
	}
	share := w.overall()
	lead := sortedBy(share)
	s.Method = r.members[lead[0]].name()
	if len(lead) > 1 && share[lead[1]] > 0 {
		s.RunnerUp = r.members[lead[1]].name()
	}
	s.Scores = a.scores(r, combine(r, w), c.kind, scale)
	s.Reason = reason(r, share, lead) + missing(y, r)
	return s
}

// benchmark returns the index of the member that scales the scores, -1 where the history allows none.
func (a Auto) benchmark(r *rolling) int {
	for _, name := range a.Benchmarks {
		if i := slices.IndexFunc(r.members, func(m member) bool { return m.name() == name }); i >= 0 {
			return i
		}
	}
	return -1
}

// readyAt returns when the first seasonal naive method will take part, zero where there is none.
func (a Auto) readyAt(y series.Series, r *rolling) time.Time {
	need := math.MaxInt
	for _, t := range r.tooShort {
		if slices.Contains(a.Benchmarks, t.method) {
			need = min(need, t.need)
		}
	}
	if need == math.MaxInt {
		return time.Time{}
	}
	return y.TimeAt(need - 1)
}

// reason names the members' shares.
func reason(r *rolling, share []float64, lead []int) string {
	var b strings.Builder
	for k, i := range lead {
		if share[i] < 0.005 && k > 0 {
			break
		}
		if k > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.0f %% %s", 100*share[i], r.members[i].name())
	}
	fmt.Fprintf(&b, ": weights by how well each forecast %d times in the past", len(r.at))
	return b.String()
}

// missing says which members a longer history would add, and from when on.
func missing(y series.Series, r *rolling) string {
	var b strings.Builder
	for _, t := range r.tooShort {
		fmt.Fprintf(&b, "; %s needs %s of history, have %s, possible from %s", t.method,
			span(t.need, y.Step), span(y.Len(), y.Step), y.TimeAt(t.need-1).Format(time.RFC3339))
	}
	for _, f := range r.failed {
		fmt.Fprintf(&b, "; %s takes no part: %v", f.method, f.err)
	}
	if len(r.tooDear) > 0 {
		fmt.Fprintf(&b, "; left out for their cost: %s", strings.Join(r.tooDear, ", "))
	}
	return b.String()
}

// span prints the time that n steps take, in days, hours and minutes.
func span(n int, step time.Duration) string {
	d := time.Duration(n) * step
	day := 24 * time.Hour
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%.3gd", d.Hours()/24)
	case d >= time.Hour:
		return fmt.Sprintf("%.3gh", d.Hours())
	}
	return d.String()
}

// scores returns the scores of the combination, cross-fitted, and of every member as it is, by bucket.
func (a Auto) scores(r *rolling, f [][]said, kind spreadKind, scale forecast.Scale) []forecast.Score {
	n := bucketsOf(r.reach)
	bench := a.benchmark(r)
	base := func(with int) []tally {
		if bench < 0 {
			return nil
		}
		return memberTallies(r, bench, with)
	}
	var out []forecast.Score
	add := func(name string, t, base []tally) {
		for b := range t {
			from, to := bounds(b, r.reach)
			m := t[b].mean()
			s := forecast.Score{
				Method: name, FromStep: from, ToStep: to, Quantile: scale.Out(m.quantile), Scaled: math.NaN(), Coverage: m.inside, N: m.n,
			}
			if base != nil {
				s.Scaled = m.quantile / base[b].mean().quantile
			}
			out = append(out, s)
		}
	}
	combination := make([]tally, n)
	crossScore(r, f, kind, combination)
	add(a.Name(), combination, base(bench))
	for i, m := range r.members {
		add(m.name(), memberTallies(r, i, i), base(i))
	}
	return out
}
