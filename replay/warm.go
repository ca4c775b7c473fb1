package replay

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// WarmTrace is a series of claims on warm instances, which no policy changes. Claims[m] is how many are claimed in minute m after Start, a
// whole number; NaN where nobody knows it, and such a minute is not scored.
type WarmTrace struct {
	Name   string
	Start  time.Time
	Claims []float64
}

// WarmPolicy says how large the base stock of warm instances is: those that stand by and those on their way.
type WarmPolicy interface {
	Name() string
	// Settings returns the values of the one setting that are tried, the leanest first.
	Settings() []float64
	// Start begins a replay with all settings at once, where an instance stands by lead minutes after it was asked for.
	Start(lead int) (WarmPlanner, error)
}

// WarmPlanner is a WarmPolicy under way. Stock is called once for every minute, in order, with the claims before minute len(past), and
// sets stocks[k] for the k-th setting. past must not be changed or kept.
type WarmPlanner interface {
	Stock(past []float64, stocks []int) error
}

// WarmOutcome is what a policy with one setting came to over one part of a trace.
type WarmOutcome struct {
	// Minutes is how many minutes were scored.
	Minutes int
	// Claims is how many instances were claimed, and Hits how many of these stood by.
	Claims, Hits int
	// Wait is how long the other claims waited in all, and Idle how long instances stood by, in instance-minutes.
	Wait, Idle float64
	// Starts is how many instances were started, and Stopped how many of these were stopped unclaimed.
	Starts, Stopped int
}

// HitRate returns the share of claims that found an instance standing by; 1 without claims.
func (o WarmOutcome) HitRate() float64 {
	if o.Claims == 0 {
		return 1
	}
	return float64(o.Hits) / float64(o.Claims)
}

// MeanWait returns the mean time that a claim waited, hits included; 0 without claims.
func (o WarmOutcome) MeanWait() time.Duration {
	if o.Claims == 0 {
		return 0
	}
	return time.Duration(o.Wait / float64(o.Claims) * float64(time.Minute))
}

// WarmPart is a part of a trace: the minutes from..to-1.
type WarmPart struct{ From, To int }

// SimulateWarm lets a policy keep warm instances over a trace and returns the outcome of each setting in each part. In every minute, what
// was asked for lead minutes ago stands by and serves those who wait, first come, first served; the policy says the stock; what it lacks
// is started, and idle instances beyond the stocks of the last lead minutes are stopped: one that is needed again within that time would cost
// as much to start (ski rental). Then the claims of the minute come, and each is replaced at once. It returns an error for a lead below 1, claims that are not whole numbers at least 0, and parts outside the trace.
func SimulateWarm(t WarmTrace, lead int, p WarmPolicy, parts ...WarmPart) ([][]WarmOutcome, error) {
	if err := t.check(lead, parts); err != nil {
		return nil, err
	}
	planner, err := p.Start(lead)
	if err != nil {
		return nil, fmt.Errorf("replay of warm instances of %s: %s: %w", t.Name, p.Name(), err)
	}
	settings := p.Settings()
	stocks, stores := make([]int, len(settings)), make([]store, len(settings))
	outcomes := make([][]WarmOutcome, len(parts))
	for i := range outcomes {
		outcomes[i] = make([]WarmOutcome, len(settings))
	}
	for k := range stores {
		stores[k].coming, stores[k].stocks = make([]int, lead), make([]int, lead)
	}
	for m, claims := range t.Claims {
		if err = planner.Stock(t.Claims[:m:m], stocks); err != nil {
			return nil, fmt.Errorf("replay of warm instances of %s: %s: minute %d: %w", t.Name, p.Name(), m, err)
		}
		for k := range stores {
			minute := stores[k].minute(m, max(stocks[k], 0), claims)
			for i, part := range parts {
				if m >= part.From && m < part.To && !math.IsNaN(claims) {
					outcomes[i][k].add(minute)
				}
			}
		}
	}
	return outcomes, nil
}

// check refuses what can't be replayed.
func (t WarmTrace) check(lead int, parts []WarmPart) error {
	if lead < 1 {
		return fmt.Errorf("replay of warm instances of %s: a lead time of %d minutes is less than one", t.Name, lead)
	}
	for _, p := range parts {
		if p.From < 0 || p.To <= p.From || p.To > len(t.Claims) {
			return fmt.Errorf("replay of warm instances of %s: a part from minute %d to %d of %d", t.Name, p.From, p.To, len(t.Claims))
		}
	}
	for m, v := range t.Claims {
		if !math.IsNaN(v) && (v < 0 || v > math.MaxInt32 || v != math.Floor(v)) {
			return fmt.Errorf("replay of warm instances of %s: minute %d has %v claims, not a whole number", t.Name, m, v)
		}
	}
	return nil
}

// store is the warm instances under one setting.
type store struct {
	idle, waiting, underway int
	// coming is what stands by from minute m on, and stocks what was wanted in minute m, both at m modulo the lead time.
	coming, stocks []int
}

// minute passes one minute and returns its outcome.
func (s *store) minute(m, stock int, claims float64) WarmOutcome {
	ready := s.coming[m%len(s.coming)]
	s.coming[m%len(s.coming)] = 0
	s.underway -= ready
	s.idle += ready
	s.serve()
	o := WarmOutcome{Minutes: 1, Starts: s.fillUp(m, stock)}
	s.stocks[m%len(s.stocks)] = stock
	o.Stopped = min(s.idle, max(s.idle+s.underway-s.waiting-slices.Max(s.stocks), 0))
	s.idle -= o.Stopped
	before := s.idle
	if claims > 0 { // NaN is not
		o.Claims = int(claims)
		o.Hits = min(s.idle, o.Claims)
		s.waiting += o.Claims
		s.serve()
		o.Starts += s.fillUp(m, stock)
	}
	o.Wait = float64(s.waiting)
	o.Idle = float64(before+s.idle) / 2 // claims come in the middle of a minute on average
	return o
}

func (s *store) serve() {
	n := min(s.idle, s.waiting)
	s.idle -= n
	s.waiting -= n
}

// fillUp starts what the stock lacks and returns how many that is.
func (s *store) fillUp(m, stock int) int {
	n := max(stock-(s.idle+s.underway-s.waiting), 0)
	s.underway += n
	s.coming[m%len(s.coming)] += n
	return n
}

func (o *WarmOutcome) add(minute WarmOutcome) {
	o.Minutes += minute.Minutes
	o.Claims += minute.Claims
	o.Hits += minute.Hits
	o.Wait += minute.Wait
	o.Idle += minute.Idle
	o.Starts += minute.Starts
	o.Stopped += minute.Stopped
}

// WarmChoice is a policy with the setting that was chosen for it.
type WarmChoice struct {
	Policy  string
	Setting float64
	// Met is whether the setting reached the hit rate on the part for choosing.
	Met              bool
	Validation, Test WarmOutcome
	// Hindsight is the outcome on the test part of the setting that would have been the best there, Known whether any reached the hit rate.
	Hindsight WarmOutcome
	Known     bool
}

// CompareWarm chooses for each policy the setting with the least idle time among those that reach the hit rate on the validation part, the
// one that comes nearest where none does, and says what it comes to on the test part. Its errors are those of SimulateWarm.
func CompareWarm(t WarmTrace, lead int, hitRate float64, validation, test WarmPart, policies ...WarmPolicy) ([]WarmChoice, error) {
	out := make([]WarmChoice, 0, len(policies))
	for _, p := range policies {
		parts, err := SimulateWarm(t, lead, p, validation, test)
		if err != nil {
			return nil, err
		}
		k, met := bestOf(parts[0], hitRate)
		h, known := bestOf(parts[1], hitRate)
		out = append(out, WarmChoice{
			Policy: p.Name(), Setting: p.Settings()[k], Met: met, Validation: parts[0][k], Test: parts[1][k],
			Hindsight: parts[1][h], Known: known,
		})
	}
	return out, nil
}

// bestOf returns the outcome with the least idle time among those that reach the hit rate, and whether any does.
func bestOf(outcomes []WarmOutcome, hitRate float64) (best int, met bool) {
	for k, o := range outcomes {
		reaches := o.HitRate() >= hitRate
		if reaches && (!met || o.Idle < outcomes[best].Idle) || !met && !reaches && o.HitRate() > outcomes[best].HitRate() {
			best = k
		}
		met = met || reaches
	}
	return best, met
}
