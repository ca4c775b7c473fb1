package loop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/series"
)

// weigh completes the input of a decision with what follows from the pools as they are: the probability from prices, what guards
// interruptions, and capacities from the shapes of jobs. It notes what could not be known.
func (w *worker) weigh(ctx context.Context, in *pool.Input) {
	w.unpriced = nil
	p, known := w.probability(in.Pools)
	if in.Policy.Probability = p; !known {
		w.unpriced = append(w.unpriced, fmt.Sprintf("no pool has a price that is known, and the demand is met with probability %g", p))
	}
	for i := range in.Pools {
		in.Pools[i].Risk = pool.Risk{Probability: w.Policy.Probability, Shortage: w.Shortage} // head-room does not move with prices
	}
	if w.Shapes != "" {
		w.fitShapes(ctx, in)
	}
}

// fitShapes makes the capacities of pools and types that have a shape those that an instance has when it is filled with the jobs that there
// were, and says which jobs of now fit none.
func (w *worker) fitShapes(ctx context.Context, in *pool.Input) {
	note := func(err error) {
		if err != nil {
			w.unpriced = append(w.unpriced, fmt.Sprintf("shapes of jobs: %v", err))
		}
	}
	offers := offersOf(in.Pools)
	if len(offers) == 0 {
		note(errors.New("no pool has a shape; the configured capacities hold"))
		return
	}
	err := w.mix.read(ctx, w, offers, series.Align(in.Now, mixSpan))
	setCapacities(in.Pools, w.mix.fitted)
	if note(err); err != nil {
		return
	}
	jobs, err := readJobs(ctx, w.source, w.Shapes, in.Now)
	if err != nil {
		note(err)
		return
	}
	packed, err := pool.Pack(jobs, offers)
	if note(err); err == nil {
		note(misfits(packed.Misfits))
	}
}

// offersOf returns what has a shape: the pools by their names, and their types.
func offersOf(pools []pool.Pool) []pool.Type {
	var offers []pool.Type
	for _, p := range pools {
		if p.Shape != (pool.Shape{}) {
			offers = append(offers, pool.Type{Name: p.Name, Capacity: p.Capacity, Shape: p.Shape, Price: p.Price})
		}
		for _, t := range p.Types {
			if t.Max = 0; t.Shape != (pool.Shape{}) {
				t.Name = p.Name + "/" + t.Name
				offers = append(offers, t)
			}
		}
	}
	return offers
}

// readJobs asks for the jobs at a time. Shapes that come twice stand side by side.
func readJobs(ctx context.Context, src series.Source, expr string, at time.Time) ([]pool.Jobs, error) {
	at = series.Align(at, time.Second)
	all, err := src.Range(ctx, series.Query{Expr: expr, Start: at, End: at, Step: time.Second})
	if err != nil {
		return nil, err
	}
	return jobsOf(all)
}

// jobsOf returns the jobs of each series: as many as there are on average over the points at which any series has a value.
func jobsOf(all []series.Series) ([]pool.Jobs, error) {
	points := 0
	for i := range longest(all) {
		if slices.ContainsFunc(all, func(y series.Series) bool { return i < y.Len() && !math.IsNaN(y.Values[i]) }) {
			points++
		}
	}
	var out []pool.Jobs
	for _, y := range all {
		var sum float64
		for _, v := range y.Values {
			if v > 0 {
				sum += v
			}
		}
		n := sum / float64(points)
		if !(n >= 0.5) {
			continue
		}
		shape, err := shapeOf(y.Key)
		if err != nil {
			return nil, err
		}
		out = append(out, pool.Jobs{Shape: shape, Count: int(math.Round(min(n, math.MaxInt32)))})
	}
	return out, nil
}

func longest(all []series.Series) int {
	n := 0
	for _, y := range all {
		n = max(n, y.Len())
	}
	return n
}

// shapeOf reads the labels cpu, memory and gpu of a series, such as {cpu="4",memory="8GiB"}. One that is absent is 0.
func shapeOf(key series.Key) (s pool.Shape, err error) {
	if err = eachLabel(key, func(name, value string) error { return setDimension(&s, name, value) }); err != nil {
		return s, err
	}
	if s == (pool.Shape{}) {
		return s, fmt.Errorf("%s has none of the labels cpu, memory and gpu above 0", key)
	}
	return s, nil
}

// eachLabel calls f with the labels of a series until it returns an error.
func eachLabel(key series.Key, f func(name, value string) error) error {
	_, rest, ok := strings.Cut(string(key), "{")
	for ok && rest != "" && rest != "}" {
		name, quoted, found := strings.Cut(rest, "=")
		value, err := strconv.QuotedPrefix(quoted)
		if !found || err != nil {
			return fmt.Errorf("%s are no labels", key)
		}
		rest = strings.TrimPrefix(quoted[len(value):], ",")
		text, err := strconv.Unquote(value)
		if err != nil {
			return fmt.Errorf("%s are no labels", key)
		}
		if err := f(strings.TrimSpace(name), text); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func setDimension(s *pool.Shape, name, text string) error {
	to := map[string]*float64{"cpu": &s.CPU, "memory": &s.Memory, "gpu": &s.GPU}[name]
	if to == nil {
		return nil
	}
	v, err := quantity(text)
	if err != nil || !(v >= 0) || math.IsInf(v, 0) {
		return fmt.Errorf("label %s is %q, want a number at least 0 or a size such as 64GiB", name, text)
	}
	*to = v
	return nil
}

// suffixes of quantities as Kubernetes writes them.
var suffixes = []struct {
	text   string
	factor float64
}{
	{"Ki", 1 << 10},
	{"Mi", 1 << 20},
	{"Gi", 1 << 30},
	{"Ti", 1 << 40},
	{"k", 1e3},
	{"M", 1e6},
	{"G", 1e9},
	{"T", 1e12},
	{"m", 1e-3},
}

// quantity reads a number with one of the suffixes, with or without the B of bytes.
func quantity(text string) (float64, error) {
	text = strings.TrimSuffix(text, "B")
	for _, s := range suffixes {
		if number, ok := strings.CutSuffix(text, s.text); ok {
			v, err := strconv.ParseFloat(number, 64)
			return v * s.factor, err
		}
	}
	return strconv.ParseFloat(text, 64)
}

// misfits names the jobs that fit no instance, at most three shapes of them.
func misfits(all []pool.Misfit) error {
	if len(all) == 0 {
		return nil
	}
	var parts []string
	for _, m := range all[:min(len(all), 3)] {
		parts = append(parts, fmt.Sprintf("%d jobs fit no instance: %s", m.Count, m.Reason))
	}
	if rest := len(all) - len(parts); rest > 0 {
		parts = append(parts, fmt.Sprintf("and jobs of %d more shapes", rest))
	}
	return errors.New(strings.Join(parts, ", "))
}

// setCapacities gives pools and types the capacities that go by their names. One that no job fits keeps its own.
func setCapacities(pools []pool.Pool, fitted []pool.Effective) {
	capacities := map[string]float64{}
	for _, f := range fitted {
		if f.Capacity > 0 {
			capacities[f.Type] = f.Capacity
		}
	}
	for i := range pools {
		p := &pools[i]
		if c, ok := capacities[p.Name]; ok {
			p.Capacity = c
		}
		for k := range p.Types {
			if c, ok := capacities[p.Name+"/"+p.Types[k].Name]; ok {
				p.Types[k].Capacity = c
			}
		}
	}
}
