package readback

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// read reads the decisions of all fleets as they stand at a time and publishes a snapshot of each. Its error says what the store did not
// answer; the fleets concerned keep what they have.
func (r *Reader) read(ctx context.Context, at time.Time) error {
	fleets := r.opts.Fleets
	if len(fleets) == 0 {
		var err error
		if fleets, err = r.exported(ctx, at); err != nil {
			return errors.Join(err, r.keepAll(ctx, at, r.served(), err))
		}
	}
	gone := r.serve(fleets, at)
	pages, err := newPages(fleets, r.opts.Match, at)
	if err != nil {
		return err
	}
	seen := sighting{}
	errs := []error{r.keepAll(ctx, at, gone, r.unseen())}
	for _, p := range pages {
		errs = append(errs, r.readPage(ctx, at, p, seen))
	}
	r.said.tell(r.opts.Log, seen)
	return errors.Join(errs...)
}

// unseen says that no exporter of a fleet is found.
func (r *Reader) unseen() error { return errors.New("no exporter of it is seen in " + r.store) }

// served returns the fleets on the board.
func (r *Reader) served() []string {
	var out []string
	for _, s := range r.opts.Board.Snapshots() {
		out = append(out, s.Fleet)
	}
	return out
}

// serve gives the board its fleets. Where they are not named, one that is exported no longer stays until its decision has been out for as
// long as one is valid, so that who asks is told why there is none; serve returns those.
func (r *Reader) serve(fleets []string, at time.Time) (gone []string) {
	on := r.served()
	next := fleets
	if len(r.opts.Fleets) == 0 {
		for _, f := range on {
			_, exported := slices.BinarySearch(fleets, f)
			s, _ := r.opts.Board.Snapshot(f)
			if !exported && !at.After(s.Decision.ValidUntil.Add(r.opts.Validity)) {
				gone = append(gone, f)
			}
		}
		next = slices.Sorted(slices.Values(slices.Concat(fleets, gone)))
	}
	if slices.Equal(on, next) {
		return gone
	}
	r.opts.Board.SetFleets(next)
	for _, f := range on {
		if _, still := r.opts.Board.Snapshot(f); !still {
			r.metrics.disagreement.DeleteLabelValues(f)
		}
	}
	return gone
}

// readPage reads and publishes the fleets of one page.
func (r *Reader) readPage(ctx context.Context, at time.Time, p page, seen sighting) error {
	found, err := r.ask(ctx, p.expr, at)
	if err != nil {
		return errors.Join(err, r.keepAll(ctx, at, p.fleets, err))
	}
	exports := collect(found)
	var errs []error
	for _, fleet := range p.fleets {
		c := r.choose(fleet, exports[fleet], at)
		r.count(fleet, c, seen)
		if !c.found {
			c.snapshot = r.kept(fleet, at, c.snapshot.State, c.snapshot.Reason)
		}
		c.snapshot.Turn = at
		errs = append(errs, r.publish(ctx, c.snapshot))
	}
	return errors.Join(errs...)
}

// collect returns what each exporter exports, by fleet.
func collect(found []series.Series) map[string][]*export {
	type source struct{ fleet, exporter string }
	known, out, parser := map[source]*export{}, map[string][]*export{}, newKeys()
	for _, s := range found {
		k, ok := parser.parse(string(s.Key))
		if !ok || len(s.Values) == 0 {
			continue
		}
		from := source{k.fleet, k.exporter}
		e := known[from]
		if e == nil {
			e = newExport(k)
			known[from] = e
			out[k.fleet] = append(out[k.fleet], e)
		}
		e.add(k, s.Values[0])
	}
	return out
}

// keepAll publishes that fleets keep what they have, and why nothing new is known of them.
func (r *Reader) keepAll(ctx context.Context, at time.Time, fleets []string, why error) error {
	if errors.Is(why, context.Canceled) {
		return nil // stopping: an interrupted read is no state of a fleet
	}
	var errs []error
	for _, f := range fleets {
		errs = append(errs, r.publish(ctx, r.kept(f, at, pool.Failed, why.Error())))
	}
	return errors.Join(errs...)
}

// publish publishes a snapshot under the kill switch as it is now.
func (r *Reader) publish(ctx context.Context, s pool.Snapshot) error {
	r.publishing.Lock()
	defer r.publishing.Unlock()
	if r.opts.Held != nil && r.opts.Held(s.Fleet) {
		s.Decision.Killed = true
	}
	return r.opts.Board.Publish(ctx, s)
}

// Recheck publishes again what Options.Held holds back, so that a kill switch acts at once. Let go, it acts with the next read.
func (r *Reader) Recheck(ctx context.Context) error {
	var errs []error
	for _, s := range r.opts.Board.Snapshots() {
		if r.opts.Held != nil && r.opts.Held(s.Fleet) {
			errs = append(errs, r.republish(ctx, s.Fleet))
		}
	}
	return errors.Join(errs...)
}

func (r *Reader) republish(ctx context.Context, fleet string) error {
	r.publishing.Lock()
	defer r.publishing.Unlock()
	s, ok := r.opts.Board.Snapshot(fleet)
	if !ok {
		return nil
	}
	s.Decision.Killed = true
	return r.opts.Board.Publish(ctx, s)
}

// kept returns a fleet of which a read found no decision: the last one holds until it runs out.
func (r *Reader) kept(fleet string, at time.Time, state pool.State, reason string) pool.Snapshot {
	s, _ := r.opts.Board.Snapshot(fleet)
	s.Turn, s.State, s.Reason = at, state, reason
	if s.Decision.Valid(at) {
		s.State = pool.Stale
		s.Reason = fmt.Sprintf("the last decision holds until %s: %s", stamp(s.Decision.ValidUntil), reason)
	}
	return s
}
