package rnn

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// How the network is trained. The units, the dropout and windowLength were chosen among two to four values each on the last 48 hours of the
// training part of M4 hourly (Makridakis, Spiliotis and Assimakopoulos 2020), held out; the other values are usual ones and were not tuned.
const (
	// units is the size of the LSTM.
	units = 64
	// batchSize is the number of windows whose derivatives are averaged.
	batchSize = 128
	// learningRate is the largest; it rises over the first warmUp of the batches and then falls to zero along half a cosine (Loshchilov
	// and Hutter 2017).
	learningRate, warmUp = 2e-3, 0.02
	// gradientLimit bounds the length of the gradient.
	gradientLimit = 1.0
	// dropout is the share of the LSTM's outputs that the head does not see while it learns (Srivastava et al. 2014).
	dropout = 0.3
	// averaging is the decay of the exponential moving average of the weights, which is what forecasts (Polyak and Juditsky 1992).
	averaging = 0.995
	// checks is how often the held-out windows are scored; patience scores without a better one end the training.
	checks, patience = 12, 4
	// heldShare is the share of the latest origins of a series that are held out, heldMost how many windows of all series are.
	heldShare, heldMost = 0.1, 1024
	// weightLimit bounds how much more or less than others a window counts.
	weightLimit = 4
	// leastOrigins is the number of origins below which there is nothing to learn.
	leastOrigins = 64
)

// source is a history to learn from: its origins are from..held-1, and from held to to they are held out.
type source struct {
	z              []float64
	clock          clock
	from, held, to int
	scale          float64 // the mean absolute difference from a season before or, without a season, the movement over the horizon
}

// newSource returns z as a source. It reports false where z is too short.
func (l layout) newSource(z []float64, c clock) (source, bool) {
	s := source{z: z, clock: c, from: l.least(), to: len(z) - l.horizon}
	s.held = s.to - max(1, int(heldShare*float64(s.to-s.from))) + 1
	s.scale = l.movement(z, 0, len(z))
	if len(l.seasons) > 0 {
		s.scale = meanDifference(z, 0, len(z), l.seasons[0].lag(1))
	}
	return s, s.origins(l.horizon) >= leastOrigins && s.scale == s.scale
}

// origins returns the number of origins whose targets end before the held-out ones begin.
func (s source) origins(horizon int) int { return s.held - horizon - s.from + 1 }

// trainer learns a network from sources.
type trainer struct {
	layout  layout
	sources []source
	rng     *rand.Rand
	net     *net
	average []float32
	grad    *net
	adam    *adam
	batch   *batch
	held    []*batch
}

// newTrainer returns a trainer with an initialised network.
func newTrainer(l layout, sources []source, seed uint64) *trainer {
	s := l.shape()
	t := &trainer{
		layout: l, sources: sources, rng: rand.New(rand.NewPCG(seed, 1)), net: newNet(s), grad: newNet(s), batch: newBatch(batchSize, s),
	}
	t.net.initialise(seed)
	t.adam = newAdam(len(t.net.params))
	t.average = slices.Clone(t.net.params)
	t.batch.mask = newMatrix(batchSize, units)
	return t
}

// fill puts the window of s at origin n into row k of b. The window counts in proportion to its spread over that of its series, so that
// all series count the same and none of their windows much more than others. It reports false where there is no window.
func (t *trainer) fill(b *batch, k int, s source, n int) bool {
	w, ok := t.layout.newWindow(s.z, n, s.clock)
	if !ok {
		return false
	}
	t.layout.readPatches(&w, b, k)
	t.layout.readContext(&w, b, k)
	t.layout.readSteps(&w, b, k)
	b.weight[k] = quantum(min(max(w.narrow/(s.scale+floor), 1./weightLimit), weightLimit), weightLimit)
	return true
}

// draw fills the batch with windows at random origins of random sources, and the mask.
func (t *trainer) draw() {
	for k := range t.batch.batch {
		for range 100 { // an origin may follow a gap as long as a window
			s := t.sources[t.rng.IntN(len(t.sources))]
			if t.fill(t.batch, k, s, s.from+t.rng.IntN(s.origins(t.layout.horizon))) {
				break
			}
		}
	}
	for j := range t.batch.mask.data {
		t.batch.mask.data[j] = 0
		if t.rng.Float64() >= dropout {
			t.batch.mask.data[j] = 1 / (1 - dropout)
		}
	}
}

// hold fills the held-out batches with at most the given number of windows, the latest of every source among them.
func (t *trainer) hold(most int) {
	each := max(1, most/len(t.sources))
	b, k := newBatch(batchSize, t.net.shape), 0
	for _, s := range t.sources {
		span := s.to - s.held + 1
		n := min(each, span)
		for j := range n {
			if k == b.batch {
				t.held = append(t.held, b)
				b, k = newBatch(batchSize, t.net.shape), 0
			}
			if t.fill(b, k, s, s.to-j*span/n) {
				k++
			}
		}
	}
	clear(b.weight[k:])
	for i := k; i < b.batch; i++ {
		clear(b.known.row(i))
	}
	t.held = append(t.held, b)
}

// heldLoss scores a network on the held-out windows.
func (t *trainer) heldLoss(m *net) float64 {
	var sum float64
	for _, b := range t.held {
		m.forward(b)
		m.shiftAll(b)
		sum += m.loss(b)
	}
	return sum
}

// rate returns the learning rate of batch i of n.
func rate(i, n int) float64 {
	u := float64(i+1) / float64(n)
	if u < warmUp {
		return learningRate * u / warmUp
	}
	return learningRate * 0.5 * (1 + math.Cos(math.Pi*(u-warmUp)/(1-warmUp)))
}

// run trains on count windows and leaves the averaged weights that scored best in the network.
func (t *trainer) run(ctx context.Context, count int) error {
	n := max(1, count/batchSize)
	t.hold(min(heldMost, max(batchSize, count/16)))
	averaged := newNet(t.net.shape)
	best, since := math.Inf(1), 0
	var kept []float32
	for i := 0; i < n && since < patience; i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.step(i, n)
		if (i+1)*checks/n == i*checks/n {
			continue
		}
		copy(averaged.params, t.average)
		since++
		if score := t.heldLoss(averaged); score < best {
			best, since = score, 0
			kept = append(kept[:0], t.average...)
		}
	}
	copy(t.net.params, kept)
	return nil
}

// step learns from batch i of n.
func (t *trainer) step(i, n int) {
	t.draw()
	t.net.forward(t.batch)
	t.net.shiftAll(t.batch)
	clear(t.grad.params)
	t.net.backward(t.batch, t.grad)
	clip(t.grad.params, gradientLimit)
	t.adam.step(t.net.params, t.grad.params, rate(i, n))
	decay := float32(min(averaging, float64(i)/float64(i+10))) // the first weights are forgotten sooner
	for j, w := range t.net.params {
		t.average[j] += (1 - decay) * (w - t.average[j])
	}
}
