package main

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/pool"
)

// TestWholeConfigurationIsTranslated takes the example that has every key: what a pool and a fleet are told of it.
func TestWholeConfigurationIsTranslated(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"example.yml", "example_prices.csv"} {
		data, err := os.ReadFile(filepath.Join("../../config", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "events.ics"), []byte("BEGIN:VCALENDAR\nEND:VCALENDAR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(filepath.Join(dir, "example.yml"), checks())
	if err != nil {
		t.Fatal(err)
	}
	specs := poolSpecs(c)["batch"]
	fixed, spot := specs[0], specs[1]
	want := loop.PoolSpec{
		Pool: pool.Pool{
			Name: "batch-fixed", Class: pool.Fixed, Min: 4, Max: 40, Capacity: 16, LeadTime: 4 * time.Minute, Share: 0.5, Domain: "zone-a",
			Price: pool.Price{Hourly: 0.77, Commitment: pool.Commitment{Ratio: 0.6, Instances: 4}},
			Shape: pool.Shape{CPU: 16, Memory: 64 << 30}, Stock: pool.WarmPolicy{HitRate: 0.99, LeadTime: 2 * time.Minute},
		},
		Learn: true, InstancesQuery: fixed.InstancesQuery, WarmQuery: fixed.WarmQuery, WarmingQuery: fixed.WarmingQuery,
	}
	if !reflect.DeepEqual(fixed, want) || fixed.InstancesQuery == "" || fixed.WarmQuery == "" || fixed.WarmingQuery == "" {
		t.Errorf("fixed pool = %+v, want %+v", fixed, want)
	}
	if got, want := spot.Price, (pool.Price{Hourly: 0.23, InterruptionsPerHour: 0.05, Restart: 10 * time.Minute}); got != want || spot.PriceQuery == "" {
		t.Errorf("price of the spot pool = %+v and %q, want %+v", got, spot.PriceQuery, want)
	}
	if b := spot.Burst; b.Baseline != 0.4 || b.MaxCredits != 576 || !math.IsNaN(b.Credits) || spot.CreditsQuery == "" {
		t.Errorf("burst of the spot pool = %+v and %q", b, spot.CreditsQuery)
	}
	if ty := spot.Types; len(ty) != 2 || ty[0].Max != 100 || ty[1].Shape.Memory != 128<<30 || ty[1].Price.Commitment.Ratio != 0.7 ||
		spot.TypePriceQueries[0] != "" || spot.TypePriceQueries[1] == "" {
		t.Errorf("types of the spot pool = %+v and %q", ty, spot.TypePriceQueries)
	}
	if spot.MaxLeadTime() != 16*time.Minute || fixed.MaxLeadTime() != 16*time.Minute {
		t.Errorf("longest lead times %s and %s, want four times the configured ones", spot.MaxLeadTime(), fixed.MaxLeadTime())
	}
	c.Fleets[0].Policy.Migration.Enabled = true
	o, err := fleetOptions(c, c.Fleets[0])
	if err != nil || o.Saturated == "" || o.Shapes == "" || o.Shortage != 0 || o.Policy.Probability != 0.99 || !o.Policy.Paced || o.Classify == nil {
		t.Errorf("fleet = %+v, %v", o, err)
	}
	c.Fleets[0].Policy.Paced = false
	if o, err = fleetOptions(c, c.Fleets[0]); err != nil || o.Policy.Paced {
		t.Errorf("fleet without a pace = %+v, %v", o, err)
	}
	moves := loop.Migration{Policy: pool.MovePolicy{Margin: 0.5, Cooldown: 30 * time.Minute, PerHour: 10}, Drain: 2 * time.Minute}
	if o.Migration == nil || *o.Migration != moves {
		t.Errorf("migration = %+v, want %+v", o.Migration, moves)
	}
	if o, err = fleetOptions(c, c.Fleets[1]); err != nil || o.Shortage != 2 || o.Policy.Probability != assumedProbability || o.Migration != nil {
		t.Errorf("fleet with a price of shortage = %+v, %v", o, err)
	}
}
