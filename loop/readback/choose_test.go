package readback

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/forethought-autoscaler/forethought/pool"
)

// ignored checks how many decisions were left out for each reason.
func (g *reading) ignored(expiredOnes, aheadOnes, incompleteOnes float64) {
	g.t.Helper()
	for reason, want := range map[string]float64{expired: expiredOnes, ahead: aheadOnes, incomplete: incompleteOnes} {
		if got := testutil.ToFloat64(g.metrics.ignored.WithLabelValues(reason)); got != want {
			g.t.Errorf("%g decisions are left out as %s, want %g", got, reason, want)
		}
	}
}

func (g *reading) disagrees(fleet string, want float64) {
	g.t.Helper()
	if got := testutil.ToFloat64(g.metrics.disagreement.WithLabelValues(fleet)); got != want {
		g.t.Errorf("disagreement is %g, want %g", got, want)
	}
}

// TestReplicas says what follows from several exporters of one fleet.
func TestReplicas(t *testing.T) {
	act := decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})
	// f reads what exporters a, b, ... export back and checks what doors answer, whether exporters disagree, and parts of the reason.
	f := func(a, b int, differ float64, exported []pool.Snapshot, reason ...string) {
		t.Helper()
		s := newStore()
		for i, e := range exported {
			s.scrape(t, noon, []pool.Snapshot{e}, "instance", string(rune('a'+i)), "replica", "0")
		}
		g := newReading(t, s, nil)
		g.at(noon)
		g.wantAsks("web", noon, a, b)
		g.wantReason("web", pool.Ready, reason...)
		g.disagrees("web", differ)
		g.ignored(0, 0, 0)
	}
	is := func(all ...pool.Snapshot) []pool.Snapshot { return all }
	shadow := decided("web", pool.Shadow, [2]int{9, 3}, [2]int{5, 1})

	f(9, 3, 0, is(act), "read back from http://store:9090: decided at 2026-03-02T12:00:10Z by a")
	f(9, 3, 0, is(act, act, act), "by a") // never a sum
	f(5, 1, 0, is(shadow, shadow))

	f(9, 4, 1, is(act, decided("web", pool.Act, [2]int{8, 4}, [2]int{5, 1})),
		"exporters disagree, and each pool gets the largest number: a for 12, b for 12 asks in all")
	f(9, 3, 1, is(act, shadow), "exporters disagree", "a for 12, b for 6 asks in all")
	f(9, 3, 1, is(shadow, act))
	f(9, 3, 0, is(shadow, turned(act, -time.Minute)), "an earlier decision of b, valid until 2026-03-02T12:04:10Z, asks for more")

	// A decision of a later turn is the one, but takes nothing that an earlier one asks for.
	fewer := decided("web", pool.Act, [2]int{6, 3}, [2]int{5, 1})
	f(9, 3, 0, is(fewer, turned(act, -time.Minute)), "by a; an earlier decision of b")
	f(9, 3, 0, is(act, turned(fewer, -time.Minute)), "decided at 2026-03-02T12:00:10Z by a")
	f(9, 3, 0, is(turned(fewer, -time.Minute), act), "decided at 2026-03-02T12:00:10Z by b")

	// A kill switch that is on at one exporter is on.
	f(5, 1, 1, is(act, killed(act)), "the kill switch, which is on at b only, holds the fleet on the reactive need")
	f(5, 1, 0, is(killed(act), turned(act, -time.Minute)))
	f(7, 1, 1, is(killed(act), decided("web", pool.Act, [2]int{9, 3}, [2]int{7, 0}))) // never below any reactive need

	// A pool that only one has, as while a configuration is rolled out.
	one := decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})
	one.Decision.Plan.Targets, one.Decision.Reactive.Targets = one.Decision.Plan.Targets[1:], one.Decision.Reactive.Targets[1:]
	f(9, 3, 1, is(act, one))
	f(9, 3, 1, is(one, act))
	f(-1, 3, 0, is(one, one))
}

// TestWhatIsNotBelieved says which decisions are left out, beside a good one of exporter good, and by themselves.
func TestWhatIsNotBelieved(t *testing.T) {
	good := decided("web", pool.Act, [2]int{6, 2}, [2]int{5, 1})
	bad := decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})
	f := func(bad pool.Snapshot, edit func(name string, v *sample) bool, left [3]float64, reason string) {
		t.Helper()
		s := newStore()
		s.scrape(t, noon, []pool.Snapshot{good}, "instance", "good")
		s.scrape(t, noon.Add(-time.Hour), []pool.Snapshot{bad}, "instance", "bad")
		s.change(edit, "instance", "bad")
		g := newReading(t, s, named("web"))
		g.at(noon)
		g.wantAsks("web", noon, 6, 2)
		if left[0] == 0 { // of one that ran out there is nothing to say beside one that did not
			g.wantReason("web", pool.Ready, "by good", "bad is left out: ", reason)
		}
		g.ignored(left[0], left[1], left[2])
		g.disagrees("web", 0)

		s.gone("instance", "good")
		alone := newReading(t, s, named("web"))
		alone.at(noon)
		alone.wantAsks("web", noon, -1, -1)
		alone.wantReason("web", pool.Failed, "no decision is exported to http://store:9090 that can be used", reason)
	}
	keep := func(string, *sample) bool { return true }
	f(turned(bad, -validity-time.Second), keep, [3]float64{1, 0, 0}, "that of bad, which is ready, ran out at 2026-03-02T12:00:09Z")
	f(turned(bad, time.Minute+time.Second), keep, [3]float64{0, 1, 0}, "its decision is valid for 361s, more than the 5m0s of the configuration: its clock is ahead")

	lacks := [3]float64{0, 0, 1}
	// lost checks a scrape without one metric.
	lost := func(lost string) {
		t.Helper()
		f(bad, func(name string, _ *sample) bool { return name != lost }, lacks, lost)
	}
	lost("forethought_decision_checksum")
	lost("forethought_fleet_mode_info")
	lost("forethought_fleet_kill_switch")
	lost("forethought_fleet_state")
	lost("forethought_demand")
	lost("forethought_pool_instances_desired")
	lost("forethought_pool_instances_planned")
	lost("forethought_pool_instances_reactive")
	f(bad, func(_ string, v *sample) bool { return v.labels.Get("pool") != "b-spot" }, lacks, "its metrics are not all of one decision")

	// other checks a scrape in which one metric is of another decision.
	other := func(name string, edit func(v *sample), reason string) {
		t.Helper()
		f(bad, func(n string, v *sample) bool {
			if n == name {
				edit(v)
			}
			return true
		}, lacks, reason)
	}
	other("forethought_pool_instances_desired", func(v *sample) { v.value++ }, "forethought_pool_instances_desired is not what follows from mode")
	other("forethought_pool_instances_desired", func(v *sample) { v.value = 2.5 }, "is 2.5, want a whole number at least 0")
	other("forethought_pool_instances_desired", func(v *sample) { v.value = -1 }, "is -1, want a whole number at least 0")
	other("forethought_pool_instances_planned", func(v *sample) { v.value = nan }, "forethought_pool_instances_planned of pool a-fixed is missing")
	other("forethought_pool_instances_reactive", func(v *sample) { v.value++ }, "its metrics are not all of one decision")
	other("forethought_decision_valid_until_timestamp_seconds", func(v *sample) { v.value += 60 }, "its metrics are not all of one decision")
	other("forethought_fleet_kill_switch", func(v *sample) { v.value = 1 }, "forethought_pool_instances_desired is not what follows from mode")
	other("forethought_fleet_kill_switch", func(v *sample) { v.value = 0.5 }, "forethought_fleet_kill_switch is missing")
	other("forethought_demand", func(v *sample) { v.value = nan }, "forethought_demand is missing")
	// Both plans of one pool are of an earlier decision, and so is what follows from them.
	f(bad, func(_ string, v *sample) bool {
		if strings.HasPrefix(v.labels.Get("__name__"), "forethought_pool_instances_") && v.labels.Get("pool") == "b-spot" {
			v.value = 0
		}
		return true
	}, lacks, "its metrics are not all of one decision")
}

// TestSkewThatIsBelieved says how far a clock may be ahead.
func TestSkewThatIsBelieved(t *testing.T) {
	s := newStore()
	s.scrape(t, noon, []pool.Snapshot{turned(decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1}), time.Minute)})
	g := newReading(t, s, nil)
	g.at(noon)
	g.wantAsks("web", noon.Add(validity+time.Minute), 9, 3)
	g.wantAsks("web", noon.Add(validity+time.Minute+time.Second), -1, -1)
	g.wantReason("web", pool.Ready, "by an exporter without labels")
}

// TestForecastsThatAreMissing leaves a pair of which one number is missing out, and never answers 0.
func TestForecastsThatAreMissing(t *testing.T) {
	s := newStore()
	s.scrape(t, noon, []pool.Snapshot{decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})})
	s.change(func(name string, v *sample) bool {
		if name == "forethought_demand_forecast" && v.labels.Get("horizon") == "30m" && v.labels.Get("probability") == "0.5" {
			v.value = nan
		}
		lost := name == "forethought_demand_forecast_peak" && v.labels.Get("horizon") == "5m" && v.labels.Get("probability") == "0.99"
		return !lost
	})
	g := newReading(t, s, nil)
	g.at(noon)
	d := g.fleet("web").Decision
	f := func(horizon time.Duration, p float64, known bool) {
		t.Helper()
		if v, err := d.DemandAhead(horizon, p); (err == nil) != known || known != (v > 0) {
			t.Errorf("demand %s ahead at %v is %v, %v", horizon, p, v, err)
		}
	}
	f(5*time.Minute, 0.5, true)
	f(5*time.Minute, 0.99, false)
	f(30*time.Minute, 0.5, false)
	f(30*time.Minute, 0.99, true)
}

// TestMetricNames runs promlint over the metrics of a Reader.
func TestMetricNames(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	g := newReading(t, newStore(), func(o *Options) { o.Registerer = registry; o.Fleets = []string{"web"} })
	g.at(noon)
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	if n, err := testutil.GatherAndCount(registry); err != nil || n != 7 {
		t.Errorf("%d series, %v; want two outcomes, a histogram, three reasons and a fleet", n, err)
	}
}
