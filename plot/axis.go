package plot

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// scale maps the numbers of an axis to places in the picture: from to a, to to b.
type scale struct {
	from, to float64
	a, b     float64
	log      bool
	ticks    []Tick
}

// at returns the place of v; beyond the ends it is the end.
func (s scale) at(v float64) float64 {
	v = min(max(v, s.from), s.to)
	share := (v - s.from) / (s.to - s.from)
	if s.log {
		share = (math.Log(v) - math.Log(s.from)) / (math.Log(s.to) - math.Log(s.from))
	}
	return s.a + share*(s.b-s.a)
}

// fit chooses the ends and the ticks of an axis that shows lo..hi between the places a and b, with about one tick in every room.
func (x Axis) fit(lo, hi float64, ok bool, a, b, room float64) scale {
	if x.Floor > 0 {
		return x.fitLog(hi, ok, a, b, room)
	}
	s := scale{from: x.From, to: x.To, a: a, b: b, ticks: x.Ticks}
	fixed := x.From != x.To
	if !fixed {
		s.from, s.to = widened(lo, hi, ok)
	}
	count := max(2, math.Floor(math.Abs(b-a)/room))
	switch {
	case x.Ticks != nil:
	case x.Time:
		s.ticks = timeTicks(s.from, s.to, count)
	default:
		if !fixed && (x.Zero || s.from > 0 && s.from < 0.6*s.to) {
			s.from, s.to = min(s.from, 0), max(s.to, 0)
		}
		unit := niceUnit((s.to - s.from) / count)
		if !fixed {
			s.from, s.to = unit*math.Floor(s.from/unit+1e-9), unit*math.Ceil(s.to/unit-1e-9)
		}
		s.ticks = valueTicks(s.from, s.to, unit)
	}
	return s
}

// fitLog is fit for a logarithmic axis.
func (x Axis) fitLog(hi float64, ok bool, a, b, room float64) scale {
	s := scale{from: x.Floor, to: x.To, a: a, b: b, log: true, ticks: x.Ticks}
	if x.To <= x.Floor {
		s.to = 10 * x.Floor
		if ok && hi > s.to {
			s.to = niceUnit(hi)
		}
	}
	if s.ticks == nil {
		s.ticks = logTicks(s.from, s.to, max(2, math.Floor(math.Abs(b-a)/room)))
	}
	return s
}

// logTicks returns powers of ten in from..to, with their doubles and fivefold where there is room for about count.
func logTicks(from, to, count float64) []Tick {
	decades := math.Log10(to) - math.Log10(from)
	steps, every := []float64{1, 2, 5}, 1.0
	if 3*decades > count {
		steps, every = steps[:1], max(1, math.Ceil(decades/count))
	}
	var out []Tick
	for k := math.Floor(math.Log10(from)); k <= math.Log10(to) && len(out) < mostTicks; k += every {
		for _, m := range steps {
			if v := m * math.Pow(10, k); v >= from*(1-1e-9) && v <= to*(1+1e-9) {
				out = append(out, Tick{At: v, Text: amount(v, v, v)})
			}
		}
	}
	return out
}

// widened returns ends that are apart, whatever is shown.
func widened(lo, hi float64, ok bool) (from, to float64) {
	switch {
	case !ok:
		return 0, 1
	case max(math.Abs(lo), math.Abs(hi)) < smallest:
		return 0, 1
	case lo < hi:
		return lo, hi
	}
	return min(lo, lo/2), max(hi, hi+math.Abs(hi)/2) // a constant
}

// niceUnit returns the smallest of 1, 2 or 5 times a power of ten that is at least v.
func niceUnit(v float64) float64 {
	base := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*base >= v*(1-1e-9) {
			return m * base
		}
	}
	return 10 * base
}

// mostTicks bounds the labels of an axis, whatever rounding does.
const mostTicks = 60

// valueTicks returns the multiples of unit in from..to.
func valueTicks(from, to, unit float64) []Tick {
	var out []Tick
	top := max(math.Abs(from), math.Abs(to))
	for k := math.Ceil(from/unit - 1e-9); k*unit <= to+unit*1e-9 && len(out) < mostTicks; k++ {
		out = append(out, Tick{At: k * unit, Text: amount(k*unit, top, unit)})
	}
	return out
}

// prefixes are the SI prefixes of large numbers.
var prefixes = []struct {
	from float64
	text string
}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}}

// amount writes v as one of several numbers of which the largest is top and which are apart by unit: with the prefix that suits top
// (k from ten thousand on, M, G, T) and as many decimals as unit needs. Numbers that no prefix suits are written with an exponent.
func amount(v, top, unit float64) string {
	if v == 0 {
		return "0"
	}
	if top >= 1e15 || top < 1e-3 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	suffix := ""
	for _, p := range prefixes {
		if top >= p.from {
			size := p.from
			if p.text == "k" {
				size = 1e3
			}
			v, unit, suffix = v/size, unit/size, p.text
			break
		}
	}
	digits := 0
	for u := unit; u < 0.9999 && digits < 6; u *= 10 {
		digits++
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + suffix
}

const day = 24 * time.Hour

// timeUnits are the distances of the labels of an axis of time; longer ones are months.
var timeUnits = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
	15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 14 * day,
}

// timeTicks labels from..to, Unix seconds, with about count times in UTC: clock times, and the date at midnight and on longer axes.
func timeTicks(from, to, count float64) []Tick {
	room := (to - from) / count
	for _, unit := range timeUnits {
		if unit.Seconds() < room {
			continue
		}
		var out []Tick
		u, shift := unit.Seconds(), 0.0
		if unit >= 7*day {
			shift = 4 * day.Seconds() // the epoch was a Thursday: weeks begin on Mondays
		}
		for k := math.Ceil((from - shift) / u); k*u+shift <= to && len(out) < mostTicks; k++ {
			out = append(out, Tick{At: k*u + shift, Text: timeText(time.Unix(int64(k*u+shift), 0).UTC(), unit)})
		}
		return out
	}
	return monthTicks(from, to, int(math.Ceil(room/(30*day.Seconds()))))
}

// timeText writes a label of an axis whose labels are unit apart.
func timeText(t time.Time, unit time.Duration) string {
	switch {
	case unit >= day || t.Equal(t.Truncate(day)):
		return t.Format("2 Jan")
	case unit < time.Minute:
		return t.Format("15:04:05")
	}
	return t.Format("15:04")
}

// monthTicks labels every so many months, counted from January.
func monthTicks(from, to float64, every int) []Tick {
	every = min(max(every, 1), 1200)
	for 12%every != 0 && every%12 != 0 {
		every++
	}
	var out []Tick
	t := time.Unix(int64(from), 0).UTC()
	for t = time.Date(t.Year()-t.Year()%max(every/12, 1), 1, 1, 0, 0, 0, 0, time.UTC); Seconds(t) <= to && len(out) < mostTicks; t = t.AddDate(0, every, 0) {
		if Seconds(t) >= from {
			out = append(out, Tick{At: Seconds(t), Text: t.Format("Jan 2006")})
		}
	}
	return out
}

// dates says which days an axis of time covers.
func dates(from, to float64) string {
	a, b := time.Unix(int64(from), 0).UTC(), time.Unix(int64(to), 0).UTC()
	if a.Format(time.DateOnly) == b.Format(time.DateOnly) {
		return "UTC, " + a.Format("2 Jan 2006")
	}
	return "UTC, " + a.Format("2 Jan 2006") + " to " + b.Format("2 Jan 2006")
}
