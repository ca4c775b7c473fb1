package ets

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// uniform returns n numbers in (0, 1) that R computes alike: Park and Miller's generator from 7.
func uniform(n int) []float64 {
	out := make([]float64, n)
	x := 7
	for i := range out {
		x = 16807 * x % 2147483647
		out[i] = float64(x) / 2147483647
	}
	return out
}

// quarters is a trend with a season of four steps and noise.
func quarters() []float64 {
	y := uniform(60)
	for i, u := range y {
		y[i] = (100+0.5*float64(i))*[]float64{1.2, 0.9, 0.8, 1.1}[i%4] + 16*(u-0.5)
	}
	return y
}

// reference is what R's ets fits to quarters and forecasts 1, 2, 5 and 10 steps ahead. The values here and below were made by
//
//	library(forecast) # 8.20
//	u <- numeric(60); x <- 7; for (i in 1:60) { x <- (16807*x) %% 2147483647; u[i] <- x/2147483647 }
//	y <- ts((100+0.5*(0:59))*rep(c(1.2,.9,.8,1.1),15) + 16*(u-.5), frequency=4)
//	f <- ets(y, model="AAN", damped=TRUE); fc <- forecast(f, h=10); i <- c(1,2,5,10)
//	print(c(f$loglik, f$aicc), 12); print(f$par, 12); print(f$states[1,], 12)
//	print(fc$mean[i], 12); print(((fc$upper[,2]-fc$mean)/qnorm(.975))[i], 12)
//
// where states lists the season backwards from the last.
type reference struct {
	shape     shape
	likely    float64
	aicc      float64
	smoothing smoothing
	state     state
	season    []float64 // backwards, as R has it
	mean, sd  [4]float64
}

var references = []reference{
	{
		shape{AdditiveError, NoTrend, NoSeason},
		-305.211551, 616.851673,
		smoothing{0.0696787098912, 0, 0, 1},
		state{107.251472669, 0},
		nil,
		[4]float64{121.9866863, 121.9866863, 121.9866863, 121.9866863},
		[4]float64{21.25596734, 21.30750502, 21.46137551, 21.71540358},
	},
	{
		shape{AdditiveError, DampedTrend, NoSeason},
		-301.750883, 617.086672,
		smoothing{0.00177458216065, 0.00177447537124, 0, 0.979998213014},
		state{99.7757022294, 0.833824760939},
		nil,
		[4]float64{125.6522608, 125.850249, 126.4207683, 127.2980487},
		[4]float64{20.6046091, 20.60473629, 20.60625413, 20.61548012},
	},
	{
		shape{MultiplicativeError, DampedTrend, NoSeason},
		-301.381082, 616.34707,
		smoothing{0.000882610895472, 0.000882610427933, 0, 0.979734113964},
		state{99.0420843232, 0.80891426478},
		nil,
		[4]float64{126.1029097, 126.3175513, 126.9357275, 127.8852719},
		[4]float64{22.3956898, 22.43384503, 22.54405127, 22.71522508},
	},
	{
		shape{AdditiveError, AdditiveTrend, AdditiveSeason},
		-208.896231, 439.392463,
		smoothing{0.0189213997043, 0.0189213922735, 0.000103336620923, 1},
		state{98.9684613078, 0.869072703099},
		[]float64{10.7233854665, -24.5486006292, -11.3323686604, 25.157583823},
		[4]float64{153.348157, 117.4182091, 155.5895481, 121.9009913},
		[4]float64{4.508578868, 4.511806029, 4.551996173, 4.808635805},
	},
	{
		shape{MultiplicativeError, AdditiveTrend, AdditiveSeason},
		-211.104851, 443.809703,
		smoothing{0.0078517294221, 0.00774272641053, 0.00160977319053, 1},
		state{100.926840823, 0.642234443834},
		[]float64{10.2368131195, -24.5386935205, -10.8845547623, 25.1864351634},
		[4]float64{153.3562041, 117.6160444, 154.7397673, 120.3831709},
		[4]float64{6.304430128, 4.836163389, 6.369614103, 5.019184877},
	},
	{
		shape{MultiplicativeError, NoTrend, MultiplicativeSeason},
		-218.868825, 453.891497,
		smoothing{0.325158382873, 0, 0.000100038563266, 1},
		state{106.839477602, 0},
		[]float64{1.08899275338, 0.789171212774, 0.901849164607, 1.21998686924},
		[4]float64{155.3892068, 114.8679956, 155.3892178, 114.8680118},
		[4]float64{7.241576659, 5.629639219, 8.641606878, 7.484161503},
	},
	{
		shape{MultiplicativeError, AdditiveTrend, MultiplicativeSeason},
		-209.927518, 441.455035,
		smoothing{0.019823662909, 0.0198236170968, 0.0241019469388, 1},
		state{99.1222855661, 0.935422683063},
		[]float64{1.08662252127, 0.78781201365, 0.904548040183, 1.2210174249},
		[4]float64{157.1346582, 116.7325345, 159.6797235, 120.4990311},
		[4]float64{6.349730333, 4.720783549, 6.535974932, 5.23845525},
	},
}

// steps1, 2, 5 and 10 are those that the references tell.
var told = [4]int{1, 2, 5, 10}

// With R's parameters and initial states, likelihood, means and variances are R's.
func TestGivenParameters(t *testing.T) {
	for _, r := range references {
		m := max(1, len(r.season))
		k := newLikelihood(newTape(quarters(), m), r.shape, 100, nil, false)
		for j, s := range r.season {
			k.ring[m-1-j] = s
		}
		end, sum := k.forward(r.shape, r.smoothing, r.state)
		n := float64(k.present)
		likely := -0.5 * (n*math.Log(sum.squares) + 2*sum.logs)
		if math.Abs(likely-r.likely) > 1e-6*math.Abs(r.likely) {
			t.Errorf("%s: log likelihood %.9g, want %.9g", r.shape, likely, r.likely)
		}
		model := &model{Shape: r.shape, Smoothing: r.smoothing, Level: end.l, Slope: end.b, Sigma2: sum.squares / (n - float64(r.shape.count(m)))}
		if len(r.season) > 0 {
			model.Season, model.At = k.ring, len(k.y)%m
		}
		mean, variance := model.moments(10)
		for i, h := range told {
			if sd := math.Sqrt(variance[h-1]); math.Abs(mean[h-1]-r.mean[i]) > 1e-6*r.mean[i] || math.Abs(sd-r.sd[i]) > 1e-6*r.sd[i] {
				t.Errorf("%s: step %d is %.10g with deviation %.10g, want %.10g and %.10g", r.shape, h, mean[h-1], sd, r.mean[i], r.sd[i])
			}
		}
	}
}

// Fits are at least as likely as R's.
func TestAtLeastAsLikelyAsR(t *testing.T) {
	y := series.Series{Key: "t", Start: time.Unix(0, 0).UTC(), Step: time.Hour, Values: quarters()}
	for _, r := range references {
		m := max(1, len(r.season))
		h := newHistory(y, m, false)
		c, err := h.fit(context.Background(), r.shape, m, nil, 2)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.settle(context.Background()); err != nil {
			t.Fatal(err)
		}
		unit := 2 * float64(h.present) * math.Log(h.scale.out(1))
		if aicc := c.aicc() + unit; aicc > r.aicc+1e-5 {
			t.Errorf("%s: criterion %.6f, want at most %.6f", r.shape, aicc, r.aicc)
		}
		f := newModel("t", "", y, h, c, mostQuantile).Forecast(10)
		t.Logf("%s: criterion %.6f below R's, step 1 is %.2e and step 10 %.2e from R's", r.shape, r.aicc-c.aicc()-unit,
			f.Steps[0].Quantile(0.5)/r.mean[0]-1, f.Steps[9].Quantile(0.5)/r.mean[3]-1)
	}
}
