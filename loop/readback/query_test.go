package readback

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// TestQueries shows what a store is asked.
func TestQueries(t *testing.T) {
	f := func(change func(o *Options), want ...string) {
		t.Helper()
		s := newStore()
		s.scrape(t, noon, []pool.Snapshot{decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})}, "cluster", "eu")
		s.scrape(t, noon, []pool.Snapshot{decided("web", pool.Act, [2]int{8, 8}, [2]int{5, 1})}, "cluster", "us")
		newReading(t, s, change).at(noon.Add(1500 * time.Millisecond))
		var got []string
		minute := noon.Truncate(time.Minute)
		for _, q := range s.asked {
			got = append(got, strings.ReplaceAll(q.Expr, strings.Join(names, "|"), "..."))
			if !q.Start.Equal(minute) || !q.End.Equal(minute) || q.Step != time.Minute {
				t.Errorf("asked at %s to %s each %s", q.Start, q.End, q.Step)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	const at = " @ 1772452811.500"
	f(named("web"), `{__name__=~"forethought_(?:...)",fleet=~"web"}`+at)
	f(named("we.b", `a"b`), `{__name__=~"forethought_(?:...)",fleet=~"we\\.b|a\"b"}`+at)
	f(nil, `group by (fleet) ({__name__="forethought_fleet_state"}`+at+`)`, `{__name__=~"forethought_(?:...)",fleet=~"web"}`+at)
	f(func(o *Options) { o.Match = `cluster="eu"` },
		`group by (fleet) ({__name__="forethought_fleet_state",cluster="eu"}`+at+`)`,
		`{__name__=~"forethought_(?:...)",fleet=~"web",cluster="eu"}`+at)
}

// TestMatch: fleets of the same name of two installations are no replicas where only one is asked for.
func TestMatch(t *testing.T) {
	s := newStore()
	s.scrape(t, noon, []pool.Snapshot{decided("web", pool.Act, [2]int{9, 3}, [2]int{5, 1})}, "cluster", "eu")
	s.scrape(t, noon, []pool.Snapshot{decided("web", pool.Act, [2]int{8, 8}, [2]int{5, 1})}, "cluster", "us")
	f := func(match string, a, b int, differ float64) {
		t.Helper()
		g := newReading(t, s, func(o *Options) { o.Match = match })
		g.at(noon)
		g.wantAsks("web", noon, a, b)
		g.disagrees("web", differ)
	}
	f(`cluster="eu"`, 9, 3, 0)
	f(`cluster="us"`, 8, 8, 0)
	f("", 9, 8, 1)
}

// TestPages splits many fleets into queries of bounded length that ask for each once.
func TestPages(t *testing.T) {
	f := func(count, width, pages int) {
		t.Helper()
		var fleets, got []string
		for i := range count {
			fleets = append(fleets, fmt.Sprintf("%0*d", width, i))
		}
		all, err := newPages(fleets, "", noon)
		if err != nil || len(all) != pages {
			t.Fatalf("%d fleets: %d pages, %v; want %d", count, len(all), err, pages)
		}
		for _, p := range all {
			got = append(got, p.fleets...)
			if len(p.expr) > 16<<10 && len(p.fleets) > 1 {
				t.Errorf("a query of %d bytes", len(p.expr))
			}
			if _, err := parser.NewParser(parser.Options{}).ParseExpr(p.expr); err != nil {
				t.Error(err)
			}
		}
		if !slices.Equal(fleets, got) {
			t.Errorf("%d fleets: asked for %d of them", count, len(got))
		}
	}
	f(0, 1, 0)
	f(1, 4, 1)
	f(500, 4, 1)
	f(501, 4, 2)
	f(10_000, 12, 20)
	f(500, 100, 5)
	f(3, 20_000, 3)
}

// TestPagesAreRead reads more fleets than one query asks for.
func TestPagesAreRead(t *testing.T) {
	s := newStore()
	var all []pool.Snapshot
	for i := range pageFleets + 1 {
		all = append(all, decided(fmt.Sprintf("fleet-%04d", i), pool.Act, [2]int{i, 3}, [2]int{0, 1}))
	}
	s.scrape(t, noon, all)
	g := newReading(t, s, nil)
	g.at(noon)
	if len(s.asked) != 3 {
		t.Errorf("asked %d times", len(s.asked))
	}
	for i, want := range all {
		g.wantAsks(want.Fleet, noon, i, 3)
	}
}

// TestKeys reads keys as the library prints them.
func TestKeys(t *testing.T) {
	f := func(m model.Metric, want key) {
		t.Helper()
		if got, ok := newKeys().parse(m.String()); !ok || got != want {
			t.Errorf("%s is %+v, %t; want %+v", m, got, ok, want)
		}
	}
	f(model.Metric{"__name__": "forethought_demand", "fleet": "web", "unit": "cores"}, key{name: "demand", fleet: "web", unit: "cores", exporter: "{}"})
	f(model.Metric{"__name__": "forethought_demand"}, key{name: "demand", exporter: "{}"})
	f(model.Metric{"__name__": "x", "job": "a, b", "instance": `1"2\3`, "fleet": "{}=,\n", "cluster": "ö"}, key{
		name: "x", fleet: "{}=,\n", exporter: `{cluster="ö", instance="1\"2\\3", job="a, b"}`, instance: `1"2\3`,
	})
	f(model.Metric{"horizon": "5m", "probability": "0.5", "pool": "p", "class": "fixed", "state": "warm", "mode": "act", "zone": "z"}, key{
		horizon: "5m", probability: "0.5", pool: "p", class: "fixed", state: "warm", mode: "act", exporter: `{zone="z"}`,
	})
	refuse := func(text string) {
		t.Helper()
		if got, ok := newKeys().parse(text); ok {
			t.Errorf("%s is %+v", text, got)
		}
	}
	refuse("x{")
	refuse("x{a}")
	refuse(`x{a="b`)
	refuse(`x{a=b}`)
	refuse(`x{a="b",c}`)
}

func FuzzKeys(f *testing.F) {
	f.Add("forethought_demand", "web", "instance", `a"b`)
	f.Fuzz(func(t *testing.T, name, fleet, label, value string) {
		if !model.UTF8Validation.IsValidLabelName(label) || !model.LegacyValidation.IsValidLabelName(label) || (&key{}).own(label) != nil || label == "__name__" {
			t.Skip()
		}
		if strings.ContainsAny(name, "{") {
			t.Skip()
		}
		m := model.Metric{"__name__": model.LabelValue(name), "fleet": model.LabelValue(fleet), model.LabelName(label): model.LabelValue(value)}
		k, ok := newKeys().parse(m.String())
		if !ok || k.fleet != fleet || k.exporter != fmt.Sprintf("{%s=%q}", label, value) {
			t.Errorf("%s is %+v, %t", m, k, ok)
		}
	})
}

// TestCollect sorts series by fleet and exporter.
func TestCollect(t *testing.T) {
	of := func(key string, v float64) series.Series {
		return series.Series{Key: series.Key(key), Values: []float64{v}}
	}
	got := collect([]series.Series{
		of(`forethought_demand{fleet="web", instance="a", unit="cores"}`, 7),
		of(`forethought_demand{fleet="web", instance="b", unit="cores"}`, 8),
		of(`forethought_demand{fleet="batch", instance="a", unit="jobs"}`, nan),
		of(`no key`, 1),
		of(`{broken`, 1),
		{Key: `forethought_demand{fleet="empty"}`},
	})
	f := func(fleet string, exporters int) {
		t.Helper()
		if n := len(got[fleet]); n != exporters {
			t.Errorf("%s has %d exporters, want %d", fleet, n, exporters)
		}
	}
	f("web", 2)
	f("batch", 1)
	f("empty", 0)
	if v := got["web"][1]; v.demand != 8 || v.unit != "cores" || v.name != "b" {
		t.Errorf("the second is %+v", v)
	}
	if v := got["batch"][0]; !math.IsNaN(v.demand) || v.unit != "" {
		t.Errorf("NaN is %+v", v)
	}
}
