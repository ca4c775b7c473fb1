package externalmetrics

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// registrations remembers what was registered, so that what cannot be built leaves nothing behind.
type registrations struct {
	prometheus.Registerer
	done []prometheus.Collector
}

func (r *registrations) register(all ...prometheus.Collector) error {
	for _, c := range all {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("external metrics: %w", err)
		}
		r.done = append(r.done, c)
	}
	return nil
}

func (r *registrations) undo() {
	for _, c := range r.done {
		r.Unregister(c)
	}
	r.done = nil
}
