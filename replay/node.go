package replay

import (
	"slices"

	"github.com/forethought-autoscaler/forethought/pool"
)

// never is a tick that does not come.
const never = int(^uint(0) >> 1)

// instance is one started instance; all its times are ticks. It serves from ready on, and is taken away at lost. Idle is since when nothing
// was to run on it and means nothing while something is.
type instance struct{ start, ready, idle, lost int }

// nodes are the instances of one pool and the node autoscaler that keeps them: it starts what is missing, and stops what has been unneeded
// for long enough.
type nodes struct {
	pool     pool.Pool
	draws    draws
	unneeded int // ticks until an idle instance is stopped
	minimum  int // ticks that a started instance is paid for at least
	// stack is in the order in which the instances become ready: what runs, runs on the first of them, and the last are stopped first.
	// The first serving of them are ready.
	stack   []instance
	serving int
	wanted  int // instances that something is to run on
	started int // instances ever started
	loss    int // the first tick at which one is lost
	// owed is what stopped instances are still paid for, in ticks.
	owed int
}

// newNodes returns a pool with n instances that have just become ready.
func newNodes(p pool.Pool, s Site, index, n int) *nodes {
	d := &nodes{
		pool: p, draws: newDraws(s, index), unneeded: ticks(s.Actuator.Unneeded), minimum: ticks(s.MinimumBill), wanted: n, loss: never,
	}
	for range n {
		d.add(0, 0)
	}
	d.ripen(0)
	return d
}

// want sets how many instances are needed from now on.
func (d *nodes) want(now, n int) {
	for i := n; i < min(d.wanted, len(d.stack)); i++ {
		d.stack[i].idle = now
	}
	d.wanted = n
}

// look is one look of the node autoscaler: it starts what is missing and stops what has not been needed for long enough, what became ready
// last before the rest. It returns how many it started.
func (d *nodes) look(now int) int {
	missing := max(d.wanted-len(d.stack), 0)
	for range missing {
		d.add(now, now+1+d.draws.boot(d.started))
	}
	n := len(d.stack)
	for n > d.wanted && now-d.stack[n-1].idle >= d.unneeded {
		n--
		d.settle(now, d.stack[n])
	}
	d.cut(n)
	return missing
}

// add starts an instance.
func (d *nodes) add(now, ready int) {
	in := instance{start: now, ready: ready, lost: d.draws.lost(d.started, ready)}
	d.started++
	i := len(d.stack)
	for i > 0 && d.stack[i-1].ready > ready {
		i--
	}
	d.stack = slices.Insert(d.stack, i, in)
	d.loss = min(d.loss, in.lost)
}

// cut leaves the first n instances.
func (d *nodes) cut(n int) {
	d.stack = d.stack[:n]
	d.serving = min(d.serving, n)
}

// settle books what an instance that ends now is paid for beyond its life.
func (d *nodes) settle(now int, in instance) { d.owed += max(d.minimum-(now-in.start), 0) }

// ripen counts the instances that are ready.
func (d *nodes) ripen(now int) {
	for d.serving < len(d.stack) && d.stack[d.serving].ready <= now {
		d.serving++
	}
}

// lose takes away the instances whose time has come, or with all set every one that is ready, and returns how many. A booting one is not
// interrupted.
func (d *nodes) lose(now int, all bool) int {
	if !all && now < d.loss {
		return 0
	}
	before := len(d.stack)
	d.loss = never
	d.stack = slices.DeleteFunc(d.stack, func(in instance) bool {
		if all && in.ready <= now || in.lost <= now {
			d.settle(now, in)
			return true
		}
		d.loss = min(d.loss, in.lost)
		return false
	})
	d.serving = 0
	d.ripen(now)
	return before - len(d.stack)
}

// busy returns how many ready instances have something running.
func (d *nodes) busy() int { return min(d.serving, d.wanted) }

// standing returns the pool with its instances as they are.
func (d *nodes) standing() pool.Pool {
	p := d.pool
	p.Observed, p.Phases = true, true
	p.Active = d.busy()
	p.Warm = d.serving - p.Active
	p.Warming = len(d.stack) - d.serving
	return p
}
