package exporter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// listBound is how many horizons and how many probabilities one request may ask for.
const listBound = 100

// horizonsAsked reads horizons in Prometheus form from repeated parameters and from lists with commas. They come back ascending and
// each once.
func horizonsAsked(given []string) ([]time.Duration, error) {
	return list("horizon", given, func(word string) (time.Duration, error) {
		d, err := model.ParseDuration(word)
		if err != nil || d <= 0 {
			return 0, fmt.Errorf("horizon %q is not a duration above 0, such as 30m or 2h", word)
		}
		return time.Duration(d), nil
	})
}

// probabilitiesAsked is horizonsAsked for probabilities; it returns silent where none is given.
func probabilitiesAsked(given []string, silent []float64) ([]float64, error) {
	if len(given) == 0 {
		return silent, nil
	}
	return list("probability", given, func(word string) (float64, error) {
		p, err := strconv.ParseFloat(word, 64)
		if err != nil || !(p >= 0.005 && p <= 0.999) {
			return 0, fmt.Errorf("probability %q is not a number from 0.005 to 0.999, between which quantiles are kept", word)
		}
		return p, nil
	})
}

func list[T time.Duration | float64](name string, given []string, read func(word string) (T, error)) ([]T, error) {
	var out []T
	for _, g := range given {
		for word := range strings.SplitSeq(g, ",") {
			v, err := read(strings.TrimSpace(word))
			if err != nil {
				return nil, err
			}
			if out = append(out, v); len(out) > listBound {
				return nil, fmt.Errorf("more than %d values of %s", listBound, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
