package config

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// FuzzParse holds Parse to its contract for any input: it returns a Config or located errors, and what it accepts is in range and can
// be printed and read again.
func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range seeds {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(example))
	f.Add([]byte(exampleEmbedded))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f.yml", data, testChecks)
		if err != nil {
			locatedErrors(t, err, countLines(data))
			return
		}
		inRange(t, c)
		again, err := Parse("f.yml", []byte(c.String()), testUnitsOnly())
		if err != nil {
			t.Fatalf("printed form: %v\n%s", err, c)
		}
		if again.String() != c.String() {
			t.Fatalf("printed form means something else:\n%s\n%s", c, again)
		}
	})
}

// countLines counts lines as YAML 1.1 does, for which a carriage return and three characters beyond ASCII also end one.
func countLines(data []byte) int {
	return 1 + strings.Count(strings.NewReplacer("\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(string(data)), "\n")
}

func locatedErrors(t *testing.T, err error, lines int) {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) == 0 {
		t.Fatalf("not joined: %v", err)
	}
	for _, one := range joined.Unwrap() {
		var e *Error
		if errors.As(one, &e) && e.File != "f.yml" {
			continue // the file of prices
		}
		if !errors.As(one, &e) || e.Line < 1 || e.Line > lines || e.Problem == "" {
			t.Errorf("no place in %d lines: %v", lines, one)
			continue
		}
		if !strings.HasPrefix(one.Error(), "f.yml:"+strconv.Itoa(e.Line)+": ") || strings.Contains(one.Error(), "\n") {
			t.Errorf("not FILE:LINE: and one line: %q", one)
		}
	}
}

func inRange(t *testing.T, c *Config) {
	t.Helper()
	if (c.Prometheus == nil) == (c.Embedded == nil) || len(c.Fleets) == 0 || len(c.Horizons)*len(c.Probabilities) > 9 || c.Validity < 2*c.Interval {
		t.Errorf("accepted:\n%s", c)
	}
	for _, fleet := range c.Fleets {
		if fleet.Demand.Step <= 0 || len(fleet.Pools) == 0 || !isName(fleet.Name) || fleet.Demand.Query == "" {
			t.Errorf("accepted the fleet %+v", fleet)
		}
		for _, p := range fleet.Pools {
			if !(p.Capacity > 0) || math.IsInf(p.Capacity, 0) || !(p.Price.Hourly >= 0) || p.Min < 0 || p.Max > 0 && p.Max < p.Min || p.LeadTime.Default <= 0 {
				t.Errorf("accepted the pool %+v", p)
			}
		}
	}
}

// BenchmarkParse reads a file of 1000 fleets with two pools each.
func BenchmarkParse(b *testing.B) {
	var file strings.Builder
	file.WriteString("prometheus: {}\nfleets:\n")
	for i := range 1000 {
		n := strconv.Itoa(i)
		file.WriteString("- name: web-" + n + "\n  demand: {query: sum(up), unit: cores}\n  policy: {mode: act, limits: {lift: 2}}\n  pools:\n" +
			"  - {name: a, class: fixed, capacity: 2, min: 1, max: 9, lead_time: 4m, price: {hourly: 1}}\n" +
			"  - {name: b, class: variable, capacity: 2, max: 9, lead_time: {query: up, default: 4m}, price: {hourly: 1}}\n")
	}
	data := []byte(file.String())
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse("f.yml", data, testChecks); err != nil {
			b.Fatal(err)
		}
	}
}
