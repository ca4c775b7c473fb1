package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/replay"
	"github.com/forethought-autoscaler/forethought/series"
)

// decide writes every decision that mode act would have made with the configuration as it is, and says what they come to behind a direct
// actuator.
func (s *situation) decide(ctx context.Context, path string, stdout io.Writer) error {
	rows := decisionRows{offset: s.offset, interval: s.interval}
	var outcome replay.Outcome
	err := writeFile(path, func(w io.Writer) (err error) {
		buffered := bufio.NewWriter(w)
		rows.out = csv.NewWriter(buffered)
		if err = rows.out.Write([]string{"timestamp", "fleet", "pool", "instances", "reactive", "guards"}); err != nil {
			return err
		}
		p := s.policy()
		p.Watch = func(_ int, d pool.Decision) { rows.add(d) }
		if outcome, err = s.follow(ctx, p); err != nil {
			return err
		}
		rows.out.Flush()
		if err = rows.out.Error(); err != nil {
			return err
		}
		return buffered.Flush()
	})
	switch {
	case err != nil:
		return err
	case outcome.Minutes == 0:
		fmt.Fprintf(stdout, "%s: %d decisions; the load is too short for what they come to\n", path, rows.n)
		return nil
	}
	fmt.Fprintf(stdout, "%s: %d decisions; behind a direct actuator %d of %d minutes short (%.2f %%), %.3f %% of the load unmet, %.1f instance-hours\n",
		path, rows.n, outcome.Violations, outcome.Minutes, 100*outcome.Share(), 100*outcome.Unmet/max(outcome.Offered, 1e-300), outcome.InstanceHours)
	return nil
}

// follow makes the decisions of the whole load with the configured probability, and runs a cluster on them.
func (s *situation) follow(ctx context.Context, p replay.Forethought) (replay.Outcome, error) {
	planner, err := p.Start(s.site, []float64{s.fleet.Policy.Probability})
	if err != nil {
		return replay.Outcome{}, err
	}
	defer planner.Close()
	site := s.site
	site.Actuator = replay.Direct()
	wanted := [][]int{make([]int, len(site.Pools))}
	score := replay.NewScore(s.load.Start)
	var cluster *replay.Cluster
	for m := range s.load.Values {
		if m%60 == 0 && ctx.Err() != nil {
			return replay.Outcome{}, errInterrupted
		}
		if err = planner.Plan(s.load.At(m), s.load.Values[:m:m], wanted); err != nil {
			return replay.Outcome{}, err
		}
		if cluster == nil {
			if cluster, err = replay.NewCluster(site, wanted[0]); err != nil {
				return replay.Outcome{}, err
			}
		}
		u, err := cluster.Minute(s.load.Values[m], wanted[0])
		if err != nil {
			return replay.Outcome{}, fmt.Errorf("minute %d, %s, at a load of %g: %w; give the pool a max, or leave out the sample", m,
				s.load.At(m).Add(s.offset).Format(time.RFC3339), s.load.Values[m], err)
		}
		if m >= int(replay.Warmup/time.Minute) {
			score.Add(u)
		}
	}
	return score.Outcome(), nil
}

// decisionRows writes decisions as rows. The timestamp of a turn is the whole multiple of the interval that it was due at, on the clock
// of the load: it was made from what lies before.
type decisionRows struct {
	out      *csv.Writer
	offset   time.Duration
	interval time.Duration
	n        int
}

func (r *decisionRows) add(d pool.Decision) {
	r.n++
	at := series.Align(d.At, r.interval).Add(r.offset)
	stamp := strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', -1, 64)
	for _, t := range d.Plan.Targets {
		reactive, _ := d.Reactive.Instances(t.Pool)
		_ = r.out.Write([]string{ // Error tells
			stamp, d.Fleet, t.Pool, strconv.Itoa(t.Instances), strconv.Itoa(reactive), guardNames(d.Guards, t.Pool),
		})
	}
}

// guardNames lists the guards that concern a pool or the whole fleet, each once.
func guardNames(guards []pool.Guard, name string) string {
	var out []string
	seen := map[string]bool{}
	for _, g := range guards {
		if (g.Pool == "" || g.Pool == name) && !seen[g.Name] {
			seen[g.Name] = true
			out = append(out, g.Name)
		}
	}
	return strings.Join(out, ";")
}
