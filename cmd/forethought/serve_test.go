package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// noon is when the turns of these tests are made.
var noon = time.Date(2026, 3, 4, 12, 0, 10, 0, time.UTC)

// fakeProm answers query_range: each query has its series, by labels, and a series its value at a time, NaN for none.
type fakeProm struct {
	series map[string]map[string]func(t time.Time) float64
	// broken answers every request with a status where it is not 0.
	broken int
	mu     sync.Mutex
}

func (f *fakeProm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if f.broken != 0 {
		w.WriteHeader(f.broken)
		return
	}
	expr := r.FormValue("query")
	if strings.HasPrefix(expr, "sum((") {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis"}`)
		return
	}
	start, end, step := parseNumber(r.FormValue("start")), parseNumber(r.FormValue("end")), parseNumber(r.FormValue("step"))
	result := []any{}
	for name, value := range f.series[expr] {
		values := [][2]any{}
		for at := start; at <= end; at += step {
			if v := value(time.Unix(int64(at), 0).UTC()); !math.IsNaN(v) || name == "nan" {
				values = append(values, [2]any{at, strconv.FormatFloat(v, 'g', -1, 64)})
			}
		}
		if len(values) > 0 {
			result = append(result, map[string]any{"metric": map[string]string{"group": name}, "values": values})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": result}})
}

func parseNumber(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// serveOn returns an app that reads a fake Prometheus, with one fleet of the query given. It does not run: tests make its turns.
func serveOn(t *testing.T, fake http.Handler, query, more string) *app {
	t.Helper()
	srv := httptest.NewServer(fake)
	t.Cleanup(srv.Close)
	return serveAt(t, srv.URL, query, more)
}

func serveAt(t *testing.T, url, query, more string) *app {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "forethought.yml")
	write(t, file, configText(url, folder, query, more))
	a, err := newApp(t.Context(), testOptions(file))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func testOptions(file string) options {
	return options{
		configFile: file, webAddress: "127.0.0.1:0", clock: wallClock{}, speed: 1, admin: true,
		log:        slog.New(slog.DiscardHandler),
		background: func(f func()) { f() }, // the turns of a test follow each other faster than a fit
	}
}

func configText(url, folder, query, more string) string {
	return fmt.Sprintf(`
prometheus: {url: %s, query_check: false}
storage: {path: %s}
history: 2d
fleets:
  - name: web
    demand: {query: %s, unit: cores, step: 5m}
    policy: {mode: act}
    pools: [{name: spot, class: variable, capacity: 10, lead_time: 4m, price: {hourly: 1}}]
%s`, url, folder, query, more)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func turn(a *app, at time.Time) pool.Snapshot {
	a.current.loop.Turn(context.Background(), at)
	s, _ := a.board.Snapshot("web")
	return s
}

func wave(t time.Time) float64 { return 100 + 50*math.Sin(2*math.Pi*float64(t.Hour())/24) }

func missing(time.Time) float64 { return math.NaN() }

func TestQueriesThatYieldNoDemand(t *testing.T) {
	fake := &fakeProm{series: map[string]map[string]func(time.Time) float64{
		"many": {"a": wave, "b": wave},
		"nan":  {"nan": missing},
	}}
	f := func(query, want string) {
		t.Helper()
		a := serveOn(t, fake, query, "")
		s := turn(a, noon)
		if s.State != pool.Failed || !strings.Contains(s.Reason, want) || s.Decision.Valid(noon) {
			t.Errorf("%s: state %s, reason %q, want failed with %q and no decision", query, s.State, s.Reason, want)
		}
		metrics := string(getFrom(t, a, "/metrics"))
		for line := range strings.SplitSeq(metrics, "\n") {
			if strings.HasPrefix(line, "forethought_pool_instances_desired") || strings.HasPrefix(line, "forethought_demand{") {
				t.Errorf("%s: exported without a decision: %s", query, line)
			}
		}
		if !strings.Contains(metrics, `forethought_fleet_state{fleet="web",state="failed"} 1`) {
			t.Errorf("%s: /metrics does not say that the fleet failed", query)
		}
	}
	f("nothing", "query returned no series: nothing")
	f("many", `returned 2 series, want one: {group="a"}, {group="b"}; aggregate it`)
	f("nan", "only missing values (NaN, infinite or negative): nan")
	f("sum((x)", "parse error: unclosed left parenthesis")
}

func getFrom(t *testing.T, a *app, path string) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	a.pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Body.Bytes()
}

func TestShortHistoryIsForecastAndSaysWhatIsMissing(t *testing.T) {
	f := func(history time.Duration) {
		t.Helper()
		fake := &fakeProm{series: map[string]map[string]func(time.Time) float64{"demand": {"a": func(at time.Time) float64 {
			if at.Before(noon.Add(-history)) {
				return math.NaN()
			}
			return wave(at)
		}}}}
		s := turn(serveOn(t, fake, "demand", ""), noon)
		if s.State != pool.Learning || s.Reason == "" || s.ReadyAt.IsZero() || !s.Decision.Valid(noon) {
			t.Errorf("with %s of history: state %s until %s, reason %q", history, s.State, s.ReadyAt, s.Reason)
		}
		low, _ := s.Decision.DemandAhead(30*time.Minute, 0.1)
		high, _ := s.Decision.DemandAhead(30*time.Minute, 0.9)
		if s.Decision.Plan.Total() == 0 || !(low < high) || low < 0 {
			t.Errorf("with %s of history: plan %d, 80 %% interval %g to %g", history, s.Decision.Plan.Total(), low, high)
		}
	}
	f(5 * time.Minute)
	f(time.Hour)
	f(20 * time.Hour)
}

func TestPrometheusIsDownAtTheStart(t *testing.T) {
	fake := &fakeProm{broken: http.StatusForbidden, series: map[string]map[string]func(time.Time) float64{"demand": {"a": wave}}}
	a := serveOn(t, fake, "demand", "")
	if s := turn(a, noon); s.State != pool.Failed || !strings.Contains(s.Reason, "403") {
		t.Errorf("state %s, reason %q, want failed with the status", s.State, s.Reason)
	}
	if err := a.ready(); err != nil {
		t.Errorf("not ready though the first turn is over: %v", err)
	}
	fake.broken = 0
	if s := turn(a, noon.Add(time.Minute)); !s.Decision.Valid(noon.Add(time.Minute)) {
		t.Errorf("no decision though Prometheus is back: %s", s.Reason)
	}
}

func TestPrometheusDiesLater(t *testing.T) {
	fake := &fakeProm{series: map[string]map[string]func(time.Time) float64{"demand": {"a": wave}}}
	a := serveOn(t, fake, "demand", "")
	before := turn(a, noon)
	fake.broken = http.StatusForbidden
	for at := noon; at.Before(noon.Add(time.Hour)); at = at.Add(time.Minute) {
		s := turn(a, at)
		if s.Decision.Valid(at) && s.Decision.Effective().Total() < before.Decision.Effective().Total() {
			t.Fatalf("%s after Prometheus died the plan falls from %d to %d", at.Sub(noon), before.Decision.Effective().Total(),
				s.Decision.Effective().Total())
		}
	}
	if s, _ := a.board.Snapshot("web"); s.State != pool.Failed || s.Decision.Valid(noon.Add(time.Hour)) {
		t.Errorf("after an hour the state is %s and the decision valid until %s", s.State, s.Decision.ValidUntil)
	}
}

func TestReload(t *testing.T) {
	fake := &fakeProm{series: map[string]map[string]func(time.Time) float64{"demand": {"a": wave}, "other": {"a": wave}}}
	srv := httptest.NewServer(fake)
	defer srv.Close()
	a := serveAt(t, srv.URL, "demand", "")
	before := turn(a, noon)
	folder := filepath.Dir(a.configFile)

	write(t, a.configFile, configText(srv.URL, folder, "demand", "intervall: 1m\n"))
	if err := a.tryReload(); err == nil || !strings.Contains(err.Error(), "intervall: unknown key") {
		t.Errorf("a broken file is read again with %v", err)
	}
	write(t, a.configFile, configText(srv.URL, folder, "demand", "embedded: {}\n"))
	if err := a.tryReload(); err == nil {
		t.Error("a file with two sources is accepted")
	}
	if s, _ := a.board.Snapshot("web"); !s.Decision.At.Equal(before.Decision.At) || a.next != nil {
		t.Error("a broken file changes something")
	}
	metrics := string(getFrom(t, a, "/metrics"))
	if !strings.Contains(metrics, "forethought_config_last_reload_successful 0") {
		t.Error("/metrics does not say that the reload had no success")
	}

	write(t, a.configFile, configText(srv.URL, folder, "demand", "  - {name: new, demand: {query: other, unit: jobs, step: 5m}, "+
		"pools: [{name: p, class: fixed, capacity: 1}]}\n"))
	if err := a.tryReload(); err != nil {
		t.Fatal(err)
	}
	if err := a.kill("new", true); err != nil {
		t.Errorf("the kill switch of a fleet that a reload brings: %v", err)
	}
	a.replace()
	if s, ok := a.board.Snapshot("new"); !ok || s.State != pool.Starting {
		t.Errorf("the new fleet is %s", s.State)
	}
	after := turn(a, noon.Add(time.Minute))
	if s, _ := a.board.Snapshot("new"); !s.Decision.Killed {
		t.Error("the kill switch of a fleet that a reload brought is lost")
	}
	if after.Decision.Sizing[0].Previous != before.Decision.Plan.Total() {
		t.Errorf("the plan of the turn before is %d after a reload, want %d", after.Decision.Sizing[0].Previous, before.Decision.Plan.Total())
	}
}

func TestKillSwitchSurvivesARestart(t *testing.T) {
	fake := &fakeProm{series: map[string]map[string]func(time.Time) float64{"demand": {"a": wave}}}
	srv := httptest.NewServer(fake)
	defer srv.Close()
	a := serveAt(t, srv.URL, "demand", "")
	turn(a, noon)
	post := func(path string, want int) {
		t.Helper()
		w := httptest.NewRecorder()
		a.pages.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
		if w.Code != want {
			t.Errorf("POST %s: %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
	post("/api/v1/fleets/none/kill", http.StatusNotFound)
	post("/api/v1/fleets/web/kill", http.StatusOK)
	s, _ := a.board.Snapshot("web")
	if !s.Decision.Killed || s.Decision.Effective().Total() != s.Decision.Reactive.Total() {
		t.Error("the kill switch does not act at once")
	}
	again, err := newApp(t.Context(), testOptions(a.configFile))
	if err != nil {
		t.Fatal(err)
	}
	if s := turn(again, noon.Add(time.Minute)); !s.Decision.Killed {
		t.Error("the kill switch does not survive a restart")
	}
	if err := again.close(); err != nil {
		t.Error(err)
	}
	post("/api/v1/fleets/web/resume", http.StatusOK)
	if s := turn(a, noon.Add(2*time.Minute)); s.Decision.Killed {
		t.Error("resume has no effect in the next turn")
	}
}

func TestStartRefuses(t *testing.T) {
	f := func(want, text string) {
		t.Helper()
		folder := t.TempDir()
		file := filepath.Join(folder, "forethought.yml")
		write(t, file, strings.ReplaceAll(text, "FOLDER", folder))
		a, err := newApp(t.Context(), testOptions(file))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
		if a != nil && len(a.cleanups) > 0 {
			t.Error("what was begun is not ended")
		}
	}
	fleets := "fleets: [{name: a, demand: {query: up, unit: cores}, pools: [{name: p, class: fixed, capacity: 1}]}]\n"
	// A file stands where the data folder should be: unwritable for every user.
	f("forethought.yml", "embedded: {path: FOLDER/forethought.yml/tsdb, listen_address: '127.0.0.1:0'}\n"+fleets)
	f("kill-switches.json", "prometheus: {}\nstorage: {path: FOLDER/forethought.yml}\n"+fleets)
	f("forethought.yml:1: ", "nothing\n")
}

// TestSeveralReplicasAnswerTheSame compares a replica that runs on with one that starts later, over a hole in the history and points that
// come half an hour late.
func TestSeveralReplicasAnswerTheSame(t *testing.T) {
	now := noon
	hole := noon.Add(-30 * time.Hour)
	fake := &fakeProm{series: map[string]map[string]func(time.Time) float64{"demand": {"a": func(at time.Time) float64 {
		late := at.After(noon.Add(80*time.Minute)) && at.Before(noon.Add(100*time.Minute)) && now.Before(noon.Add(2*time.Hour))
		if late || at.After(hole) && at.Before(hole.Add(20*time.Hour)) {
			return math.NaN()
		}
		return wave(at) + 10*math.Mod(float64(at.Unix()/300)*0.618, 1)
	}}}}
	early, late := serveOn(t, fake, "demand", ""), serveOn(t, fake, "demand", "")
	var made []pool.Decision
	scraped := func(value func(pool.Decision) float64) map[string]func(time.Time) float64 {
		return map[string]func(time.Time) float64{"a": func(at time.Time) float64 {
			for _, d := range slices.Backward(made) {
				if d.At.Before(at) {
					return value(d)
				}
			}
			return math.NaN()
		}}
	}
	fake.series[`max(forethought_pool_instances_planned{fleet="web",pool="spot"})`] = scraped(func(d pool.Decision) float64 { return float64(d.Plan.Total()) })
	fake.series[`max(forethought_plan_probability{fleet="web"})`] = scraped(func(d pool.Decision) float64 { return d.Working })
	score := func(value func(model, naive float64) float64) map[string]func(time.Time) float64 {
		return scraped(func(d pool.Decision) float64 {
			if model, naive, ok := d.Pace.Skill.Scores(); ok {
				return value(model, naive)
			}
			return math.NaN()
		})
	}
	fake.series[`max(forethought_plan_quantile_score{fleet="web",forecast="model"})`] = score(func(model, _ float64) float64 { return model })
	fake.series[`max(forethought_plan_quantile_score{fleet="web",forecast="naive"})`] = score(func(_, naive float64) float64 { return naive })
	var apart time.Duration
	for at := noon; at.Before(noon.Add(7 * time.Hour)); at = at.Add(apart) {
		// The one that starts later finds the turns of every minute before.
		if apart = 7 * time.Minute; at.After(noon.Add(160*time.Minute)) && at.Before(noon.Add(190*time.Minute)) {
			apart = time.Minute
		}
		now = at
		a := turn(early, at)
		made = append(made, a.Decision)
		if at.Before(noon.Add(3 * time.Hour)) {
			continue
		}
		b := turn(late, at)
		if got, want := explanation(t, late), explanation(t, early); at.After(noon.Add(200*time.Minute)) && got != want {
			t.Fatalf("at %s one replica says\n%s\nand one that started later\n%s", at, want, got)
		}
		if b.Decision.Plan.Total() != a.Decision.Plan.Total() {
			t.Fatalf("at %s one replica plans %d and one that started later %d", at, a.Decision.Plan.Total(), b.Decision.Plan.Total())
		}
	}
}

func explanation(t *testing.T, a *app) string {
	t.Helper()
	s, _ := a.board.Snapshot("web")
	quantiles := make([]float64, 0, 2*len(s.Decision.Forecast.Steps))
	for _, d := range s.Decision.Forecast.Steps {
		quantiles = append(quantiles, d.Quantile(0.5), d.Quantile(0.99))
	}
	return fmt.Sprintf("%+v\n%v\n%+v", s.Decision.Plan, quantiles, s.Decision.Sizing)
}

// TestRestartWithoutItsRecord lets the demand be readable and the plan before the start not: no decision is made from half of it.
func TestRestartWithoutItsRecord(t *testing.T) {
	fake := &fakeProm{series: map[string]map[string]func(time.Time) float64{"demand": {"a": wave}}}
	hide := true
	a := serveOn(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hide && strings.Contains(r.FormValue("query"), "planned") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fake.ServeHTTP(w, r)
	}), "demand", "")
	fake.series[`max(forethought_pool_instances_planned{fleet="web",pool="spot"})`] = map[string]func(time.Time) float64{
		"a": func(time.Time) float64 { return 200 },
	}
	if s := turn(a, noon); s.Decision.Valid(noon) || !strings.Contains(s.Reason, "read the plan before the start of web") {
		t.Errorf("a decision is made without knowing the plan before: %d instances, %s", s.Decision.Plan.Total(), s.Reason)
	}
	hide = false
	if s := turn(a, noon.Add(time.Minute)); s.Decision.Plan.Total() != 195 {
		t.Errorf("after a restart at 200 the plan is %d, want 195: one step down", s.Decision.Plan.Total())
	}
}

func TestWebConfigAsksForThePassword(t *testing.T) {
	fake := &fakeProm{series: map[string]map[string]func(time.Time) float64{"demand": {"a": wave}}}
	srv := httptest.NewServer(fake)
	defer srv.Close()
	folder := t.TempDir()
	file, webFile := filepath.Join(folder, "forethought.yml"), filepath.Join(folder, "web.yml")
	write(t, file, configText(srv.URL, folder, "demand", ""))
	// The hash is bcrypt's of "foresight".
	write(t, webFile, "basic_auth_users: {sre: $2a$04$JOgJDC90RyBK686yHA4WpeMmM73sGqIpqbQoIUykmh5vAcgzTzpky}\n")
	o := testOptions(file)
	o.webConfig = webFile
	a, err := newApp(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx) }()
	for password, want := range map[string]int{"": http.StatusUnauthorized, "wrong": http.StatusUnauthorized, "foresight": http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.web.Addr().String()+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("sre", password)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != want {
			t.Errorf("password %q: %s, want %d", password, resp.Status, want)
		}
	}
	cancel()
	if err := errors.Join(<-ended, a.close()); err != nil {
		t.Error(err)
	}
}
