// Package workload says what kind of demand a fleet serves, from its history and from what its jobs ask for, and why.
//
// A history becomes a row of named features that do not depend on the demand's scale and hardly on its step; a classifier that was fitted
// on made-up demands of known kinds votes on the row. The package knows no classifier of its own: it is handed one as a Learner, fits it
// on demands that are the same every time, and so gives the same answers in every process.
package workload

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// Voter is a fitted classifier. Probabilities returns the share of votes for each class, given a row in which NaN is a feature that is not
// known; the shares sum to one.
type Voter interface {
	Probabilities(row []float64) []float64
}

// Learner fits a classifier on rows and the class of each, counted from zero.
type Learner func(ctx context.Context, rows [][]float64, class []int) (Voter, error)

// Bound is the resource that a workload runs out of first.
type Bound string

// The resources.
const (
	UnknownBound Bound = ""
	CPU          Bound = "cpu"
	Memory       Bound = "memory"
	GPU          Bound = "gpu"
)

// Profile is the share of an instance's resources that the workload asks for, in any one unit: only their proportions count. NaN is a
// share that is not known.
type Profile struct{ CPU, Memory, GPU float64 }

// UnknownProfile is that of a workload of which only the demand is known.
func UnknownProfile() Profile { return Profile{CPU: math.NaN(), Memory: math.NaN(), GPU: math.NaN()} }

// ProfileOf returns the shares of an instance that jobs ask for on average; NaN in a dimension that the instance does not offer, and in all
// where there are no jobs.
func ProfileOf(jobs []pool.Jobs, offer pool.Shape) Profile {
	var sum pool.Shape
	n := 0.0
	for _, j := range jobs {
		n += float64(j.Count)
		sum.CPU += float64(j.Count) * j.Shape.CPU
		sum.Memory += float64(j.Count) * j.Shape.Memory
		sum.GPU += float64(j.Count) * j.Shape.GPU
	}
	share := func(ask, offer float64) float64 {
		if !(offer > 0 && n > 0) {
			return math.NaN()
		}
		return ask / n / offer
	}
	return Profile{CPU: share(sum.CPU, offer.CPU), Memory: share(sum.Memory, offer.Memory), GPU: share(sum.GPU, offer.GPU)}
}

// Answer is what a workload is. An unknown pattern or bound comes with the reason why.
type Answer struct {
	Pattern pool.Pattern
	// PatternVotes is the share of votes for the pattern, 0 to 1, and that of the leading one where the votes do not decide; 0 where none
	// were cast.
	PatternVotes float64
	// PatternReason is a sentence with the features that decided and their values.
	PatternReason string
	Bound         Bound
	BoundVotes    float64
	BoundReason   string
	// Features are what the pattern was told from, those that are not known left out.
	Features []Feature
}

// Feature is a named property of a demand.
type Feature struct {
	Name  string
	Value float64
}

// What an answer needs.
const (
	// leastVotes is the share of votes that makes a class the answer.
	leastVotes = 0.5
	// leastSpan is the time that a history must cover, in which at least half of that must be present.
	leastSpan = 48 * time.Hour
	// longestStep is the coarsest step at which features mean what they say.
	longestStep = 2 * time.Hour
)

var (
	patterns = []pool.Pattern{pool.Steady, pool.Bursty, pool.Growing, pool.Batch}
	bounds   = []Bound{CPU, Memory, GPU}
)

// Classifier tells workloads apart. It is immutable, and safe for concurrent use if the Learner's voters are.
type Classifier struct {
	pattern, bound ballot
}

// Learn fits a classifier by learn on made-up demands and profiles. It returns what learn returns as an error.
func Learn(ctx context.Context, learn Learner) (*Classifier, error) {
	rows, class := demandRows()
	pattern, err := newBallot(ctx, learn, rows, class)
	if err != nil {
		return nil, fmt.Errorf("learn patterns of demand: %w", err)
	}
	rows, class = profileRows()
	bound, err := newBallot(ctx, learn, rows, class)
	if err != nil {
		return nil, fmt.Errorf("learn bounds of resources: %w", err)
	}
	return &Classifier{pattern: pattern, bound: bound}, nil
}

// Classify says what kind of workload has the demand y and the profile p. Missing observations of y, and those that are negative or
// infinite, count for nothing. Its pattern is unknown where y covers less than two days or half of that is missing, where its step is
// longer than two hours, where there is no demand at all, and where no pattern has half of the votes.
func (c *Classifier) Classify(y series.Series, p Profile) Answer {
	var a Answer
	a.Pattern, a.PatternVotes, a.PatternReason, a.Features = c.classifyDemand(y)
	a.Bound, a.BoundVotes, a.BoundReason = c.classifyProfile(p)
	return a
}

func (c *Classifier) classifyDemand(y series.Series) (pool.Pattern, float64, string, []Feature) {
	d := newDemand(y)
	if reason := d.unusable(); reason != "" {
		return pool.UnknownPattern, 0, "unknown: " + reason, nil
	}
	row := d.row()
	var features []Feature
	for i, v := range row {
		if !math.IsNaN(v) {
			features = append(features, Feature{Name: demandFeatures[i].name, Value: v})
		}
	}
	v := c.pattern.vote(row)
	if v.share < leastVotes {
		return pool.UnknownPattern, v.share, undecided(v, patterns), features
	}
	return patterns[v.class], v.share, explain(string(patterns[v.class]), row, v.deciding, demandFeatures, d.span), features
}

func (c *Classifier) classifyProfile(p Profile) (Bound, float64, string) {
	row, ok := p.row()
	if !ok {
		return UnknownBound, 0, "unknown: nothing is known of what the workload asks for"
	}
	v := c.bound.vote(row)
	if v.share < leastVotes {
		return UnknownBound, v.share, undecided(v, bounds)
	}
	bound := bounds[v.class]
	// Of the shares the bound's own is said first, whatever decided.
	v.deciding = slices.Insert(slices.DeleteFunc(v.deciding, func(i int) bool { return i == v.class }), 0, v.class)
	return bound, v.share, explain(string(bound)+"-bound", row, v.deciding, profileFeatures, 0)
}

// row returns the shares as parts of their sum; ok is false where none is known to be above zero.
func (p Profile) row() (row []float64, ok bool) {
	row = []float64{p.CPU, p.Memory, p.GPU}
	var sum float64
	for i, v := range row {
		if !(v >= 0) || math.IsInf(v, 1) {
			row[i] = math.NaN()
			continue
		}
		sum += v
	}
	for i := range row {
		row[i] /= sum
	}
	return row, sum > 0 && !math.IsInf(sum, 1)
}
