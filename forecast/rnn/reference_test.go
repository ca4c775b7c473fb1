package rnn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The references are computed by PyTorch in float64 from w(n, k), whose i-th number is sin(1+k+0.7i)/2. The commands in the comments
// follow
//
//	import torch, torch.nn as nn
//	torch.set_default_dtype(torch.float64)
//	w = lambda n, k: torch.sin(1+k+0.7*torch.arange(n))/2
func w(n, k int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(math.Sin(1+float64(k)+0.7*float64(i)) / 2)
	}
	return out
}

const tolerance = 1e-6

// near fails the test where got and want differ.
func near(t *testing.T, what string, got []float32, want ...float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d numbers, want %d", what, len(got), len(want))
	}
	for i := range got {
		if math.Abs(float64(got[i])-want[i]) > tolerance {
			t.Errorf("%s[%d] is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// The outputs of an LSTM of 2 units over 3 times of 3 inputs, for a batch of 2, and the derivatives of (h[-1]*w(4, 4)).sum():
//
//	l = nn.LSTM(3, 2)
//	with torch.no_grad():
//	    l.weight_ih_l0.copy_(w(24, 0).view(3, 8).T); l.weight_hh_l0.copy_(w(16, 1).view(2, 8).T)
//	    l.bias_ih_l0.copy_(w(8, 2)); l.bias_hh_l0.zero_()
//	h, _ = l(w(18, 3).view(3, 2, 3)); (h[-1]*w(4, 4).view(2, 2)).sum().backward()
//	print(h.flatten(), l.weight_ih_l0.grad.T.flatten(), l.weight_hh_l0.grad.T.flatten(), l.bias_ih_l0.grad)
func TestCellAgainstTorch(t *testing.T) {
	cellOf := func(wx, wh, b []float32) cell { return cell{n: 2, wx: matrix{3, 8, wx}, wh: matrix{2, 8, wh}, b: b} }
	c := cellOf(w(24, 0), w(16, 1), w(8, 2))
	s := newTape(2, 3, 3, 2)
	copy(s.x.data, w(18, 3))
	c.forward(s)
	near(t, "h", s.h.data, -0.0827060044153708, 0.09869055744444799, -0.0131335864871482, 0.01949792322159759, -0.13790124650128208,
		-0.03373773934614338, -0.08656184027304784, 0.1061299055064, -0.05976204267148229, 0.018131847365891643, -0.14014033290581504,
		-0.030969248810101522)
	grad := cellOf(make([]float32, 24), make([]float32, 16), make([]float32, 8))
	c.backward(s, matrix{2, 2, w(4, 4)}, grad)
	near(t, "dwx", grad.wx.data, 0.0015322044562075365, -0.006083679361983568, -0.0007983315934931876, 0.002821818459407775,
		0.004911692426315124, 0.043009346662359574, -0.0056215004575647255, -0.0021382472106635316, -0.0004955272965404722,
		-0.005943435555853756, 0.00477620720395415, 0.0020087363367814934, -0.02953374407968385, 0.0003061477774925684,
		0.0007458589232836718, -0.0014903699963994134, -0.0022902048188979092, -0.0030079011390636064, 0.008104421123085619,
		0.00025091412759580185, -0.05008899926752642, -0.04254103719082011, 0.006762429198144592, -0.0001415484851550712)
	near(t, "dwh", grad.wh.data, -0.00012642798952931084, 0.0015056642334922614, -0.0025370597189411357, -0.0008784440644227366,
		0.019224716353001048, 0.0009017292229658407, -0.0010459452490763166, 0.0008492518692293512, 0.00055983359561809,
		-0.0008404255753866163, -0.0004496907002768919, 0.000647146070689364, 0.0014442894702661824, 0.012357227445588592,
		-0.0013504082892380528, -0.0005717581840454654)
	near(t, "db", grad.b, 0.005315734616571758, -0.010092376634209161, 0.01911434524480851, 0.009099735956310648, -0.17000995108330114,
		0.04604816194085098, 0.00450664193240099, -0.009256486603353837)
}

// small returns a network with weights w and a batch for it, with a mask.
func small() (*net, *batch) {
	s := shape{patches: 3, input: 3, units: 2, context: 2, steps: 3, candidates: 2, bucket: []int{0, 1, 1}}
	m, b := newNet(s), newBatch(2, s)
	for k, group := range groups(m) {
		copy(group, w(len(group), k))
	}
	copy(b.x.data, w(18, 5))
	copy(b.context.data, w(4, 6))
	copy(b.candidates.data, w(12, 7))
	copy(b.target.data, w(6, 8))
	b.mask = matrix{2, 2, []float32{2, 0, 1, 2}}
	b.weight = []float32{0.5, 2}
	for i := range b.known.data {
		b.known.data[i] = 1
	}
	return m, b
}

// groups returns the groups of parameters.
func groups(m *net) [][]float32 {
	return [][]float32{m.cell.wx.data, m.cell.wh.data, m.cell.b, m.head.data, m.bias}
}

// The loss of the whole network and the derivatives by its groups of parameters, each times w(n, 9) and summed:
//
//	q = torch.tensor([.005, .025, .1, .25, .5, .75, .9, .975, .995])
//	P = [w(n, k).requires_grad_(True) for k, n in enumerate([24, 16, 8, 4*31, 31])]
//	z = torch.zeros(1, 2, 2); o = torch._VF.lstm(w(18, 5).view(3, 2, 3), (z, z), [P[0].view(3, 8).T, P[1].view(2, 8).T, P[2],
//	    torch.zeros(8)], True, 1, 0., False, False, False)[0]
//	u = torch.cat([o[-1]*torch.tensor([[2., 0.], [1., 2.]]), w(4, 6).view(2, 2)], 1) @ P[3].view(4, 31) + P[4]
//	f = u[:, :27].view(2, 3, 9) + (u[:, 27:].view(2, 2, 2)[:, [0, 1, 1]]*w(12, 7).view(2, 3, 2)).sum(-1, keepdim=True)
//	d = w(6, 8).view(2, 3, 1) - f
//	L = (torch.maximum(q*d, (q-1)*d).mean((1, 2))*torch.tensor([.5, 2.])).mean(); L.backward()
//	print(L, [(p.grad*w(len(p), 9)).sum() for p in P])
func TestNetAgainstTorch(t *testing.T) {
	m, b := small()
	m.forward(b)
	m.shiftAll(b)
	loss := m.loss(b)
	grad := newNet(m.shape)
	m.backward(b, grad)
	got := []float32{float32(loss)}
	for _, g := range groups(grad) {
		var sum float64
		for i, v := range w(len(g), 9) {
			sum += float64(v) * float64(g[i])
		}
		got = append(got, float32(sum))
	}
	near(t, "loss and derivatives", got, 0.2875804494429757, -0.013361057865720331, -0.0014926779117787853,
		0.028166138541494804, 0.017974272196055026, -0.19218982413594682)
}

// The derivatives agree with central differences of the loss, whose error at this width in float32 is below 2e-4.
func TestGradientAgainstDifferences(t *testing.T) {
	const width = 1e-3
	m, b := small()
	m.forward(b)
	m.shiftAll(b)
	grad := newNet(m.shape)
	m.backward(b, grad)
	loss := func() float64 {
		m.forward(b)
		m.shiftAll(b)
		return m.loss(b)
	}
	for k, group := range groups(m) {
		for i, v := range group {
			group[i] = v + width
			up := loss()
			group[i] = v - width
			down := loss()
			group[i] = v
			if d := (up - down) / (2 * width); math.Abs(d-float64(groups(grad)[k][i])) > 2e-4 {
				t.Errorf("derivative by parameter %d of group %d is %v, by differences %v", i, k, groups(grad)[k][i], d)
			}
		}
	}
}

// Five steps of Adam:
//
//	p = torch.tensor([.5, -.25, 1.], requires_grad=True); a = torch.optim.Adam([p], lr=.01)
//	for t in range(5): p.grad = torch.sin(torch.tensor([1., 2., 3.])*(t+1)); a.step()
//	print(p)
func TestAdamAgainstTorch(t *testing.T) {
	p := []float32{0.5, -0.25, 1}
	a := newAdam(len(p))
	for i := range 5 {
		g := make([]float32, len(p))
		for j := range g {
			g[j] = float32(math.Sin(float64((j + 1) * (i + 1))))
		}
		a.step(p, g, 0.01)
	}
	near(t, "parameters", p, 0.4696740823746508, -0.2626752799782266, 0.990331269395229)
}

// Pinball losses of the forecasts j/4-1 for 0.3 and -0.6:
//
//	q = torch.tensor([.005, .025, .1, .25, .5, .75, .9, .975, .995]); f = (torch.arange(9)/4-1).requires_grad_(True)
//	d = torch.tensor([[.3], [-.6]])-f; L = torch.maximum(q*d, (q-1)*d).mean(); L.backward(); print(L, f.grad)
func TestPinballAgainstTorch(t *testing.T) {
	s := shape{patches: 1, input: 1, units: 1, context: 1, steps: 1, candidates: 1, bucket: []int{0}}
	m, b := newNet(s), newBatch(2, s)
	for j := range quantileCount {
		m.bias[j] = float32(j)/4 - 1
	}
	copy(b.target.data, []float32{0.3, -0.6})
	copy(b.known.data, []float32{1, 1})
	copy(b.weight, []float32{1, 1})
	m.forward(b)
	m.shiftAll(b)
	near(t, "loss", []float32{float32(m.loss(b))}, 0.08305555555555556)
	grad := newNet(s)
	m.backward(b, grad)
	near(t, "derivatives", grad.bias[:quantileCount], -0.0005555555555555556, -0.002777777777777778, 0.04444444444444444,
		0.027777777777777776, 0, -0.027777777777777776, 0.011111111111111108, 0.00277777777777778, 0.000555555555555556)
	copy(b.known.data, []float32{0, 0})
	if l := m.loss(b); l != 0 {
		t.Errorf("loss of missing targets is %v", l)
	}
}

func TestClip(t *testing.T) {
	g := []float32{3, 4}
	clip(g, 10)
	near(t, "short gradient", g, 3, 4)
	clip(g, 1)
	near(t, "long gradient", g, 0.6, 0.8)
}

func TestProducts(t *testing.T) {
	f := func(m, k, n int) {
		t.Helper()
		a, b, c := matrix{m, k, w(m*k, 0)}, matrix{k, n, w(k*n, 1)}, newMatrix(m, n)
		at := newMatrix(k, m)
		transpose(a, at)
		mulAdd(a, b, 0, c)
		viaTranspose := newMatrix(m, n)
		mulTransAdd(at, b, viaTranspose)
		for i := range m {
			for j := range n {
				var want float64
				for l := range k {
					want += float64(a.row(i)[l]) * float64(b.row(l)[j])
				}
				for _, got := range []float32{c.row(i)[j], viaTranspose.row(i)[j]} {
					if math.Abs(float64(got)-want) > 1e-4 {
						t.Fatalf("%dx%dx%d: product[%d,%d] is %v, want %v", m, k, n, i, j, got, want)
					}
				}
			}
		}
	}
	f(1, 3, 5)
	f(70, 30, 200)
	f(130, 65, 64)
}

func TestActivations(t *testing.T) {
	for x := -40.0; x < 40; x += 0.0137 {
		v := float32(x)
		near(t, "tanh", []float32{tanh(v)}, math.Tanh(float64(v)))
		near(t, "sigmoid", []float32{sigmoid(v)}, 1/(1+math.Exp(-float64(v))))
		if e := exp(x)/math.Exp(x) - 1; math.Abs(e) > 1e-9 {
			t.Errorf("exp(%v) is off by %v", x, e)
		}
	}
}

func TestKnots(t *testing.T) {
	f := func(horizon, count int) {
		t.Helper()
		k := knots(horizon)
		if len(k) != count || k[0] != 1 || k[len(k)-1] != horizon || !slices.IsSorted(k) || len(slices.Compact(k)) != count {
			t.Errorf("knots of %d: %v", horizon, k)
		}
	}
	f(1, 1)
	f(48, 48)
	f(64, 64)
	f(65, 64)
	f(120, 64)
	f(1440, 64)
}

// One step of training on 128 windows at horizon 48.
func BenchmarkStep(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	z := make([]float64, 1000)
	for i := range z {
		z[i] = 0.5 + 0.3*math.Sin(2*math.Pi*float64(i)/24) + 0.05*rng.NormFloat64()
	}
	l := newLayout(Method{Horizon: 48}, 3600e9, len(z))
	s, _ := l.newSource(z, clock{})
	t := newTrainer(l, []source{s}, 1)
	for b.Loop() {
		t.step(0, 1000)
	}
}

func BenchmarkProduct(b *testing.B) {
	const m, k, n = 128, 64, 256
	x, y, z := matrix{m, k, w(m*k, 0)}, matrix{k, n, w(k*n, 1)}, newMatrix(m, n)
	for b.Loop() {
		mulAdd(x, y, 0, z)
	}
	b.ReportMetric(2*m*k*n*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFlop/s")
}
