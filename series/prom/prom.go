// Package prom turns PromQL over any Prometheus HTTP API (Prometheus, Thanos, Mimir, VictoriaMetrics, the embedded one) into series.
//
// A range is cut into slices that stay under the server's limit of points, the slices are read side by side within one bound per
// Source, and each sample lands at the grid point that carries its timestamp or the answer is refused: nothing is moved, filled or
// interpolated. What the server does not return is NaN. Because of the slices, an expression must not use the @ start() and @ end()
// modifiers: they would mean the ends of a slice.
package prom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/config"

	"github.com/forethought-autoscaler/forethought/series"
)

// The defaults of Options.
const (
	DefaultTimeout     = 2 * time.Minute // Prometheus's own --query.timeout
	DefaultMaxPoints   = 11000           // the limit that Prometheus, Thanos and Mimir have built in
	DefaultMaxSeries   = 1000
	DefaultMaxBytes    = 64 << 20
	DefaultConcurrency = 4
	DefaultTries       = 4
)

// maxGrid bounds the points of one Range: 50 million are 400 MB of values, and 95 years at one minute.
const maxGrid = 50_000_000

// Options say which server a Source reads and within which bounds. URL is required; every other field has a default.
type Options struct {
	// URL is that of the server, with the prefix before /api/v1 where there is one. Credentials and parameters in it are used, and
	// never printed.
	URL string
	// HTTP holds authentication, TLS and proxy. Its zero value stands for config.DefaultHTTPClientConfig.
	HTTP config.HTTPClientConfig
	// Timeout bounds one request from connecting to the last byte of the answer. The server is told of it.
	Timeout time.Duration
	// MaxPoints is the largest number of grid points asked for in one request. Where the server's limit turns out to be lower, the
	// Source goes on with what the server takes.
	MaxPoints int
	// MaxSeries and MaxBytes bound what one answer may hold; a larger one is an error.
	MaxSeries int
	MaxBytes  int64
	// Concurrency is the number of requests under way at once, over all callers of the Source.
	Concurrency int
	// Tries is how often a request is made before its failure counts, the first time included.
	Tries int
	// Registerer is given the Source's metrics. Sources with the same Registerer share them, so that counters survive a reload. Nil
	// leaves them unregistered.
	Registerer prometheus.Registerer
	// Log is told of the API's warnings, once each. Nil discards them.
	Log *slog.Logger
	// Now is our clock, which the server's is compared with; nil is time.Now.
	Now func() time.Time
	// MaxClockOffset is how far the two clocks may differ. Answers of a server whose clock differs more are refused with a *ClockError, since
	// a process whose clock is late would take the past for the present. 0 is no bound.
	MaxClockOffset time.Duration
	// UserAgent is sent with every request; the default is "forethought".
	UserAgent string
}

// Source reads histories from one server. It is safe for concurrent use.
type Source struct {
	base      *url.URL // with the credentials
	shown     string   // without
	client    *http.Client
	timeout   time.Duration
	maxSeries int
	maxBytes  int64
	tries     int
	slots     chan struct{}
	maxPoints atomic.Int64 // only ever falls, to what the server takes
	getOnly   atomic.Bool  // POST was refused and GET answered
	metrics   *metrics
	warnings  *warnings
	now       func() time.Time
	maxOffset time.Duration
	skewed    atomic.Pointer[ClockError] // why the latest answer was refused

	wait   func(ctx context.Context, d time.Duration) error
	jitter func() float64
}

// New returns a Source for the server at o.URL without contacting it. Secrets and certificates named by file are read when they are
// used.
func New(o Options) (*Source, error) {
	o, err := withDefaults(o)
	if err != nil {
		return nil, err
	}
	base, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if err = o.HTTP.Validate(); err != nil {
		return nil, fmt.Errorf("prom: http config: %w", err)
	}
	if base.User != nil && (o.HTTP.BasicAuth != nil || o.HTTP.Authorization != nil || o.HTTP.OAuth2 != nil) {
		return nil, errors.New("prom: credentials both in the url and in the http config")
	}
	client, err := newClient(o)
	if err != nil {
		return nil, fmt.Errorf("prom: http config: %w", err)
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("prom: register metrics: %w", err)
	}
	s := &Source{
		base: base, shown: redacted(base), client: client, timeout: o.Timeout, maxSeries: o.MaxSeries, maxBytes: o.MaxBytes, tries: o.Tries,
		slots: make(chan struct{}, o.Concurrency), metrics: m, warnings: newWarnings(o.Log), now: o.Now, maxOffset: o.MaxClockOffset, wait: wait, jitter: rand.Float64,
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.maxPoints.Store(int64(o.MaxPoints))
	return s, nil
}

// Skewed returns why the server's latest answer was refused where that was its clock, nil otherwise.
func (s *Source) Skewed() error {
	if wrong := s.skewed.Load(); wrong != nil {
		return wrong
	}
	return nil
}

// withDefaults returns o with every zero field but URL replaced, or an error naming the field that cannot be used.
func withDefaults(o Options) (Options, error) {
	if o.URL == "" {
		return o, errors.New("prom: Options.URL is required")
	}
	for name, v := range map[string]int64{
		"Timeout": int64(o.Timeout), "MaxPoints": int64(o.MaxPoints), "MaxSeries": int64(o.MaxSeries), "MaxBytes": o.MaxBytes,
		"Concurrency": int64(o.Concurrency), "Tries": int64(o.Tries),
	} {
		if v < 0 {
			return o, fmt.Errorf("prom: Options.%s is negative: %d", name, v)
		}
	}
	if reflect.ValueOf(o.HTTP).IsZero() {
		o.HTTP = config.DefaultHTTPClientConfig
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Timeout = orDefault(o.Timeout, DefaultTimeout)
	o.MaxPoints = orDefault(o.MaxPoints, DefaultMaxPoints)
	o.MaxSeries = orDefault(o.MaxSeries, DefaultMaxSeries)
	o.MaxBytes = orDefault(o.MaxBytes, DefaultMaxBytes)
	o.Concurrency = orDefault(o.Concurrency, DefaultConcurrency)
	o.Tries = orDefault(o.Tries, DefaultTries)
	o.UserAgent = orDefault(o.UserAgent, "forethought")
	return o, nil
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// parseURL returns the parsed URL. Its errors do not quote the URL, which may hold a password in any part that does not parse.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("prom: url does not parse (not shown, it may hold credentials)")
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("prom: url %s: want http://HOST or https://HOST", redacted(u))
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath, u.Fragment = "", ""
	return u, nil
}

// redacted prints u without the parts that may hold credentials: the user, the parameters and the fragment.
func redacted(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return shown.String()
}

// newClient returns the HTTP client of o. A redirect that would turn a POST into a GET without its form is handed back, so that the
// request is made again as a GET that carries everything in its URL.
func newClient(o Options) (*http.Client, error) {
	client, err := config.NewClientFromConfig(o.HTTP, "forethought_source", config.WithUserAgent(o.UserAgent))
	if err != nil {
		return nil, err
	}
	if client.CheckRedirect == nil {
		client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
			if via[0].Method == http.MethodPost && req.Method != http.MethodPost {
				return http.ErrUseLastResponse
			}
			if len(via) >= 10 {
				return errors.New("stopped after 10 redirects")
			}
			return nil
		}
	}
	return client, nil
}

// String names the server without credentials.
func (s *Source) String() string { return s.shown }

// Warnings returns each distinct warning and info that the server has given with an answer, in the order first seen, at most the
// first 256 of them.
func (s *Source) Warnings() []Warning { return s.warnings.all() }

// Close gives idle connections back. The Source stays usable.
func (s *Source) Close() { s.client.CloseIdleConnections() }

// Range implements series.Source: it evaluates q.Expr at every grid point of q. The Series come in the order of their Keys, which are
// the labels as Prometheus prints them. Infinite values are returned as missing and counted. A native histogram, a timestamp that is
// not a grid point asked for, or one that is not after its predecessor is an error. Where some slices cannot be read and ctx still
// runs, the rest is returned with a *series.PartialError; an *Error in the chain is what the server said.
func (s *Source) Range(ctx context.Context, q series.Query) ([]series.Series, error) {
	if err := check(q); err != nil {
		return nil, fmt.Errorf("query_range %q at %s: %w", q.Expr, s.shown, err)
	}
	start, n := q.Grid()
	if n == 0 {
		return nil, nil
	}
	if n > maxGrid {
		return nil, fmt.Errorf("query_range %q at %s: %d points asked for, the most is %d", q.Expr, s.shown, n, maxGrid)
	}
	r := newReading(s, q, start, n)
	r.run(ctx)
	return r.result(ctx)
}

// check refuses a query that has no grid in the API's milliseconds.
func check(q series.Query) error {
	switch {
	case strings.TrimSpace(q.Expr) == "":
		return errors.New("the expression is empty")
	case q.Start.IsZero() || q.End.IsZero():
		return errors.New("the range has no start or no end")
	case q.Step < time.Millisecond || q.Step%time.Millisecond != 0:
		return fmt.Errorf("the step is %v, want a whole number of milliseconds", q.Step)
	}
	return nil
}
