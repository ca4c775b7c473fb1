package exporter

import (
	"fmt"
	"net/http"
)

// probe answers 200 where check finds nothing, else 503 with what it found.
func (s *Server) probe(what string, check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if err := check(); err != nil {
			http.Error(w, fmt.Sprintf("forethought is not %s: %v", what, err), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintf(w, "forethought is %s\n", what)
	}
}

// allValid returns the first fleet without a valid decision as an error.
func (s *Server) allValid() error {
	now := s.o.Now()
	for _, f := range s.o.Board.Snapshots() {
		if !f.Decision.Valid(now) {
			return fmt.Errorf("fleet %s: %s", f.Fleet, noDecision(f, now))
		}
	}
	return nil
}

// reload reads the configuration again. A browser that another site sends here is refused.
func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	if err := s.origin.Check(r); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	if s.o.Reload == nil {
		http.Error(w, "reloading is not available: there is no configuration file", http.StatusForbidden)
		return
	}
	if err := s.o.Reload(); err != nil {
		http.Error(w, fmt.Sprintf("reload the configuration: %v", err), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusOK)
}
