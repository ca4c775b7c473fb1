package loop

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// Classifier says what kind of workload has a demand y and jobs of the given mix, on instances of the given shape; without jobs nothing is
// known of what the workload asks for. It must not change y, and equal arguments get equal answers.
type Classifier func(y series.Series, mix []pool.Jobs, offer pool.Shape) pool.Workload

// classify says what kind of workload the fleet has, once for each model: by what that was fitted to, and the jobs of the hour before its
// boundary. Where these can't be read it is tried again in the next turn.
func (w *worker) classify(ctx context.Context, pools []pool.Pool) {
	if w.Classify == nil || w.model == nil || w.classified {
		return
	}
	w.classified = true
	defer func() { // what kind of workload it is must not cost a decision
		if r := recover(); r != nil {
			w.log.Error("workload is not classified", "stage", "fit", "panic", r, "stack", string(debug.Stack()))
			reason := fmt.Sprintf("unknown: the classifier panics: %v", r)
			w.workload = pool.Workload{PatternReason: reason, BoundReason: reason}
		}
	}()
	var jobs []pool.Jobs
	var err error
	if w.Shapes != "" {
		jobs, err = mixOf(ctx, w.source, w.Shapes, w.boundary)
		w.classified = err == nil
	}
	w.workload = w.Classify(w.history.lesson(w.boundary, w.History).y, jobs, offered(pools))
	if err != nil {
		w.workload.BoundReason = fmt.Sprintf("unknown: shapes of jobs: %v", err)
	}
}

// offered returns what one instance of each pool and type offers together. Only proportions count.
func offered(pools []pool.Pool) (sum pool.Shape) {
	for _, o := range offersOf(pools) {
		sum.CPU += o.Shape.CPU
		sum.Memory += o.Shape.Memory
		sum.GPU += o.Shape.GPU
	}
	return sum
}
