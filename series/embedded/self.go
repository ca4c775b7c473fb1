package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/timestamp"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"

	"github.com/forethought-autoscaler/forethought/series"
)

// selfJob is the job label of our own metrics.
const selfJob = "forethought"

// virtualPoll is how often a clock other than the wall's is asked whether a collection is due: at sixty times the speed of the wall,
// twice in a collection interval of ten seconds and more.
const virtualPoll = 100 * time.Millisecond

// collection stores our own metrics as a scrape of them would: the same names and labels, staleness markers where a series ends, up,
// and an entry among the targets.
type collection struct {
	server   *Server
	every    time.Duration
	target   *scrape.Target
	config   *config.ScrapeConfig
	base     labels.Labels
	upSeries labels.Labels
	symbols  *labels.SymbolTable
	// known holds the series of the latest collection by their text. Only run's goroutine uses it.
	known map[string]*knownSeries
	turn  uint64
}

type knownSeries struct {
	labels labels.Labels
	turn   uint64
}

func (s *Server) openSelf() error {
	if s.opts.Self == nil {
		return nil
	}
	cfg := config.DefaultScrapeConfig
	cfg.JobName = selfJob
	cfg.ScrapeInterval = model.Duration(s.opts.ScrapeInterval)
	if err := cfg.Validate(s.config.GlobalConfig); err != nil {
		return fmt.Errorf("embedded: Self: %w", err)
	}
	address := s.opts.Instance
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(address, "80")
	}
	discovered := model.LabelSet{model.AddressLabel: model.LabelValue(address)}
	target := scrape.NewTarget(labels.FromMap(map[string]string{
		model.AddressLabel:        address,
		model.SchemeLabel:         cfg.Scheme,
		model.MetricsPathLabel:    cfg.MetricsPath,
		model.ScrapeIntervalLabel: cfg.ScrapeInterval.String(),
		model.ScrapeTimeoutLabel:  cfg.ScrapeTimeout.String(),
		model.JobLabel:            selfJob,
		model.InstanceLabel:       s.opts.Instance,
	}), &cfg, discovered, nil)
	base := labels.FromStrings(model.JobLabel, selfJob, model.InstanceLabel, s.opts.Instance)
	s.self = &collection{
		server: s, every: s.opts.ScrapeInterval, target: target, config: &cfg, base: base,
		upSeries: labels.NewBuilder(base).Set(model.MetricNameLabel, "up").Labels(),
		symbols:  labels.NewSymbolTable(),
		known:    map[string]*knownSeries{},
	}
	return nil
}

// run collects in each interval of the Server's clock until ctx ends.
func (c *collection) run(ctx context.Context) {
	tick := c.every
	if c.server.opts.Now != nil {
		tick = min(tick, virtualPoll)
	}
	inEachInterval(ctx, c.every, tick, c.server.now, func(at time.Time) { c.collect(ctx, at) })
}

// inEachInterval calls do at once and then at the first tick of the wall's clock in each interval of the clock now, until ctx ends.
func inEachInterval(ctx context.Context, interval, tick time.Duration, now func() time.Time, do func(at time.Time)) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for next := (time.Time{}); ; {
		if at := now(); !at.Before(next) {
			next = series.Align(at, interval).Add(interval)
			do(at)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// collect stores one collection, with the clock's time as the time of every sample.
func (c *collection) collect(ctx context.Context, at time.Time) {
	began := time.Now()
	err := c.store(ctx, c.server.opts.Self, timestamp.FromTime(at))
	if ctx.Err() != nil {
		return
	}
	c.target.Report(at, time.Since(began), err)
	outcome := "ok"
	if err != nil {
		outcome = "error"
		c.server.opts.Log.Warn("own metrics not stored completely", slog.Time("at", at), slog.Any("err", err))
	}
	c.server.metrics.collections.WithLabelValues(outcome).Inc()
}

// store appends what from gathers, all of it at time t. It stores what could be gathered even where something could not, and returns
// what went wrong.
func (c *collection) store(ctx context.Context, from prometheus.Gatherer, t int64) error {
	text, gatherErr := gather(from)
	c.turn++
	up := 1.0
	if gatherErr != nil && len(text) == 0 {
		up = 0
	}
	err := c.server.transact(ctx, func(app storage.AppenderV2) error {
		if err := c.parse(text, func(ls labels.Labels, v float64) error { return appendTo(app, ls, t, v) }); err != nil {
			return err
		}
		for key, k := range c.known {
			if k.turn == c.turn {
				continue
			}
			delete(c.known, key)
			if err := appendTo(app, k.labels, t, staleMarker); err != nil {
				return err
			}
		}
		return appendTo(app, c.upSeries, t, up)
	})
	return errors.Join(gatherErr, err)
}

func appendTo(app storage.AppenderV2, ls labels.Labels, t int64, v float64) error {
	if _, err := app.Append(0, ls, 0, t, v, nil, nil, storage.AOptions{}); err != nil {
		return fmt.Errorf("append to %s: %w", ls, err)
	}
	return nil
}

// gather returns the metrics in the text exposition format.
func gather(from prometheus.Gatherer) ([]byte, error) {
	families, err := from.Gather()
	var buf bytes.Buffer
	enc := expfmt.NewEncoder(&buf, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		err = errors.Join(err, enc.Encode(f))
	}
	return buf.Bytes(), err
}

// parse calls add for each sample in text, and replaces the metadata that the API shows. It reads with Prometheus's parser, so that
// label values such as le="1.0" are what a scrape would store.
func (c *collection) parse(text []byte, add func(labels.Labels, float64) error) error {
	p := textparse.NewPromParser(text, c.symbols, false)
	families := metadata{}
	for {
		switch entry, err := p.Next(); {
		case errors.Is(err, io.EOF):
			c.target.SetMetadataStore(families)
			return nil
		case err != nil:
			return fmt.Errorf("parse own metrics: %w", err)
		case entry == textparse.EntryType:
			name, t := p.Type()
			families.change(string(name), func(m *scrape.MetricMetadata) { m.Type = t })
		case entry == textparse.EntryHelp:
			name, help := p.Help()
			families.change(string(name), func(m *scrape.MetricMetadata) { m.Help = string(help) })
		case entry == textparse.EntrySeries:
			name, _, v := p.Series()
			if err := add(c.labels(name, p), v); err != nil {
				return err
			}
		}
	}
}

// labels returns the labels under which the series at p is stored, and marks it as present in this turn.
func (c *collection) labels(text []byte, p textparse.Parser) labels.Labels {
	k, ok := c.known[string(text)]
	if !ok {
		var exposed labels.Labels
		p.Labels(&exposed)
		k = &knownSeries{labels: withTarget(exposed, c.base)}
		c.known[string(text)] = k
	}
	k.turn = c.turn
	return k.labels
}

// withTarget adds the target's labels; where a metric has one of the same name, the metric's is renamed, as by a scrape with
// honor_labels off.
func withTarget(exposed, target labels.Labels) labels.Labels {
	b := labels.NewBuilder(exposed)
	target.Range(func(l labels.Label) {
		if own := exposed.Get(l.Name); own != "" {
			b.Set(model.ExportedLabelPrefix+l.Name, own)
		}
		b.Set(l.Name, l.Value)
	})
	return b.Labels()
}

// metadata is what the API says of our own metrics, by family. It is not changed once the target has it.
type metadata map[string]scrape.MetricMetadata

func (m metadata) change(name string, f func(*scrape.MetricMetadata)) {
	e := m[name]
	e.MetricFamily = name
	f(&e)
	m[name] = e
}

// ListMetadata returns all families.
func (m metadata) ListMetadata() []scrape.MetricMetadata {
	all := make([]scrape.MetricMetadata, 0, len(m))
	for _, e := range m {
		all = append(all, e)
	}
	return all
}

// GetMetadata returns one family.
func (m metadata) GetMetadata(name string) (scrape.MetricMetadata, bool) {
	e, ok := m[name]
	return e, ok
}

// SizeMetadata returns the bytes of all names and help texts.
func (m metadata) SizeMetadata() int {
	n := 0
	for _, e := range m {
		n += len(e.MetricFamily) + len(e.Help) + len(e.Unit)
	}
	return n
}

// LengthMetadata returns the number of families.
func (m metadata) LengthMetadata() int { return len(m) }
