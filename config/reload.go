package config

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Reloader holds the configuration in use and replaces it as a whole or not at all. Its methods are safe for concurrent use; loads and
// reloads run one after the other.
type Reloader struct {
	path    string
	checks  Checks
	now     func() time.Time
	metrics *reloadMetrics

	mu      sync.Mutex
	current atomic.Pointer[Config]
}

type reloadMetrics struct {
	successful, timestamp, hash prometheus.Gauge
}

func newReloadMetrics(reg prometheus.Registerer) (*reloadMetrics, error) {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &reloadMetrics{
		successful: gauge("forethought_config_last_reload_successful", "Whether the last attempt to load the configuration succeeded."),
		timestamp: gauge("forethought_config_last_reload_success_timestamp_seconds",
			"When the configuration was last loaded successfully, in Unix time."),
		hash: gauge("forethought_config_hash", "Hash of the configuration file in use, to compare replicas. Not cryptographically strong."),
	}
	for _, c := range []prometheus.Collector{m.successful, m.timestamp, m.hash} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of config: %w", err)
		}
	}
	return m, nil
}

// NewReloader returns a Reloader for the file at path that has not yet read it. Path, reg and now are required. An error of
// registering its metrics is returned, wrapped.
func NewReloader(path string, checks Checks, reg prometheus.Registerer, now func() time.Time) (*Reloader, error) {
	switch {
	case path == "":
		return nil, errors.New("new reloader: path is empty")
	case reg == nil:
		return nil, errors.New("new reloader: reg is nil")
	case now == nil:
		return nil, errors.New("new reloader: now is nil")
	}
	m, err := newReloadMetrics(reg)
	if err != nil {
		return nil, err
	}
	return &Reloader{path: path, checks: checks, now: now, metrics: m}, nil
}

// Current returns the configuration in use, nil before the first success. Nobody changes it.
func (r *Reloader) Current() *Config { return r.current.Load() }

// Load reads the file, checks it and makes it the current configuration. It is Reload with nothing to apply, for the start.
func (r *Reloader) Load() (*Config, error) {
	var loaded *Config
	err := r.Reload(func(c *Config) error {
		loaded = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	return loaded, nil
}

// Reload reads the file, checks it and passes it to apply, which builds everything that can fail and swaps it in last. Where a part of
// that returns an error, Reload returns it, the configuration before stays the current one, and only a metric changes.
func (r *Reloader) Reload(apply func(*Config) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, err := Load(r.path, r.checks)
	if err == nil {
		if err = apply(next); err != nil {
			err = fmt.Errorf("apply %s: %w", r.path, err)
		}
	}
	if err != nil {
		r.metrics.successful.Set(0)
		return err
	}
	r.current.Store(next)
	r.metrics.successful.Set(1)
	r.metrics.timestamp.Set(float64(r.now().UnixNano()) / 1e9)
	r.metrics.hash.Set(float64(next.hash >> hashShift))
	return nil
}

// hashShift leaves 48 bits of the hash, which a float64 holds exactly.
const hashShift = 16
