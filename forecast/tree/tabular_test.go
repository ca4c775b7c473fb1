package tree_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/forecast/tree"
)

// lcg is the generator of the test data, the same in every language.
type lcg int64

func (g *lcg) next() float64 {
	*g = (1103515245**g + 12345) % 2147483648
	return float64(*g) / 2147483648
}

// friedman returns rows of Friedman's first test function (Friedman 1991, section 4.3) with noise that grows with the last feature and a
// tenth of the fourth feature missing.
func (g *lcg) friedman(n int) (x [][]float64, y []float64) {
	for range n {
		v := make([]float64, 6)
		for j := range v {
			v[j] = g.next()
		}
		f := 10*math.Sin(math.Pi*v[0]*v[1]) + 20*(v[2]-0.5)*(v[2]-0.5) + 10*v[3] + 5*v[4]
		f += 4 * (g.next() + g.next() + g.next() - 1.5) * (0.5 + v[5])
		if g.next() < 0.1 {
			v[3] = math.NaN()
		}
		x, y = append(x, v), append(y, f)
	}
	return x, y
}

// thousands returns 2000 rows to fit on and 2000 others.
func thousands() (x [][]float64, y []float64, otherX [][]float64, otherY []float64) {
	g := lcg(12345)
	x, y = g.friedman(2000)
	otherX, otherY = g.friedman(2000)
	return x, y, otherX, otherY
}

// classes cuts y at 10, 15 and 20.
func classes(y []float64) []int {
	out := make([]int, len(y))
	for i, v := range y {
		for _, edge := range []float64{10, 15, 20} {
			if v >= edge {
				out[i]++
			}
		}
	}
	return out
}

// The errors wanted are those of scikit-learn 1 on the same rows, by python3 with:
//
//	import numpy as np
//	from sklearn.ensemble import *
//	s=12345
//	def lcg():
//	    global s; s=(1103515245*s+12345)%2147483648; return s/2147483648
//	def rows(n):
//	    X=np.empty((n,6)); y=np.empty(n)
//	    for i in range(n):
//	        x=[lcg() for _ in range(6)]
//	        y[i]=10*np.sin(np.pi*x[0]*x[1])+20*(x[2]-.5)**2+10*x[3]+5*x[4]+4*(lcg()+lcg()+lcg()-1.5)*(.5+x[5])
//	        if lcg()<.1: x[3]=np.nan
//	        X[i]=x
//	    return X,y
//	X,y=rows(2000); T,t=rows(2000); fill=lambda a:np.where(np.isnan(a),-1,a)
//	pin=lambda p,f:np.mean(np.where(t<f,(1-p)*(f-t),p*(t-f)))
//	H=lambda **k:HistGradientBoostingRegressor(early_stopping=False,**k).fit(X,y).predict(T)
//	print(np.mean((H()-t)**2), np.mean((H(l2_regularization=10)-t)**2), 2*pin(.5,H(loss='absolute_error')))
//	print([pin(p,H(loss='quantile',quantile=p)) for p in (.1,.9)])
//	print(np.mean((RandomForestRegressor(min_samples_leaf=5,random_state=1).fit(fill(X),y).predict(fill(T))-t)**2))
//	c,d=np.digitize(y,[10,15,20]),np.digitize(t,[10,15,20]); r=RandomForestClassifier(random_state=1).fit(fill(X),c)
//	print(r.score(fill(T),d), -np.mean(np.log(np.maximum(r.predict_proba(fill(T))[range(2000),d],1e-3))))
func TestErrorsOfScikitLearn(t *testing.T) {
	x, y, otherX, otherY := thousands()
	f := func(name string, want float64, loss func(x []float64, y float64) float64) {
		t.Helper()
		var sum float64
		for i := range otherX {
			sum += loss(otherX[i], otherY[i])
		}
		if got := sum / float64(len(otherX)); got > 1.03*want || got < 0.94*want {
			t.Errorf("%s: error %.4f, want %.4f", name, got, want)
		} else {
			t.Logf("%s: error %.4f, scikit-learn's %.4f", name, got, want)
		}
	}
	boosted := func(r tree.Regressor) func(x []float64, y float64) float64 {
		m, err := r.Fit(t.Context(), x, y)
		if err != nil {
			t.Fatal(err)
		}
		return func(x []float64, y float64) float64 {
			v := m.Predict(x)
			if r.Probability == 0 {
				return (v - y) * (v - y)
			}
			return forecast.QuantileScore(r.Probability, v, y) / 2
		}
	}
	f("squared", 6.4189, boosted(tree.Regressor{}))
	f("squared, penalty", 6.4216, boosted(tree.Regressor{Penalty: 10}))
	f("absolute", 1.98181/2, boosted(tree.Regressor{Probability: 0.5}))
	f("quantile 0.1", 0.50851, boosted(tree.Regressor{Probability: 0.1}))
	f("quantile 0.9", 0.49856, boosted(tree.Regressor{Probability: 0.9}))
	forest, err := tree.Forest{}.Fit(t.Context(), x, y)
	if err != nil {
		t.Fatal(err)
	}
	f("forest", 7.4143, func(x []float64, y float64) float64 { v := forest.Predict(x); return (v - y) * (v - y) })
	classifier, err := tree.Classifier{}.Fit(t.Context(), x, classes(y))
	if err != nil {
		t.Fatal(err)
	}
	f("classifier, share wrong", 1-0.6085, func(x []float64, y float64) float64 {
		return map[bool]float64{true: 0, false: 1}[classifier.Class(x) == classes([]float64{y})[0]]
	})
	f("classifier, log loss", 0.85206, func(x []float64, y float64) float64 {
		return -math.Log(max(classifier.Probabilities(x)[classes([]float64{y})[0]], 1e-3))
	})
}

// column returns rows of one feature.
func column(v ...float64) [][]float64 {
	out := make([][]float64, len(v))
	for i := range v {
		out[i] = v[i : i+1]
	}
	return out
}

// One tree of one split, its leaves worked out by hand: the start is the mean or the median of all targets, and each leaf adds that of its
// residuals.
func TestOneSplit(t *testing.T) {
	x := column(1, 2, 3, 4, 5, 6, 7, 8)
	f := func(r tree.Regressor, x [][]float64, y []float64, at, want float64) {
		t.Helper()
		r.Trees, r.Leaves, r.LeastRows, r.Rate = 1, 2, 1, 1
		m, err := r.Fit(t.Context(), x, y)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Predict([]float64{at}); math.Abs(got-want) > 1e-6 {
			t.Errorf("%+v at %v: %v, want %v", r, at, got, want)
		}
	}
	steps := []float64{0, 0, 0, 0, 10, 10, 10, 10}
	f(tree.Regressor{}, x, steps, 4.4, 0)
	f(tree.Regressor{}, x, steps, 4.6, 10)
	f(tree.Regressor{Penalty: 4}, x, steps, 1, 2.5) // 5 + (4 times -5)/(4+4)
	f(tree.Regressor{Penalty: 4}, x, steps, math.Inf(1), 7.5)
	heavy := []float64{0, 1, 2, 9, 20, 21, 22, 400}
	f(tree.Regressor{Probability: 0.5}, x, heavy, 1, 1.5)
	f(tree.Regressor{Probability: 0.5}, x, heavy, 8, 21.5)
	lost := column(1, 2, math.NaN(), 4, 5, math.NaN(), 7, 8)
	f(tree.Regressor{}, lost, []float64{0, 0, 10, 0, 10, 10, 10, 10}, math.NaN(), 10)
	f(tree.Regressor{}, lost, []float64{0, 0, 0, 0, 10, 0, 10, 10}, math.NaN(), 0)
	f(tree.Regressor{}, lost, []float64{0, 0, 10, 0, 0, 10, 0, 0}, 3, 0) // the split of missing from present
	f(tree.Regressor{}, lost, []float64{0, 0, 10, 0, 0, 10, 0, 0}, math.NaN(), 10)
	f(tree.Regressor{}, x, []float64{3, 3, 3, 3, 3, 3, 3, 3}, 2, 3)
}

// In a forest of one tree of all rows a leaf's distribution is that of its targets.
func TestDistributionOfLeaves(t *testing.T) {
	x, y := [][]float64{}, []float64{}
	for i := range 400 {
		x, y = append(x, []float64{float64(i % 2)}), append(y, float64(i/2)+1000*float64(i%2))
	}
	m, err := tree.Forest{Trees: 200, LeastRows: 150}.Fit(t.Context(), x, y)
	if err != nil {
		t.Fatal(err)
	}
	f := func(at, p, want float64) {
		t.Helper()
		if got := m.Distribution([]float64{at}).Quantile(p); math.Abs(got-want) > 4 {
			t.Errorf("quantile %v at %v is %v, want %v", p, at, got, want)
		}
	}
	f(0, 0.1, 20)
	f(0, 0.5, 100)
	f(0, 0.95, 190)
	f(1, 0.5, 1100)
	f(1, 0.9, 1180)
}

func TestEarlyStopping(t *testing.T) {
	x, y, _, _ := thousands()
	m, err := tree.Regressor{Trees: 1000, Rate: 0.3, Held: 0.2}.Fit(t.Context(), x, y)
	if err != nil {
		t.Fatal(err)
	}
	if m.Trees() < 5 || m.Trees() > 200 {
		t.Errorf("%d trees", m.Trees())
	}
}

// Rows and features drawn at random cost little accuracy, and the same seed draws the same.
func TestShares(t *testing.T) {
	x, y, otherX, otherY := thousands()
	f := func(r tree.Regressor) (sum float64) {
		t.Helper()
		m, err := r.Fit(t.Context(), x, y)
		if err != nil {
			t.Fatal(err)
		}
		for i := range otherX {
			v := m.Predict(otherX[i])
			sum += (v - otherY[i]) * (v - otherY[i])
		}
		return sum / float64(len(otherX))
	}
	all, some, other := f(tree.Regressor{}), f(tree.Regressor{RowShare: 0.5, FeatureShare: 0.7}), f(tree.Regressor{RowShare: 0.5, Seed: 7})
	if some > 1.1*all || some == all || other == all {
		t.Errorf("errors %v, %v and %v", all, some, other)
	}
	if again := f(tree.Regressor{RowShare: 0.5, FeatureShare: 0.7}); again != some {
		t.Errorf("the same seed gives %v, then %v", some, again)
	}
}

func TestTabularRefuses(t *testing.T) {
	x, y := column(1, 2, 3), []float64{1, 2, 3}
	f := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	regress := func(r tree.Regressor, x [][]float64, y ...float64) error {
		_, err := r.Fit(t.Context(), x, y)
		return err
	}
	f(regress(tree.Regressor{}, nil), "no rows")
	f(regress(tree.Regressor{}, x, 1, 2), "3 rows with 2 targets")
	f(regress(tree.Regressor{}, x, 1, 2, math.NaN()), "target 2 is NaN")
	f(regress(tree.Regressor{}, [][]float64{{1}, {1, 2}}, 1, 2), "row 1 has 2 features")
	f(regress(tree.Regressor{Probability: 1}, x, y...), "Regressor.Probability")
	f(regress(tree.Regressor{Leaves: 1}, x, y...), "Regressor.Leaves")
	_, err := tree.Forest{Trees: -1}.Fit(t.Context(), x, y)
	f(err, "Forest.Trees")
	_, err = tree.Classifier{}.Fit(t.Context(), x, []int{0, 1, -1})
	f(err, "class -1 of row 2")
	_, err = tree.Classifier{Bins: 1}.Fit(t.Context(), x, []int{0, 1, 1})
	f(err, "Bins")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (tree.Regressor{}).Fit(ctx, x, y); !errors.Is(err, context.Canceled) {
		t.Errorf("fit with a cancelled context: %v", err)
	}
}
