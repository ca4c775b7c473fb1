package main

import (
	"context"
	"errors"
	"time"

	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/loop/readback"
	"github.com/forethought-autoscaler/forethought/series/prom"
)

// readsBack is the source of a process that makes no decisions.
const readsBack = "prometheus"

// reader is a maker whose decisions are made elsewhere.
type reader struct{ *readback.Reader }

// Close does nothing: nothing is done beside Run.
func (reader) Close() {}

// Kill refuses: a switch that only this process knew would hold back one door of several.
func (reader) Kill(context.Context, string, bool) error {
	return errors.New("decisions are read back here: set the kill switch where they are made")
}

// buildReader makes what fills the board with the decisions that other processes exported.
func (a *app) buildReader(c *config.Config, source *prom.Source) (*turner, error) {
	r, err := readback.New(readback.Options{
		Source: source, Board: a.board, Fleets: fleetNames(c), Interval: time.Duration(c.Interval), Validity: time.Duration(c.Validity),
		Match: c.Match, Held: a.cluster.held, Clock: a.clock, Log: a.log, Registerer: a.registry,
	})
	if err != nil {
		return nil, err
	}
	return &turner{maker: reader{r}, config: c, source: source}, nil
}
