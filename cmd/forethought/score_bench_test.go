//go:build bench

package main

import (
	"context"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// scoredProbabilities are those of the quantiles that forecasts are scored by: the ends of six intervals and the median.
var scoredProbabilities = []float64{0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975}

// answer is a forecast of one question as it would be written: a number and quantiles for each step.
type answer struct {
	point     []float64
	quantiles [][]float64 // by step and scoredProbabilities; nil where there are none
}

// answers forecasts every question as the command forecast does, and returns the processor time that it took.
func answers(tb testing.TB, set questionSet, method string, alone bool) ([]answer, time.Duration) {
	tb.Helper()
	begun := cpuOf(tb)
	all := make([]series.Series, len(set.questions))
	for i, k := range set.questions {
		all[i] = k.y
	}
	methods, err := poolMethods(context.Background(), all, method, recipe{step: set.step, horizon: set.horizon}, alone)
	if err != nil {
		tb.Fatal(err)
	}
	out := make([]answer, len(all))
	inOrder(len(all), runtime.GOMAXPROCS(0), func(i int) answer {
		model, err := methods.of(all[i]).Fit(context.Background(), all[i])
		if err != nil {
			tb.Errorf("%s: %v", set.questions[i].id, err)
			return answer{}
		}
		return answerOf(model.Forecast(set.horizon))
	}, func(i int, a answer) { out[i] = a })
	if tb.Failed() {
		tb.FailNow()
	}
	return out, cpuOf(tb) - begun
}

func answerOf(f forecast.Forecast) answer {
	var a answer
	for _, d := range f.Steps {
		a.point = append(a.point, forecast.Midmean(d))
		q := make([]float64, len(scoredProbabilities))
		for i, p := range scoredProbabilities {
			q[i] = d.Quantile(p)
		}
		a.quantiles = append(a.quantiles, q)
	}
	return a
}

// lastValues and lastDays are the two benchmarks: the latest observation, and those of a day ago.
func lastValues(set questionSet) []answer {
	return eachAnswer(set, func(k question, _ int) float64 { return k.y.Values[k.y.Len()-1] })
}

func lastDays(set questionSet) []answer {
	return eachAnswer(set, func(k question, h int) float64 { return k.y.Values[k.y.Len()-k.season+h%k.season] })
}

func eachAnswer(set questionSet, f func(k question, h int) float64) []answer {
	out := make([]answer, len(set.questions))
	for i, k := range set.questions {
		for h := range set.horizon {
			out[i].point = append(out[i].point, f(k, h))
		}
	}
	return out
}

// score is how good the forecasts of questions were: means over the questions, each the mean over its steps.
type score struct {
	n int
	// sMAPE is 200 |y-f| / (|y|+|f|) and MASE |y-f| over the question's scale.
	sMAPE, MASE float64
	// MSIS is the mean scaled interval score at 95 %, pinball the mean over the nine deciles of twice the pinball loss over the scale.
	MSIS, pinball float64
	// coverage80 and coverage95 are the shares of observations inside the intervals.
	coverage80, coverage95 float64
	// first, near and far are MASE at step 1, at steps 2 to 6 and beyond.
	first, near, far float64
}

// scores returns the score of each question.
func scores(set questionSet, all []answer) []score {
	out := make([]score, len(all))
	for i, a := range all {
		out[i] = scoreOf(set.questions[i], a)
	}
	return out
}

func scoreOf(k question, a answer) score {
	s := score{n: 1}
	steps, buckets := 0.0, [3]float64{}
	for h, y := range k.truth {
		if math.IsNaN(y) {
			continue
		}
		steps++
		miss := math.Abs(y - a.point[h])
		if sum := math.Abs(y) + math.Abs(a.point[h]); sum > 0 {
			s.sMAPE += 200 * miss / sum
		}
		s.MASE += miss / k.scale
		for b, last := range [3]int{0, 5, math.MaxInt} {
			if h <= last {
				*[3]*float64{&s.first, &s.near, &s.far}[b] += miss / k.scale
				buckets[b]++
				break
			}
		}
		if a.quantiles != nil {
			s.addIntervals(a.quantiles[h], y, k.scale)
		}
	}
	for _, v := range []*float64{&s.sMAPE, &s.MASE, &s.MSIS, &s.pinball, &s.coverage80, &s.coverage95} {
		*v /= steps
	}
	s.first, s.near, s.far = s.first/buckets[0], s.near/buckets[1], s.far/buckets[2]
	return s
}

// addIntervals adds what one step's quantiles q score when y comes. MSIS is that of Gneiting and Raftery (2007), as M4 scaled it.
func (s *score) addIntervals(q []float64, y, scale float64) {
	at := func(p float64) float64 { return q[slices.Index(scoredProbabilities, p)] }
	for i := 1; i <= 9; i++ {
		p := float64(i) / 10
		s.pinball += forecast.QuantileScore(p, at(p), y) / scale / 9
	}
	low, high := at(0.025), at(0.975)
	s.MSIS += (high - low + 2/0.05*(max(low-y, 0)+max(y-high, 0))) / scale
	s.coverage95 += inside(low, y, high)
	s.coverage80 += inside(at(0.1), y, at(0.9))
}

func inside(low, y, high float64) float64 {
	if low <= y && y <= high {
		return 1
	}
	return 0
}

// meanScore returns the mean over questions. A question without an observation at a bucket's steps does not count there.
func meanScore(all []score) score {
	var s score
	for _, field := range []func(*score) *float64{
		func(s *score) *float64 { return &s.sMAPE }, func(s *score) *float64 { return &s.MASE },
		func(s *score) *float64 { return &s.MSIS }, func(s *score) *float64 { return &s.pinball },
		func(s *score) *float64 { return &s.coverage80 }, func(s *score) *float64 { return &s.coverage95 },
		func(s *score) *float64 { return &s.first }, func(s *score) *float64 { return &s.near }, func(s *score) *float64 { return &s.far },
	} {
		sum, n := 0.0, 0.0
		for i := range all {
			if v := *field(&all[i]); !math.IsNaN(v) {
				sum, n = sum+v, n+1
			}
		}
		*field(&s) = sum / n
	}
	s.n = len(all)
	return s
}
