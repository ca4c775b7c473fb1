package externalmetrics

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/forethought-autoscaler/forethought/series"
)

// ownPrefix begins the names of our own metrics, which no rule can have.
const ownPrefix = "forethought_"

// Rule is a metric that is read with PromQL and not forecast.
type Rule struct {
	// Name is the metric's name in the API.
	Name string
	// Expr yields the values, each with the labels of its series.
	Expr string
	// Namespaced lets a request see only the series whose label namespace is the namespace of the request.
	Namespaced bool
}

func (r Rule) validate() error {
	switch {
	case r.Name == "":
		return errors.New("external metrics: a rule has no name")
	case strings.HasPrefix(r.Name, ownPrefix):
		return fmt.Errorf("external metrics: rule %q: names that begin with %s are those of our own metrics", r.Name, ownPrefix)
	case strings.TrimSpace(r.Expr) == "":
		return fmt.Errorf("external metrics: rule %q has no expression", r.Name)
	}
	if problems := content.IsPathSegmentName(r.Name); len(problems) > 0 {
		return fmt.Errorf("external metrics: rule %q: the name %s", r.Name, strings.Join(problems, ", "))
	}
	return nil
}

// RulesOptions say where rules are read and how often. Every field is required.
type RulesOptions struct {
	Source series.Source
	// Interval is the time between two evaluations of a rule, in whole milliseconds. Evaluations are at whole multiples of it since the Unix
	// epoch, so that two processes that read the same history answer the same.
	Interval time.Duration
	// Validity is how old a result may be that is still answered with.
	Validity   time.Duration
	Now        func() time.Time
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

func (o RulesOptions) validate() error {
	switch {
	case o.Source == nil:
		return errors.New("external metrics: RulesOptions.Source is missing")
	case o.Interval < time.Millisecond || o.Interval%time.Millisecond != 0:
		return fmt.Errorf("external metrics: RulesOptions.Interval is %s, want a whole number of milliseconds above 0", o.Interval)
	case o.Validity <= 0:
		return fmt.Errorf("external metrics: RulesOptions.Validity is %s, want more than 0", o.Validity)
	case o.Now == nil:
		return errors.New("external metrics: RulesOptions.Now is missing")
	case o.Log == nil:
		return errors.New("external metrics: RulesOptions.Log is missing")
	case o.Registerer == nil:
		return errors.New("external metrics: RulesOptions.Registerer is missing")
	}
	return nil
}

// Rules evaluates rules in the background and keeps their latest results. It is safe for concurrent use.
type Rules struct {
	options RulesOptions
	metrics ruleMetrics
	setting sync.Mutex // serialises Set
	current atomic.Pointer[ruleSet]
	changed chan struct{}
}

// ruleSet is what Set made of its rules. It is immutable but for the evaluations' results.
type ruleSet struct {
	names       []string // sorted
	byName      map[string]ruleEvaluation
	evaluations []*evaluation // in the order of Set
}

type ruleEvaluation struct {
	Rule
	*evaluation
}

// evaluation is an expression with its result. A rule that only changes its namespacing keeps it.
type evaluation struct {
	name, expr string
	tried      time.Time // the latest evaluation, of Run alone
	result     atomic.Pointer[result]
}

// NewRules returns Rules without any rule.
func NewRules(o RulesOptions) (*Rules, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	m, err := newRuleMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	r := &Rules{options: o, metrics: m, changed: make(chan struct{}, 1)}
	r.current.Store(&ruleSet{})
	return r, nil
}

// Set replaces the rules, and changes nothing where it returns an error. A rule whose name and expression stay keeps its result; a new one
// is evaluated at once where Run runs, and has no result until then.
func (r *Rules) Set(rules []Rule) error {
	r.setting.Lock()
	defer r.setting.Unlock()
	old := r.current.Load()
	next := &ruleSet{byName: make(map[string]ruleEvaluation, len(rules))}
	for _, rule := range rules {
		if err := rule.validate(); err != nil {
			return err
		}
		if _, dup := next.byName[rule.Name]; dup {
			return fmt.Errorf("external metrics: two rules are named %q", rule.Name)
		}
		e := old.byName[rule.Name].evaluation
		if e == nil || e.expr != rule.Expr {
			e = &evaluation{name: rule.Name, expr: rule.Expr}
		}
		next.byName[rule.Name] = ruleEvaluation{rule, e}
		next.evaluations = append(next.evaluations, e)
		next.names = append(next.names, rule.Name)
	}
	slices.Sort(next.names)
	r.current.Store(next)
	for name, was := range old.byName {
		if next.byName[name].evaluation != was.evaluation {
			r.metrics.lastSuccess.DeleteLabelValues(name)
		}
	}
	select {
	case r.changed <- struct{}{}:
	default:
	}
	return nil
}

// has reports whether there is a rule of that name; nil Rules have none.
func (r *Rules) has(name string) bool {
	if r == nil {
		return false
	}
	_, ok := r.current.Load().byName[name]
	return ok
}

// names returns the names of all rules, sorted. They belong to r.
func (r *Rules) names() []string {
	if r == nil {
		return nil
	}
	return r.current.Load().names
}

// ruleMetrics count evaluations.
type ruleMetrics struct {
	evaluations *prometheus.CounterVec
	lastSuccess *prometheus.GaugeVec
}

// The outcomes of an evaluation.
const (
	outcomeOK     = "ok"
	outcomeEmpty  = "empty"
	outcomeFailed = "failed"
)

func newRuleMetrics(registerer prometheus.Registerer) (ruleMetrics, error) {
	m := ruleMetrics{
		evaluations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_externalmetrics_rule_evaluations_total",
			Help: "Evaluations of plain PromQL rules, by outcome: ok, empty (no usable value) or failed (the former result is kept).",
		}, []string{"outcome"}),
		lastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "forethought_externalmetrics_rule_last_success_timestamp_seconds",
			Help: "Time of the latest evaluation of a plain PromQL rule that yielded a usable value; absent before the first.",
		}, []string{"rule"}),
	}
	for _, outcome := range []string{outcomeOK, outcomeEmpty, outcomeFailed} {
		m.evaluations.WithLabelValues(outcome)
	}
	r := registrations{Registerer: registerer}
	if err := r.register(m.evaluations, m.lastSuccess); err != nil {
		r.undo()
		return m, err
	}
	return m, nil
}
