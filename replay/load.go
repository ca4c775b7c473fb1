package replay

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// coarsest is the longest step of a series that can be a load: what happens within is not known.
const coarsest = time.Hour

// At returns the time at which minute m begins.
func (l Load) At(m int) time.Time { return l.Start.Add(time.Duration(m) * time.Minute) }

// LoadOf returns a series as a load. A value of a step of whole minutes stands in all of them; those of shorter steps are averaged over
// the minute, where the ones that are known count. A minute without any is unknown, and never zero. It refuses a series without an
// observation, with a step over an hour or one that does not go into minutes, and a value that is negative or beyond 1e30.
func LoadOf(s series.Series) (Load, error) {
	if err := refuse(s); err != nil {
		return Load{}, fmt.Errorf("load %s: %w", s.Key, err)
	}
	l := Load{Name: string(s.Key), Unit: s.Unit, Start: s.Start.UTC(), Step: s.Step}
	if l.Unit == "" {
		l.Unit = series.Units
	}
	if s.Step >= time.Minute {
		l.Values = held(s.Values, int(s.Step/time.Minute))
		return l, nil
	}
	l.Start = series.Align(s.Start, time.Minute)
	l.Values = averaged(s.Values, int(s.Start.Sub(l.Start)/s.Step), int(time.Minute/s.Step))
	return l, nil
}

func refuse(s series.Series) error {
	switch {
	case s.Step <= 0 || s.Step > coarsest:
		return fmt.Errorf("a step of %s is not within an hour", s.Step)
	case s.Step%time.Minute != 0 && time.Minute%s.Step != 0:
		return fmt.Errorf("a step of %s does not go into whole minutes", s.Step)
	case s.Present() == 0:
		return errors.New("no observation")
	}
	for i, v := range s.Values {
		if v < 0 || v > mostLoad {
			return fmt.Errorf("%v at %s is not a number from 0 to %v", v, s.TimeAt(i).UTC().Format(time.RFC3339), mostLoad)
		}
	}
	return nil
}

// held repeats each value for n minutes.
func held(values []float64, n int) []float64 {
	out := make([]float64, 0, len(values)*n)
	for _, v := range values {
		for range n {
			out = append(out, v)
		}
	}
	return out
}

// averaged returns the means of n values each, the first of skip values fewer.
func averaged(values []float64, skip, n int) []float64 {
	out := make([]float64, 0, (len(values)+skip)/n+1)
	for i := -skip; i < len(values); i += n {
		var sum float64
		known := 0
		for _, v := range values[max(i, 0):min(i+n, len(values))] {
			if !math.IsNaN(v) {
				sum += v
				known++
			}
		}
		out = append(out, sum/float64(known)) // 0/0 is the NaN of an unknown minute
	}
	return out
}

// Part is the minutes [From, To) of a load.
type Part struct{ From, To int }

// Parts are a load's parts: Train is what policies may have seen before, Validation is for choosing settings, Test is for judging.
type Parts struct{ Train, Validation, Test Part }

// Split cuts a load into parts of about the given shares of its minutes, what is left being the test. It cuts at midnight UTC, so that
// no part but the first and the last holds a broken day. The error says which part would have no day.
func Split(l Load, train, validation float64) (Parts, error) {
	if !(train > 0 && validation > 0 && train+validation < 1) {
		return Parts{}, fmt.Errorf("split %s: shares %v and %v leave no three parts", l.Name, train, validation)
	}
	n := len(l.Values)
	first, second := l.midnight(train), l.midnight(train+validation)
	p := Parts{Train: Part{To: first}, Validation: Part{From: first, To: second}, Test: Part{From: second, To: n}}
	const day = 24 * 60
	switch {
	case first < day:
		return Parts{}, fmt.Errorf("split %s: %d minutes are too few: train has no day", l.Name, n)
	case second-first < day:
		return Parts{}, fmt.Errorf("split %s: %d minutes are too few: validation has no day", l.Name, n)
	case n-second < day:
		return Parts{}, fmt.Errorf("split %s: %d minutes are too few: test has no day", l.Name, n)
	}
	return p, nil
}

// midnight returns the minute of the midnight nearest to a share of the load.
func (l Load) midnight(share float64) int {
	at := l.At(int(share * float64(len(l.Values)))).Round(24 * time.Hour)
	return int(at.Sub(l.Start) / time.Minute)
}
