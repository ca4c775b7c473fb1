package workload

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// ballot is a fitted classifier with what is usual of each class.
type ballot struct {
	voter Voter
	// usual[k][j] is the median of feature j in class k, NaN where it is mostly not known.
	usual [][]float64
}

func newBallot(ctx context.Context, learn Learner, rows [][]float64, class []int) (ballot, error) {
	voter, err := learn(ctx, rows, class)
	if err != nil {
		return ballot{}, err
	}
	b := ballot{voter: voter}
	for k := range slices.Max(class) + 1 {
		usual := make([]float64, len(rows[0]))
		for j := range usual {
			var values []float64
			for i, row := range rows {
				if class[i] == k {
					values = append(values, row[j])
				}
			}
			slices.Sort(values) // NaN comes first
			usual[j] = values[len(values)/2]
		}
		b.usual = append(b.usual, usual)
	}
	return b, nil
}

// verdict is how votes fell.
type verdict struct {
	class, second int
	// share is that of class, and other that of second.
	share, other float64
	// deciding are the features that decided, the foremost first: one to mostDeciding.
	deciding []int
}

// What is worth saying: at most mostDeciding features, and beside the foremost only those without which leastDrop of the votes would go.
const (
	mostDeciding = 3
	leastDrop    = 0.02
)

// vote casts the votes. A feature decides by the share of votes that the class loses on average if the feature were what is usual in each
// of the other classes, all others being as they are.
func (b ballot) vote(row []float64) verdict {
	votes := b.voter.Probabilities(row)
	order := make([]int, len(votes))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(votes[y], votes[x]) })
	v := verdict{class: order[0], second: order[1], share: min(votes[order[0]], 1), other: votes[order[1]]}
	drops := make([]float64, len(row))
	for j, value := range row {
		if math.IsNaN(value) {
			continue
		}
		v.deciding = append(v.deciding, j)
		for k := range b.usual {
			if k != v.class {
				changed := slices.Clone(row)
				changed[j] = b.usual[k][j]
				drops[j] += (v.share - b.voter.Probabilities(changed)[v.class]) / float64(len(b.usual)-1)
			}
		}
	}
	slices.SortStableFunc(v.deciding, func(x, y int) int { return cmp.Compare(drops[y], drops[x]) })
	n := min(len(v.deciding), 1)
	for n < min(len(v.deciding), mostDeciding) && drops[v.deciding[n]] >= leastDrop {
		n++
	}
	v.deciding = v.deciding[:n]
	return v
}

// undecided says in words that no class has votes enough.
func undecided[C ~string](v verdict, classes []C) string {
	return fmt.Sprintf("unknown: %.0f %% of the votes say %s and %.0f %% say %s, and %.0f %% are needed",
		100*v.share, classes[v.class], 100*v.other, classes[v.second], 100*leastVotes)
}

// feature is how a feature is called and what its value means in words, of a history that covers span.
type feature struct {
	name string
	say  func(v float64, span time.Duration) string
}

// explain says in words what decided for a class.
func explain(class string, row []float64, deciding []int, features []feature, span time.Duration) string {
	var parts []string
	for _, j := range deciding {
		if !math.IsNaN(row[j]) {
			parts = append(parts, features[j].say(row[j], span))
		}
	}
	if n := len(parts); n > 1 {
		parts[n-2] += " and " + parts[n-1]
		parts = parts[:n-1]
	}
	return class + ": " + strings.Join(parts, ", ")
}
