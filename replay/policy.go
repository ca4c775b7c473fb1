package replay

import (
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// Baselines returns the policies that Forethought is compared with, for a load whose first train minutes are for training. Those that
// fall back on the present load carry "|reactive" in their name.
func Baselines(train int) []Policy {
	out := []Policy{StaticPeak(train), HPATarget(), HPADefault(), HPAHeadroom(), Schedule(train), LastValue(), SeasonalNaive(), HoltWinters(train), CloudHourly()}
	for _, p := range out {
		if b, ok := p.(*baseline); ok && b.steady {
			out = append(out, b.held())
		}
	}
	return out
}

// heldMinutes is how long the policies that hold keep what the load needed: longer than any lead time that is usual, and as long as
// autoscalers of nodes do by default.
const heldMinutes = 15

// held returns the policy that in addition never wants less than the largest load of the last heldMinutes needs. Whoever follows a noisy
// load is better off with that, and on a calm one it costs hours: so there are both.
func (b *baseline) held() Policy {
	h := *b
	h.name, h.hold = fmt.Sprintf("%s+%dm", b.name, heldMinutes), heldMinutes
	return &h
}

// Budget is how many settings each policy may try on the validation part.
const Budget = 12

// slack is how far beyond the lead time the baselines that forecast look, in minutes: demand that comes a little earlier than a season
// ago, and what lies between a decision and the start of an instance, is covered by it.
const slack = 3

// expected is the load that a policy sizes for at one minute, before its setting is applied. NaN says that it does not know.
type expected struct {
	// add is the largest load in the minutes that an instance asked for now can serve from their beginning on, and keep that of the
	// minutes until one that is released now could be back.
	add, keep float64
	// present is the load of the last minute where the policy follows it. blind is true where it would and that minute is missing, and
	// then nothing shrinks.
	present float64
	blind   bool
}

// reader is what tells one baseline from another: it reads what to expect out of the past. It is called once for every minute.
type reader interface {
	read(at time.Time, past []float64) expected
}

// baseline is a Policy whose setting scales what its reader expects.
type baseline struct {
	name     string
	settings []float64
	// factor turns a setting into the factor that the expected load is multiplied with.
	factor func(setting float64) float64
	// reader makes a reader for a lead time in minutes, and for the given settings where it applies them itself.
	reader func(lead int) reader
	// steady says that there is a variant that holds, and hold for how many minutes this one does.
	steady bool
	hold   int
	// reach is the longest lead time in minutes for which the policy can be asked; 0 for any.
	reach int
}

func (b *baseline) Name() string { return b.name }

func (b *baseline) Settings() []float64 { return append([]float64(nil), b.settings...) }

// Start refuses a site without pools, with a pool that serves nothing, or with a lead time as long as the season that the policy
// looks back.
func (b *baseline) Start(s Site, settings []float64) (Planner, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("start %s: %w", b.name, err)
	}
	lead := leadMinutes(s.Pools)
	if b.reach > 0 && 2*lead+slack >= b.reach {
		return nil, fmt.Errorf("start %s: a lead time of %d minutes is too long for a season of %d", b.name, lead, b.reach)
	}
	p := &baselinePlanner{name: b.name, reader: b.reader(lead), filler: newFiller(s.Pools), hold: b.hold}
	for _, v := range settings {
		f := b.factor(v)
		if !(f > 0) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("start %s: setting %v is not usable", b.name, v)
		}
		p.factors = append(p.factors, f)
	}
	return p, nil
}

// baselinePlanner sizes one reader's expectation for all settings:
//
//	instances = max(add, min(previous, keep), present)
//
// by pools, which is the formula of pool.Decide, so that no baseline loses for want of it.
type baselinePlanner struct {
	name    string
	reader  reader
	filler  *filler
	factors []float64
	hold    int
}

func (p *baselinePlanner) Plan(at time.Time, past []float64, wanted [][]int) error {
	if len(wanted) != len(p.factors) {
		return fmt.Errorf("%s: %d settings are under way, asked for %d", p.name, len(p.factors), len(wanted))
	}
	e := p.reader.read(at, past)
	if math.IsNaN(e.add) && math.IsNaN(e.keep) && math.IsNaN(e.present) {
		return nil // nothing is known: what was wanted stays
	}
	recent := largest(1, p.hold, func(u int) float64 { return ago(past, u) })
	for k, f := range p.factors {
		p.size(e, recent, f, wanted[k])
	}
	return nil
}

// size changes counts to what e needs with its loads scaled by a factor, of which what the largest recent load needs is kept. Loads that
// were are never scaled down.
func (p *baselinePlanner) size(e expected, recent, factor float64, counts []int) {
	add, keep := max(factor*orZero(e.add), max(factor, 1)*orZero(e.present)), factor*orZero(e.keep)
	keep = max(keep, max(factor, 1)*orZero(recent))
	least := p.filler.fill(add)
	held := least
	if keep > add {
		held = p.filler.fill(keep)
	}
	for i, n := range counts {
		if n <= least[i] || !e.blind { // blind, nothing shrinks
			counts[i] = max(least[i], min(n, held[i]))
		}
	}
}

func (p *baselinePlanner) Close() {}

// orZero is for a maximum over loads of which some are unknown.
func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// leadMinutes returns the longest lead time of pools in minutes, rounded up.
func leadMinutes(pools []pool.Pool) int {
	lead := time.Duration(0)
	for _, p := range pools {
		lead = max(lead, p.LeadTime)
	}
	return int((lead + time.Minute - 1) / time.Minute)
}

// last returns the load of the last minute, NaN where there is none.
func last(past []float64) float64 { return ago(past, 1) }

// ago returns the load that many minutes before now, NaN where there is none.
func ago(past []float64, minutes int) float64 {
	if i := len(past) - minutes; i >= 0 && i < len(past) {
		return past[i]
	}
	return math.NaN()
}

// largest returns the largest known of f(from)..f(to), NaN where none is known.
func largest(from, to int, f func(int) float64) float64 {
	most := math.NaN()
	for u := from; u <= to; u++ {
		if v := f(u); !math.IsNaN(v) && !(v <= most) {
			most = v
		}
	}
	return most
}
