package loop_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// listener is an informed method that notes what it was given.
type listener struct {
	flat
	lessons *[]lesson
	told    *[][]float64
}

type lesson struct {
	y series.Series
	x []series.Series
}

func newListener() listener { return listener{lessons: &[]lesson{}, told: &[][]float64{}} }

func (l listener) FitWith(ctx context.Context, y series.Series, x []series.Series) (forecast.Model, error) {
	m, err := l.Fit(ctx, y)
	if err != nil {
		return nil, err
	}
	l.note(y, x)
	return &listening{flatModel: m.(*flatModel), told: l.told}, nil
}

func (l listener) note(y series.Series, x []series.Series) {
	one := lesson{y: y.Clone()}
	for _, s := range x {
		one.x = append(one.x, s.Clone())
	}
	*l.lessons = append(*l.lessons, one)
}

type listening struct {
	*flatModel
	told *[][]float64
}

func (m *listening) UpdateWith(y float64, x []float64) {
	*m.told = append(*m.told, append([]float64{y}, x...))
	m.Update(y)
}

func level(v float64) func(time.Time) float64 { return func(time.Time) float64 { return v } }

// from is v from a time on.
func from(start time.Time, v float64) func(time.Time) float64 {
	return func(at time.Time) float64 {
		if at.Before(start) {
			return math.NaN()
		}
		return v
	}
}

func withLeading(exprs ...string) func(*loop.Options) {
	return func(o *loop.Options) { o.Fleets[0].Leading = exprs }
}

func TestLeadingIndicatorsComeInAStableOrder(t *testing.T) {
	src := demandOnly(level(50))
	src.series["z"] = map[string]func(time.Time) float64{`{g="b"}`: level(2), `{g="a"}`: level(1), `{g="c"}`: level(math.NaN())}
	src.series["a"] = map[string]func(time.Time) float64{`{}`: from(monday.Add(-time.Hour), 3)}
	l := newListener()
	p := newProcess(t, src, l, withLeading("z", "a"))
	for m := range 20 {
		if s := src.turn(p, monday.Add(time.Duration(m)*time.Minute+turnAt)); s.State != pool.Ready || s.Reason != "" {
			t.Errorf("%s: %s", s.State, s.Reason)
		}
	}
	one := (*l.lessons)[0]
	var keys []series.Key
	for _, x := range one.x {
		keys = append(keys, x.Key)
		if x.Len() != one.y.Len() || !x.Start.Equal(one.y.Start) || x.Step != one.y.Step {
			t.Errorf("%s is of %d points from %s, the demand of %d from %s", x.Key, x.Len(), x.Start, one.y.Len(), one.y.Start)
		}
	}
	if want := []series.Key{`{g="a"}`, `{g="b"}`}; !slices.Equal(keys, want) { // the other has none at the boundary, three hours ago
		t.Errorf("indicators are %v, want %v", keys, want)
	}
	if len(*l.told) == 0 || !slices.Equal((*l.told)[0], []float64{50, 1, 2}) {
		t.Errorf("the model is told %v, want the demand and both indicators", *l.told)
	}
}

func TestAnIndicatorThatIsNewIsLearnt(t *testing.T) {
	src := demandOnly(level(50))
	src.series["lead"] = map[string]func(time.Time) float64{`{g="a"}`: level(1), `{g="b"}`: from(monday.Add(90*time.Minute), 2)}
	l := newListener()
	p := newProcess(t, src, l, withLeading("lead"))
	for m := range 100 {
		src.turn(p, monday.Add(time.Duration(m)*time.Minute+turnAt))
	}
	lessons := *l.lessons
	if last := lessons[len(lessons)-1]; len(lessons) != 2 || len(lessons[0].x) != 1 || len(last.x) != 2 || !last.y.End().Equal(monday.Add(90*time.Minute)) {
		t.Errorf("%d fits, the last at %s with %d indicators; want one more at 1h30m with two", len(lessons), last.y.End().Sub(monday), len(last.x))
	}
	if told := (*l.told)[len(*l.told)-1]; !slices.Equal(told, []float64{50, 1, 2}) {
		t.Errorf("the model is told %v", told)
	}
}

func TestAMissingIndicatorHoldsNothingUp(t *testing.T) {
	f := func(what, want string, change func(*world)) {
		t.Helper()
		src := demandOnly(level(50))
		src.series["good"] = map[string]func(time.Time) float64{`{}`: level(1)}
		src.series["bad"] = map[string]func(time.Time) float64{`{}`: level(2)}
		src.broken = map[string]error{}
		change(src)
		l := newListener()
		p := newProcess(t, src, l, withLeading("good", "bad"))
		for m := range 12 {
			s := src.turn(p, monday.Add(time.Duration(m)*time.Minute+turnAt))
			if s.State != pool.Ready || !strings.Contains(s.Reason, want) || s.Decision.Plan.Total() != 5 || strings.Contains(s.Reason, "good") {
				t.Errorf("%s: %s with %d instances: %q, want %q in it", what, s.State, s.Decision.Plan.Total(), s.Reason, want)
			}
		}
		if n := len((*l.lessons)[0].x); n == 0 {
			t.Errorf("%s: the other indicator is not used", what)
		}
	}
	f("a query that fails", "leading indicator bad is not known: 422: nonsense", func(w *world) { w.broken["bad"] = errors.New("422: nonsense") })
	f("a query without a series", "leading indicator bad is not known: query returned no series", func(w *world) { delete(w.series, "bad") })
	f("a series that has ended", "leading indicator bad has no value since 2026-03-01T22:55:00Z", func(w *world) {
		w.series["bad"]["{}"] = func(at time.Time) float64 {
			if at.Before(monday.Add(-time.Hour)) {
				return 2
			}
			return math.NaN()
		}
	})
	f("too many series", "leading indicator bad is not known: it yields 17 series, at most 16 are used; aggregate it", func(w *world) {
		for i := range 16 {
			w.series["bad"][fmt.Sprintf(`{pod="%d"}`, i)] = level(1)
		}
	})
	f("too many together", "leading indicator bad is left out: with it there are 17 series, at most 16 are used", func(w *world) {
		for i := range 15 {
			w.series["bad"][fmt.Sprintf(`{pod="%d"}`, i)] = level(1)
		}
	})
}

func TestAnIndicatorThatComesBackIsAskedForAgain(t *testing.T) {
	src := demandOnly(level(50))
	src.series["lead"] = map[string]func(time.Time) float64{`{}`: func(at time.Time) float64 { return at.Sub(monday).Minutes() }}
	src.broken = map[string]error{"lead": errors.New("502: Bad Gateway")}
	l := newListener()
	p := newProcess(t, src, l, withLeading("lead"))
	var s pool.Snapshot
	for m := range 31 {
		if m == 7 {
			src.broken = nil
		}
		s = src.turn(p, monday.Add(time.Duration(m)*time.Minute+turnAt))
	}
	last := (*l.lessons)[len(*l.lessons)-1]
	if s.Reason != "" || len(*l.lessons) != 1 || len(last.x) != 1 || last.x[0].Present() != last.y.Len() {
		t.Errorf("%d informed fits: %s", len(*l.lessons), s.Reason)
	}
	src.broken = map[string]error{"lead": errors.New("502: Bad Gateway")}
	told := len(*l.told)
	for m := 31; m < 61; m++ {
		s = src.turn(p, monday.Add(time.Duration(m)*time.Minute+turnAt))
	}
	if x := (*l.told)[len(*l.told)-1][1]; !math.IsNaN(x) || len(*l.told) != told+6 || !strings.Contains(s.Reason, "502") {
		t.Errorf("without the indicator the model is told %g: %s", x, s.Reason)
	}
	src.broken = nil
	before := src.asked["lead"]
	s = src.turn(p, monday.Add(65*time.Minute+turnAt))
	if x := (*l.told)[len(*l.told)-1][1]; x != 65 || s.Reason != "" || src.asked["lead"]-before != 7 {
		t.Errorf("%d points are read for the hole of six and the new one, the model is told %g: %s", src.asked["lead"]-before, x, s.Reason)
	}
}

func TestAPartOfAnIndicatorIsUsed(t *testing.T) {
	src := demandOnly(level(50))
	partial := true
	l := newListener()
	p := newProcess(t, sourceFunc(func(q series.Query) ([]series.Series, error) {
		all, err := src.Range(context.Background(), q)
		if q.Expr == "lead" {
			start, n := q.Grid()
			y := series.Series{Key: "{}", Start: start, Step: q.Step, Values: slices.Repeat([]float64{7}, n)}
			if partial {
				for i := range n / 2 {
					y.Values[i] = math.Inf(1) // no observation either
				}
				err = &series.PartialError{Err: errors.New("timeout")}
			}
			return []series.Series{y}, err
		}
		return all, err
	}), l, withLeading("lead"))
	s := src.turn(p, monday.Add(turnAt))
	first := (*l.lessons)[0]
	if n := first.x[0].Present(); n == 0 || n == first.y.Len() || !strings.Contains(s.Reason, "leading indicator lead is not known: read only a part: timeout") {
		t.Errorf("%d of %d observations are used: %s", n, first.y.Len(), s.Reason)
	}
	partial = false
	for m := range 15 {
		s = src.turn(p, monday.Add(time.Duration(m+1)*time.Minute+turnAt))
	}
	last := (*l.lessons)[len(*l.lessons)-1]
	if n := last.x[0].Present(); n != last.y.Len() || len(*l.lessons) != 2 || s.Reason != "" {
		t.Errorf("after %d fits %d of %d observations are used: %s", len(*l.lessons), n, last.y.Len(), s.Reason)
	}
}

func TestAMethodThatLearnsFromNoIndicatorSaysSo(t *testing.T) {
	src := demandOnly(level(50))
	p := newProcess(t, src, flat{}, withLeading("lead"))
	s := src.turn(p, monday.Add(turnAt))
	if s.State != pool.Ready || s.Reason != "leading indicators are not used: flat does not learn from any" || src.asked["lead"] != 0 {
		t.Errorf("%s: %s; %d points asked for", s.State, s.Reason, src.asked["lead"])
	}
}

// TestAHistoryThatIsForgottenTakesItsIndicatorsAlong never lets the history be read anew, so that it is cut at its beginning instead.
func TestAHistoryThatIsForgottenTakesItsIndicatorsAlong(t *testing.T) {
	src := demandOnly(wiggle)
	src.series["lead"] = map[string]func(time.Time) float64{`{}`: wiggle}
	l, begun := newListener(), false
	p := newProcess(t, sourceFunc(func(q series.Query) ([]series.Series, error) {
		if _, n := q.Grid(); begun && n > 100 && q.Expr == "demand" {
			return nil, errors.New("422: too many samples")
		}
		return src.Range(context.Background(), q)
	}), l, func(o *loop.Options) { o.Fleets[0].Leading, o.Fleets[0].History = []string{"lead"}, 24*time.Hour })
	for k := range 60 * 12 { // sixty hours in turns of five minutes
		src.turn(p, monday.Add(time.Duration(k)*5*time.Minute+turnAt))
		begun = true
	}
	for _, one := range *l.lessons {
		if span := one.y.End().Sub(one.y.Start); span > 24*time.Hour {
			t.Errorf("a model is fitted to %s", span)
		}
		for i, v := range one.y.Values {
			if one.x[0].Values[i] != v {
				t.Fatalf("at %s the indicator is %g and the demand %g", one.y.TimeAt(i), one.x[0].Values[i], v)
			}
		}
	}
	for _, told := range *l.told {
		if told[0] != told[1] {
			t.Fatalf("the model is told %v", told)
		}
	}
	if n := len(*l.lessons); n < 10 {
		t.Errorf("%d fits", n)
	}
}
