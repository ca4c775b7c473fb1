package embedded

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those that this package adds to Prometheus's own.
type metrics struct {
	quarantined prometheus.Counter
	collections *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		quarantined: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "forethought_embedded_blocks_quarantined_total",
			Help: "Blocks of the embedded store that could not be opened and were moved aside.",
		}),
		collections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "forethought_embedded_collections_total",
			Help: "Collections of our own metrics into the embedded store, by outcome: ok or error.",
		}, []string{"outcome"}),
	}
	m.collections.WithLabelValues("ok")
	m.collections.WithLabelValues("error")
	r.MustRegister(m.quarantined, m.collections)
	return m
}

// collector shows a few of the metrics in a private registry: of the two hundred that Prometheus's packages keep, those that an operator
// of this store acts on. They keep Prometheus's names, which existing alerts and dashboards know.
type collector struct {
	from  prometheus.Gatherer
	descs map[string]*prometheus.Desc
}

func newCollector(from prometheus.Gatherer) *collector {
	c := &collector{from: from, descs: map[string]*prometheus.Desc{}}
	show := func(name, help string, labels ...string) {
		c.descs[name] = prometheus.NewDesc(name, help, labels, nil)
	}
	show("forethought_embedded_blocks_quarantined_total", "Blocks of the embedded store that could not be opened and were moved aside.")
	show("forethought_embedded_collections_total",
		"Collections of our own metrics into the embedded store, by outcome: ok or error.", "outcome")
	show("prometheus_tsdb_compactions_failed_total", "Compactions of the embedded store that failed.")
	show("prometheus_tsdb_head_samples_appended_total", "Samples appended to the embedded store, by type.", "type")
	show("prometheus_tsdb_head_series", "Series in the head of the embedded store.")
	show("prometheus_tsdb_reloads_failures_total", "Times that the embedded store could not reload its blocks.")
	show("prometheus_tsdb_storage_blocks_bytes", "Bytes that the blocks of the embedded store use on disk.")
	show("prometheus_tsdb_wal_corruptions_total", "Times that the write-ahead log of the embedded store was found torn and was cut off.")
	return c
}

// Describe sends the descriptions of the shown metrics.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Collect sends the shown metrics as the private registry has them.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	families, err := c.from.Gather()
	if err != nil {
		out <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), fmt.Errorf("gather the embedded store's metrics: %w", err))
	}
	for _, f := range families {
		desc, ok := c.descs[f.GetName()]
		if !ok {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			if g := m.GetGauge(); g != nil {
				out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, g.GetValue(), labels...)
			} else if n := m.GetCounter(); n != nil {
				out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, n.GetValue(), labels...)
			}
		}
	}
}

// openMetrics gives the caller's registerer the shown metrics until Close.
func (s *Server) openMetrics() error {
	if s.opts.Registerer == nil {
		return nil
	}
	c := newCollector(s.registry)
	if err := s.opts.Registerer.Register(c); err != nil {
		return fmt.Errorf("register the metrics of the embedded store: %w", err)
	}
	s.cleanups = append(s.cleanups, func() error {
		s.opts.Registerer.Unregister(c)
		return nil
	})
	return nil
}
