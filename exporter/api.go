package exporter

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// envelope is what every answer of the API is wrapped in, as in Prometheus's own API.
type envelope struct {
	Status    string `json:"status"`
	Data      any    `json:"data,omitempty"`
	ErrorType string `json:"errorType,omitempty"`
	Error     string `json:"error,omitempty"`
}

// apiError is an answer that is no data.
type apiError struct {
	code       int
	kind, text string
}

func badData(format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, "bad_data", fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) *apiError {
	return &apiError{http.StatusNotFound, "not_found", fmt.Sprintf(format, args...)}
}

// number is a float64 that JSON shows as null where it is NaN or infinite.
type number float64

// MarshalJSON returns the number, or null.
func (n number) MarshalJSON() ([]byte, error) {
	if v := float64(n); !math.IsNaN(v) && !math.IsInf(v, 0) {
		return json.Marshal(v)
	}
	return []byte("null"), nil
}

// stamp returns t in UTC for JSON, nil where t is zero.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// api makes an HTTP handler of a function that returns data or an error. An empty method stands for every method; GET includes HEAD.
func (s *Server) api(method string, answer func(*http.Request) (any, *apiError)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		head := method == http.MethodGet && r.Method == http.MethodHead
		if method != "" && r.Method != method && !head {
			w.Header().Set("Allow", method)
			s.respond(w, nil, &apiError{http.StatusMethodNotAllowed, "bad_method", fmt.Sprintf("%s is not allowed here, use %s", r.Method, method)})
			return
		}
		if err := s.origin.Check(r); err != nil {
			s.respond(w, nil, &apiError{http.StatusForbidden, "forbidden", err.Error()})
			return
		}
		data, fail := answer(r)
		s.respond(w, data, fail)
	}
}

func (s *Server) respond(w http.ResponseWriter, data any, fail *apiError) {
	code, e := http.StatusOK, envelope{Status: "success", Data: data}
	if fail != nil {
		code, e = fail.code, envelope{Status: "error", ErrorType: fail.kind, Error: fail.text}
	}
	body, err := json.Marshal(e)
	if err != nil {
		s.o.Log.Error("encode an answer", "err", err)
		http.Error(w, `{"status":"error","errorType":"internal","error":"the answer could not be encoded"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	// A reader that went away is nobody's fault.
	_, _ = w.Write(append(body, '\n'))
}

// namesShown bounds the names that the answer about an unknown fleet lists.
const namesShown = 10

// fleet returns the snapshot that the request's path names.
func (s *Server) fleet(r *http.Request) (pool.Snapshot, *apiError) {
	name := r.PathValue("name")
	if f, ok := s.o.Board.Snapshot(name); ok {
		return f, nil
	}
	all := s.o.Board.Snapshots()
	names := make([]string, 0, namesShown)
	for _, f := range all[:min(len(all), namesShown)] {
		names = append(names, f.Fleet)
	}
	switch rest := len(all) - len(names); {
	case len(all) == 0:
		return pool.Snapshot{}, notFound("unknown fleet %q; there is none", name)
	case rest > 0:
		return pool.Snapshot{}, notFound("unknown fleet %q; the fleets are %s and %d more", name, strings.Join(names, ", "), rest)
	}
	return pool.Snapshot{}, notFound("unknown fleet %q; the fleets are %s", name, strings.Join(names, ", "))
}

// onlyParameters refuses a query parameter that is not one of the known ones, which may be a slip of the pen.
func onlyParameters(r *http.Request, known ...string) *apiError {
	given := make([]string, 0, len(r.URL.Query()))
	for name := range r.URL.Query() {
		given = append(given, name)
	}
	slices.Sort(given)
	for _, name := range given {
		switch {
		case slices.Contains(known, name):
		case len(known) == 0:
			return badData("unknown parameter %q, there are none", name)
		default:
			return badData("unknown parameter %q, want %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// kill answers POST /api/v1/fleets/{name}/kill and /resume.
func (s *Server) kill(on bool) func(*http.Request) (any, *apiError) {
	return func(r *http.Request) (any, *apiError) {
		if s.o.Kill == nil {
			return nil, &apiError{http.StatusForbidden, "forbidden", "the admin API is off, start with --web.enable-admin-api"}
		}
		f, fail := s.fleet(r)
		if fail != nil {
			return nil, fail
		}
		if err := s.o.Kill(f.Fleet, on); err != nil {
			return nil, &apiError{http.StatusInternalServerError, "internal", fmt.Sprintf("kill switch of %s: %v", f.Fleet, err)}
		}
		s.o.Log.Info("kill switch changed", "fleet", f.Fleet, "on", on, "remote", r.RemoteAddr)
		return killData{Fleet: f.Fleet, Killed: on}, nil
	}
}

type killData struct {
	Fleet  string `json:"fleet"`
	Killed bool   `json:"killed"`
}
