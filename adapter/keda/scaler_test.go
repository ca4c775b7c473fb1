package keda

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/forethought-autoscaler/forethought/pool"
)

// ask returns what a scaler answers, as value and activity or as code and message. Both calls must agree about what is an error.
func ask(t *testing.T, b pool.Board, now time.Time, metadata ...string) string {
	t.Helper()
	s := &scaler{board: b, now: func() time.Time { return now }}
	answer, err := s.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: ref(metadata...)})
	active, activeErr := s.IsActive(t.Context(), ref(metadata...))
	if fmt.Sprint(err) != fmt.Sprint(activeErr) {
		t.Errorf("%v: GetMetrics: %v, IsActive: %v", metadata, err, activeErr)
	}
	if err != nil {
		return status.Code(err).String() + ": " + status.Convert(err).Message()
	}
	if len(answer.GetMetricValues()) != 1 {
		return fmt.Sprintf("%d values", len(answer.GetMetricValues()))
	}
	v := answer.GetMetricValues()[0]
	if whole := v.GetMetricValue(); float64(whole) < v.GetMetricValueFloat() || float64(whole) >= v.GetMetricValueFloat()+1 {
		t.Errorf("%v: the integer is %d beside %v", metadata, whole, v.GetMetricValueFloat())
	}
	return fmt.Sprint(v.GetMetricValueFloat(), " ", active.GetResult())
}

func TestValues(t *testing.T) {
	b := boardOf(snapshot("batch"), snapshot("web"))
	f := func(want string, metadata ...string) {
		t.Helper()
		if got := ask(t, b, at, append(metadata, "fleet", "web")...); got != want {
			t.Errorf("%v: %s, want %s", metadata, got, want)
		}
	}
	f("10 true")
	f("7 true", "pool", "web-fixed")
	f("3 true", "pool", "web-spot", "value", "instances", "activationValue", "2.5")
	f("3 false", "pool", "web-spot", "activationValue", "3") // above it, not at it
	f("5 true", "value", "spare")
	f("2 true", "value", "spare", "pool", "web-spot")
	f("2 false", "value", "spare", "pool", "web-spot", "activationValue", "2")
	f("12.063 true", "value", "demand", "target", "4") // 12.0625 rounded up

	// 5m does not cover the longest lead time, 6m, and 30m does. Step 30 is uniform on [3000, 3100].
	ahead := []string{"value", "demandForecast", "target", "4"}
	f("3095 true", ahead...)
	f("595 true", append(ahead, "horizon", "5m")...)
	f("295 true", append(ahead, "horizon", "90s")...) // up to a whole step
	f("12050 true", append(ahead, "horizon", "2h", "probability", "0.5")...)
	f("112.345 true", append(ahead, "horizon", "1m", "probability", "0.12345")...)
	f("112.345 false", append(ahead, "horizon", "1m", "probability", "0.12345", "activationValue", "200")...)
	peak := []string{"value", "demandForecastPeak", "target", "4"}
	f("4095 true", peak...)
	f("1199.9 true", append(peak, "horizon", "1m", "probability", "0.999")...)
}

func TestNothingNeededIsNotActive(t *testing.T) {
	none := planned("web", 0, 0)
	none.Decision.Reactive, none.Decision.Demand = planOf("web", 0, 0), 0
	f := func(want string, metadata ...string) {
		t.Helper()
		if got := ask(t, boardOf(none), at, append(metadata, "fleet", "web")...); got != want {
			t.Errorf("%v: %s, want %s", metadata, got, want)
		}
	}
	f("0 false")
	f("0 false", "value", "spare")
	f("0 false", "value", "demand", "target", "1")
}

func TestValuesOfAnotherMetricAreRefused(t *testing.T) {
	s := &scaler{board: boardOf(snapshot("web")), now: func() time.Time { return at }}
	f := func(metric, want string) {
		t.Helper()
		answer, err := s.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: ref("fleet", "web"), MetricName: metric})
		if got := status.Convert(err).Message(); got != want {
			t.Errorf("%s: %v, %q, want %q", metric, answer, got, want)
		}
	}
	f("forethought_pool_instances_desired", "")
	f("forethought_demand", `unknown metric "forethought_demand": value instances has forethought_pool_instances_desired`)
}

func TestRefusals(t *testing.T) {
	f := func(want string, change func(*pool.Snapshot), metadata ...string) {
		t.Helper()
		s := snapshot("web")
		change(&s)
		if got := ask(t, boardOf(s, snapshot("batch")), at, metadata...); got != want {
			t.Errorf("%v: %s, want %s", metadata, got, want)
		}
	}
	same := func(*pool.Snapshot) {}
	ahead := []string{"fleet", "web", "value", "demandForecast", "target", "1"}
	f(`InvalidArgument: unknown fleet "shop"; fleets: web, batch`, same, "fleet", "shop")
	f(`InvalidArgument: fleet web has no pool "batch-fixed"; pools: web-fixed, web-spot`, same, "fleet", "web", "pool", "batch-fixed")
	f("InvalidArgument: fleet web: horizon 2h1m is outside the forecast, which reaches 2h", same, append(ahead, "horizon", "121m")...)
	f("InvalidArgument: fleet web: horizon 5m at probability 0.99 is not among what was exported: 5m at 0.5, 30m at 0.99",
		func(s *pool.Snapshot) {
			s.Decision.Ahead = []pool.Ahead{{Horizon: 5 * time.Minute, Probability: 0.5}, {Horizon: 30 * time.Minute, Probability: 0.99}}
		}, append(ahead, "horizon", "5m", "probability", "0.99")...)
	f("InvalidArgument: fleet web has no horizon and probability of its own; name both", func(s *pool.Snapshot) { s.Horizons = nil }, ahead...)
	f("InvalidArgument: fleet web has no horizon and probability of its own; name both", func(s *pool.Snapshot) { s.Probability = 0 }, ahead...)

	f("Unavailable: fleet web has no forecast: the history is 2 hours long", func(s *pool.Snapshot) {
		s.Decision.Forecast.Steps, s.Reason = nil, "the history is 2 hours long"
	}, ahead...)
	newPool := func(s *pool.Snapshot) { s.Pools = append(s.Pools, pool.Pool{Name: "new"}) }
	f(`Unavailable: the decision of fleet web is not about pool "new"`, newPool, "fleet", "web", "pool", "new")
	f(`Unavailable: the decision of fleet web is not about pool "new"`, newPool, "fleet", "web", "pool", "new", "value", "spare")
	noPlan := func(s *pool.Snapshot) { s.Decision.Plan = pool.Plan{} }
	f(`Unavailable: the decision of fleet web is not about pool ""`, noPlan, "fleet", "web")
	f(`Unavailable: the decision of fleet web is not about pool ""`, noPlan, "fleet", "web", "value", "spare")
	f(`Unavailable: the decision of fleet web is not about pool "web-fixed"`, func(s *pool.Snapshot) { s.Decision.Reactive = pool.Plan{} },
		"fleet", "web", "value", "spare")

	demand := []string{"fleet", "web", "value", "demand", "target", "1"}
	f("Internal: decision of fleet web: NaN cannot be published as demand", func(s *pool.Snapshot) { s.Decision.Demand = math.NaN() }, demand...)
	f("Internal: decision of fleet web: -1 cannot be published as demand", func(s *pool.Snapshot) { s.Decision.Demand = -1 }, demand...)
	f("Internal: decision of fleet web: +Inf cannot be published as demandForecast", func(s *pool.Snapshot) {
		s.Decision.Forecast.Steps[29] = uniform{0, math.Inf(1)}
	}, ahead...)
	f("Internal: decision of fleet web: -2 cannot be published as instances", func(s *pool.Snapshot) { s.Decision.Plan.Targets[0].Instances = -5 },
		"fleet", "web")
}

func TestErrorsListOnlySomeFleets(t *testing.T) {
	var all []pool.Snapshot
	for i := range 1000 {
		all = append(all, pool.Snapshot{Fleet: fmt.Sprintf("f%d", i)})
	}
	if got := ask(t, boardOf(all...), at, "fleet", "x"); !strings.HasSuffix(got, "fleets: f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 and 990 more") {
		t.Errorf("the error is %s", got)
	}
	if got := ask(t, boardOf(), at, "fleet", "x"); !strings.HasSuffix(got, "fleets: none") {
		t.Errorf("the error is %s", got)
	}
}

func TestNoValidDecisionIsNoNumberAndNotInactive(t *testing.T) {
	f := func(want string, now time.Time, change func(*pool.Snapshot)) {
		t.Helper()
		s := snapshot("web")
		change(&s)
		for _, v := range values {
			if got := ask(t, boardOf(s), now, "fleet", "web", "value", v.name, "target", "1"); got != want {
				t.Errorf("%s = %s, want %s", v.name, got, want)
			}
		}
	}
	f("Unavailable: fleet web has no valid decision: the last one was valid until 2026-11-23T08:05:00Z: Prometheus does not answer",
		at.Add(time.Hour), func(s *pool.Snapshot) { s.Reason = "Prometheus does not answer" })
	f("Unavailable: fleet web has no valid decision: the last one was valid until 2026-11-23T08:05:00Z",
		at.Add(5*time.Minute+1), func(*pool.Snapshot) {})
	f("Unavailable: fleet web has no valid decision: no turn was made yet", at, func(s *pool.Snapshot) {
		*s = pool.Snapshot{Fleet: "web", State: pool.Starting, Reason: "no turn was made yet"}
	})
}

func TestOnlyActMovesCapacity(t *testing.T) {
	f := func(mode pool.Mode, killed bool, instances, spare, ahead string) {
		t.Helper()
		s := snapshot("web")
		s.Decision.Mode, s.Decision.Killed = mode, killed
		g := func(value, want string) {
			t.Helper()
			if got := ask(t, boardOf(s), at, "fleet", "web", "value", value, "target", "1"); got != want {
				t.Errorf("%s, killed %v: %s is %s, want %s", mode, killed, value, got, want)
			}
		}
		g("instances", instances)
		g("spare", spare)
		g("demandForecast", ahead)
		if ahead != "3095 true" {
			g("demandForecastPeak", ahead)
		}
	}
	f(pool.Act, false, "10 true", "5 true", "3095 true")
	f(pool.Act, true, "5 true", "0 false", "14.063 true") // demand and what waits
	f(pool.Shadow, false, "5 true", "0 false", "14.063 true")
	f("", false, "5 true", "0 false", "14.063 true")
}

// KEDA prints a value with three decimals. What it reads must not be below the value, nor a target above it.
func TestRoundingSurvivesKEDA(t *testing.T) {
	for _, v := range []float64{0, 1e-9, 0.0004, 0.001, 0.1, 0.3, 1.0005, 12.0625, 3.999, 1234.5678, 1e9 + 0.1, 123456789.987654, 4e15 + 0.5} {
		var up, down float64
		if _, err := fmt.Sscan(fmt.Sprintf("%.3f", thousandthsUp(v)), &up); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(fmt.Sprintf("%.3f", thousandthsDown(v)), &down); err != nil {
			t.Fatal(err)
		}
		if up < v || up > v+0.001+v*1e-15 || down > v || down < v-0.001-v*1e-15 {
			t.Errorf("%v becomes %v and %v", v, up, down)
		}
	}
	if got := thousandthsUp(9.3e15 + 2); got != 9.3e15+2 {
		t.Errorf("thousandthsUp(9.3e15 + 2) = %v", got)
	}
}

// A thousand fleets cost a read no more than one does, and few allocations.
func TestReadsAreCheap(t *testing.T) {
	s := &scaler{board: boardOf(snapshot("web")), now: func() time.Time { return at }}
	parsed, err := parseTrigger(ref("fleet", "web", "pool", "web-spot").GetScalerMetadata())
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, err = s.read(parsed) }); n > 10 || err != nil {
		t.Errorf("a read of a stream allocates %v times, %v, want at most 10 times", n, err)
	}
	if code := status.Code(err); code != codes.OK {
		t.Error(code)
	}
}
