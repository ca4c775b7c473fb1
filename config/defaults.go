package config

import (
	"reflect"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

const day = 24 * time.Hour

// defaulter is a section that is not all zero where the file says nothing. Its method runs before the file's values are set, so that an
// explicit zero wins.
type defaulter interface{ setDefaults() }

func (c *Config) setDefaults() {
	c.Source = "history"
	c.Interval = minutes(1)
	c.History = model.Duration(28 * day)
	c.Horizons = []model.Duration{minutes(5), minutes(30), minutes(120)}
	c.Probabilities = []float64{0.5, 0.9, 0.99}
	c.Validity = minutes(5)
}

func (p *Prometheus) setDefaults() {
	*p = Prometheus{
		URL:            "http://localhost:9090",
		HTTPConfig:     promconfig.DefaultHTTPClientConfig,
		Timeout:        model.Duration(30 * time.Second),
		MaxPoints:      11000, // Prometheus refuses a query_range of more points for each series.
		Concurrency:    4,
		MaxClockOffset: model.Duration(30 * time.Second),
		QueryCheck:     true,
	}
}

func (e *Embedded) setDefaults() {
	*e = Embedded{
		Path:           "data",
		Retention:      model.Duration(60 * day),
		ListenAddress:  "127.0.0.1:9096",
		ScrapeInterval: model.Duration(15 * time.Second),
	}
}

func (s *Storage) setDefaults() { s.Path = "data" }

func (c *Calendar) setDefaults() { c.TimeZone = "UTC" }

func (p *Policy) setDefaults() {
	p.Mode = "shadow"
	p.Probability = 0.99
	p.Paced = true
	p.StaleAfter = minutes(5)
	p.Hold = minutes(30)
}

// The margin is that of Karpenter's balanced consolidation, which asks for a score of 1/2 at least.
func (m *Migration) setDefaults() {
	m.Margin, m.Budget, m.CoolDown, m.Drain = 0.5, 10, minutes(30), minutes(2)
}

func (l *Limits) setDefaults() { l.Lift, l.StepUp, l.StepDown = 3, 20, 5 }

// The default lies inside the 2 to 10 minutes that nodes usually take.
func (l *LeadTime) setDefaults() { l.Default = minutes(4) }

func minutes(n int) model.Duration { return model.Duration(time.Duration(n) * time.Minute) }

// applyDefaults fills in v and the sections inside it, the inner ones first. It leaves pointers nil: a section behind one is present
// only where the file says so.
func applyDefaults(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			applyDefaults(v.Field(i))
		}
	}
	if d, ok := reflect.TypeAssert[defaulter](v.Addr()); ok {
		d.setDefaults()
	}
}
