package rnn

// cell is one LSTM layer (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000) of n units that reads d inputs:
//
//	i, f, o = sigmoid(x Wx + h Wh + b)   g = tanh(x Wx + h Wh + b)   c' = f c + i g   h' = o tanh(c')
//
// The four gates lie side by side in the columns, in the order i, f, g, o.
type cell struct {
	n      int
	wx, wh matrix
	b      []float32
}

// tape holds what a pass of a cell over a batch leaves for the way back. Rows are time-major: row t*batch+k is sequence k at time t.
type tape struct {
	batch, steps int
	x            matrix // the inputs
	gates        matrix // i, f, g, o; after the way back the derivatives of the loss by what went into them
	c, tc, h     matrix // cell states, their tanh, outputs
	dh, dc, whT  matrix // of one time
}

// newTape returns the space for a batch of sequences of the given length.
func newTape(batch, steps, d, n int) *tape {
	rows := batch * steps
	return &tape{
		batch: batch, steps: steps, x: newMatrix(rows, d), gates: newMatrix(rows, 4*n),
		c: newMatrix(rows, n), tc: newMatrix(rows, n), h: newMatrix(rows, n),
	}
}

// at returns the rows of m at time t.
func (s *tape) at(m matrix, t int) matrix { return m.slab(t*s.batch, (t+1)*s.batch) }

// forward runs the cell over s.x from a state of zeros. The result is the output at the last time.
func (l cell) forward(s *tape) matrix {
	for i := range s.gates.rows {
		copy(s.gates.row(i), l.b)
	}
	mulAdd(s.x, l.wx, 1, s.gates)
	for t := range s.steps {
		gates := s.at(s.gates, t)
		if t > 0 {
			mulAdd(s.at(s.h, t-1), l.wh, 1, gates)
		}
		for k := range s.batch {
			var before []float32
			if t > 0 {
				before = s.c.row((t-1)*s.batch + k)
			}
			i := t*s.batch + k
			l.activate(gates.row(k), before, s.c.row(i), s.tc.row(i), s.h.row(i))
		}
	}
	return s.at(s.h, s.steps-1)
}

// activate turns the sums in gates into gates and computes the state and the output of one sequence at one time; before is nil at the
// first time.
func (l cell) activate(gates, before, c, tc, h []float32) {
	n := l.n
	in, forget, cand, out := gates[:n], gates[n:2*n], gates[2*n:3*n], gates[3*n:4*n]
	for j := range in {
		i, g, o := sigmoid(in[j]), tanh(cand[j]), sigmoid(out[j])
		v := i * g
		if before != nil {
			f := sigmoid(forget[j])
			forget[j] = f
			v += f * before[j]
		}
		in[j], cand[j], out[j] = i, g, o
		c[j], tc[j] = v, tanh(v)
		h[j] = o * tc[j]
	}
}

// backward adds the derivatives of the loss by the cell's parameters to grad, given those by the output at the last time in dh, which
// it overwrites. The parameters are those of the pass forward.
func (l cell) backward(s *tape, dh matrix, grad cell) {
	if s.whT.data == nil {
		s.whT, s.dc = newMatrix(4*l.n, l.n), newMatrix(s.batch, l.n)
	}
	transpose(l.wh, s.whT)
	clear(s.dc.data)
	for t := s.steps - 1; t >= 0; t-- {
		gates := s.at(s.gates, t)
		for k := range s.batch {
			var before []float32
			if t > 0 {
				before = s.c.row((t-1)*s.batch + k)
			}
			l.derive(gates.row(k), before, s.tc.row(t*s.batch+k), dh.row(k), s.dc.row(k))
		}
		if t > 0 {
			mulAdd(gates, s.whT, 0, dh)
		}
	}
	mulTransAdd(s.x, s.gates, grad.wx)
	addColumnSums(s.gates, grad.b)
	mulTransAdd(s.h.slab(0, s.h.rows-s.batch), s.gates.slab(s.batch, s.gates.rows), grad.wh)
}

// derive turns the gates of one sequence at one time into the derivatives by the sums that made them, and dc, which is that by the
// state, into that by the state before.
func (l cell) derive(gates, before, tc, dh, dc []float32) {
	n := l.n
	in, forget, cand, out := gates[:n], gates[n:2*n], gates[2*n:3*n], gates[3*n:4*n]
	for j := range in {
		i, g, o := in[j], cand[j], out[j]
		d := dc[j] + dh[j]*o*(1-tc[j]*tc[j])
		out[j] = dh[j] * tc[j] * o * (1 - o)
		in[j] = d * g * i * (1 - i)
		cand[j] = d * i * (1 - g*g)
		if before == nil {
			forget[j] = 0
			continue
		}
		f := forget[j]
		forget[j] = d * before[j] * f * (1 - f)
		dc[j] = d * f
	}
}
