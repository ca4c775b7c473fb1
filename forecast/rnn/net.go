package rnn

import (
	"math"
	"math/rand/v2"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// quantileCount is the number of quantiles that the network has outputs for, at each step.
const quantileCount = 9

// probabilities are those of the quantiles. Others are interpolated.
var probabilities = [quantileCount]float64{0.005, 0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975, 0.995}

// shape says how large the parts of a network are.
type shape struct {
	patches, input int   // the sequence that the LSTM reads
	units          int   // of the LSTM
	context        int   // the inputs that the head reads beside the LSTM's output
	steps          int   // horizons with outputs
	candidates     int   // forecasts that are mixed
	bucket         []int // of each step; the gates of the candidates are shared by the steps of a bucket
}

// buckets returns the number of buckets.
func (s shape) buckets() int { return s.bucket[len(s.bucket)-1] + 1 }

// headIn returns how many numbers the head reads.
func (s shape) headIn() int { return s.units + s.context }

// quantiles returns how many outputs are quantiles. The gates follow them.
func (s shape) quantiles() int { return s.steps * quantileCount }

// headOut returns how many numbers the head gives.
func (s shape) headOut() int { return s.quantiles() + s.buckets()*s.candidates }

// net is the network: an LSTM over the patches and a linear head on its last output and the context. The head gives, for every step,
// quantiles, and for every bucket of steps, gates: the weights by which candidate forecasts shift all the quantiles of a step.
type net struct {
	shape
	params []float32 // everything below shares it
	cell   cell
	head   matrix
	bias   []float32
}

// newNet returns a network with all parameters zero.
func newNet(s shape) *net {
	n := 4 * s.units
	sizes := []int{s.input * n, s.units * n, n, s.headIn() * s.headOut(), s.headOut()}
	total := 0
	for _, k := range sizes {
		total += k
	}
	m := &net{shape: s, params: make([]float32, total)}
	rest := m.params
	take := func(k int) []float32 {
		out := rest[:k:k]
		rest = rest[k:]
		return out
	}
	m.cell = cell{n: s.units, wx: matrix{s.input, n, take(sizes[0])}, wh: matrix{s.units, n, take(sizes[1])}, b: take(sizes[2])}
	m.head = matrix{s.headIn(), s.headOut(), take(sizes[3])}
	m.bias = take(sizes[4])
	return m
}

// deviation makes a mean absolute error a standard deviation for normal errors: sqrt(pi/2).
const deviation = 1.2533141373155003

// initialise draws the weights of the LSTM uniformly within 1/sqrt(units), opens its forget gates (Jozefowicz et al. 2015, section 2.2)
// and sets the head to zero, but for quantiles that are those of normal errors with a mean absolute value of one.
func (m *net) initialise(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	limit := 1 / math.Sqrt(float64(m.units))
	for _, w := range [][]float32{m.cell.wx.data, m.cell.wh.data} {
		for i := range w {
			w[i] = float32(limit * (2*rng.Float64() - 1))
		}
	}
	for i := range m.units {
		m.cell.b[m.units+i] = 1
	}
	for i := range m.steps {
		for j, p := range probabilities {
			m.bias[i*quantileCount+j] = float32(deviation * forecast.NormalQuantile(p))
		}
	}
}

// batch holds the windows of a pass and its results. Row k belongs to window k.
type batch struct {
	*tape
	context    matrix
	candidates matrix    // per step the candidates
	target     matrix    // per step
	known      matrix    // 1 where there is a target, else 0
	weight     []float32 // of the window in the loss
	mask       matrix    // factors on the LSTM's outputs, drawn while training and of no rows elsewhere
	in, out    matrix    // of the head
	din, dout  matrix
	headT      matrix
}

// newBatch returns the space for size windows.
func newBatch(size int, s shape) *batch {
	return &batch{
		tape: newTape(size, s.patches, s.input, s.units), context: newMatrix(size, s.context),
		candidates: newMatrix(size, s.steps*s.candidates), target: newMatrix(size, s.steps), known: newMatrix(size, s.steps),
		weight: make([]float32, size), in: newMatrix(size, s.headIn()), out: newMatrix(size, s.headOut()),
	}
}

// forward fills b.out: the quantiles of each step, before the shift by the candidates, and the gates.
func (m *net) forward(b *batch) {
	last := m.cell.forward(b.tape)
	for k := range b.batch {
		in := b.in.row(k)
		copy(in, last.row(k))
		b.drop(k, in)
		copy(in[m.units:], b.context.row(k))
		copy(b.out.row(k), m.bias)
	}
	mulAdd(b.in, m.head, 1, b.out)
}

// drop multiplies v, of the LSTM's outputs of window k, by the mask where there is one.
func (b *batch) drop(k int, v []float32) {
	if b.mask.rows == 0 {
		return
	}
	for j, f := range b.mask.row(k) {
		v[j] *= f
	}
}

// shiftAll adds to the quantiles of every step the candidates times their gates.
func (m *net) shiftAll(b *batch) {
	for k := range b.batch {
		out, candidates := b.out.row(k), b.candidates.row(k)
		for i := range m.steps {
			v := m.mix(out, i, candidates[i*m.candidates:(i+1)*m.candidates])
			q := out[i*quantileCount : (i+1)*quantileCount]
			for j := range q {
				q[j] += v
			}
		}
	}
}

// gates returns the part of out that mixes the candidates of step i.
func (m *net) gates(out []float32, i int) []float32 {
	from := m.quantiles() + m.bucket[i]*m.candidates
	return out[from : from+m.candidates]
}

// mix returns the candidates of step i times their gates.
func (m *net) mix(out []float32, i int, candidates []float32) float32 {
	var sum float32
	for j, g := range m.gates(out, i) {
		sum += g * candidates[j]
	}
	return sum
}

// loss returns the mean pinball loss of b.out over windows, steps and probabilities (Koenker and Bassett 1978): (p-1)(y-f) if y < f, else
// p(y-f), times the weight of the window.
func (m *net) loss(b *batch) float64 {
	var sum float64
	for k := range b.batch {
		out, target, known := b.out.row(k), b.target.row(k), b.known.row(k)
		var s float64
		for i, y := range target {
			if known[i] == 0 {
				continue
			}
			for j, p := range probabilities {
				d := float64(y - out[i*quantileCount+j])
				s += max(p*d, (p-1)*d)
			}
		}
		sum += s * float64(b.weight[k])
	}
	return sum / float64(b.batch*m.quantiles())
}

// backward adds the derivatives of the loss by all parameters to grad, after forward and shiftAll, whose tape it uses up.
func (m *net) backward(b *batch, grad *net) {
	if b.dout.data == nil {
		b.dout, b.din, b.headT = newMatrix(b.batch, m.headOut()), newMatrix(b.batch, m.headIn()), newMatrix(m.headOut(), m.headIn())
		b.dh = newMatrix(b.batch, m.units)
	}
	for k := range b.batch {
		m.deriveLoss(b, k)
	}
	mulTransAdd(b.in, b.dout, grad.head)
	addColumnSums(b.dout, grad.bias)
	transpose(m.head, b.headT)
	mulAdd(b.dout, b.headT, 0, b.din)
	for k := range b.batch {
		copy(b.dh.row(k), b.din.row(k)[:m.units])
		b.drop(k, b.dh.row(k))
	}
	m.cell.backward(b.tape, b.dh, grad.cell)
}

// deriveLoss fills the derivatives of the loss by the head's outputs of window k.
func (m *net) deriveLoss(b *batch, k int) {
	out, dout, target, known, candidates := b.out.row(k), b.dout.row(k), b.target.row(k), b.known.row(k), b.candidates.row(k)
	clear(dout)
	unit := b.weight[k] / float32(b.batch*m.quantiles())
	nc := m.candidates
	for i, y := range target {
		if known[i] == 0 {
			continue
		}
		var sum float32
		for j, p := range probabilities {
			d := -float32(p) * unit
			if y < out[i*quantileCount+j] {
				d += unit
			}
			dout[i*quantileCount+j] = d
			sum += d
		}
		dgates := m.gates(dout, i)
		for j, c := range candidates[i*nc : (i+1)*nc] {
			dgates[j] += sum * c
		}
	}
}
