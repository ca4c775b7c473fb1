package rules

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

// run evaluates every rule each minute up to a time, on samples in the notation of promqltest at one a minute from 0 on, and calls see after
// each minute.
func run(t *testing.T, samples string, until time.Duration, see func(all []rules.Rule, l *promqltest.LazyLoader, now time.Time)) {
	t.Helper()
	l, err := promqltest.NewLazyLoader("load 1m\n"+strings.TrimSpace(samples), promqltest.LazyLoaderOpts{EnableAtModifier: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	m := rules.NewManager(&rules.ManagerOptions{
		QueryFunc: rules.EngineQueryFunc(l.QueryEngine(), l.Storage()), Appendable: l.Storage(), Context: context.Background(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Logger: promslog.NewNopLogger(), Parser: newParser(),
	})
	groups, errs := m.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, file)
	for _, err := range errs {
		t.Fatal(err)
	}
	var all []rules.Rule
	for _, g := range groups {
		all = append(all, g.Rules()...)
	}
	start := time.Unix(0, 0).UTC()
	for now := start; !now.After(start.Add(until)); now = now.Add(time.Minute) {
		l.WithSamplesTill(now, func(err error) {
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range groups {
				g.Eval(context.Background(), now)
			}
			for _, r := range all {
				if err := r.LastError(); err != nil {
					t.Errorf("%s: %v", r.Name(), err)
				}
			}
			see(all, l, now)
		})
	}
}

// firing returns the alerts that fire, by job and as name{label=value,...} without severity, job and namespace, sorted.
func firing(t *testing.T, all []rules.Rule) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, r := range all {
		a, ok := r.(*rules.AlertingRule)
		if !ok {
			continue
		}
		for _, alert := range a.ActiveAlerts() {
			if alert.State != rules.StateFiring {
				continue
			}
			job := alert.Labels.Get("job")
			own := labels.NewBuilder(alert.Labels).Del("alertname", "severity", "job", "namespace").Labels()
			out[job] = append(out[job], a.Name()+own.String())
			if text := alert.Annotations.String(); strings.Contains(text, "error expanding template") || strings.Contains(text, "<no value>") {
				t.Errorf("%s: %s", a.Name(), text)
			}
		}
	}
	for _, alerts := range out {
		slices.Sort(alerts)
	}
	return out
}

// scenario is what is to fire at a time. All scenarios are run at once, each as a job of its own: alerts do not reach across jobs.
type scenario struct {
	job, samples string
	at           time.Duration
	want         []string
}

func TestAlerts(t *testing.T) {
	var scenarios []scenario
	f := func(at time.Duration, samples string, want ...string) {
		_, _, line, _ := runtime.Caller(1)
		job := fmt.Sprintf("line %d", line)
		scenarios = append(scenarios, scenario{job: job, samples: strings.ReplaceAll(samples, `job="ft"`, fmt.Sprintf("job=%q", job)), at: at, want: want})
	}
	const minute = time.Minute

	// A fleet fails for longer than ten minutes, on one replica of two.
	failed := `
		forethought_fleet_state{fleet="web",state="failed",job="ft",instance="a"} 0x4 1x60
		forethought_fleet_state{fleet="web",state="failed",job="ft",instance="b"} 0x64
		forethought_fleet_state{fleet="web",state="ready",job="ft",instance="a"} 1x4 0x60
		forethought_fleet_state{fleet="batch",state="failed",job="ft",instance="a"} 0x64`
	f(10*minute, failed)
	f(16*minute, failed, `ForethoughtFleetFailed{fleet="web"}`)

	// A decision that is renewed is valid; one that is not runs out. The values are seconds since 1970, where the samples begin.
	f(30*minute, `forethought_decision_valid_until_timestamp_seconds{fleet="web",job="ft",instance="a"} 300+60x40`)
	expired := `
		forethought_decision_valid_until_timestamp_seconds{fleet="web",job="ft",instance="a"} 300+60x40
		forethought_decision_valid_until_timestamp_seconds{fleet="web",job="ft",instance="b"} 300x40
		forethought_decision_valid_until_timestamp_seconds{fleet="batch",job="ft",instance="a"} 300+60x40`
	f(6*minute, expired)
	f(9*minute, expired, `ForethoughtDecisionExpired{fleet="web"}`)

	// The APIService is taken: the counter rises. Or it was taken while the process was not running: owned falls.
	f(30*minute, `
		forethought_externalmetrics_apiservice_changes_total{job="ft",instance="a"} 0x40
		forethought_externalmetrics_apiservice_owned{job="ft",instance="a"} 1x40`)
	f(30*minute, `forethought_externalmetrics_apiservice_owned{job="ft",instance="a"} 0x40`) // it never was ours
	f(12*minute, `
		forethought_externalmetrics_apiservice_changes_total{job="ft",instance="a"} 0x8 1x40
		forethought_externalmetrics_apiservice_owned{job="ft",instance="a"} 1x8 0x40`, `ForethoughtExternalMetricsOwnerChanged{}`)
	f(20*minute, `
		forethought_externalmetrics_apiservice_owned{job="ft",instance="a"} 1x8 _x8
		forethought_externalmetrics_apiservice_owned{job="ft",instance="c"} _x12 0x30`, `ForethoughtExternalMetricsOwnerChanged{}`)

	// What is written without anybody in the way, and what somebody else owns or scales.
	f(30*minute, `forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="written",job="ft",instance="a"} 0+1x40
		forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="conflict",job="ft",instance="a"} 3x40
		forethought_actuator_leading{job="ft",instance="a"} 1x40`)
	f(30*minute, `forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="conflict",job="ft",instance="a"} 0x10 1x5 2x5 3x30
		forethought_actuator_leading{job="ft",instance="a"} 1x60`,
		`ForethoughtActuatorConflict{actuator="scale", fleet="web", pool="spot"}`)
	f(30*minute, `forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="refused",job="ft",instance="a"} 0x10 0+4x30
		forethought_actuator_leading{job="ft",instance="a"} 1x60`,
		`ForethoughtActuatorConflict{actuator="scale", fleet="web", pool="spot"}`)

	// What can't be written at all, and what fails once between writes that succeed.
	f(40*minute, `forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="failed",job="ft",instance="a"} 0x10 0+4x40
		forethought_actuator_leading{job="ft",instance="a"} 1x60`,
		`ForethoughtActuatorFails{actuator="scale", fleet="web", pool="spot"}`)
	f(40*minute, `forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="failed",job="ft",instance="a"} 0x10 0+1x40
		forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="unchanged",job="ft",instance="a"} 0+3x60
		forethought_actuator_leading{job="ft",instance="a"} 1x60`)

	// Migrations that succeed, and one that does not.
	f(30*minute, `forethought_migrations_total{fleet="web",from="fixed",to="spot",outcome="migrated",job="ft",instance="a"} 0+1x40
		forethought_migrations_total{fleet="web",from="fixed",to="spot",outcome="undone",job="ft",instance="a"} 0x40
		forethought_actuator_leading{job="ft",instance="a"} 1x40`)
	f(30*minute, `forethought_migrations_total{fleet="web",from="fixed",to="spot",outcome="undone",job="ft",instance="a"} 0x20 1x20
		forethought_actuator_leading{job="ft",instance="a"} 1x40`, `ForethoughtMigrationUndone{fleet="web", from="fixed", to="spot"}`)

	// One of two leads; none does; none does but nothing is to be written; a shard has no leader while the other has one.
	two := `
		forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="written",job="ft",instance="a"} 0x40
		forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="written",job="ft",instance="b"} 0x40
		forethought_actuator_leading{job="ft",instance="b"} 0x40
		forethought_actuator_leading{job="ft",instance="a"} `
	f(20*minute, two+"1x40")
	f(20*minute, two+"1x10 0x30", `ForethoughtNoLeader{fleet="web"}`)
	f(20*minute, `forethought_actuator_leading{job="ft",instance="a"} 0x40`)
	f(20*minute, `
		forethought_actuator_writes_total{fleet="web",pool="spot",actuator="scale",outcome="written",job="ft",instance="a"} 0x40
		forethought_migrations_total{fleet="batch",from="fixed",to="spot",outcome="undone",job="ft",instance="b"} 0x40
		forethought_actuator_leading{job="ft",instance="a"} 1x40
		forethought_actuator_leading{job="ft",instance="b"} 0x40`, `ForethoughtNoLeader{fleet="batch"}`)

	var samples strings.Builder
	for _, c := range scenarios {
		samples.WriteString(strings.TrimSpace(c.samples) + "\n")
	}
	run(t, samples.String(), 30*minute, func(all []rules.Rule, _ *promqltest.LazyLoader, now time.Time) {
		got := firing(t, all)
		for _, c := range scenarios {
			if now.Equal(time.Unix(0, 0).Add(c.at)) && !slices.Equal(got[c.job], c.want) {
				t.Errorf("%s: at %s %v fires, want %v", c.job, c.at, got[c.job], c.want)
			}
		}
	})
}

func TestLeadTime(t *testing.T) {
	f := func(want, samples string) {
		t.Helper()
		run(t, samples, 30*time.Minute, func(_ []rules.Rule, l *promqltest.LazyLoader, now time.Time) {
			if now.Before(time.Unix(0, 0).Add(30 * time.Minute)) {
				return
			}
			q, err := l.QueryEngine().NewInstantQuery(context.Background(), l.Queryable(), nil, "forethought:node_lead_time:p95", now)
			if err != nil {
				t.Fatal(err)
			}
			defer q.Close()
			result := q.Exec(context.Background())
			vector, err := result.Vector()
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(vector.String(), " @[1800000]", ""); got != want {
				t.Errorf("lead times are %s, want %s, on\n%s", got, want, samples)
			}
		})
	}
	// Twenty nodes within a minute, of which the 95th percentile lies 95 % into the bucket from 60 to 120 s.
	ready := `
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="ready",le="60"} 0x40
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="ready",le="120"} 0x9 20x30
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="ready",le="+Inf"} 0x9 20x30`
	pod := `
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="pod",le="120"} 0x40
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="pod",le="220"} 0x9 20x30
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="pod",le="+Inf"} 0x9 20x30`
	none := `
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="pod",le="120"} 0x40
		forethought_node_lead_time_seconds_bucket{fleet="web",pool="spot",stage="pod",le="+Inf"} 0x40`
	f(`{__name__="forethought:node_lead_time:p95", fleet="web", pool="spot"} => 215`, ready+pod)
	f(`{__name__="forethought:node_lead_time:p95", fleet="web", pool="spot"} => 117`, ready+none)
	f(``, none) // no node came: absent, and neither 0 nor NaN
	// A native histogram of twenty nodes between 64 and 128 s, as Prometheus keeps it where it scrapes those: 64 x 2^0.95.
	f(`{__name__="forethought:node_lead_time:p95", fleet="web", pool="spot"} => 123.63985010238025`, `
		forethought_node_lead_time_seconds{fleet="web",pool="spot",stage="pod"} {{schema:0 sum:0 count:0}}x9 {{schema:0 sum:2000 count:20 offset:7 buckets:[20]}}x30`)
}
