package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// minimal is the shortest file that is accepted. Tests change one part of it.
const minimal = `prometheus: {}
fleets:
- name: web
  demand:
    query: sum(up)
    unit: cores
  pools:
  - name: a
    class: fixed
    capacity: 2
`

// testChecks stand for the rules of other packages.
var testChecks = Checks{
	Unit: func(unit string) error {
		if !slices.Contains([]string{"cores", "bytes"}, unit) {
			return fmt.Errorf("unknown unit %q, want one of cores, bytes", unit)
		}
		return nil
	},
	Expr: func(expr string) error {
		if strings.Count(expr, "(") != strings.Count(expr, ")") {
			return errors.New("1:4: parse error: unclosed left parenthesis")
		}
		return nil
	},
	ScrapeConfigs: checkScrapeConfigs,
	Holidays: func(code string) error {
		if code != "US" && code != "DE" {
			return fmt.Errorf("no region %q, want one of DE, US", code)
		}
		return nil
	},
	Events: func(path string) error {
		if filepath.Base(path) == "broken.ics" {
			return errors.New("line 3: no DTSTART")
		}
		return nil
	},
}

// checkScrapeConfigs is strict in the manner of Prometheus, about fewer keys.
func checkScrapeConfigs(list []byte) error {
	var jobs []struct {
		Name    string            `yaml:"job_name"`
		Port    int               `yaml:"port"`
		Targets []string          `yaml:"targets"`
		Labels  map[string]string `yaml:"labels"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(list))
	dec.KnownFields(true)
	if err := dec.Decode(&jobs); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, j := range jobs {
		if seen[j.Name] {
			return fmt.Errorf("scrape config %d: job %q comes twice", i+1, j.Name)
		}
		seen[j.Name] = true
	}
	return nil
}

// wantErrors parses text and compares the errors, one a line.
func wantErrors(t *testing.T, text string, want ...string) {
	t.Helper()
	c, err := Parse("f.yml", []byte(text), testChecks)
	if err == nil {
		t.Fatalf("accepted, want\n%s\nfile:\n%s\ngot\n%s", strings.Join(want, "\n"), text, c)
	}
	if c != nil {
		t.Error("a Config beside an error")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("errors (-want +got):\n%s\nfile:\n%s", diff, text)
	}
}

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("conf/f.yml", []byte(text), testChecks)
	if err != nil {
		t.Fatalf("%v\nfile:\n%s", err, text)
	}
	return c
}

// edit replaces one part of the minimal file.
func edit(t *testing.T, old, replacement string) string {
	t.Helper()
	if strings.Count(minimal, old) != 1 {
		t.Fatalf("%q is not once in the minimal file", old)
	}
	return strings.Replace(minimal, old, replacement, 1)
}

func TestDefaults(t *testing.T) {
	c := mustParse(t, minimal)
	f := func(name string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	f("url", c.Prometheus.URL, "http://localhost:9090")
	f("follow redirects", c.Prometheus.HTTPConfig.FollowRedirects, true)
	f("timeout", time.Duration(c.Prometheus.Timeout), 30*time.Second)
	f("points", c.Prometheus.MaxPoints, 11000)
	f("concurrency", c.Prometheus.Concurrency, 4)
	f("query check", c.Prometheus.QueryCheck, true)
	f("storage", c.Storage.Path, "data")
	f("interval", time.Duration(c.Interval), time.Minute)
	f("history", time.Duration(c.History), 28*24*time.Hour)
	f("horizons", c.Horizons, []model.Duration{minutes(5), minutes(30), minutes(120)})
	f("probabilities", c.Probabilities, []float64{0.5, 0.9, 0.99})
	f("validity", time.Duration(c.Validity), 5*time.Minute)
	f("step", c.Fleets[0].Demand.Step, c.Interval)
	f("policy", c.Fleets[0].Policy, Policy{
		Mode: "shadow", Probability: 0.99, Paced: true, StaleAfter: minutes(5), Hold: minutes(30),
		Limits:    Limits{Lift: 3, StepUp: 20, StepDown: 5},
		Migration: Migration{Margin: 0.5, Budget: 10, CoolDown: minutes(30), Drain: minutes(2)},
	})
	f("pool", c.Fleets[0].Pools[0], Pool{Name: "a", Class: "fixed", Capacity: 2, LeadTime: LeadTime{Default: minutes(4)}})
}

func TestDefaultsOfEmbedded(t *testing.T) {
	want := Embedded{Path: "data", Retention: model.Duration(60 * day), ListenAddress: "127.0.0.1:9096", ScrapeInterval: model.Duration(15 * time.Second)}
	f := func(section string) {
		t.Helper()
		got := *mustParse(t, edit(t, "prometheus: {}", section)).Embedded
		if diff := cmp.Diff(text(want), text(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", section, diff)
		}
	}
	f("embedded: {}")
	f("embedded:")
	f("embedded: {scrape_configs: }")
}

func TestExplicitZeroWins(t *testing.T) {
	c := mustParse(t, edit(t, "  pools:", "  policy: {hold: 0s, limits: {lift: 0, step_up: 0, step_down: 0}}\n  pools:"))
	if got := c.Fleets[0].Policy; got.Hold != 0 || got.Limits != (Limits{}) {
		t.Errorf("policy = %+v, want the zeros of the file", got)
	}
	c = mustParse(t, edit(t, "prometheus: {}", "prometheus: {query_check: false, http_config: {follow_redirects: false}}\ninterval: 30s"))
	if c.Prometheus.QueryCheck || c.Prometheus.HTTPConfig.FollowRedirects || !c.Prometheus.HTTPConfig.EnableHTTP2 {
		t.Errorf("prometheus = %+v, want false from the file and true from the defaults", c.Prometheus)
	}
	if got := time.Duration(c.Fleets[0].Demand.Step); got != 30*time.Second {
		t.Errorf("step = %s, want the interval of the file", got)
	}
}

func TestLeadTime(t *testing.T) {
	f := func(text string, want LeadTime) {
		t.Helper()
		got := mustParse(t, minimal+"    lead_time: "+text+"\n").Fleets[0].Pools[0].LeadTime
		if got != want {
			t.Errorf("lead_time %s = %+v, want %+v", text, got, want)
		}
	}
	f("7m", LeadTime{Default: minutes(7)})
	f("{query: lead}", LeadTime{Query: "lead", Default: minutes(4)})
	f("{query: lead, default: 2m}", LeadTime{Query: "lead", Default: minutes(2)})
	f("{learn: true, default: 2m}\n    instances: count(x)", LeadTime{Learn: true, Default: minutes(2)})
	f("{}", LeadTime{Default: minutes(4)})
}

func TestCalendar(t *testing.T) {
	f := func(text string, want Calendar) {
		t.Helper()
		got := mustParse(t, minimal+"  calendar: "+text+"\n").Fleets[0].Calendar
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("calendar: %s (-want +got):\n%s", text, diff)
		}
	}
	f("{}", Calendar{TimeZone: "UTC"})
	f("", Calendar{TimeZone: "UTC"})
	f("{holidays: US}", Calendar{TimeZone: "UTC", Holidays: Holidays{"US"}})
	f("{holidays: [US, DE], time_zone: Europe/Berlin}", Calendar{TimeZone: "Europe/Berlin", Holidays: Holidays{"US", "DE"}})
	f("{holidays: , events: events.ics}", Calendar{TimeZone: "UTC", Holidays: Holidays{}, Events: filepath.Join("conf", "events.ics")})
	f("{events: /etc/events.ics}", Calendar{TimeZone: "UTC", Events: "/etc/events.ics"})
	if c := mustParse(t, minimal); c.Fleets[0].Calendar != nil || c.Fleets[0].Leading != nil {
		t.Error("there is a calendar, or an indicator, where the file has none")
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	c := mustParse(t, `prometheus: {}
fleets:
- name: a
  demand: &demand {query: sum(up), unit: cores, step: 1m}
  policy: &policy
    mode: act
    limits: &limits {lift: 2, step_up: 7}
  pools: &pools
  - {name: x, class: fixed, capacity: &c 2}
- name: b
  demand:
    <<: *demand
    query: sum(down)
  policy:
    <<: [{kill: true}, *policy]
    limits: {<<: *limits, lift: 4}
  pools: *pools
`)
	b := c.Fleets[1]
	if b.Demand.Query != "sum(down)" || b.Demand.Unit != "cores" || b.Policy.Mode != "act" || !b.Policy.Kill {
		t.Errorf("fleet b = %+v", b)
	}
	if want := (Limits{Lift: 4, StepUp: 7, StepDown: 5}); b.Policy.Limits != want {
		t.Errorf("limits = %+v, want %+v", b.Policy.Limits, want)
	}
	if diff := cmp.Diff(c.Fleets[0].Pools, b.Pools); diff != "" {
		t.Errorf("pools (-of a +of b):\n%s", diff)
	}
}

func TestSecretFilesAreRelativeToTheFile(t *testing.T) {
	c := mustParse(t, edit(t, "prometheus: {}",
		"prometheus: {http_config: {authorization: {credentials_file: token}, tls_config: {ca_file: /etc/ca}, http_headers: {X-Org: {files: [org]}}}}"))
	h := c.Prometheus.HTTPConfig
	if got, want := h.Authorization.CredentialsFile, filepath.Join("conf", "token"); got != want {
		t.Errorf("credentials_file = %q, want %q", got, want)
	}
	if h.TLSConfig.CAFile != "/etc/ca" {
		t.Errorf("ca_file = %q, want it unchanged", h.TLSConfig.CAFile)
	}
	if got, want := h.HTTPHeaders.Headers["X-Org"].Files[0], filepath.Join("conf", "org"); got != want {
		t.Errorf("header file = %q, want %q", got, want)
	}
}

func TestScrapeConfigsAreHandedOn(t *testing.T) {
	c := mustParse(t, edit(t, "prometheus: {}", `embedded:
  path: &p data
  scrape_configs:
  - job_name: *p # The comment goes.
    labels: &l {team: a}
  - {job_name: b, labels: {<<: *l, zone: x}}`))
	got := c.Embedded.ScrapeConfigs
	want := "- job_name: data\n  labels: {team: a}\n- {job_name: b, labels: {zone: x, team: a}}\n"
	if string(got.YAML) != want || got.Line != 3 || got.Dir != "conf" {
		t.Errorf("scrape configs = line %d, folder %q,\n%s\nwant\n%s", got.Line, got.Dir, got.YAML, want)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.yml"), Checks{}); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "read config: open ") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Load(dir, Checks{}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a folder: %v", err)
	}
	path := filepath.Join(dir, "f.yml")
	if err := os.WriteFile(path, []byte(minimal), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, Checks{}); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, Checks{})
	var e *Error
	if !errors.As(err, &e) || e.File != path || e.Line != 1 {
		t.Errorf("an empty file: %v", err)
	}
}

func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("prometheus: {}\nfleets:\n- name: web\n  demand: {query: up, unit: cores}\n")
	b.WriteString("  pools: [&p {name: a, class: fixed, capacity: 1}" + strings.Repeat(", *p", 2000) + "]\n")
	text := strings.Replace(b.String(), "- name: web", "- &f\n  name: web", 1) + strings.Repeat("- *f\n", 400)
	_, err := Parse("f.yml", []byte(text), Checks{})
	if err == nil || !strings.Contains(err.Error(), "the file is too large here; allowed: 250000 values, nested 64 deep") {
		t.Errorf("2000 pools in 400 fleets by aliases: %.300v", err)
	}
	wantErrors(t, edit(t, "prometheus: {}", "embedded: {scrape_configs: &a [{job_name: *a}]}"),
		"f.yml:1: embedded.scrape_configs: the file is too large here; allowed: 250000 values, nested 64 deep, each use of an alias counted")
	wantErrors(t, edit(t, "prometheus: {}", "prometheus: &p {<<: *p}"),
		"f.yml:1: prometheus: the file is too large here; allowed: 250000 values, nested 64 deep, each use of an alias counted")
}
