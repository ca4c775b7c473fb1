package main

import (
	"fmt"
	"math"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast/accuracy"
)

// summary returns, for each range and method, the means over the series: of Scaled the geometric one, and in place of the score on how
// many series the method is best.
func summary(trials []*trial) []ranking {
	type cell struct {
		method  string
		horizon time.Duration
	}
	sums := map[cell]*mean{}
	var order []cell
	for _, t := range trials {
		for _, r := range rankings(t.rows, t.options.Seasonal) {
			for _, row := range r.rows {
				at := cell{row.Method, row.Horizon}
				if sums[at] == nil {
					sums[at] = &mean{}
					order = append(order, at)
				}
				sums[at].add(row)
			}
		}
	}
	var rows []accuracy.Row
	for _, at := range order {
		r := sums[at].row()
		r.Method, r.Horizon, r.Quantile = at.method, at.horizon, orInf(r.Scaled)
		rows = append(rows, r)
	}
	out := rankings(rows, trials[0].options.Seasonal)
	for k := range out {
		out[k].first = "best on"
		for i, r := range out[k].rows {
			m := sums[cell{r.Method, r.Horizon}]
			out[k].rows[i].wins = fmt.Sprintf("%d of %d", m.wins, m.series)
		}
	}
	return out
}

// mean sums up the rows of one method and horizon over series.
type mean struct {
	sum          accuracy.Row
	scaled, mase []float64 // logarithms, and values
	lasts        []float64
	series, wins int
	below        [][]float64
}

func (m *mean) add(r ranked) {
	m.series++
	if r.best {
		m.wins++
	}
	m.sum.Coverage80, m.sum.Coverage95 = m.sum.Coverage80+r.Coverage80, m.sum.Coverage95+r.Coverage95
	m.sum.N, m.sum.FitCPU, m.sum.StepCPU = m.sum.N+r.N, m.sum.FitCPU+r.FitCPU, m.sum.StepCPU+r.StepCPU
	m.scaled, m.lasts, m.mase = append(m.scaled, math.Log(r.Scaled)), append(m.lasts, math.Log(1-r.SkillVsLast)), append(m.mase, r.MASE)
	m.below = append(m.below, r.Below)
}

// row returns the means, each over the series that have the number.
func (m *mean) row() accuracy.Row {
	r := m.sum
	n := float64(m.series)
	r.Coverage80, r.Coverage95 = r.Coverage80/n, r.Coverage95/n
	r.FitCPU, r.StepCPU = r.FitCPU/time.Duration(m.series), r.StepCPU/time.Duration(m.series)
	r.Scaled, r.MASE = math.Exp(finiteMean(m.scaled)), finiteMean(m.mase)
	r.SkillVsSeasonal, r.SkillVsLast = 1-r.Scaled, 1-math.Exp(finiteMean(m.lasts))
	r.Below = make([]float64, len(m.below[0]))
	for i := range r.Below {
		for _, b := range m.below {
			r.Below[i] += b[i] / n
		}
	}
	return r
}

// finiteMean returns the mean of the finite values, NaN where there is none.
func finiteMean(values []float64) float64 {
	var sum, n float64
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			sum, n = sum+v, n+1
		}
	}
	return sum / n
}
