package replay

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series/trace"
)

// realLoad returns four weeks of a real trace.
func realLoad(t *testing.T, file, name string) Load {
	t.Helper()
	dir := os.Getenv("FORETHOUGHT_DATA")
	if dir == "" {
		t.Skip("FORETHOUGHT_DATA is not set: no real traces")
	}
	f, err := trace.Open(filepath.Join(dir, "demand", file))
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Series(name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := LoadOf(s)
	if err != nil {
		t.Fatal(err)
	}
	l.Values = l.Values[:4*minutesPerWeek]
	return l
}

// TestBaselinesAreStrong holds the opponents to what they reach, so that nobody wins by weakening them: on four weeks of New York's
// taxis, one instance serving a fortieth of the training part's 99.9th percentile, at most 1 % of minutes short.
func TestBaselinesAreStrong(t *testing.T) {
	l := realLoad(t, "nab_nyctaxi_30m.csv.gz", "passengers")
	parts, err := Split(l, 0.5, 0.25)
	if err != nil {
		t.Fatal(err)
	}
	sorted := slices.Sorted(slices.Values(known(l.Values[:parts.Train.To])))
	capacity := sorted[len(sorted)*999/1000] / 40
	c, err := Compare(context.Background(), Options{
		Load: l, Parts: parts, Actuators: []Actuator{Direct()}, Targets: []float64{0.01}, Workers: 2,
		Site:     Site{Pools: []pool.Pool{{Name: "vm", Class: pool.Fixed, Capacity: capacity, LeadTime: 4 * time.Minute}}},
		Policies: Baselines(parts.Train.To),
	})
	if err != nil {
		t.Fatal(err)
	}
	f := func(policy string, most float64) {
		t.Helper()
		x, _ := c.Chosen(policy, "direct", 0.01)
		ratio := x.Run.Test.InstanceHours / c.Oracles[0].Test.Physical.InstanceHours
		if ratio > most || !x.OnValidation || x.Run.Test.Share() > 0.012 {
			t.Errorf("%s needs %.3f times the oracle's instance-hours at %.2f %% violations, want at most %v",
				policy, ratio, 100*x.Run.Test.Share(), most)
		}
	}
	f("seasonal-naive|reactive", 1.07)
	f("holt-winters|reactive", 1.09)
	f("schedule", 1.17)
	f("hpa", 1.32)
	f("last-value", 1.29)
	f("cloud-hourly|reactive", 1.29)
	f("static-peak", 1.70)
}
