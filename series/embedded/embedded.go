// Package embedded turns a folder into a Prometheus inside this process: Prometheus's own TSDB, PromQL engine and scrape manager behind
// Prometheus's own HTTP API, for those who have no Prometheus.
//
// Grafana, promtool and the client in series/prom read it over HTTP like any other Prometheus, so that there is one data path. Two rules
// hold. Nothing in the API writes or deletes. And the folder belongs to one process at a time: a second one is refused.
//
// Samples are in the write-ahead log when an append returns, so that a process that is killed loses none of them; a machine that loses
// power may lose the last seconds. What Prometheus's packages would add to our own metrics is kept down to the few that collector lists.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
)

// The defaults of Options.
const (
	DefaultScrapeInterval = 15 * time.Second
	DefaultLookbackDelta  = 5 * time.Minute
	DefaultQueryTimeout   = 2 * time.Minute
	// DefaultMaxSamples bounds one query to about 160 MB: a fifth of Prometheus's own default, and 24 times a range query of 28 days
	// at one minute over ten series.
	DefaultMaxSamples = 10_000_000
	// DefaultMaxQueries is how many queries run at once; more of them wait.
	DefaultMaxQueries = 8
)

// Options say what to store and where. Path and Retention are required.
type Options struct {
	// Path is the folder of the database. Open creates it where it is absent.
	Path string
	// Retention is how long samples are kept, counted back from the newest block. Whole blocks are dropped, so that a tenth of it more
	// may stay.
	Retention time.Duration
	// ScrapeInterval is that of Self and of scrape configs that name none; DefaultScrapeInterval where zero.
	ScrapeInterval time.Duration
	// ScrapeConfigs is a YAML list in the form of Prometheus's scrape_configs; see CheckScrapeConfigs. It may be empty. Targets are
	// scraped by the wall clock, whatever Now says.
	ScrapeConfigs []byte
	// Dir is the folder that relative names of files in ScrapeConfigs are relative to; the working directory where empty.
	Dir string
	// Self is gathered each ScrapeInterval while Run runs, without HTTP, and stored under job="forethought" and Instance. It may be nil.
	Self prometheus.Gatherer
	// Instance is the instance label of Self; "localhost" where empty.
	Instance string
	// Now is the clock by which Self is stored and by which an instant query without a time is evaluated; time.Now where nil.
	Now func() time.Time
	// LookbackDelta is how long a sample stands for the value after it; DefaultLookbackDelta where zero.
	LookbackDelta time.Duration
	// MaxSamples, MaxQueries and QueryTimeout bound queries; the defaults above where zero.
	MaxSamples, MaxQueries int
	QueryTimeout           time.Duration
	// Registerer is given the metrics of the store until Close. It may be nil.
	Registerer prometheus.Registerer
	// Log is told of repairs, quarantined blocks and failing collections; nothing is logged where it is nil.
	Log *slog.Logger
}

func (o *Options) validate() error {
	switch {
	case o.Path == "":
		return errors.New("embedded: Path is empty")
	case o.Retention <= 0:
		return fmt.Errorf("embedded: Retention is %s, want more than 0", o.Retention)
	case o.ScrapeInterval < 0:
		return fmt.Errorf("embedded: ScrapeInterval is %s, want more than 0", o.ScrapeInterval)
	case o.LookbackDelta < 0:
		return fmt.Errorf("embedded: LookbackDelta is %s, want more than 0", o.LookbackDelta)
	case o.MaxSamples < 0 || o.MaxQueries < 0 || o.QueryTimeout < 0:
		return fmt.Errorf("embedded: MaxSamples %d, MaxQueries %d, QueryTimeout %s: want none below 0",
			o.MaxSamples, o.MaxQueries, o.QueryTimeout)
	}
	return nil
}

func (o *Options) setDefaults() {
	o.ScrapeInterval = orDefault(o.ScrapeInterval, DefaultScrapeInterval)
	o.LookbackDelta = orDefault(o.LookbackDelta, DefaultLookbackDelta)
	o.MaxSamples = orDefault(o.MaxSamples, DefaultMaxSamples)
	o.MaxQueries = orDefault(o.MaxQueries, DefaultMaxQueries)
	o.QueryTimeout = orDefault(o.QueryTimeout, DefaultQueryTimeout)
	o.Instance = orDefault(o.Instance, "localhost")
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Server is an open store. Its methods are safe for concurrent use.
type Server struct {
	opts    Options
	now     func() time.Time
	started time.Time
	// log is for Prometheus's packages, whose Info is our Debug.
	log      *slog.Logger
	registry *prometheus.Registry
	db       *tsdb.DB
	engine   *promql.Engine
	parser   parser.Parser
	config   *config.Config
	// scraper and self are nil where there is nothing to scrape and nothing to collect.
	scraper *scraper
	self    *collection
	metrics *metrics
	handler http.Handler

	// appends is read-locked while samples are appended and locked while Backfill moves the boundary between blocks and head.
	appends sync.RWMutex
	// life guards closed and running, and that active is not added to after closed is set.
	life            sync.Mutex
	closed, running bool
	active          sync.WaitGroup
	// ctx ends when Close begins.
	ctx      context.Context
	cancel   context.CancelFunc
	cleanups []func() error
}

// ErrClosed is returned by every method of a Server after Close.
var ErrClosed = errors.New("the embedded store is closed")

// Open opens the store in o.Path. It refuses a folder that it cannot write and one that another process holds, both by name. A torn
// write-ahead log is cut off where it tears and a block that cannot be opened is moved aside as ULID.corrupt; both are logged and
// counted, and everything before and beside them is kept.
func Open(o Options) (_ *Server, err error) {
	if err = o.validate(); err != nil {
		return nil, err
	}
	o.setDefaults()
	if o.Path, err = filepath.Abs(o.Path); err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Path, err)
	}
	s := &Server{opts: o, now: o.Now, started: time.Now(), log: slog.New(quiet{o.Log.Handler()}), registry: prometheus.NewRegistry()}
	if s.now == nil {
		s.now = time.Now
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			s.cancel()
			err = errors.Join(err, s.clean())
		}
	}()
	if s.config, err = parseScrapeConfigs(o.ScrapeConfigs, o.ScrapeInterval); err != nil {
		return nil, err
	}
	for _, c := range s.config.ScrapeConfigs {
		c.SetDirectory(o.Dir)
	}
	for _, open := range []func() error{s.openStore, s.openEngine, s.openScraper, s.openSelf, s.openMetrics} {
		if err = open(); err != nil {
			return nil, err
		}
	}
	s.handler = s.newHandler()
	return s, nil
}

func (s *Server) openEngine() error {
	tracker, err := promql.NewActiveQueryTracker(s.opts.Path, s.opts.MaxQueries, s.log)
	if err != nil {
		return fmt.Errorf("open %s: %w", s.opts.Path, err)
	}
	s.parser = newParser()
	s.engine = promql.NewEngine(promql.EngineOpts{
		Logger:             s.log,
		Reg:                s.registry,
		MaxSamples:         s.opts.MaxSamples,
		Timeout:            s.opts.QueryTimeout,
		ActiveQueryTracker: tracker,
		LookbackDelta:      s.opts.LookbackDelta,
		NoStepSubqueryIntervalFn: func(int64) int64 {
			return time.Duration(s.config.GlobalConfig.EvaluationInterval).Milliseconds()
		},
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
		Parser:               s.parser,
	})
	s.cleanups = append(s.cleanups, s.engine.Close)
	return nil
}

// Run scrapes the configured targets and collects Options.Self until ctx ends or the Server is closed; then it returns nil. It runs once
// at a time.
func (s *Server) Run(ctx context.Context) error {
	done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	s.life.Lock()
	if s.running {
		s.life.Unlock()
		return errors.New("the embedded store is running already")
	}
	s.running = true
	s.life.Unlock()
	defer func() {
		s.life.Lock()
		s.running = false
		s.life.Unlock()
	}()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	var wg sync.WaitGroup
	if s.self != nil {
		wg.Go(func() { s.self.run(ctx) })
	}
	if s.scraper != nil {
		err = s.scraper.run(ctx)
	}
	if err == nil {
		<-ctx.Done()
	}
	cancel()
	wg.Wait()
	return err
}

// begin registers an activity that Close waits for, and refuses it after Close.
func (s *Server) begin() (done func(), err error) {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	s.active.Add(1)
	return s.active.Done, nil
}

// Close ends Run and running queries, waits for them, and closes the store. A second Close does nothing.
func (s *Server) Close() error {
	s.life.Lock()
	if s.closed {
		s.life.Unlock()
		return nil
	}
	s.closed = true
	s.life.Unlock()
	s.cancel()
	s.active.Wait()
	return s.clean()
}

// clean runs the clean-ups, the latest first.
func (s *Server) clean() error {
	var errs []error
	for _, f := range slices.Backward(s.cleanups) {
		errs = append(errs, f())
	}
	s.cleanups = nil
	return errors.Join(errs...)
}
