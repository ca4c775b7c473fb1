package kube

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// health says whether what a stream has read is how the cluster stands.
type health struct {
	resource string
	log      *slog.Logger
	errors   prometheus.Counter

	mu sync.Mutex
	// synced says that all objects were read once.
	synced bool
	// isOpen says that a watch tells each change, and isListing that one first tells what there is.
	isOpen, isListing bool
	// fresh is when what was read was last known to be all that there is, unless isOpen.
	fresh time.Time
	// err is why the latest attempt failed, nil where it did not.
	err error
}

// opened takes note of a watch that begins; a listing one first tells what there is, up to replaced.
func (h *health) opened(isListing bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.isOpen, h.isListing = !isListing, isListing
	if h.isOpen {
		h.recovered()
	}
}

// closed takes note of the end of a watch.
func (h *health) closed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.isOpen {
		h.fresh = time.Now()
	}
	h.isOpen, h.isListing = false, false
}

// replaced takes note of everything having been read.
func (h *health) replaced() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.synced, h.fresh = true, time.Now()
	h.isOpen, h.isListing = h.isListing, false
	h.recovered()
}

// recovered logs the end of failures. The caller holds the lock.
func (h *health) recovered() {
	if h.err != nil {
		h.log.Info("cluster is read again", "resource", h.resource)
	}
	h.err = nil
}

// failed takes note of an attempt that failed, and logs the first of them.
func (h *health) failed(err error) {
	h.errors.Inc()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.log.Warn("cluster is not read", "resource", h.resource, "err", err)
	}
	h.err = err
}

// hasSynced reports whether all objects were read once.
func (h *health) hasSynced() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.synced
}

// broken says why what was read can't be trusted, and returns nil where it can.
func (h *health) broken() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var why string
	switch {
	case !h.synced:
		why = fmt.Sprintf("the cluster's %s are not read yet", h.resource)
	case !h.isOpen && time.Since(h.fresh) > trusted:
		why = fmt.Sprintf("the cluster's %s are not read since %s", h.resource, h.fresh.UTC().Format(time.RFC3339))
	default:
		return nil
	}
	if h.err != nil {
		return fmt.Errorf("%s: %w", why, h.err)
	}
	return errors.New(why)
}

// gauge returns the metric that says whether what was read can be trusted.
func (h *health) gauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "forethought_kubernetes_watch_synced",
		Help: "1 while what was read of the cluster's objects is how they stand; 0 before they are read, and where they could not be " +
			"read for two minutes.",
		ConstLabels: prometheus.Labels{"resource": h.resource},
	}, func() float64 {
		if h.broken() != nil {
			return 0
		}
		return 1
	})
}
