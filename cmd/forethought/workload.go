package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/forethought-autoscaler/forethought/forecast/tree"
	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/pool/workload"
	"github.com/forethought-autoscaler/forethought/series"
)

// workloads is the classifier of workloads. It learns when it is first asked, from demands that are made up alike in every process, which
// takes about a tenth of a second.
var workloads = sync.OnceValues(func() (*workload.Classifier, error) {
	return workload.Learn(context.Background(), func(ctx context.Context, rows [][]float64, class []int) (workload.Voter, error) {
		return tree.Classifier{Trees: 80, LeastRows: 3, Bins: 32, Seed: 1}.Fit(ctx, rows, class)
	})
})

// classify is the loop's Classifier.
func classify(y series.Series, mix []pool.Jobs, offer pool.Shape) pool.Workload {
	c, err := workloads()
	if err != nil {
		reason := fmt.Sprintf("unknown: the classifier has not learnt: %v", err)
		return pool.Workload{PatternReason: reason, BoundReason: reason}
	}
	a := c.Classify(y, workload.ProfileOf(mix, offer))
	return pool.Workload{
		Pattern: a.Pattern, PatternVotes: a.PatternVotes, PatternReason: a.PatternReason,
		Bound: string(a.Bound), BoundVotes: a.BoundVotes, BoundReason: a.BoundReason,
	}
}
