package replay_test

import (
	"bufio"
	"compress/gzip"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/forethought-autoscaler/forethought/replay"
)

// poisson draws from a Poisson distribution.
func poisson(r *rand.Rand, mean float64) float64 {
	n := 0
	for p := r.Float64(); p > math.Exp(-mean); n++ {
		p *= r.Float64()
	}
	return float64(n)
}

// claimsOfDays are claims that follow the time of the day, fewer at week-ends.
func claimsOfDays(days int) replay.WarmTrace {
	r := rand.New(rand.NewPCG(1, 2))
	claims := make([]float64, days*1440)
	for m := range claims {
		rate := 0.02 + 0.6*math.Pow(math.Sin(math.Pi*float64(m%1440)/1440), 4)
		if m/1440%7 >= 5 {
			rate *= 0.4
		}
		claims[m] = poisson(r, rate)
	}
	return replay.WarmTrace{Name: "days", Claims: claims}
}

func replayWarm(t *testing.T, claims []float64, lead int, p replay.WarmPolicy) []replay.WarmOutcome {
	t.Helper()
	out, err := replay.SimulateWarm(replay.WarmTrace{Claims: claims}, lead, p, replay.WarmPart{To: len(claims)})
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// listed is a policy with given stocks.
type listed []int

func (l listed) Name() string                            { return "listed" }
func (l listed) Settings() []float64                     { return []float64{0} }
func (l listed) Start(int) (replay.WarmPlanner, error)   { return l, nil }
func (l listed) Stock(past []float64, stock []int) error { stock[0] = l[len(past)]; return nil }

func TestWarmReplay(t *testing.T) {
	f := func(want replay.WarmOutcome, claims []float64, stocks ...int) {
		t.Helper()
		if got := replayWarm(t, claims, 2, listed(stocks))[0]; got != want {
			t.Errorf("claims %v with stocks %v: %+v, want %+v", claims, stocks, got, want)
		}
	}
	nan := math.NaN()
	f(replay.WarmOutcome{Minutes: 3}, []float64{0, 0, 0}, 0, 0, 0)
	// Two stand by from the third minute on.
	f(replay.WarmOutcome{Minutes: 4, Idle: 4, Starts: 2}, []float64{0, 0, 0, 0}, 2, 2, 2, 2)
	// Both are claimed in the middle of the third, a third claim waits for a minute longer than the two minutes of a start.
	f(replay.WarmOutcome{Minutes: 5, Claims: 3, Hits: 2, Wait: 2, Idle: 3, Starts: 5}, []float64{0, 0, 3, 0, 0}, 2, 2, 2, 2, 2)
	// A claim without any stock has one started for it.
	f(replay.WarmOutcome{Minutes: 4, Claims: 1, Wait: 2, Starts: 1}, []float64{1, 0, 0, 0}, 0, 0, 0, 0)
	// What is not wanted any more is kept for the two minutes that a start takes.
	f(replay.WarmOutcome{Minutes: 6, Idle: 4, Starts: 2, Stopped: 2}, []float64{0, 0, 0, 0, 0, 0}, 2, 2, 2, 0, 0, 0)
	// An unknown minute is not scored, what it leaves to the next is.
	f(replay.WarmOutcome{Minutes: 3, Idle: 1, Starts: 1, Stopped: 1}, []float64{0, nan, nan, 0, 0}, 1, 1, 1, 0, 0)
}

func TestWarmReplayRefuses(t *testing.T) {
	f := func(want string, claims []float64, lead int, p replay.WarmPolicy, part replay.WarmPart) {
		t.Helper()
		_, err := replay.SimulateWarm(replay.WarmTrace{Name: "x", Claims: claims}, lead, p, part)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	one, all := replay.StaticWarm(1), replay.WarmPart{To: 1}
	f("lead time of 0", []float64{1}, 0, one, all)
	f("-1 claims", []float64{-1}, 1, one, all)
	f("0.5 claims", []float64{0.5}, 1, one, all)
	f("+Inf claims", []float64{math.Inf(1)}, 1, one, all)
	f("from minute 0 to 2 of 1", []float64{1}, 1, one, replay.WarmPart{To: 2})
	f("from minute 0 to 0 of 1", []float64{1}, 1, one, replay.WarmPart{})
	f("no stock", []float64{1}, 1, replay.StaticWarm(0), all)
}

// TestLargerStocksHitMore checks the order of settings, and that a larger stock costs idle time.
func TestLargerStocksHitMore(t *testing.T) {
	for _, p := range []replay.WarmPolicy{replay.StaticWarm(12), replay.ForecastWarm()} {
		last := replay.WarmOutcome{Hits: -1}
		for k, o := range replayWarm(t, claimsOfDays(4).Claims, 4, p) {
			if o.Hits < last.Hits || o.Idle < last.Idle || o.Starts-o.Stopped < o.Claims {
				t.Errorf("%s: setting %d: %+v after %+v", p.Name(), k, o, last)
			}
			last = o
		}
		if last.HitRate() < 0.99 {
			t.Errorf("%s: the largest stock has a hit rate of %v", p.Name(), last.HitRate())
		}
	}
}

// TestWarmPoliciesDoNotPeek replaces what comes after a minute: the stocks until then must be the same.
func TestWarmPoliciesDoNotPeek(t *testing.T) {
	trace := claimsOfDays(5).Claims
	stocks := func(claims []float64) (out []int) {
		planner, err := replay.ForecastWarm().Start(4)
		if err != nil {
			t.Fatal(err)
		}
		now := make([]int, len(replay.ForecastWarm().Settings()))
		for m := range claims {
			if err = planner.Stock(claims[:m:m], now); err != nil {
				t.Fatal(err)
			}
			out = append(out, now...)
		}
		return out
	}
	const cut = 4 * 1440
	n := cut * len(replay.ForecastWarm().Settings())
	scrambled := slices.Clone(trace)
	for m := cut; m < len(scrambled); m++ {
		scrambled[m] = float64(m % 7)
	}
	a, b := stocks(trace), stocks(scrambled)
	if !reflect.DeepEqual(a[:n], b[:n]) {
		t.Error("stocks depend on claims that come later")
	}
	if reflect.DeepEqual(a, b) {
		t.Error("stocks do not depend on claims at all")
	}
}

// TestForecastWarmWithUnknownMinutes checks that an outage is no time without claims.
func TestForecastWarmWithUnknownMinutes(t *testing.T) {
	const from, to = 4*1440 + 9*60, 4*1440 + 12*60
	idle := func(outage float64) float64 {
		trace := claimsOfDays(5)
		for m := from; m < to; m++ {
			trace.Claims[m] = outage
		}
		out, err := replay.SimulateWarm(trace, 4, replay.ForecastWarm(), replay.WarmPart{From: to, To: to + 10})
		if err != nil {
			t.Fatal(err)
		}
		return out[0][16].Idle
	}
	if unknown, none := idle(math.NaN()), idle(0); unknown < 1.5*none {
		t.Errorf("idle time %v after three hours that are not known, %v after three without claims", unknown, none)
	}
}

// saving compares a forecast with the smallest static stock, both chosen for a hit rate of 99 % on the third quarter of a trace, on the
// last quarter. It returns the change of idle time against that stock, and against the one that would have been chosen on the last
// quarter itself.
func saving(t *testing.T, trace replay.WarmTrace, lead int) (chosen, hindsight float64, forecast replay.WarmChoice) {
	t.Helper()
	n := len(trace.Claims)
	validation, test := replay.WarmPart{From: n / 2, To: n * 3 / 4}, replay.WarmPart{From: n * 3 / 4, To: n}
	c, err := replay.CompareWarm(trace, lead, 0.99, validation, test, replay.StaticWarm(40), replay.ForecastWarm())
	if err != nil {
		t.Fatal(err)
	}
	if !c[0].Met || !c[0].Known || !c[1].Met {
		t.Fatalf("no setting reaches the hit rate: %+v", c)
	}
	idle := c[1].Test.Idle
	return idle/c[0].Test.Idle - 1, idle/c[0].Hindsight.Idle - 1, c[1]
}

func TestForecastWarmSavesIdleTime(t *testing.T) {
	f := func(trace replay.WarmTrace, lead int, chosen, hindsight float64) {
		t.Helper()
		a, b, forecast := saving(t, trace, lead)
		t.Logf("%s, lead time %d: %+.1f %% against the static stock chosen, %+.1f %% against the best; hit rate %.4f, %d stopped",
			trace.Name, lead, 100*a, 100*b, forecast.Test.HitRate(), forecast.Test.Stopped)
		if a > chosen || b > hindsight || forecast.Test.HitRate() < 0.99 {
			t.Errorf("%s, lead time %d: idle time %+.3f and %+.3f, hit rate %.4f", trace.Name, lead, a, b, forecast.Test.HitRate())
		}
	}
	f(claimsOfDays(28), 4, -0.43, -0.43)
	f(claimsOfDays(28), 8, -0.5, -0.5)
	jobs := submissions(t, "nasa_ipsc_1993")
	f(jobs, 8, -0.5, -0.35)
}

// submissions reads when the jobs of a trace were submitted, each a claim.
func submissions(t *testing.T, name string) replay.WarmTrace {
	t.Helper()
	dir := os.Getenv("FORETHOUGHT_DATA")
	if dir == "" {
		t.Skip("FORETHOUGHT_DATA is not set: no real traces")
	}
	file, err := os.Open(filepath.Join(dir, "jobs", name+".csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var minutes []int
	lines := bufio.NewScanner(unzipped)
	for lines.Scan() {
		cell, _, _ := strings.Cut(lines.Text(), ",")
		if seconds, bad := strconv.Atoi(cell); bad == nil {
			minutes = append(minutes, seconds/60)
		}
	}
	if err = lines.Err(); err != nil || len(minutes) < 1000 {
		t.Fatalf("%d jobs: %v", len(minutes), err)
	}
	first := slices.Min(minutes)
	claims := make([]float64, slices.Max(minutes)-first+1)
	for _, m := range minutes {
		claims[m-first]++
	}
	return replay.WarmTrace{Name: name, Claims: claims}
}
