package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/oklog/run"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/forethought-autoscaler/forethought/adapter/externalmetrics"
	"github.com/forethought-autoscaler/forethought/adapter/keda"
	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/exporter"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/loop/modelfiles"
	"github.com/forethought-autoscaler/forethought/loop/readback"
	"github.com/forethought-autoscaler/forethought/series/embedded"
	"github.com/forethought-autoscaler/forethought/series/prom"
)

// options say what an app serves and where.
type options struct {
	configFile string
	// webAddress and webConfig are those of our own port; admin lets the kill switch be set there.
	webAddress, webConfig string
	admin                 bool
	// external is where the external metrics API is served, empty for nowhere. Without delegated that must be loopback.
	external  string
	delegated *externalmetrics.Cluster
	// service is the Service, as NAMESPACE/NAME, through which the cluster's API server reaches that API; empty where nobody said.
	service    string
	keda       kedaOptions
	kubernetes kubernetesOptions
	// shard says which of the configured fleets are this process's.
	shard shard
	// embeddedAddress replaces the configured address of the embedded Prometheus where it is not empty.
	embeddedAddress string
	clock           loop.Clock
	// speed is how much faster than the machine's the clock goes.
	speed float64
	log   *slog.Logger
	// standing returns how the configured pools stand; nil leaves them as their queries say.
	standing func(configured loop.Fleet, board *loop.Board) loop.Fleet
	// background runs what is done beside the turns; nil is on goroutines.
	background func(func())
	// begin is called when the embedded store is open and before anything reads it; it may be nil.
	begin func(ctx context.Context, store *embedded.Server) error
}

// app is the whole program, listening and not yet running.
type app struct {
	options
	registry *prometheus.Registry
	config   *config.Reloader
	board    *loop.Board
	metrics  *loop.Metrics
	kills    *killSwitches
	store    *embedded.Server // nil without an embedded Prometheus

	web, storeListener net.Listener
	pages              *exporter.Server
	external           *externalmetrics.Server // nil where the API is not served
	rules              *externalmetrics.Rules  // nil where external is
	keda               *keda.Server            // nil where the scaler is not served
	cluster            *cluster                // nil outside a cluster

	signals <-chan os.Signal // each reads the configuration again; nil for none
	reload  chan struct{}    // asks for the running loop to be replaced by next
	mu      sync.Mutex       // guards what follows and serialises reloads
	current *turner
	next    *turner // built and not yet running, nil when there is none
	place   int     // counts the places that histories were read from
	started bool    // every fleet has had its first turn

	cleanups []func() error
}

// maker fills the board.
type maker interface {
	// Run fills it until ctx ends, and Close waits until nothing is done beside Run any more.
	Run(ctx context.Context) error
	Close()
	// Announce publishes that every fleet is starting.
	Announce(ctx context.Context) error
	// Alive returns why the process should be restarted.
	Alive() error
	// Kill sets the kill switch of a fleet, and Recheck applies one that was set elsewhere.
	Kill(ctx context.Context, fleet string, on bool) error
	Recheck(ctx context.Context) error
}

// turner is what fills the board, with the configuration that it was built from.
type turner struct {
	maker
	config *config.Config
	source *prom.Source
	// loop and pools are nil where decisions are read back.
	loop  *loop.Loop
	pools *loop.Configured
}

// newApp reads the configuration, opens the store, binds every address and builds the loop. What it began when something fails is ended
// again.
func newApp(ctx context.Context, o options) (a *app, err error) {
	a = &app{options: o, registry: prometheus.NewRegistry(), reload: make(chan struct{}, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo())
	if a.config, err = config.NewReloader(o.configFile, checks(), a.registry, time.Now); err != nil {
		return a, err
	}
	c, err := a.config.Load()
	if err != nil {
		return a, err
	}
	c = a.mine(c)
	a.hint(c)
	if err = web.Validate(o.webConfig); err != nil {
		return a, fmt.Errorf("%s: %w", o.webConfig, err)
	}
	a.board = loop.NewBoard(fleetNames(c))
	if a.web, err = a.listen(o.webAddress); err != nil {
		return a, err
	}
	for _, step := range []func(context.Context, *config.Config) error{a.openStore, a.openCluster, a.openLoop, a.openDoors} {
		if err = step(ctx, c); err != nil {
			return a, err
		}
	}
	return a, nil
}

// hint logs what the configuration may have wrong with it.
func (a *app) hint(c *config.Config) {
	for _, h := range c.Hints() {
		a.log.Warn("configuration may be mistaken", "hint", h)
	}
}

// cleanup registers what ends a thing that exists now. Clean-ups run in the opposite order.
func (a *app) cleanup(f func() error) { a.cleanups = append(a.cleanups, f) }

func (a *app) close() error {
	var errs []error
	for _, v := range slices.Backward(a.cleanups) {
		errs = append(errs, v())
	}
	a.cleanups = nil
	return errors.Join(errs...)
}

func (a *app) listen(address string) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	a.cleanup(func() error { // whoever serves it closes it too
		if closeErr := ln.Close(); closeErr != nil && !errors.Is(closeErr, net.ErrClosed) {
			return closeErr
		}
		return nil
	})
	return ln, nil
}

// openStore opens the embedded Prometheus where the configuration asks for one.
func (a *app) openStore(ctx context.Context, c *config.Config) error {
	if c.Embedded == nil {
		return nil
	}
	address := c.Embedded.ListenAddress
	if a.embeddedAddress != "" {
		address = a.embeddedAddress
	}
	var err error
	if a.storeListener, err = a.listen(address); err != nil {
		return err
	}
	scrape := time.Duration(float64(c.Embedded.ScrapeInterval) / a.speed)
	a.store, err = embedded.Open(embedded.Options{
		Path: c.Embedded.Path, Retention: time.Duration(c.Embedded.Retention), ScrapeInterval: max(scrape, 100*time.Millisecond),
		ScrapeConfigs: c.Embedded.ScrapeConfigs.YAML, Dir: c.Embedded.ScrapeConfigs.Dir, Self: a.registry, Instance: a.web.Addr().String(),
		Now: a.clock.Now, Registerer: a.registry, Log: a.log,
	})
	if err != nil {
		return err
	}
	a.cleanup(a.store.Close)
	if a.begin != nil {
		return a.begin(ctx, a.store)
	}
	return nil
}

// openLoop builds the board and the loop that fills it.
func (a *app) openLoop(ctx context.Context, c *config.Config) error {
	var err error
	if a.kills, err = openKillSwitches(c.Storage.Path); err != nil {
		return err
	}
	if a.metrics, err = loop.NewMetrics(a.registry); err != nil {
		return err
	}
	if a.current, err = a.build(c); err != nil {
		return err
	}
	a.cleanup(func() error {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.current.Close()
		return nil
	})
	return a.current.Announce(ctx)
}

// openDoors builds our own HTTP server and the external metrics API.
func (a *app) openDoors(_ context.Context, c *config.Config) error {
	links, err := a.openExternal(c)
	if err != nil {
		return err
	}
	if err = a.openKEDA(); err != nil {
		return err
	}
	if a.store != nil {
		links = append(links, exporter.Link{
			Name: "Prometheus API", URL: "http://" + a.storeListener.Addr().String() + "/api/v1/query?query=up",
			What: "the embedded Prometheus: point Grafana or promtool at this address",
		})
	}
	o := exporter.Options{
		Board: a.board, Gatherer: a.registry, Now: a.clock.Now, Log: a.log, Links: links, Version: version,
		Healthy: a.healthy, Ready: a.ready, Reload: a.tryReload,
	}
	if a.admin {
		o.Kill = a.kill
	}
	if c.Source != readsBack { // what is read back is exported already, and would be read back again
		a.registry.MustRegister(exporter.NewCollector(a.board, a.clock.Now))
	}
	a.pages, err = exporter.New(o)
	return err
}

// build makes a loop from a configuration. It changes nothing else.
func (a *app) build(c *config.Config) (*turner, error) {
	source, err := a.source(c)
	if err != nil {
		return nil, err
	}
	if c.Source == readsBack {
		return a.buildReader(c, source)
	}
	pools := loop.NewConfigured(source, poolSpecs(c))
	o := loop.Options{
		Source: source, SourceName: strconv.Itoa(a.place), Fleet: a.cluster.over(pools), Publisher: a.board, Held: a.cluster.held,
		Interval: time.Duration(c.Interval), Clock: a.clock, Log: a.log, Metrics: a.metrics, Killed: a.kills.all(),
		Models: modelfiles.New(filepath.Join(c.Storage.Path, "models")), Background: a.background,
	}
	if a.standing != nil {
		o.Fleet = a.standing(o.Fleet, a.board)
	}
	for _, f := range c.Fleets {
		fleet, wrong := fleetOptions(c, f)
		if wrong != nil {
			return nil, wrong
		}
		o.Fleets = append(o.Fleets, fleet)
	}
	l, err := loop.New(o)
	if err != nil {
		return nil, err
	}
	return &turner{maker: l, config: c, loop: l, pools: pools, source: source}, nil
}

func (a *app) source(c *config.Config) (*prom.Source, error) {
	o := prom.Options{Registerer: a.registry, Log: a.log, UserAgent: "forethought/" + version}
	if c.Embedded != nil {
		o.URL = "http://" + a.storeListener.Addr().String()
	} else {
		o.URL, o.HTTP, o.Timeout = c.Prometheus.URL, c.Prometheus.HTTPConfig, time.Duration(c.Prometheus.Timeout)
		o.MaxPoints, o.Concurrency = c.Prometheus.MaxPoints, c.Prometheus.Concurrency
		o.Now, o.MaxClockOffset = a.clock.Now, time.Duration(c.Prometheus.MaxClockOffset)
		if c.Source == readsBack {
			o.MaxSeries, o.MaxBytes = readback.MaxSeries, readback.MaxBytes
		}
	}
	return prom.New(o)
}

// run serves until ctx ends or one part fails.
func (a *app) run(ctx context.Context) error {
	var g run.Group
	actor := func(f func(ctx context.Context) error) {
		own, cancel := context.WithCancel(ctx)
		g.Add(func() error { return f(own) }, func(error) { cancel() })
	}
	actor(func(own context.Context) error { <-own.Done(); return nil })
	if a.store != nil {
		actor(a.store.Run)
		actor(a.serveStore)
	}
	actor(a.turn)
	actor(a.serveWeb)
	actor(a.reloadOnSignals)
	for _, f := range a.doors() {
		actor(f)
	}
	return g.Run()
}

// turn makes turns. A reload ends the running loop and begins the next one where it left off.
func (a *app) turn(ctx context.Context) error {
	a.cluster.await(ctx)
	for {
		a.mu.Lock()
		current := a.current
		a.mu.Unlock()
		own, cancel := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- current.Run(own) }()
		select {
		case <-ctx.Done():
			cancel()
			return <-ended
		case <-a.reload:
			cancel()
			if err := <-ended; err != nil {
				return err
			}
			a.replace()
		}
	}
}

// replace lets the loop that a reload built go on where the current one, which has ended, left off.
func (a *app) replace() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		return
	}
	if a.next.loop != nil {
		a.next.pools.Adopt(a.current.pools)
		a.next.loop.Adopt(a.current.loop)
	}
	a.current.source.Close()
	a.current, a.next = a.next, nil
}

// tryReload reads the configuration again. Everything that can fail is done before anything changes.
func (a *app) tryReload() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.config.Reload(func(c *config.Config) error {
		c = a.mine(c)
		if err := errors.Join(refuseMove(a.current.config, c), a.refuseOutside(c)); err != nil {
			return err
		}
		latest := a.current
		if a.next != nil {
			latest = a.next
		}
		if !reflect.DeepEqual(latest.config.Prometheus, c.Prometheus) {
			a.place++ // what was learnt elsewhere is not taken over
		}
		next, err := a.build(c)
		if err != nil {
			return err
		}
		if err = a.setOutside(c); err != nil {
			return err
		}
		if next.loop != nil {
			a.board.SetFleets(fleetNames(c))
		}
		a.next = next
		a.hint(c)
		return nil
	})
	if err != nil {
		a.log.Error("configuration stays what it was", "file", a.configFile, "err", err)
		return err
	}
	a.log.Info("configuration is read again", "file", a.configFile)
	select {
	case a.reload <- struct{}{}:
	default: // the turning side has not yet taken the one before, and will take this one
	}
	return nil
}

func (a *app) kill(fleet string, on bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.board.Snapshot(fleet); !ok {
		return fmt.Errorf("no fleet %q", fleet)
	}
	if a.current.loop == nil {
		return a.current.Kill(context.Background(), fleet, on)
	}
	kept := a.kills.set(fleet, on)                   // it acts even where it can't be kept
	for _, t := range []*turner{a.current, a.next} { // a fleet that a reload brings is in the next one only
		if t == nil || !slices.Contains(fleetNames(t.config), fleet) {
			continue
		}
		if err := t.Kill(context.Background(), fleet, on); err != nil {
			return err
		}
	}
	if kept != nil {
		return fmt.Errorf("it is set, and will be lost with the process: %w", kept)
	}
	return nil
}

func (a *app) serveStore(ctx context.Context) error {
	srv := &http.Server{Handler: withIndex(a.store.Handler()), ReadHeaderTimeout: 10 * time.Second}
	return serve(ctx, srv, func() error { return srv.Serve(a.storeListener) })
}

// withIndex answers / of the embedded Prometheus, which has no page, with what is there.
func withIndex(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			api.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, "The Prometheus inside forethought: its HTTP API without its page. Add this address to Grafana as a Prometheus data source,\n"+
			"or ask it: /api/v1/query?query=up, /api/v1/label/__name__/values, /api/v1/status/tsdb\n")
	})
}

func (a *app) serveWeb(ctx context.Context) error {
	srv := &http.Server{Handler: a.pages, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	flags := &web.FlagConfig{WebConfigFile: &a.webConfig}
	return serve(ctx, srv, func() error { return web.Serve(a.web, srv, flags, a.log) })
}

// serve runs an HTTP server until ctx ends, and gives requests in flight five seconds to end.
func serve(ctx context.Context, srv *http.Server, f func() error) error {
	failed := make(chan error, 1)
	go func() { failed <- f() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := srv.Shutdown(end)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// buildInfo is forethought_build_info.
func buildInfo() prometheus.Collector {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "forethought_build_info", Help: "The version that is running; the value is 1.",
	}, []string{"version"})
	g.WithLabelValues(version).Set(1)
	return g
}
