package externalmetrics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/forethought-autoscaler/forethought/series"
)

const (
	// ruleConcurrency is how many rules are evaluated at once. The source has a bound of its own.
	ruleConcurrency = 8
	// maxRuleSeries is how many series a rule may have. Whoever may read it can ask for all of them at once.
	maxRuleSeries = 1000
)

// result is what an evaluation is answered with. It is immutable.
type result struct {
	// at is when the values were evaluated, zero where that never succeeded.
	at     time.Time
	values []ruleValue
	// unusable counts the series without a usable value.
	unusable int
	// failure is that of the latest evaluation; the values are then those of one before.
	failure error
}

type ruleValue struct {
	labels map[string]string
	value  resource.Quantity
	// unusable is why there is no value, nil where there is one.
	unusable error
}

// Run evaluates every rule once in each interval, and new ones at once, until ctx is done; then it returns nil. It can be called once.
func (r *Rules) Run(ctx context.Context) error {
	failed := 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-r.changed:
		}
		failed = r.round(ctx, failed)
		now := r.options.Now()
		timer.Reset(series.Align(now, r.options.Interval).Add(r.options.Interval).Sub(now))
	}
}

// round evaluates the rules that were not evaluated in this interval, until others are set. It logs where the number of failed ones is no
// longer the one before, and returns it.
func (r *Rules) round(ctx context.Context, before int) int {
	set := r.current.Load()
	var g errgroup.Group
	g.SetLimit(ruleConcurrency)
	for _, e := range set.evaluations {
		at := series.Align(r.options.Now(), r.options.Interval)
		if ctx.Err() != nil || r.current.Load() != set {
			break
		}
		if !e.tried.Equal(at) { // also where the clock was set back
			e.tried = at
			g.Go(func() error {
				r.evaluate(ctx, e, at)
				return nil // a failure is kept with the rule
			})
		}
	}
	_ = g.Wait()
	if ctx.Err() != nil {
		return before
	}
	failed, first := set.failing()
	switch failed {
	case before:
	case 0:
		r.options.Log.Info("all rules of the external metrics API are evaluated again", "rules", len(set.evaluations))
	default:
		r.options.Log.Warn("rules of the external metrics API cannot be evaluated", "failed", failed, "rules", len(set.evaluations),
			"first", first.name, "err", first.result.Load().failure)
	}
	return failed
}

// failing returns how many rules could not be evaluated, and the first of them.
func (s *ruleSet) failing() (n int, first *evaluation) {
	for _, e := range s.evaluations {
		if kept := e.result.Load(); kept != nil && kept.failure != nil {
			n++
			first = cmp.Or(first, e)
		}
	}
	return n, first
}

// evaluate evaluates one expression and keeps the result; where that fails, the values of the former result.
func (r *Rules) evaluate(ctx context.Context, e *evaluation, at time.Time) {
	limited, cancel := context.WithTimeout(ctx, r.options.Interval)
	defer cancel()
	next, err := r.query(limited, e, at)
	switch {
	case ctx.Err() != nil:
		return // the process is stopping
	case err != nil:
		r.metrics.evaluations.WithLabelValues(outcomeFailed).Inc()
		failed := result{failure: err}
		if old := e.result.Load(); old != nil {
			failed.at, failed.values, failed.unusable = old.at, old.values, old.unusable
		}
		e.result.Store(&failed)
		return
	case len(next.values) == next.unusable:
		r.metrics.evaluations.WithLabelValues(outcomeEmpty).Inc()
	default:
		r.metrics.evaluations.WithLabelValues(outcomeOK).Inc()
		r.succeeded(e, at)
	}
	e.result.Store(&next)
}

// succeeded shows when a rule was evaluated, unless it was replaced since.
func (r *Rules) succeeded(e *evaluation, at time.Time) {
	r.setting.Lock()
	defer r.setting.Unlock()
	if r.current.Load().byName[e.name].evaluation == e {
		r.metrics.lastSuccess.WithLabelValues(e.name).Set(float64(at.UnixMilli()) / 1000)
	}
}

// query reads an expression at one time. Values that cannot be published are kept as such: NaN, infinite or too large ones, and negative
// ones, since a HorizontalPodAutoscaler takes a negative sum for an overflow and scales to its maximum.
func (r *Rules) query(ctx context.Context, e *evaluation, at time.Time) (result, error) {
	all, err := r.options.Source.Range(ctx, series.Query{Key: series.Key(e.name), Expr: e.expr, Start: at, End: at, Step: r.options.Interval})
	if err != nil {
		return result{}, err
	}
	if len(all) > maxRuleSeries {
		return result{}, fmt.Errorf("%d series returned, the most is %d; aggregate them, for example with sum(...)", len(all), maxRuleSeries)
	}
	out := result{at: at, values: make([]ruleValue, 0, len(all))}
	for _, s := range all {
		labels, err := parseKey(s.Key)
		if err != nil {
			return result{}, err
		}
		value, unusable := demandQuantity(s.At(at))
		if unusable != nil {
			out.unusable++
		}
		out.values = append(out.values, ruleValue{labels: labels, value: value, unusable: unusable})
	}
	return out, nil
}

// parseKey returns the labels of a series from the way a source prints them: name{a="b", c="d"}, {a="b"} or name.
func parseKey(k series.Key) (map[string]string, error) {
	name, rest, braced := strings.Cut(string(k), "{")
	labels := map[string]string{}
	if name != "" {
		labels[model.MetricNameLabel] = name
	}
	if !braced {
		return labels, nil
	}
	for rest != "}" {
		label, after, ok := strings.Cut(rest, "=")
		quoted, err := strconv.QuotedPrefix(after)
		if !ok || err != nil {
			return nil, fmt.Errorf("labels %s cannot be read", k)
		}
		if labels[label], err = strconv.Unquote(quoted); err != nil {
			return nil, fmt.Errorf("labels %s cannot be read: %w", k, err)
		}
		if rest, ok = strings.CutPrefix(after[len(quoted):], ", "); !ok && rest != "}" {
			return nil, errors.New("labels " + string(k) + " have no end")
		}
	}
	return labels, nil
}
