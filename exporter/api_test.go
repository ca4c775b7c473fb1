package exporter

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
)

// ask is get with headers.
func ask(t *testing.T, h http.Handler, method, path string, headers map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// broken is a fleet whose numbers must not leave the process.
func broken() pool.Snapshot {
	s := batch()
	s.Decision.Demand = math.NaN()
	s.Decision.Pending = math.Inf(1)
	s.Decision.Plan.HourlyCost, s.Decision.Plan.Unmet = math.Inf(1), math.NaN()
	s.Decision.Sizing[0].AddDemand, s.Decision.Sizing[0].KeepDemand = math.NaN(), math.Inf(1)
	s.Pools[0].Capacity, s.Pools[0].Price.Hourly = math.NaN(), math.Inf(-1)
	steps := make([]forecast.Distribution, 120)
	for i := range steps {
		steps[i] = forecast.Point([]float64{math.NaN(), math.Inf(1), -5}[i%3])
	}
	s.Decision.Forecast.Steps, s.Decision.Peaks = steps, steps[:60]
	s.ForNow[0].Value = math.Inf(1)
	for i := range s.Selection.Scores {
		c := &s.Selection.Scores[i]
		c.Quantile, c.Scaled, c.Coverage = math.NaN(), math.Inf(1), math.NaN()
	}
	return s
}

func numbered(i int) pool.Snapshot {
	s := batch()
	s.Fleet = fmt.Sprintf("fleet-%04d", i)
	return s
}

// TestAPIGolden holds every endpoint's answer.
func TestAPIGolden(t *testing.T) {
	s := serve(t, fleets(), nil)
	f := func(name string, code int, path string) {
		t.Helper()
		w := get(t, s, "GET", path)
		if w.Code != code {
			t.Errorf("%s: status %d, want %d: %s", path, w.Code, code, w.Body)
		}
		if got := w.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: content type %q", path, got)
		}
		var value any
		if err := json.Unmarshal(w.Body.Bytes(), &value); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		text, err := json.MarshalIndent(value, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", append(text, '\n'))
	}
	f("fleets", 200, "/api/v1/fleets")
	f("forecast", 200, "/api/v1/fleets/batch/forecast?horizon=2h,5m&horizon=30m&horizon=5m&probability=0.5&probability=0.999")
	f("forecast_starting", 503, "/api/v1/fleets/new/forecast")
	f("forecast_expired", 503, "/api/v1/fleets/dead/forecast")
	f("forecast_none", 503, "/api/v1/fleets/training%20%3Cb%3E/forecast")
	f("explain_act", 200, "/api/v1/fleets/batch/explain")
	f("explain_shadow", 200, "/api/v1/fleets/web/explain")
	f("explain_killed", 200, "/api/v1/fleets/training%20%3Cb%3E/explain")
	f("explain_starting", 200, "/api/v1/fleets/new/explain")
	f("explain_expired", 200, "/api/v1/fleets/dead/explain")
	f("unknown_fleet", 404, "/api/v1/fleets/nope/forecast")
	f("unknown_path", 404, "/api/v2/fleets")
}

func TestAPIForecastAllSteps(t *testing.T) {
	var answer struct{ Data forecastData }
	body := get(t, serve(t, fleets(), nil), "GET", "/api/v1/fleets/batch/forecast").Body.Bytes()
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	if n := len(answer.Data.Steps); n != 120 {
		t.Fatalf("%d steps", n)
	}
	last := answer.Data.Steps[119]
	if len(last.Quantiles) != 3 || len(last.Peaks) != 3 || last.Step != 120 || last.Horizon != "2h" {
		t.Errorf("last step: %+v", last)
	}
}

// TestAPIRefuses holds what is asked wrongly, and a part of what is answered.
func TestAPIRefuses(t *testing.T) {
	s := serve(t, fleets(), nil)
	f := func(method, path string, code int, kind, want string) {
		t.Helper()
		w := get(t, s, method, path)
		var e envelope
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v in %s", path, err, w.Body)
		}
		if w.Code != code || e.Status != "error" || e.ErrorType != kind || !strings.Contains(e.Error, want) {
			t.Errorf("%s %s: %d %+v, want %d %s with %q", method, path, w.Code, e, code, kind, want)
		}
	}
	const batch = "/api/v1/fleets/batch/"
	f("GET", batch+"forecast?horizon=soon", 400, "bad_data", `horizon "soon" is not a duration`)
	f("GET", batch+"forecast?horizon=0s", 400, "bad_data", "above 0")
	f("GET", batch+"forecast?horizon=", 400, "bad_data", `horizon ""`)
	f("GET", batch+"forecast?horizon=5m,,30m", 400, "bad_data", `horizon ""`)
	f("GET", batch+"forecast?horizon=3h", 400, "bad_data", "outside the forecast")
	f("GET", batch+"forecast?horizon=290y", 400, "bad_data", "outside the forecast")
	f("GET", batch+"forecast?probability=1", 400, "bad_data", `probability "1"`)
	f("GET", batch+"forecast?probability=0", 400, "bad_data", `probability "0"`)
	f("GET", batch+"forecast?probability=NaN", 400, "bad_data", `probability "NaN"`)
	f("GET", batch+"forecast?probability=p99", 400, "bad_data", `probability "p99"`)
	f("GET", batch+"forecast?probability="+strings.Repeat("0.5,", 100)+"0.5", 400, "bad_data", "more than 100 values of probability")
	f("GET", batch+"forecast?horizons=5m", 400, "bad_data", `unknown parameter "horizons", want horizon, probability`)
	f("GET", batch+"explain?at=07:42", 400, "bad_data", `unknown parameter "at", there are none`)
	f("GET", "/api/v1/fleets/nope/explain", 404, "not_found", `unknown fleet "nope"; the fleets are batch, web`)
	f("GET", "/api/v1/", 404, "not_found", "see /api/v1/fleets")
	f("POST", "/api/v1/fleets", 405, "bad_method", "use GET")
	f("GET", batch+"kill", 405, "bad_method", "use POST")
	f("POST", batch+"kill", 403, "forbidden", "start with --web.enable-admin-api")
	f("POST", batch+"resume", 403, "forbidden", "start with --web.enable-admin-api")
}

func TestAPIUnknownFleetListsFew(t *testing.T) {
	many := make(board, 1000)
	for i := range many {
		many[i] = numbered(i)
	}
	text := get(t, serve(t, many, nil), "GET", "/api/v1/fleets/nope/explain").Body.String()
	if !strings.Contains(text, "fleet-0009 and 990 more") || strings.Contains(text, "fleet-0010") {
		t.Error(text)
	}
	if text = get(t, serve(t, board{}, nil), "GET", "/api/v1/fleets/nope/explain").Body.String(); !strings.Contains(text, "there is none") {
		t.Error(text)
	}
}

// TestAPINeverNaN says that what is missing is null and that the answer stays JSON.
func TestAPINeverNaN(t *testing.T) {
	s := serve(t, board{broken()}, nil)
	for _, path := range []string{"/api/v1/fleets", "/api/v1/fleets/batch/forecast", "/api/v1/fleets/batch/explain"} {
		w := get(t, s, "GET", path)
		var value any
		if err := json.Unmarshal(w.Body.Bytes(), &value); err != nil || w.Code != 200 {
			t.Errorf("%s: %d %v", path, w.Code, err)
		}
		if text := w.Body.String(); strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || strings.Contains(text, "-5") {
			t.Errorf("%s: %s", path, text)
		}
	}
}

func TestKill(t *testing.T) {
	var calls []string
	var fails error
	s := serve(t, fleets(), func(o *Options) {
		o.Kill = func(fleet string, on bool) error {
			calls = append(calls, fmt.Sprint(fleet, " ", on))
			return fails
		}
	})
	f := func(path string, code int, want string) {
		t.Helper()
		if w := get(t, s, "POST", path); w.Code != code || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s, want %d with %s", path, w.Code, w.Body, code, want)
		}
	}
	f("/api/v1/fleets/batch/kill", 200, `{"status":"success","data":{"fleet":"batch","killed":true}}`)
	f("/api/v1/fleets/batch/resume", 200, `"killed":false`)
	f("/api/v1/fleets/nope/kill", 404, "unknown fleet")
	fails = errors.New("disk full")
	f("/api/v1/fleets/web/kill", 500, "kill switch of web: disk full")
	if got := strings.Join(calls, ", "); got != "batch true, batch false, web true" {
		t.Errorf("calls: %s", got)
	}

	w := ask(t, s, "POST", "/api/v1/fleets/batch/kill", map[string]string{"Sec-Fetch-Site": "cross-site"})
	if w.Code != 403 || len(calls) != 3 {
		t.Errorf("a page of another site threw the kill switch: %d %s", w.Code, w.Body)
	}
}

func TestProbes(t *testing.T) {
	var fails error
	check := func() error { return fails }
	s := serve(t, fleets(), func(o *Options) { o.Healthy, o.Ready, o.Reload = check, check, check })
	f := func(s *Server, method, path string, code int, want string) {
		t.Helper()
		if w := get(t, s, method, path); w.Code != code || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s %s: %d %q, want %d %q", method, path, w.Code, w.Body, code, want)
		}
	}
	f(s, "GET", "/-/healthy", 200, "forethought is healthy")
	f(s, "GET", "/-/ready", 200, "forethought is ready")
	f(s, "POST", "/-/reload", 200, "")
	f(s, "PUT", "/-/reload", 200, "")
	f(s, "GET", "/-/reload", 405, "Method Not Allowed")
	fails = errors.New("forethought.yml:3: unknown key")
	f(s, "GET", "/-/healthy", 503, "forethought is not healthy: forethought.yml:3: unknown key")
	f(s, "GET", "/-/ready", 503, "forethought is not ready: forethought.yml:3: unknown key")
	f(s, "POST", "/-/reload", 500, "reload the configuration: forethought.yml:3: unknown key")

	bare := serve(t, board{batch(), starting()}, nil)
	f(bare, "GET", "/-/healthy", 200, "forethought is healthy")
	f(bare, "GET", "/-/ready", 503, "forethought is not ready: fleet new: no decision yet, it is starting: the first turn has not ended")
	f(bare, "POST", "/-/reload", 403, "reloading is not available: there is no configuration file")
	f(serve(t, board{batch()}, nil), "GET", "/-/ready", 200, "forethought is ready")

	if w := ask(t, s, "POST", "/-/reload", map[string]string{"Origin": "https://elsewhere.example"}); w.Code != 403 {
		t.Errorf("a page of another site reloaded: %d", w.Code)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	full := Options{Board: board{}, Gatherer: prometheus.NewRegistry(), Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	f := func(field string, take func(*Options)) {
		t.Helper()
		o := full
		take(&o)
		if _, err := New(o); err == nil || err.Error() != "exporter: Options."+field+" is missing" {
			t.Errorf("without %s: %v", field, err)
		}
	}
	f("Board", func(o *Options) { o.Board = nil })
	f("Gatherer", func(o *Options) { o.Gatherer = nil })
	f("Now", func(o *Options) { o.Now = nil })
	f("Log", func(o *Options) { o.Log = nil })
}
