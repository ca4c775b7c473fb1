package externalmetrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/forethought-autoscaler/forethought/series"
)

// source is a series.Source whose series are given by name; it remembers what it was asked.
type source struct {
	mu     sync.Mutex
	values map[string]map[series.Key]float64 // by expression
	err    error
	delay  time.Duration
	asked  []string // the expression and the second of the minute
}

func (s *source) Range(ctx context.Context, q series.Query) ([]series.Series, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, q.Expr+q.Start.Format(" 15:04:05"))
	if !q.Start.Equal(q.End) || !series.Align(q.Start, q.Step).Equal(q.Start) {
		return nil, fmt.Errorf("asked for %s to %s by %s, want one point of the grid", q.Start, q.End, q.Step)
	}
	if s.delay > 0 {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(s.delay):
		}
	}
	if s.err != nil {
		return nil, s.err
	}
	var out []series.Series
	for key, v := range s.values[q.Expr] {
		out = append(out, series.Series{Key: key, Start: q.Start, Step: q.Step, Values: []float64{v}})
	}
	slices.SortFunc(out, func(a, b series.Series) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return out, nil
}

func (s *source) set(expr string, values map[series.Key]float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values == nil {
		s.values = map[string]map[series.Key]float64{}
	}
	s.values[expr] = values
}

func (s *source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// questions returns what was asked since the last call, sorted.
func (s *source) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	slices.Sort(asked)
	return asked
}

func rulesOptions(src series.Source) RulesOptions {
	return RulesOptions{
		Source: src, Interval: 30 * time.Second, Validity: 2 * time.Minute, Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	}
}

// newTestRules returns rules that run until the test, which is in a bubble, ends.
func newTestRules(t *testing.T, o RulesOptions, rules ...Rule) *Rules {
	t.Helper()
	r, err := NewRules(o)
	if err != nil {
		t.Fatal(err)
	}
	if err = r.Set(rules); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if stopErr := <-done; stopErr != nil {
			t.Errorf("Run: %v", stopErr)
		}
	})
	return r
}

// ask reads a rule and writes the answer as a list of value and labels, or as its error.
func (r *Rules) ask(t *testing.T, name, namespace, selector string) string {
	t.Helper()
	list, known, err := r.read(name, namespace, parse(t, selector))
	switch {
	case !known:
		return "unknown"
	case err != nil:
		return err.Error()
	}
	var out []string
	for _, v := range list.Items {
		age := time.Since(v.Timestamp.Time)
		out = append(out, fmt.Sprintf("%s %s{%s} %s ago", v.Value.String(), v.MetricName, labels.Set(v.MetricLabels), age))
	}
	return strings.Join(out, "; ")
}

func TestRulesAnswerWithTheSeriesThatMatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.set("sum by (namespace, queue) (depth)", map[series.Key]float64{
			`{namespace="a", queue="x"}`: 3, `{namespace="a", queue="y"}`: 0.5, `{namespace="b", queue="x"}`: 0,
		})
		src.set("lag", map[series.Key]float64{`lag{topic="t,\"}{="}`: 7})
		src.set("scalar", map[series.Key]float64{`{}`: 42})
		r := newTestRules(t, rulesOptions(src), Rule{Name: "depth", Expr: "sum by (namespace, queue) (depth)"},
			Rule{Name: "depth_here", Expr: "sum by (namespace, queue) (depth)", Namespaced: true}, Rule{Name: "lag", Expr: "lag"},
			Rule{Name: "answer", Expr: "scalar"}, Rule{Name: "answer_here", Expr: "scalar", Namespaced: true})
		synctest.Wait()
		f := func(name, namespace, selector, want string) {
			t.Helper()
			if got := r.ask(t, name, namespace, selector); got != want {
				t.Errorf("%s{%s} in %s = %s, want %s", name, selector, namespace, got, want)
			}
		}
		f("depth", "c", "", "3 depth{namespace=a,queue=x} 0s ago; 500m depth{namespace=a,queue=y} 0s ago; 0 depth{namespace=b,queue=x} 0s ago")
		f("depth", "c", "queue=x", "3 depth{namespace=a,queue=x} 0s ago; 0 depth{namespace=b,queue=x} 0s ago")
		f("depth", "c", "queue notin (x)", "500m depth{namespace=a,queue=y} 0s ago")
		f("depth", "c", "namespace=b,queue", "0 depth{namespace=b,queue=x} 0s ago")
		f("depth_here", "a", "queue=x", "3 depth_here{namespace=a,queue=x} 0s ago")
		f("depth_here", "b", "", "0 depth_here{namespace=b,queue=x} 0s ago")
		f("lag", "a", "", `7 lag{__name__=lag,topic=t,"}{=} 0s ago`)
		f("answer", "a", "", "42 answer{} 0s ago")

		f("depth", "a", "queue=z", `rule depth: the selector "queue=z" matches none of its 3 series`)
		f("depth_here", "c", "", `rule depth_here: the selector "" matches none of its 3 series in namespace "c"`)
		f("depth_here", "b", "namespace=a", `rule depth_here: the selector "namespace=a" matches none of its 3 series in namespace "b"`)
		f("answer_here", "a", "", `rule answer_here: the selector "" matches none of its 1 series in namespace "a"`)
		f("other", "a", "", "unknown")
	})
}

func TestRulesAreNoNumberBeforeTheyAreEvaluated(t *testing.T) {
	r, err := NewRules(rulesOptions(&source{}))
	if err != nil {
		t.Fatal(err)
	}
	if err = r.Set([]Rule{{Name: "q", Expr: "q"}}); err != nil {
		t.Fatal(err)
	}
	if got := r.ask(t, "q", "a", ""); got != "rule q was not evaluated yet" {
		t.Errorf("before the first evaluation: %s", got)
	}
}

// A sum without one of its series would be too low.
func TestRulesRefuseWhatIsNoDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{}
		src.set("q", map[series.Key]float64{
			`{a="1"}`: math.NaN(), `{a="2"}`: math.Inf(1), `{a="3"}`: -1, `{a="4"}`: 1e300, `{a="5"}`: math.Copysign(0, -1), `{a="6"}`: 2,
		})
		src.set("none", map[series.Key]float64{`{a="1"}`: math.NaN(), `{a="3"}`: -1})
		o := rulesOptions(src)
		registry := prometheus.NewPedanticRegistry()
		o.Registerer = registry
		r := newTestRules(t, o, Rule{Name: "q", Expr: "q"}, Rule{Name: "none", Expr: "none"}, Rule{Name: "nothing", Expr: "nothing"})
		time.Sleep(time.Second)
		f := func(name, selector, want string) {
			t.Helper()
			if got := r.ask(t, name, "a", selector); got != want {
				t.Errorf("%s{%s} = %s, want %s", name, selector, got, want)
			}
		}
		f("q", "a in (5,6)", "0 q{a=5} 1s ago; 2 q{a=6} 1s ago")
		f("q", "", `rule q: the series a=1 that the selector "" matches has no usable value: NaN cannot be published as a demand`)
		f("q", "a=3", `rule q: the series a=3 that the selector "a=3" matches has no usable value: -1 cannot be published as a demand`)
		f("q", "a=9", `rule q: the selector "a=9" matches none of its 6 series`)
		f("none", "", `rule none: the series a=1 that the selector "" matches has no usable value: NaN cannot be published as a demand`)
		f("nothing", "", "rule nothing: its query returned no series")

		// The bubble's clock begins at the start of the year 2000.
		want := `
# HELP forethought_externalmetrics_rule_evaluations_total Evaluations of plain PromQL rules, by outcome: ok, empty (no usable value) or failed (the former result is kept).
# TYPE forethought_externalmetrics_rule_evaluations_total counter
forethought_externalmetrics_rule_evaluations_total{outcome="empty"} 2
forethought_externalmetrics_rule_evaluations_total{outcome="failed"} 0
forethought_externalmetrics_rule_evaluations_total{outcome="ok"} 1
# HELP forethought_externalmetrics_rule_last_success_timestamp_seconds Time of the latest evaluation of a plain PromQL rule that yielded a usable value; absent before the first.
# TYPE forethought_externalmetrics_rule_last_success_timestamp_seconds gauge
forethought_externalmetrics_rule_last_success_timestamp_seconds{rule="q"} 9.466848e+08
`
		if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
		if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
			t.Errorf("promlint: %v %v", problems, err)
		}
		if err := r.Set([]Rule{{Name: "none", Expr: "none"}}); err != nil {
			t.Fatal(err)
		}
		if n := testutil.CollectAndCount(r.metrics.lastSuccess); n != 0 {
			t.Errorf("%d rules show their last success after the only one was removed", n)
		}
	})
}

func TestRulesKeepAResultWhileItIsValid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		src := &source{}
		src.set("q", map[series.Key]float64{`{}`: 5})
		src.set("p", map[series.Key]float64{`{}`: 6})
		o := rulesOptions(src)
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
		r := newTestRules(t, o, Rule{Name: "q", Expr: "q"}, Rule{Name: "p", Expr: "p"})
		f := func(name, want string) {
			t.Helper()
			if got := r.ask(t, name, "a", ""); got != want {
				t.Errorf("at %s: %s, want %s", time.Now().Format(time.TimeOnly), got, want)
			}
		}
		time.Sleep(31 * time.Second)
		f("q", "5 q{} 1s ago")
		src.fail(errors.New("connection refused"))
		if err := r.Set([]Rule{{Name: "q", Expr: "q"}, {Name: "p", Expr: "p"}, {Name: "new", Expr: "new"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(119 * time.Second) // the result of 00:00:30 is valid until 00:02:30
		f("q", "5 q{} 2m0s ago")
		f("new", "rule new has no result: connection refused")
		time.Sleep(time.Second)
		f("q", "rule q has no valid result: the last one was valid until 2000-01-01T00:02:30Z: connection refused")
		src.fail(nil)
		time.Sleep(29 * time.Second)
		synctest.Wait()
		f("q", "5 q{} 0s ago")

		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		want := []string{
			`level=WARN msg="rules of the external metrics API cannot be evaluated" failed=1 rules=3 first=new err="connection refused"`,
			`level=WARN msg="rules of the external metrics API cannot be evaluated" failed=3 rules=3 first=q err="connection refused"`,
			`level=INFO msg="all rules of the external metrics API are evaluated again" rules=3`,
		}
		for i, line := range lines {
			_, lines[i], _ = strings.Cut(line, " ")
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

func TestRulesAreEvaluatedOnceInEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(10 * time.Second)
		src := &source{}
		r := newTestRules(t, rulesOptions(src), Rule{Name: "q", Expr: "q"}, Rule{Name: "p", Expr: "p"})
		f := func(wait time.Duration, want ...string) {
			t.Helper()
			time.Sleep(wait)
			synctest.Wait()
			if got := src.questions(); !slices.Equal(got, want) {
				t.Errorf("at %s: asked %q, want %q", time.Now().Format(time.TimeOnly), got, want)
			}
		}
		set := func(rules ...Rule) {
			t.Helper()
			if err := r.Set(rules); err != nil {
				t.Fatal(err)
			}
		}
		f(0, "p 00:00:00", "q 00:00:00")
		f(19 * time.Second)
		f(time.Second, "p 00:00:30", "q 00:00:30") // at 00:00:30 sharp
		f(30*time.Second, "p 00:01:00", "q 00:01:00")
		set(Rule{Name: "q", Expr: "q", Namespaced: true}, Rule{Name: "p", Expr: "other"}, Rule{Name: "new", Expr: "new"})
		f(0, "new 00:01:00", "other 00:01:00") // q keeps its result
		set()
		f(time.Hour)
		for range 20 {
			r.ask(t, "q", "a", "")
		}
		f(0) // a reader causes no query
	})
}

func TestRulesBoundTheirSeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, many := &source{}, map[series.Key]float64{}
		for i := range maxRuleSeries {
			many[series.Key(fmt.Sprintf(`{a="%d"}`, i))] = 1
		}
		src.set("q", many)
		r := newTestRules(t, rulesOptions(src), Rule{Name: "q", Expr: "q"})
		synctest.Wait()
		if got := strings.Count(r.ask(t, "q", "a", ""), ";") + 1; got != maxRuleSeries {
			t.Errorf("%d values, want %d", got, maxRuleSeries)
		}
		many[`{}`] = 1
		if err := r.Set([]Rule{{Name: "p", Expr: "q"}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := r.ask(t, "p", "a", ""); !strings.Contains(got, "1001 series returned, the most is 1000") {
			t.Errorf("one series too many: %.200s", got)
		}
	})
}

// A rule that takes too long fails alone, and does not keep the others from being evaluated.
func TestRulesBoundEachEvaluation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &source{delay: time.Hour}
		r := newTestRules(t, rulesOptions(src), Rule{Name: "q", Expr: "q"})
		time.Sleep(31 * time.Second)
		if got := r.ask(t, "q", "a", ""); got != "rule q has no result: context deadline exceeded" {
			t.Errorf("a slow rule = %s", got)
		}
	})
}

func TestRulesRefuse(t *testing.T) {
	r, err := NewRules(rulesOptions(&source{}))
	if err != nil {
		t.Fatal(err)
	}
	if err = r.Set([]Rule{{Name: "kept", Expr: "1"}}); err != nil {
		t.Fatal(err)
	}
	f := func(want string, rules ...Rule) {
		t.Helper()
		if got := r.Set(rules); got == nil || !strings.Contains(got.Error(), want) {
			t.Errorf("Set(%v) = %v, want an error with %q", rules, got, want)
		}
		if !slices.Equal(r.names(), []string{"kept"}) {
			t.Errorf("after a refusal the rules are %v", r.names())
		}
	}
	f("has no name", Rule{Expr: "1"})
	f(`rule "q" has no expression`, Rule{Name: "q", Expr: " "})
	f(`rule "forethought_demand": names that begin with forethought_`, Rule{Name: "forethought_demand", Expr: "1"})
	f(`rule "forethought_new": names that begin with forethought_`, Rule{Name: "forethought_new", Expr: "1"})
	f(`two rules are named "q"`, Rule{Name: "q", Expr: "1"}, Rule{Name: "q", Expr: "2"})
	f(`rule "a/b": the name may not contain '/'`, Rule{Name: "a/b", Expr: "1"})
	f(`rule "..": the name may not be '..'`, Rule{Name: "..", Expr: "1"})

	g := func(want string, change func(*RulesOptions)) {
		t.Helper()
		o := rulesOptions(&source{})
		change(&o)
		if _, got := NewRules(o); got == nil || !strings.Contains(got.Error(), want) {
			t.Errorf("NewRules = %v, want an error with %q", got, want)
		}
	}
	g("RulesOptions.Source", func(o *RulesOptions) { o.Source = nil })
	g("RulesOptions.Interval is 0s", func(o *RulesOptions) { o.Interval = 0 })
	g("RulesOptions.Interval is 1.5ms", func(o *RulesOptions) { o.Interval = 1500 * time.Microsecond })
	g("RulesOptions.Validity", func(o *RulesOptions) { o.Validity = 0 })
	g("RulesOptions.Now", func(o *RulesOptions) { o.Now = nil })
	g("RulesOptions.Log", func(o *RulesOptions) { o.Log = nil })
	g("RulesOptions.Registerer", func(o *RulesOptions) { o.Registerer = nil })
}

func TestParseKey(t *testing.T) {
	f := func(key series.Key, want map[string]string) {
		t.Helper()
		got, err := parseKey(key)
		if (err == nil) != (want != nil) || err == nil && !cmp.Equal(got, want) {
			t.Errorf("parseKey(%s) = %v, %v, want %v", key, got, err, want)
		}
	}
	f(`{}`, map[string]string{})
	f(`up`, map[string]string{"__name__": "up"})
	f(`up{a="b"}`, map[string]string{"__name__": "up", "a": "b"})
	f(`{a="b", c="d"}`, map[string]string{"a": "b", "c": "d"})
	f(`{a="x=\"y\", z=\\", c="é\n}"}`, map[string]string{"a": `x="y", z=\`, "c": "é\n}"})
	f(`{a.b="c"}`, map[string]string{"a.b": "c"})
	f(`{a}`, nil)
	f(`{a="b"`, nil)
	f(`{a="b",c="d"}`, nil)
	f(`{`, nil)
}

// A server answers for its rules beside its own metrics, which come first in the list.
func TestServerAnswersForRules(t *testing.T) {
	src := &source{}
	src.set("q", map[series.Key]float64{`{queue="x"}`: 3, `{queue="y"}`: 4})
	o := rulesOptions(src)
	now := at
	o.Now = func() time.Time { return now }
	r, err := NewRules(o)
	if err != nil {
		t.Fatal(err)
	}
	if err = r.Set([]Rule{{Name: "queue:depth", Expr: "q"}, {Name: "a-rule", Expr: "none"}}); err != nil {
		t.Fatal(err)
	}
	r.round(t.Context(), 0)
	so := optionsFor(t, boardOf(snapshot("web")))
	registry := prometheus.NewRegistry()
	so.Rules, so.Registerer = r, registry
	s := start(t, so)
	f := func(path string, want int, parts ...string) {
		t.Helper()
		code, body := get(t, s.URL()+path)
		for _, part := range parts {
			if code != want || !strings.Contains(string(body), part) {
				t.Errorf("GET %s = %d %s, want %d with %s", path, code, body, want, part)
			}
		}
	}
	f("", 200, `"forethought_pool_instances_spare"`, `"queue:depth"`)
	f("/namespaces/default/queue:depth", 200, `"metricLabels":{"queue":"x"},"timestamp":"2026-11-23T08:00:00Z","value":"3"`,
		`"metricLabels":{"queue":"y"},"timestamp":"2026-11-23T08:00:00Z","value":"4"`)
	f("/namespaces/default/queue:depth?labelSelector=queue%3Dz", 404, `matches none of its 2 series`)
	f("/namespaces/default/a-rule", 404, "returned no series")
	f("/namespaces/default/cpu", 404, `or one of the rules: a-rule, queue:depth`)
	if n := testutil.CollectAndCount(registry, "forethought_externalmetrics_requests_total"); n != 3 {
		t.Errorf("%d series of requests, want rule with 200 and 404, and other with 404", n)
	}
}
