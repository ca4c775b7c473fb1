package externalmetrics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// The keys of selectors and of the labels in an answer.
const (
	keyFleet       = "fleet"
	keyPool        = "pool"
	keyHorizon     = "horizon"
	keyProbability = "probability"
)

// query is what a selector chose; what it did not name is empty or 0.
type query struct {
	fleet, pool string
	horizon     time.Duration
	probability float64
}

// parseQuery reads the selector of a request for the metric. Its errors are API statuses with code 400.
func parseQuery(m metric, selector labels.Selector) (query, error) {
	refuse := func(format string, args ...any) (query, error) {
		return query{}, apierrors.NewBadRequest(fmt.Sprintf("selector of %s: ", m.name) + fmt.Sprintf(format, args...))
	}
	terms, selectable := selector.Requirements()
	if !selectable {
		return refuse("it selects nothing; name a fleet, for example fleet=web")
	}
	var q query
	seen := make([]string, 0, len(m.keys))
	for _, t := range terms {
		key := t.Key()
		if !slices.Contains(m.keys, key) {
			return refuse("unknown key %q, want %s", key, strings.Join(m.keys, ", "))
		}
		if slices.Contains(seen, key) {
			return refuse("%s is given more than once", key)
		}
		seen = append(seen, key)
		value, err := oneValue(t)
		if err == nil {
			err = q.set(key, value)
		}
		if err != nil {
			return refuse("%v", err)
		}
	}
	return q, nil
}

// oneValue returns the single value that a term of a selector asks for.
func oneValue(t labels.Requirement) (string, error) {
	values := t.ValuesUnsorted()
	operators := []selection.Operator{selection.Equals, selection.DoubleEquals, selection.In}
	if slices.Contains(operators, t.Operator()) && len(values) == 1 && values[0] != "" {
		return values[0], nil
	}
	return "", fmt.Errorf("%q does not choose one value; write %s=VALUE", t.String(), t.Key())
}

// set takes over the value of one key.
func (q *query) set(key, value string) (err error) {
	switch key {
	case keyFleet:
		q.fleet = value
	case keyPool:
		q.pool = value
	case keyHorizon:
		q.horizon, err = parseHorizon(value)
	case keyProbability:
		q.probability, err = parseProbability(value)
	}
	return err
}

func parseHorizon(s string) (time.Duration, error) {
	d, err := model.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("horizon %q is not a duration above 0, such as 30m or 1h30m", s)
	}
	return time.Duration(d), nil
}

// parseProbability reads a probability that forecasts are kept for. One further out would be answered with the outermost quantile
// that is kept, which is too low, and is refused instead.
func parseProbability(s string) (float64, error) {
	kept := forecast.GridProbabilities()
	lowest, highest := kept[0], kept[len(kept)-1]
	p, err := strconv.ParseFloat(s, 64)
	if err != nil || !(p >= lowest && p <= highest) {
		return 0, fmt.Errorf("probability %q is not a number from %v to %v, for which forecasts are kept", s, lowest, highest)
	}
	return p, nil
}

func horizonText(d time.Duration) string { return model.Duration(d).String() }

func probabilityText(p float64) string { return strconv.FormatFloat(p, 'f', -1, 64) }
