package loop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// former is what an earlier process, or another replica, decided.
type former struct {
	targets []pool.Target // the latest plan, nil where none is known
	pace    pool.Pace
}

// before returns the plan that this turn's steps are bounded by, and the pace: those of the turn before, or what doors answered then where
// they were not given the plan and are now. After a start they are what was published last.
func (w *worker) before(ctx context.Context, at time.Time) ([]pool.Target, pool.Pace, error) {
	w.mu.Lock()
	d := w.last.Decision
	w.mu.Unlock()
	if d.At.IsZero() {
		if w.restored == nil {
			found, err := w.restore(ctx, at)
			if err != nil {
				return nil, pool.Pace{}, fmt.Errorf("read the plan before the start of %s: %w", w.Name, err)
			}
			w.restored = found
		}
		return w.restored.targets, w.restored.pace, nil
	}
	if w.Policy.Mode == pool.Act && !w.isKilled() {
		return d.Effective().Targets, d.Pace, nil
	}
	return d.Plan.Targets, d.Pace, nil
}

// formerSpan is how far back the plans before a start are asked for, and formerStep the grid.
const (
	formerSpan = 15 * time.Minute
	formerStep = 15 * time.Second
)

// restore asks the source what an earlier process, or another replica, planned last, so that a restart moves no capacity.
func (w *worker) restore(ctx context.Context, at time.Time) (*former, error) {
	f := &former{}
	plans := make([]series.Series, 0, len(w.Pools))
	for _, name := range w.Pools {
		y, err := w.published(ctx, fmt.Sprintf("max(forethought_pool_instances_planned{fleet=%q,pool=%q})", w.Name, name), at)
		if err != nil {
			return nil, err
		}
		plans = append(plans, y)
		if _, v, ok := y.Last(); ok && v >= 0 {
			f.targets = append(f.targets, pool.Target{Pool: name, Instances: int(math.Round(v))})
		}
	}
	scores := [2]float64{}
	for i, of := range []string{"model", "naive"} {
		y, err := w.published(ctx, fmt.Sprintf("max(forethought_plan_quantile_score{fleet=%q,forecast=%q})", w.Name, of), at)
		if err != nil {
			return nil, err
		}
		_, scores[i], _ = y.Last()
	}
	f.pace.Skill = pool.RestoredSkill(scores[0], scores[1])
	if !w.Policy.Paced {
		return f, nil
	}
	f.pace.Plans = w.formerPlans(plans, at)
	y, err := w.published(ctx, fmt.Sprintf("max(forethought_plan_probability{fleet=%q})", w.Name), at)
	if err != nil {
		return nil, err
	}
	if _, working, ok := y.Last(); ok {
		f.pace.Share = pool.PaceOf(working, w.Policy.Probability).Share
	}
	if n := len(f.pace.Plans); n > 0 {
		f.pace.Settled = w.observed(ctx, f.pace.Plans[n-1].At)
	}
	return f, nil
}

// published reads what was published of late; it is all missing where nothing was.
func (w *worker) published(ctx context.Context, expr string, at time.Time) (series.Series, error) {
	y, err := series.One(ctx, w.source, series.Query{Expr: expr, Start: at.Add(-formerSpan), End: at, Step: formerStep})
	if errors.Is(err, series.ErrNoSeries) || errors.Is(err, series.ErrOnlyMissing) {
		return y, nil
	}
	return y, err
}

// formerPlans returns the plans of the turns before, as far back as all pools have one: what is published just before a turn is what the
// turn before decided.
func (w *worker) formerPlans(plans []series.Series, at time.Time) []pool.Planned {
	var out []pool.Planned
	interval := w.Policy.Interval
	for made := at.Add(-formerSpan / interval * interval); made.Before(at); made = made.Add(interval) {
		p := pool.Planned{At: made}
		for i, y := range plans {
			if y.Step == 0 {
				continue
			}
			if v := y.At(made.Add(max(interval-formerStep, 0))); v >= 0 {
				p.Targets = append(p.Targets, pool.Target{Pool: w.Pools[i], Instances: int(math.Round(v))})
			}
		}
		if len(p.Targets) == len(plans) && len(plans) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// observed returns the time of the latest observation that a turn made then knew.
func (w *worker) observed(ctx context.Context, at time.Time) time.Time {
	if w.between {
		if v, err := instant(ctx, w.source, w.Query, at); err == nil && v >= 0 {
			return series.Align(at, time.Second)
		}
	}
	y := w.history.learnt
	if y.Len() == 0 {
		return time.Time{}
	}
	for i := min(y.Index(at), y.Len()-1); i >= 0; i-- {
		if !math.IsNaN(y.Values[i]) {
			return y.TimeAt(i)
		}
	}
	return time.Time{}
}
