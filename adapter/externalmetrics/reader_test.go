package externalmetrics

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"

	"github.com/forethought-autoscaler/forethought/pool"
)

// read asks a reader and writes the answer as value, time and labels, or as status code and message.
func read(b pool.Board, now time.Time, metric string, selector labels.Selector) string {
	list, err := newReader(b, func() time.Time { return now }).
		GetExternalMetric(context.Background(), "default", selector, provider.ExternalMetricInfo{Metric: metric})
	if err != nil {
		status, ok := err.(apierrors.APIStatus)
		if !ok {
			return "not an API status: " + err.Error()
		}
		return fmt.Sprintf("%d %s", status.Status().Code, err)
	}
	if len(list.Items) != 1 {
		return fmt.Sprintf("%d items", len(list.Items))
	}
	v := list.Items[0]
	if v.MetricName != metric || !v.Timestamp.Time.Equal(at) || v.WindowSeconds != nil {
		return fmt.Sprintf("%s at %s over %v", v.MetricName, v.Timestamp, v.WindowSeconds)
	}
	return v.Value.String() + " " + labels.Set(v.MetricLabels).String()
}

func parse(t *testing.T, selector string) labels.Selector {
	t.Helper()
	s, err := labels.Parse(selector)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestValues(t *testing.T) {
	b := boardOf(snapshot("web"), snapshot("batch"))
	f := func(metric, selector, want string) {
		t.Helper()
		if got := read(b, at, metric, parse(t, selector)); got != want {
			t.Errorf("%s{%s} = %s, want %s", metric, selector, got, want)
		}
	}
	f("forethought_pool_instances_desired", "fleet=web", "10 fleet=web")
	f("forethought_pool_instances_desired", "fleet=web,pool=web-fixed", "7 fleet=web,pool=web-fixed")
	f("forethought_pool_instances_desired", "pool==web-spot,fleet in (web)", "3 fleet=web,pool=web-spot")
	f("forethought_pool_instances_spare", "fleet=web", "5 fleet=web") // 10 where 5 are needed now
	f("forethought_pool_instances_spare", "fleet=web,pool=web-fixed", "3 fleet=web,pool=web-fixed")
	f("forethought_pool_instances_spare", "fleet=batch,pool=batch-spot", "2 fleet=batch,pool=batch-spot")
	f("forethought_demand", "fleet=batch", "12063m fleet=batch") // 12.0625 rounded up

	// 5m does not cover the longest lead time, 6m, and 30m does. Step 30 is uniform on [3000, 3100].
	f("forethought_demand_forecast", "fleet=web", "3095 fleet=web,horizon=30m,probability=0.95")
	f("forethought_demand_forecast", "fleet=web,horizon=5m", "595 fleet=web,horizon=5m,probability=0.95")
	f("forethought_demand_forecast", "fleet=web,horizon=60m", "6095 fleet=web,horizon=1h,probability=0.95")
	f("forethought_demand_forecast", "fleet=web,horizon=90s", "295 fleet=web,horizon=1m30s,probability=0.95") // up to a whole step
	f("forethought_demand_forecast", "fleet=web,horizon=2h,probability=0.5", "12050 fleet=web,horizon=2h,probability=0.5")
	f("forethought_demand_forecast", "fleet=web,horizon=1m,probability=0.12345", "112345m fleet=web,horizon=1m,probability=0.12345")
	f("forethought_demand_forecast_peak", "fleet=web", "4095 fleet=web,horizon=30m,probability=0.95")
	f("forethought_demand_forecast_peak", "fleet=web,horizon=1m,probability=0.999", "1199900m fleet=web,horizon=1m,probability=0.999")
}

func TestRefusals(t *testing.T) {
	b := boardOf(snapshot("web"), snapshot("batch"))
	f := func(metric, selector string, want ...string) {
		t.Helper()
		got := read(b, at, metric, parse(t, selector))
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s{%s} = %s, want %q in it", metric, selector, got, part)
			}
		}
	}
	const desired, demand, ahead = "forethought_pool_instances_desired", "forethought_demand", "forethought_demand_forecast"
	f("cpu", "fleet=web", "404 ", `"cpu"`, strings.Join(MetricNames(), ", "))
	f(desired, "", "400 ", "fleet is required", "fleets: web, batch")
	f(desired, "pool=web-fixed", "400 ", "fleet is required")
	f(desired, "fleet=shop", "400 ", `unknown fleet "shop"`, "fleets: web, batch")
	f(desired, "fleet=", "400 ", "fleet=VALUE")
	f(desired, "fleet=web,pool=batch-fixed", "400 ", `no pool "batch-fixed"`, "pools: web-fixed, web-spot")
	f(desired, "fleet=web,app=shop", "400 ", `unknown key "app"`, "want fleet, pool")
	f(desired, "fleet=web,horizon=5m", "400 ", `unknown key "horizon"`, "want fleet, pool")
	f(demand, "fleet=web,pool=web-fixed", "400 ", `unknown key "pool"`, "want fleet")
	f(ahead, "fleet=web,pool=web-fixed", "400 ", `unknown key "pool"`, "want fleet, horizon, probability")

	f(demand, "fleet!=web", "400 ", "does not choose one value", "fleet=VALUE")
	f(demand, "fleet in (web,batch)", "400 ", "does not choose one value")
	f(demand, "fleet notin (web)", "400 ", "does not choose one value")
	f(demand, "fleet", "400 ", "does not choose one value")
	f(demand, "!fleet", "400 ", "does not choose one value")
	f(ahead, "fleet=web,horizon>5", "400 ", "does not choose one value", "horizon=VALUE")
	f(demand, "fleet=web,fleet=batch", "400 ", "more than once")

	f(ahead, "fleet=web,horizon=soon", "400 ", `horizon "soon" is not a duration`, "30m")
	f(ahead, "fleet=web,horizon=0s", "400 ", "duration above 0")
	f(ahead, "fleet=web,horizon=0", "400 ", "duration above 0")
	f(ahead, "fleet=web,horizon=30", "400 ", "is not a duration")
	f(ahead, "fleet=web,horizon=1000y", "400 ", "is not a duration")
	f(ahead, "fleet=web,horizon=100y", "400 ", "fleet web: horizon", "reaches 2h")
	f(ahead, "fleet=web,horizon=121m", "400 ", "reaches 2h")
	f(ahead, "fleet=web,probability=high", "400 ", `probability "high"`, "from 0.005 to 0.999")
	f(ahead, "fleet=web,probability=0", "400 ", "from 0.005 to 0.999")
	f(ahead, "fleet=web,probability=1", "400 ", "from 0.005 to 0.999")
	f(ahead, "fleet=web,probability=99", "400 ", "from 0.005 to 0.999")
	f(ahead, "fleet=web,probability=0.9999", "400 ", "from 0.005 to 0.999")
	f(ahead, "fleet=web,probability=NaN", "400 ", "from 0.005 to 0.999")
	f(ahead, "fleet=web,probability=Inf", "400 ", "from 0.005 to 0.999")

	if got := read(b, at, demand, labels.Nothing()); !strings.Contains(got, "400 ") || !strings.Contains(got, "selects nothing") {
		t.Errorf("a selector of nothing = %s", got)
	}
}

func TestErrorsListOnlySomeFleets(t *testing.T) {
	var all []pool.Snapshot
	for i := range 1000 {
		all = append(all, snapshot(fmt.Sprintf("f%d", i)))
	}
	got := read(boardOf(all...), at, "forethought_demand", labels.Everything())
	if !strings.HasSuffix(got, "fleets: f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 and 990 more") {
		t.Errorf("the error is %s", got)
	}
	if got = read(boardOf(), at, "forethought_demand", labels.Everything()); !strings.HasSuffix(got, "fleets: none") {
		t.Errorf("the error is %s", got)
	}
}

func TestNoValidDecisionIsNoNumber(t *testing.T) {
	f := func(want string, now time.Time, change func(*pool.Snapshot)) {
		t.Helper()
		s := snapshot("web")
		change(&s)
		for _, metric := range MetricNames() {
			if got := read(boardOf(s), now, metric, parse(t, "fleet=web")); got != want {
				t.Errorf("%s = %s, want %s", metric, got, want)
			}
		}
	}
	f("404 fleet web has no valid decision: the last one was valid until 2026-11-23T08:05:00Z: Prometheus does not answer",
		at.Add(time.Hour), func(s *pool.Snapshot) { s.Reason = "Prometheus does not answer" })
	f("404 fleet web has no valid decision: the last one was valid until 2026-11-23T08:05:00Z",
		at.Add(5*time.Minute+1), func(*pool.Snapshot) {})
	f("404 fleet web has no valid decision: no turn was made yet", at, func(s *pool.Snapshot) {
		*s = pool.Snapshot{Fleet: "web", State: pool.Starting, Reason: "no turn was made yet"}
	})
	f("404 fleet web has no valid decision: no demand", at, func(s *pool.Snapshot) {
		s.Decision, s.Reason = pool.Decision{}, "no demand"
	})
}

func TestMissingPartsAreNoNumber(t *testing.T) {
	f := func(metric, selector, want string, change func(*pool.Snapshot)) {
		t.Helper()
		s := snapshot("web")
		change(&s)
		if got := read(boardOf(s), at, metric, parse(t, selector)); got != want {
			t.Errorf("%s = %s, want %s", metric, got, want)
		}
	}
	const desired, demand, ahead = "forethought_pool_instances_desired", "forethought_demand", "forethought_demand_forecast"
	const spare = "forethought_pool_instances_spare"
	f(spare, "fleet=web", `404 the decision of fleet web is not about pool ""`, func(s *pool.Snapshot) { s.Decision.Plan = pool.Plan{} })
	f(spare, "fleet=web", `404 the decision of fleet web is not about pool ""`, func(s *pool.Snapshot) {
		s.Decision.Reactive.Targets = s.Decision.Reactive.Targets[:1] // without what is needed, what is spare is not known
	})
	f(spare, "fleet=web,pool=new", `404 the decision of fleet web is not about pool "new"`, func(s *pool.Snapshot) {
		s.Pools = append(s.Pools, pool.Pool{Name: "new"})
	})
	f(ahead, "fleet=web", "404 fleet web has no forecast: the history is 2 hours long", func(s *pool.Snapshot) {
		s.Decision.Forecast.Steps, s.Reason = nil, "the history is 2 hours long"
	})
	f(desired, "fleet=web", `404 the decision of fleet web is not about pool ""`, func(s *pool.Snapshot) { s.Decision.Plan = pool.Plan{} })
	f(desired, "fleet=web,pool=new", `404 the decision of fleet web is not about pool "new"`, func(s *pool.Snapshot) {
		s.Pools = append(s.Pools, pool.Pool{Name: "new"})
	})
	f(ahead, "fleet=web", "400 fleet web has no horizon and probability of its own; name both", func(s *pool.Snapshot) { s.Horizons = nil })
	f(ahead, "fleet=web", "400 fleet web has no horizon and probability of its own; name both", func(s *pool.Snapshot) { s.Probability = 0 })
	f(demand, "fleet=web", "500 Internal error occurred: decision of fleet web: NaN cannot be published as a demand",
		func(s *pool.Snapshot) { s.Decision.Demand = math.NaN() })
	f(demand, "fleet=web", "500 Internal error occurred: decision of fleet web: -1 cannot be published as a demand",
		func(s *pool.Snapshot) { s.Decision.Demand = -1 })
	f(ahead, "fleet=web", "500 Internal error occurred: decision of fleet web: +Inf cannot be published as a demand",
		func(s *pool.Snapshot) { s.Decision.Forecast.Steps[29] = uniform{0, math.Inf(1)} })
	f(desired, "fleet=web", "500 Internal error occurred: decision of fleet web: -2 cannot be published as a number of instances",
		func(s *pool.Snapshot) { s.Decision.Plan.Targets[0].Instances = -5 })
}

func TestOnlyActMovesCapacity(t *testing.T) {
	f := func(mode pool.Mode, killed bool, want string) {
		t.Helper()
		s := snapshot("web")
		s.Decision.Mode, s.Decision.Killed = mode, killed
		if got := read(boardOf(s), at, "forethought_pool_instances_desired", parse(t, "fleet=web")); got != want {
			t.Errorf("%s, killed %v: %s, want %s", mode, killed, got, want)
		}
		acts := mode == pool.Act && !killed
		if got := read(boardOf(s), at, "forethought_pool_instances_spare", parse(t, "fleet=web")); (got == "0 fleet=web") == acts {
			t.Errorf("%s, killed %v: %s spare", mode, killed, got)
		}
		for _, metric := range []string{"forethought_demand_forecast", "forethought_demand_forecast_peak"} {
			present, _, _ := strings.Cut(read(boardOf(s), at, "forethought_demand", parse(t, "fleet=web")), " ")
			got, _, _ := strings.Cut(read(boardOf(s), at, metric, parse(t, "fleet=web")), " ")
			if (got == present) == acts {
				t.Errorf("%s, killed %v: %s is %s beside a present demand of %s", mode, killed, metric, got, present)
			}
		}
	}
	f(pool.Act, false, "10 fleet=web")
	f(pool.Act, true, "5 fleet=web")
	f(pool.Shadow, false, "5 fleet=web")
	f(pool.Shadow, true, "5 fleet=web")
	f("", false, "5 fleet=web")
}

// A read costs the same however many fleets there are.
func TestReadsDoNotGrowWithFleets(t *testing.T) {
	cost := func(fleets int) float64 {
		var all []pool.Snapshot
		for i := range fleets {
			all = append(all, snapshot(fmt.Sprintf("f%d", i)))
		}
		b, selector := boardOf(all...), parse(t, "fleet=f0")
		return testing.AllocsPerRun(100, func() { read(b, at, "forethought_pool_instances_desired", selector) })
	}
	if one, many := cost(1), cost(1000); one != many || one > 50 {
		t.Errorf("a read allocates %v times with one fleet and %v times with a thousand, want the same and at most 50", one, many)
	}
}
