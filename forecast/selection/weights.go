package selection

import (
	"math"
	"slices"
)

// bucketEnds are the last steps of the horizon buckets in which members are weighted: 1, 2-6, 7-24, 25-72 and beyond. What forecasts
// well differs by how far ahead: smoothing at first, seasons later.
var bucketEnds = []int{1, 6, 24, 72, math.MaxInt}

// bucketOf returns the bucket of step h.
func bucketOf(h int) int {
	i, _ := slices.BinarySearch(bucketEnds, h)
	return i
}

// bucketsOf returns how many buckets a horizon of n steps touches.
func bucketsOf(n int) int { return bucketOf(n) + 1 }

// bounds returns the first and last step of bucket b within n steps.
func bounds(b, n int) (from, to int) {
	from = 1
	if b > 0 {
		from = bucketEnds[b-1] + 1
	}
	return from, min(bucketEnds[b], n)
}

// weights holds, by bucket and member, shares that sum to one in each bucket, and what they follow from.
type weights struct {
	byBucket [][]float64
	// errs holds the members' discounted mean errors, and power the p in weight = error^-p; nil for a sole member.
	errs  [][]float64
	power []float64
	// pooled holds the shares that did best on many series, nil where there were none, and trust how much of them is taken, by bucket.
	pooled [][]float64
	trust  []float64
	// reach is the number of steps that the last bucket was measured over.
	reach int
}

// single is the weights of a sole member.
func single() weights { return weights{byBucket: [][]float64{{1}}, reach: 1} }

// follow makes the shares of bucket b follow from the errors of the members that are live.
func (w weights) follow(b int, live func(i int) bool) {
	errs := slices.Clone(w.errs[b])
	for i := range errs {
		if !live(i) {
			errs[i] = math.Inf(1)
		}
	}
	share := softWeights(errs, w.power[b])
	if w.pooled != nil {
		for i, p := range w.pooled[b] {
			if live(i) {
				share[i] += w.trust[b] * (p - share[i])
			}
		}
		normalise(share)
	}
	w.byBucket[b] = share
}

// prune takes the shares of members that are not worth their memory, unless they are all of a bucket.
func (w weights) prune() {
	least := w.overall()
	for b, share := range w.byBucket {
		worth := slices.Clone(share)
		for i, v := range least {
			if v < overallLeast {
				worth[i] = 0
			}
		}
		if slices.Max(worth) > 0 {
			w.byBucket[b] = normalise(worth)
		}
	}
}

// uses reports whether member i has a weight in any bucket.
func (w weights) uses(i int) bool {
	return slices.ContainsFunc(w.byBucket, func(b []float64) bool { return b[i] > 0 })
}

// place is where a step lies between the centres of two neighbouring buckets, and how far towards the second one, 0 to 1.
type place struct {
	bucket, next int
	t            float64
}

// place returns where step h lies, between bucket centres interpolated in the logarithm of the step, so that a path does not jump where a
// bucket ends.
func (w weights) place(h int) place {
	x := math.Log(float64(h))
	var before float64
	for b := range w.byBucket {
		from, to := bounds(b, w.reach)
		c := 0.5 * math.Log(float64(from)*float64(max(from, to)))
		if x <= c {
			if b == 0 {
				return place{}
			}
			return place{b - 1, b, (x - before) / (c - before)}
		}
		before = c
	}
	last := len(w.byBucket) - 1
	return place{last, last, 0}
}

// of returns the weight of member i there.
func (p place) of(w weights, i int) float64 {
	v := w.byBucket[p.bucket][i]
	return v + p.t*(w.byBucket[p.next][i]-v)
}

// at returns the weight of member i at step h.
func (w weights) at(i, h int) float64 { return w.place(h).of(w, i) }

// overall returns the member weights averaged over the buckets.
func (w weights) overall() []float64 {
	sum := make([]float64, len(w.byBucket[0]))
	for _, b := range w.byBucket {
		for i, v := range b {
			sum[i] += v / float64(len(w.byBucket))
		}
	}
	return sum
}

const (
	// The power p in weight = error^-p grows with the number of windows without overlap that the errors were measured on: soft weights
	// where there are few, since the best of many members is then best by chance, and hard ones where there are many.
	leastPower   = 2.0
	mostPower    = 20.0
	powerWindows = 5.0
	// weightMembers bounds how many members share a bucket, and weightReach how much worse than the best one may be.
	weightMembers = 6
	weightReach   = 1.3
	// weightLeast is the share below which a member is not worth its memory.
	weightLeast = 0.03
	// overallLeast is the same for the mean over the buckets.
	overallLeast = 0.02
	// trustWindows is the number of windows at which a series' own weights count as much as those of many series.
	trustWindows = 8.0
)

// recencyHalf is the share of the window after which an error counts half as much.
const recencyHalf = 2.0

// windowsOf returns how many windows of bucket b fit into the window of comparison without overlap.
func (r *rolling) windowsOf(b int) float64 {
	_, to := bounds(b, r.reach)
	return float64(r.at[len(r.at)-1]-r.at[0]+r.reach) / float64(to)
}

// weigh scores the members' medians on the rolling origins and turns the scores into weights. prior holds the members' pooled weights, nil
// for none.
func weigh(r *rolling, prior *experience) weights {
	w := weights{reach: r.reach}
	if prior != nil {
		w.pooled = prior.weights(r)
	}
	for b := range bucketsOf(r.reach) {
		errs := make([]float64, len(r.members))
		for i := range r.members {
			if errs[i] = r.meanError(b, i, len(r.at)); r.out[i] {
				errs[i] = math.Inf(1)
			}
		}
		n := r.windowsOf(b)
		w.errs = append(w.errs, errs)
		w.power = append(w.power, min(mostPower, leastPower+n/powerWindows))
		w.trust = append(w.trust, trustWindows/(trustWindows+n))
		w.byBucket = append(w.byBucket, nil)
		w.follow(b, func(i int) bool { return !r.out[i] })
	}
	w.prune()
	return w
}

// meanError returns the mean absolute error in bucket b of member i's median at the first n origins, NaN where nothing came to compare it
// with.
func (r *rolling) meanError(b, i, n int) float64 {
	from, to := bounds(b, r.reach)
	var sum, count float64
	for o, actual := range r.actual[:n] {
		w := math.Exp2(-float64(len(r.at)-1-o) / (recencyHalf * float64(len(r.at))))
		for h := from - 1; h < to; h++ {
			if y := actual[h]; !math.IsNaN(y) {
				sum += w * math.Abs(y-r.mid[i][o][h])
				count += w
			}
		}
	}
	return sum / count
}

// softWeights turns errors into weights: error^-power among the best few, normalised.
func softWeights(errs []float64, power float64) []float64 {
	w := make([]float64, len(errs))
	best := slices.Min(errs)
	if math.IsNaN(best) || best == 0 {
		for i, e := range errs {
			if math.IsNaN(best) || e == best {
				w[i] = 1
			}
		}
		return normalise(w)
	}
	order := slices.Clone(errs)
	slices.Sort(order)
	limit := min(best*weightReach, order[min(len(order), weightMembers)-1])
	for i, e := range errs {
		if e <= limit {
			w[i] = math.Pow(best/e, power)
		}
	}
	normalise(w)
	least := min(weightLeast, slices.Max(w))
	for i, v := range w {
		if v < least {
			w[i] = 0
		}
	}
	return normalise(w)
}

// normalise divides by the sum, in place.
func normalise(w []float64) []float64 {
	var sum float64
	for _, v := range w {
		sum += v
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}
