package mstl_test

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/series"
)

// walk is a remainder method: a random walk without drift whose steps are normal.
type walk struct{}

func (walk) Name() string { return "walk" }

func (w walk) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	m := &walking{Key: y.Key, End: y.Start.Add(-y.Step), Step: y.Step, Last: math.NaN()}
	for _, v := range y.Values {
		m.Update(v)
	}
	if math.IsNaN(m.Last) {
		return nil, &forecast.TooShortError{Method: w.Name(), Need: 1}
	}
	return m, ctx.Err()
}

func (walk) Restore(written []byte) (forecast.Model, error) {
	m := &walking{}
	return m, json.Unmarshal(written, m)
}

// walking is the model of walk; values that are not JSON are kept apart.
type walking struct {
	Key       series.Key
	End       time.Time
	Step      time.Duration
	Last, Sum float64
	N, Gap    int
}

func (m *walking) MarshalBinary() ([]byte, error) { return json.Marshal(*m) }

func (m *walking) Update(y float64) {
	m.End = m.End.Add(m.Step)
	m.Gap++
	if math.IsNaN(y) {
		return
	}
	if !math.IsNaN(m.Last) {
		m.Sum += (y - m.Last) * (y - m.Last) / float64(m.Gap)
		m.N++
	}
	m.Last, m.Gap = y, 0
}

// deviation returns the standard deviation of h steps ahead.
func (m *walking) deviation(h int) float64 {
	return math.Sqrt(float64(h+m.Gap)*m.Sum/float64(max(m.N, 1))) + 1e-6
}

func (m *walking) Forecast(h int) forecast.Forecast {
	f := forecast.Forecast{Key: m.Key, Method: "walk", Origin: m.End, Step: m.Step}
	for k := range h {
		f.Steps = append(f.Steps, normal{m.Last, m.deviation(k + 1)})
	}
	return f
}

func (m *walking) Simulate(h, n int, seed uint64) [][]float64 {
	rng := rand.New(rand.NewPCG(seed, 0))
	paths := make([][]float64, n)
	for i := range paths {
		paths[i] = make([]float64, h)
	}
	for k := range h { // independent steps with the right marginals are enough here
		for i, r := range rng.Perm(n) {
			paths[i][k] = m.Last + m.deviation(k+1)*forecast.NormalQuantile((float64(r)+0.5)/float64(n))
		}
	}
	return paths
}

// normal is a normal distribution of which negative numbers are part.
type normal struct{ mean, deviation float64 }

func (d normal) Quantile(p float64) float64 { return d.mean + d.deviation*forecast.NormalQuantile(p) }

// bare is walk without anything that is optional.
type bare struct{}

type bareModel struct{ forecast.Model }

func (bare) Name() string { return "bare" }

func (bare) Fit(ctx context.Context, y series.Series) (forecast.Model, error) {
	m, err := walk{}.Fit(ctx, y)
	return bareModel{m}, err
}
