package ets

// Error says how the innovations enter the observation.
type Error int

// The errors of the taxonomy (FPP3, section 8.4): y = f + e and y = f(1 + e).
const (
	AdditiveError Error = iota
	MultiplicativeError
)

// Trend says how the level grows.
type Trend int

// The trends of the taxonomy. A damped trend flattens out (Gardner and McKenzie 1985). Multiplicative trends are not offered, as R does
// not by default, because they explode.
const (
	NoTrend Trend = iota
	AdditiveTrend
	DampedTrend
)

// Season says how the season joins the level.
type Season int

// The seasons of the taxonomy.
const (
	NoSeason Season = iota
	AdditiveSeason
	MultiplicativeSeason
)

// shape is one model of the taxonomy.
type shape struct {
	Error  Error
	Trend  Trend
	Season Season
}

// String returns the shape as FPP3 writes it without commas: "ANN", "MAdM".
func (s shape) String() string {
	return [...]string{"A", "M"}[s.Error] + [...]string{"N", "A", "Ad"}[s.Trend] + [...]string{"N", "A", "M"}[s.Season]
}

// additive returns the nearest shape for a demand that may be zero or negative, which multiplicative errors and seasons cannot describe.
func (s shape) additive() shape {
	s.Error = AdditiveError
	s.Season = min(s.Season, AdditiveSeason)
	return s
}

// count returns the number of parameters that are estimated, m being the season's steps: smoothing parameters and initial states, of
// which the seasonal ones add up to a given sum. The variance is not counted.
func (s shape) count(m int) int {
	n := 2 + 2*min(int(s.Trend), 1)
	if s.Trend == DampedTrend {
		n++
	}
	if s.Season != NoSeason {
		n += m
	}
	return n
}

// candidates lists the shapes that R's ets considers by default, restricted to those whose variance is finite: an additive error with a
// multiplicative season is left out. Where the data are not positive only additive shapes remain.
func candidates(seasonal, positive bool) []shape {
	var out []shape
	for _, season := range []Season{NoSeason, AdditiveSeason, MultiplicativeSeason} {
		for _, err := range []Error{AdditiveError, MultiplicativeError} {
			for _, trend := range []Trend{NoTrend, AdditiveTrend, DampedTrend} {
				s := shape{err, trend, season}
				forbidden := err == AdditiveError && season == MultiplicativeSeason
				if forbidden || season != NoSeason && !seasonal || !positive && s != s.additive() {
					continue
				}
				out = append(out, s)
			}
		}
	}
	return out
}
