package pool

import (
	"cmp"
	"math"
	"slices"
)

// lot is a run of alike instances of one pool.
type lot struct {
	kind     int // the index of the type, 0 in a pool without types
	capacity float64
	most     int
	// survival is the share of the instances that counts as left after a lead time, with the given probability; 1 where no head-room is kept.
	survival, probability float64
	// hourly is what another one costs in an hour with its interruptions, and list what it costs without; 0 for unknown. One that is paid for
	// costs nothing more.
	hourly, list float64
	paid         bool
	// interruptible instances can be taken away.
	interruptible bool
	// unit is the price of a unit of demand that is served for an hour with head-room; 0 where it is unknown or paid for.
	unit float64
}

// supply is a pool as the lots that its instances are taken from, one lot after the other. So the k-th instance is of the same lot whatever
// the demand is, a number of instances says what they serve, and more demand never needs fewer of them.
type supply struct {
	lots []lot
	min  int
	// committed is what the instances that are paid for cost in an hour, used or not.
	committed float64
	share     float64
	// domain is what fails together with the pool; empty where its instances fail one by one, or never.
	domain string
}

// supplies returns the supply of each pool.
func supplies(pools []Pool) []supply {
	n := 0
	for _, p := range pools {
		n += 2 * max(len(p.Types), 1)
	}
	all, lots := make([]supply, len(pools)), make([]lot, 0, n)
	for i, p := range pools {
		from := len(lots)
		var committed float64
		lots, committed = p.lots(lots)
		all[i] = supply{lots: lots[from:len(lots):len(lots)], min: p.Min, committed: committed, share: p.Share}
		if p.Risk.Probability > 0 && p.Share == 0 && slices.ContainsFunc(all[i].lots, func(l lot) bool { return l.interruptible }) {
			all[i].domain = p.Domain
		}
	}
	return all
}

// lots appends the lots of p to out: first what is paid for, then the rest, the cheapest for what it serves first where all prices are
// known. committed is what the former cost in an hour.
func (p Pool) lots(out []lot) (lots []lot, committed float64) {
	from := len(out)
	for k, t := range p.kinds() {
		l := p.lot(k, t)
		if c := t.Price.Commitment; c.Instances > 0 {
			paid := lot{kind: k, capacity: l.capacity, most: min(c.Instances, l.most), survival: 1, list: l.list, paid: true}
			l.most -= paid.most
			committed += float64(c.Instances) * c.Ratio * t.Price.Hourly
			out = append(out, paid)
		}
		out = append(out, l)
	}
	mine := out[from:]
	known := !slices.ContainsFunc(mine, func(l lot) bool { return !l.paid && l.unit == 0 })
	slices.SortStableFunc(mine, func(a, b lot) int {
		if a.paid != b.paid {
			return order(a.paid, b.paid)
		}
		if !known {
			return 0
		}
		return cmp.Compare(a.unit, b.unit)
	})
	if left := p.Max; left > 0 {
		for i := range mine {
			mine[i].most = min(mine[i].most, left)
			left -= mine[i].most
		}
	}
	return out, committed
}

// order compares two statements: what is true comes first.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

// kinds returns the types of p, or p as its own only type.
func (p Pool) kinds() []Type {
	if len(p.Types) > 0 {
		return p.Types
	}
	return []Type{{Name: p.Name, Capacity: p.Capacity, Price: p.Price}}
}

// lot returns the instances of type k before any is paid for.
func (p Pool) lot(k int, t Type) lot {
	l := lot{
		kind: k, capacity: t.Capacity * p.Burst.share(p.LeadTime), most: math.MaxInt32, survival: 1,
		list: t.Price.Hourly, interruptible: t.Price.InterruptionsPerHour > 0,
	}
	if t.Max > 0 {
		l.most = t.Max
	}
	l.hourly = t.Price.Effective(l.capacity, p.Risk.Shortage, p.LeadTime)
	l.unit = l.hourly / l.capacity
	if l.interruptible && p.Risk.Probability > 0 {
		survival := t.Price.survival(p.LeadTime)
		l.unit /= survival // as many more are started as are lost; none that is left makes it infinite
		l.survival, l.probability = max(survival, leastSurvival), p.Risk.Probability
	}
	return l
}

// left returns how many of n instances of l count as left after a lead time.
func (l lot) left(n int) int { return survivors(n, l.survival, l.probability) }

// most returns how many instances the pool can have.
func (s supply) most() int {
	n := 0
	for _, l := range s.lots {
		n += l.most
	}
	return min(n, math.MaxInt32)
}

// each calls visit with every lot and how many of n instances are of it; instances beyond the last lot are of that one.
func (s supply) each(n int, visit func(l lot, k int)) {
	for i, l := range s.lots {
		k := min(n, l.most)
		if i == len(s.lots)-1 {
			k = n
		}
		visit(l, k)
		n -= k
	}
}

// capacity returns the demand that n instances serve.
func (s supply) capacity(n int) (sum float64) {
	s.each(n, func(l lot, k int) { sum += float64(k) * l.capacity })
	return sum
}

// reliable returns the demand that n instances serve with head-room.
func (s supply) reliable(n int) (sum float64) {
	s.each(n, func(l lot, k int) { sum += float64(l.left(k)) * l.capacity })
	return sum
}

// cost returns what n instances cost in an hour.
func (s supply) cost(n int) float64 {
	sum := s.committed
	s.each(n, func(l lot, k int) { sum += float64(k) * l.hourly })
	return sum
}

// need returns the smallest number of instances that serve a demand, with head-room where that is asked for, and whether it is enough:
// where it is not, it is all there are.
func (s supply) need(demand float64, headroom bool) (n int, enough bool) {
	for _, l := range s.lots {
		k, served := l.take(demand, headroom)
		n += k
		if served {
			return n, true
		}
		left := k
		if headroom {
			left = l.left(k)
		}
		demand -= float64(left) * l.capacity
	}
	return min(n, math.MaxInt32), false
}

// take is need for one lot.
func (l lot) take(demand float64, withHeadroom bool) (n int, enough bool) {
	k := math.Ceil(demand/l.capacity - roundOff)
	switch {
	case k <= 0:
		return 0, true
	case k > float64(l.most):
		return l.most, false
	case withHeadroom && l.survival < 1:
		if n = headroom(int(k), l.survival, l.probability); n > l.most {
			return l.most, false
		}
		return n, true
	default:
		return int(k), true
	}
}
