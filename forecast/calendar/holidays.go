package calendar

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rickar/cal/v2"
)

// Regions returns the region codes that Options.Holidays may have, in order.
func Regions() []string {
	out := make([]string, 0, len(regions))
	for _, r := range regions {
		out = append(out, r.code)
	}
	return out
}

// region returns the holidays of a region, whose code may be in lower case.
func region(code string) ([]*cal.Holiday, error) {
	for _, r := range regions {
		if strings.EqualFold(r.code, code) {
			return r.holidays, nil
		}
	}
	return nil, fmt.Errorf("unknown holiday region %q, want one of %s", code, strings.Join(Regions(), ", "))
}

// common returns the holidays that all lists have on the same dates, as the first list has them.
func common(lists ...[]*cal.Holiday) []*cal.Holiday {
	var out []*cal.Holiday
	for _, h := range lists[0] {
		lacks := func(l []*cal.Holiday) bool {
			return !slices.ContainsFunc(l, func(o *cal.Holiday) bool { return same(h, o) })
		}
		if !slices.ContainsFunc(lists, lacks) {
			out = append(out, h)
		}
	}
	return out
}

// same reports whether two holidays have one name and fall on the same days of a decade, though they may be kept on others.
func same(a, b *cal.Holiday) bool {
	for year := 2020; year < 2030; year++ {
		x, _ := a.Calc(year)
		y, _ := b.Calc(year)
		if !x.Equal(y) {
			return false
		}
	}
	return a.Name == b.Name
}

// pooled is what all holidays are called where they are one occasion.
const pooled = "holiday"

// addHolidays adds the days on which the holidays are, those on which they are kept, and what else o asks for.
func (b *builder) addHolidays(holidays []*cal.Holiday, o Options) {
	// A holiday of the year before or after may be kept within the time.
	first, last := b.from.Year()-1, b.until.Year()+1
	for _, h := range holidays {
		name, keptAs := h.Name, h.Name+" (observed)"
		if o.Pooled {
			name, keptAs = pooled, pooled
		}
		for y := first; y <= last; y++ {
			actual, observed := h.Calc(y)
			if actual.IsZero() {
				continue
			}
			year, month, day := dateOf(actual)
			b.addDay(name, year, month, day)
			if !observed.Equal(actual) {
				year, month, day = dateOf(observed)
				b.addDay(keptAs, year, month, day)
			}
			for k := 1; k <= o.Around; k++ {
				b.addDay(fmt.Sprintf("%s -%dd", name, k), year, month, day-k)
				b.addDay(fmt.Sprintf("%s +%dd", name, k), year, month, day+k)
			}
		}
	}
}

// dateOf returns the date of a day that the holiday library gives as its midnight in the system's time zone. Noon is on the same date
// also where that zone has no midnight on the day.
func dateOf(t time.Time) (year int, month time.Month, day int) { return t.Add(12 * time.Hour).Date() }
