package arima_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast/arima"
	"github.com/forethought-autoscaler/forethought/forecast/methodtest"
	"github.com/forethought-autoscaler/forethought/series"
)

// A season that is too long for the automatic choice is left out.
func TestLongSeasonIsLeftOut(t *testing.T) {
	y := series.Series{Key: "t", Start: time.Unix(0, 0).UTC(), Step: 3 * time.Minute, Values: make([]float64, 1200)}
	for i := range y.Values {
		y.Values[i] = 50 + 30*math.Sin(2*math.Pi*float64(i)/480) + float64(i*7%13)
	}
	methodtest.Sane(t, methodtest.Fit(t, arima.Auto{Period: 24 * time.Hour}, y).Forecast(24), 24)
}

// A season that is too long makes no difference, however long the history is.
func TestTooLongSeasonIsNone(t *testing.T) {
	y := hourly(3500)
	y.Step = time.Minute
	with := methodtest.Table(methodtest.Fit(t, arima.Auto{Period: day}, y).Forecast(24))
	if want := methodtest.Table(methodtest.Fit(t, arima.Auto{}, y).Forecast(24)); !slices.Equal(with, want) {
		t.Error("the forecast differs from the one without a season")
	}
}
