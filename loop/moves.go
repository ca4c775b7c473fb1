package loop

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// movesKept bounds the past moves that a fleet remembers: the latest.
const movesKept = 256

// propose adds to a decision which instances are to move between the pools, and why others are not. It is proposed only; so a move that is
// proposed turn after turn is one proposal that stands, and the turn in which it stands last is that in which it counts as made. Whether
// somebody made it or the demand overtook it cannot be told from how many instances there are, and a list that goes to and fro is of no
// use to a person. It counts as many instances as stood at most.
func (w *worker) propose(ctx context.Context, d *pool.Decision, pools []pool.Pool) {
	if w.Migration == nil {
		return
	}
	if err := w.recall(ctx, d.At, pools); err != nil {
		d.Plan.Unmoved = []pool.Unmoved{{Reason: fmt.Sprintf("the moves that were proposed before the start are not known: %v", err)}}
		return
	}
	in := pool.MoveInput{Now: d.At, Pattern: w.workload.Pattern, Policy: w.Migration.Policy, Recent: w.moved.made}
	stuck := map[string]string{}
	for _, p := range pools {
		m, reason := w.movable(p, *d)
		in.Pools, stuck[p.Name] = append(in.Pools, m), reason
	}
	moves, unmoved, err := pool.Moves(in)
	if err != nil {
		d.Plan.Unmoved = []pool.Unmoved{{Reason: err.Error()}}
		return
	}
	d.Plan.Moves, d.Plan.Unmoved = moves, because(unmoved, stuck)
	w.remember(moves, d.At, d.At.Add(-w.rest(pools)))
}

// movable returns a pool as moves see it, after the guards: it must keep what the plan has, and lacks no more than that. Of its instances
// those can move that are warm. What reason says keeps all of them where they are.
func (w *worker) movable(p pool.Pool, d pool.Decision) (m pool.MovePool, reason string) {
	m = pool.MovePool{Pool: p, Drain: w.Migration.Drain, Idle: w.Policy.Linger + w.Policy.Churn}
	for _, z := range d.Sizing {
		if z.Pool == p.Name {
			m.Sizing = z
		}
	}
	planned, _ := d.Plan.Instances(p.Name)
	m.Sizing.Keep = max(m.Sizing.Keep, planned)
	m.Sizing.Add = min(max(m.Sizing.Add, m.Sizing.Reactive+m.Sizing.Warm), planned)
	known := false
	switch m.Disruption, known = w.Migration.disruption(p.Price); {
	case p.Observed && !p.Phases:
		return m, "which of its instances are idle is not known: see the keys warm_instances and warming_instances of a pool"
	case !known:
		return m, fmt.Sprintf("its price is not known, which a disruption of %g must be weighed against", w.Migration.Disruption)
	case p.Observed:
		m.Movable = p.Warm
	}
	return m, ""
}

// mostDisruption is the longest time of an instance that a disruption is taken for. No move is worth that.
const mostDisruption = 366 * 24 * time.Hour

// disruption returns what the move of one instance costs beside its drain, in time of an instance; known is false where that needs a price
// and there is none.
func (m *Migration) disruption(price pool.Price) (d time.Duration, known bool) {
	switch {
	case m.Disruption <= 0:
		return 0, true
	case price.Hourly <= 0:
		return 0, false
	}
	return time.Duration(min(m.Disruption/price.Hourly, mostDisruption.Hours()) * float64(time.Hour)), true
}

// because adds to the moves that are not made what keeps the instances of a whole pool, where another pool lacks some.
func because(unmoved []pool.Unmoved, stuck map[string]string) []pool.Unmoved {
	var out []pool.Unmoved
	for _, u := range unmoved {
		if reason := stuck[u.From]; reason != "" && u.To != "" {
			out = append(out, pool.Unmoved{From: u.From, Reason: reason})
			stuck[u.From] = ""
		}
		out = append(out, u)
	}
	return out
}

// rest is the time for which an earlier move matters.
func (w *worker) rest(pools []pool.Pool) time.Duration {
	longest := max(time.Hour, w.Migration.Policy.Cooldown)
	for _, p := range pools {
		longest = max(longest, p.LeadTime+w.Policy.Linger+w.Policy.Churn)
	}
	return longest
}

// moved is what is known of proposals and moves.
type moved struct {
	standing []pool.Move     // with the most instances that each had
	stood    time.Time       // the turn after which they did
	made     []pool.PastMove // the earliest first
	known    bool            // what was before the start is part of this
}

// remember notes as made what stood and is no more among the moves of a turn, and forgets what was made before since.
func (w *worker) remember(moves []pool.Move, at, since time.Time) {
	var standing []pool.Move
	for _, m := range moves {
		if i := slices.IndexFunc(w.moved.standing, samePools(m)); i >= 0 {
			m.Instances = max(m.Instances, w.moved.standing[i].Instances)
		} else {
			w.log.Info("move is proposed", "from", m.From, "to", m.To, "instances", m.Instances, "reason", m.Reason)
		}
		standing = append(standing, m)
	}
	for _, m := range w.moved.standing {
		if !slices.ContainsFunc(moves, samePools(m)) {
			w.moved.made = append(w.moved.made, pool.PastMove{From: m.From, To: m.To, Instances: m.Instances, At: w.moved.stood})
		}
	}
	made := slices.DeleteFunc(w.moved.made, func(m pool.PastMove) bool { return m.At.Before(since) })
	w.moved.made = made[max(len(made)-movesKept, 0):]
	w.moved.standing, w.moved.stood = standing, at
}

// samePools returns whether a move is between the same pools as m, the same way.
func samePools(m pool.Move) func(pool.Move) bool {
	return func(o pool.Move) bool { return o.From == m.From && o.To == m.To }
}

// longestRecall bounds how far back the moves before a start are read: twice as far as they matter, since one that was made then may have
// stood for as long before.
const longestRecall = 48 * time.Hour

// recall learns after a start what an earlier process, or another replica, proposed, so that what it proposed is not proposed as new.
func (w *worker) recall(ctx context.Context, at time.Time, pools []pool.Pool) error {
	if w.moved.known {
		return nil
	}
	expr := fmt.Sprintf("max by (from, to) (forethought_plan_moves{fleet=%q})", w.Name)
	span := min(2*w.rest(pools), longestRecall)
	all, err := w.source.Range(ctx, series.Query{Expr: expr, Start: at.Add(-span), End: at, Step: w.Policy.Interval})
	if err != nil {
		return err
	}
	before := moved{stood: at.Add(-w.Policy.Interval), known: true}
	turn := at.Sub(series.Align(at, w.Policy.Interval)) - w.Policy.Interval // what a grid point shows is of the turn before it
	for _, y := range all {
		from, to, err := ends(y.Key)
		if err != nil {
			return err
		}
		made, standing := proposals(y)
		for _, p := range made {
			before.made = append(before.made, pool.PastMove{From: from, To: to, Instances: p.instances, At: y.TimeAt(p.last).Add(turn)})
		}
		if standing > 0 {
			before.standing = append(before.standing, pool.Move{From: from, To: to, Instances: standing})
		}
	}
	slices.SortStableFunc(before.made, func(a, b pool.PastMove) int { return a.At.Compare(b.At) })
	w.moved = before
	return nil
}

// ends returns the pools that the labels of a series name.
func ends(key series.Key) (from, to string, err error) {
	err = eachLabel(key, func(name, value string) error {
		switch name {
		case "from":
			from = value
		case "to":
			to = value
		}
		return nil
	})
	return from, to, err
}

// proposal is one that stood until the point last of a series.
type proposal struct{ last, instances int }

// proposals returns those that ended in what was published of one pair of pools, and how many instances one has that stands at its end, 0
// for none.
func proposals(y series.Series) (ended []proposal, standing int) {
	for i, v := range y.Values {
		switch {
		case v >= 1:
			standing = max(standing, int(v))
		case standing > 0:
			ended, standing = append(ended, proposal{i - 1, standing}), 0
		}
	}
	return ended, standing
}
