package exporter

import (
	"math"
	"net/http"
	"time"

	"github.com/forethought-autoscaler/forethought/forecast"
	"github.com/forethought-autoscaler/forethought/pool"
)

// fleetData is one fleet of GET /api/v1/fleets. What a decision says is null unless Valid; instances are sums over the pools.
type fleetData struct {
	Name       string     `json:"name"`
	Unit       string     `json:"unit"`
	State      string     `json:"state"`
	Reason     string     `json:"reason"`
	ReadyAt    *time.Time `json:"ready_at"`
	Mode       string     `json:"mode,omitempty"`
	Killed     bool       `json:"killed"`
	Method     string     `json:"method,omitempty"`
	Valid      bool       `json:"valid"`
	ValidUntil *time.Time `json:"valid_until"`
	Demand     number     `json:"demand"`
	DemandAt   *time.Time `json:"demand_at"`
	Desired    *int       `json:"desired"`
	Planned    *int       `json:"planned"`
	Reactive   *int       `json:"reactive"`
	Present    *int       `json:"present"`
}

// listFleets answers GET /api/v1/fleets.
func (s *Server) listFleets(r *http.Request) (any, *apiError) {
	if fail := onlyParameters(r); fail != nil {
		return nil, fail
	}
	now, all := s.o.Now(), s.o.Board.Snapshots()
	out := make([]fleetData, 0, len(all))
	for _, f := range all {
		out = append(out, fleetOf(f, now))
	}
	return out, nil
}

func fleetOf(s pool.Snapshot, now time.Time) fleetData {
	d := s.Decision
	out := fleetData{
		Name: s.Fleet, Unit: string(s.Unit), State: string(s.State), Reason: s.Reason, ReadyAt: stamp(s.ReadyAt),
		Mode: string(d.Mode), Killed: d.Killed, Method: s.Selection.Method,
		Valid: d.Valid(now), ValidUntil: stamp(d.ValidUntil), Demand: number(math.NaN()),
	}
	out.Present = present(s.Pools...)
	if out.Valid {
		out.Demand, out.DemandAt = number(demand(d.Demand)), stamp(d.DemandAt)
		out.Desired, out.Planned, out.Reactive = total(d.Effective()), total(d.Plan), total(d.Reactive)
	}
	return out
}

func total(p pool.Plan) *int {
	n := p.Total()
	return &n
}

// forecastData is GET /api/v1/fleets/{name}/forecast. Keys of Quantiles and Peaks are probabilities.
type forecastData struct {
	Fleet      string     `json:"fleet"`
	Unit       string     `json:"unit"`
	Method     string     `json:"method"`
	Origin     *time.Time `json:"origin"`
	Step       string     `json:"step"`
	ValidUntil *time.Time `json:"valid_until"`
	Steps      []stepData `json:"steps"`
}

// stepData is the forecast of one step: Mean, of the middle half, and Quantiles of the demand at Time, and Peaks of the largest demand from the origin to Time.
type stepData struct {
	Time      *time.Time        `json:"time"`
	Step      int               `json:"step"`
	Horizon   string            `json:"horizon"`
	Mean      number            `json:"mean"`
	Quantiles map[string]number `json:"quantiles"`
	Peaks     map[string]number `json:"peaks"`
}

// forecast answers GET /api/v1/fleets/{name}/forecast: the steps of the horizons asked for, all where none is, at the probabilities
// asked for, the fleet's where none is.
func (s *Server) forecast(r *http.Request) (any, *apiError) {
	if fail := onlyParameters(r, "horizon", "probability"); fail != nil {
		return nil, fail
	}
	f, fail := s.fleet(r)
	if fail != nil {
		return nil, fail
	}
	probabilities, err := probabilitiesAsked(r.URL.Query()["probability"], f.Probabilities)
	if err != nil {
		return nil, badData("%v", err)
	}
	horizons, err := horizonsAsked(r.URL.Query()["horizon"])
	if err != nil {
		return nil, badData("%v", err)
	}
	now, d := s.o.Now(), f.Decision
	switch {
	case !d.Valid(now):
		return nil, &apiError{http.StatusServiceUnavailable, "unavailable", "fleet " + f.Fleet + ": " + noDecision(f, now)}
	case len(d.Forecast.Steps) == 0 || d.Forecast.Step <= 0:
		return nil, &apiError{http.StatusServiceUnavailable, "unavailable", "fleet " + f.Fleet + " has a decision without a forecast"}
	}
	steps, err := stepsAsked(d.Forecast, horizons)
	if err != nil {
		return nil, badData("%v", err)
	}
	out := forecastData{
		Fleet: f.Fleet, Unit: string(f.Unit), Method: d.Forecast.Method, Origin: stamp(d.Forecast.Origin),
		Step: horizonText(d.Forecast.Step), ValidUntil: stamp(d.ValidUntil), Steps: make([]stepData, 0, len(steps)),
	}
	for _, h := range steps {
		out.Steps = append(out.Steps, stepOf(d, h, probabilities))
	}
	return out, nil
}

// stepsAsked returns the steps of the horizons, every step where there are none. It returns a *pool.HorizonError where the forecast
// does not reach.
func stepsAsked(f forecast.Forecast, horizons []time.Duration) ([]int, error) {
	var steps []int
	for _, horizon := range horizons {
		h := f.StepAt(f.Origin.Add(horizon))
		if h < 1 || h > len(f.Steps) {
			return nil, &pool.HorizonError{Asked: horizon, Longest: time.Duration(len(f.Steps)) * f.Step}
		}
		steps = append(steps, h)
	}
	if len(horizons) == 0 {
		for h := range f.Steps {
			steps = append(steps, h+1)
		}
	}
	return steps, nil
}

func stepOf(d pool.Decision, h int, probabilities []float64) stepData {
	f := d.Forecast
	out := stepData{
		Time: stamp(f.TimeAt(h)), Step: h, Horizon: horizonText(time.Duration(h) * f.Step),
		Mean:      number(demand(forecast.Midmean(f.Steps[h-1]))),
		Quantiles: make(map[string]number, len(probabilities)), Peaks: make(map[string]number, len(probabilities)),
	}
	for _, p := range probabilities {
		out.Quantiles[probabilityText(p)] = number(demand(f.Steps[h-1].Quantile(p)))
		if h <= len(d.Peaks) {
			out.Peaks[probabilityText(p)] = number(demand(d.Peaks[h-1].Quantile(p)))
		}
	}
	return out
}
