package keda

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"github.com/prometheus/common/model"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/forethought-autoscaler/forethought/forecast"
)

// The keys of a trigger's metadata.
const (
	keyFleet       = "fleet"
	keyValue       = "value"
	keyPool        = "pool"
	keyHorizon     = "horizon"
	keyProbability = "probability"
	keyTarget      = "target"
	keyActivation  = "activationValue"
)

// fromEnv is the end of a key whose value KEDA takes from the environment. It keeps the end when it hands on what it found, and hands on
// nothing where it found nothing.
const fromEnv = "FromEnv"

// kedaKeys are the keys of KEDA's own external scalers, present and former, which it hands on with ours.
var kedaKeys = []string{"scalerAddress", "enableTLS", "unsafeSsl", "caCert", "tlsClientCert", "tlsClientKey", "tlsCertFile", "insecureSkipVerify"}

// trigger is what a trigger's metadata chose; what it did not name is empty or 0.
type trigger struct {
	value
	fleet, pool        string
	horizon            time.Duration
	probability        float64
	target, activation float64
}

// parseTrigger reads the metadata of a trigger. Its errors are statuses of code InvalidArgument.
func parseTrigger(metadata map[string]string) (trigger, error) {
	t, err := readTrigger(metadata)
	if err != nil {
		return trigger{}, status.Errorf(codes.InvalidArgument, "metadata of the trigger: %v", err)
	}
	return t, nil
}

func readTrigger(metadata map[string]string) (trigger, error) {
	given, err := ownKeys(metadata)
	if err != nil {
		return trigger{}, err
	}
	v, err := valueNamed(given[keyValue])
	if err != nil {
		return trigger{}, err
	}
	t := trigger{value: v, target: v.target}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(v.keys, key) {
			return trigger{}, fmt.Errorf("unknown key %q, value %s wants %s", key, v.name, strings.Join(v.keys, ", "))
		}
		if err = t.set(key, given[key]); err != nil {
			return trigger{}, err
		}
	}
	switch {
	case t.fleet == "":
		return trigger{}, fmt.Errorf("%s is required, the name of a fleet", keyFleet)
	case t.target == 0:
		return trigger{}, fmt.Errorf("%s is required for value %s, the demand that one replica serves", keyTarget, v.name)
	}
	return t, nil
}

// ownKeys returns the metadata without what is meant for KEDA, by key.
func ownKeys(metadata map[string]string) (map[string]string, error) {
	given := make(map[string]string, len(metadata))
	for key, text := range metadata {
		name := strings.TrimSuffix(key, fromEnv)
		if slices.Contains(kedaKeys, name) {
			continue
		}
		if _, twice := given[name]; twice {
			return nil, fmt.Errorf("%s and %s are given, want one of them", name, name+fromEnv)
		}
		if text == "" {
			return nil, fmt.Errorf("%s is empty; leave it out or give it a value", key)
		}
		given[name] = text
	}
	return given, nil
}

// set takes over the value of one key.
func (t *trigger) set(key, text string) (err error) {
	switch key {
	case keyFleet:
		t.fleet = text
	case keyPool:
		t.pool = text
	case keyHorizon:
		t.horizon, err = parseHorizon(text)
	case keyProbability:
		t.probability, err = parseProbability(text)
	case keyTarget:
		t.target, err = parseTarget(text)
	case keyActivation:
		t.activation, err = parseNumber(key, text)
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

// parseProbability reads a probability that forecasts are kept for. One further out would be answered with the outermost quantile that is
// kept, which is too low, and is refused instead.
func parseProbability(s string) (float64, error) {
	kept := forecast.GridProbabilities()
	lowest, highest := kept[0], kept[len(kept)-1]
	p, err := strconv.ParseFloat(s, 64)
	if err != nil || !(p >= lowest && p <= highest) {
		return 0, fmt.Errorf("probability %q is not a number from %v to %v, for which forecasts are kept", s, lowest, highest)
	}
	return p, nil
}

// parseTarget reads a target. KEDA rounds it to a thousandth, and a larger one asks for fewer replicas, so that it is rounded down here.
func parseTarget(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= leastTarget && v < maxMilli) {
		return 0, fmt.Errorf("%s %q is not a number from %v", keyTarget, s, leastTarget)
	}
	return thousandthsDown(v), nil
}

func parseNumber(key, s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0 && v < maxMilli) {
		return 0, fmt.Errorf("%s %q is not a number from 0", key, s)
	}
	return v, nil
}

// spec returns the trigger's metric and target. The integer, for clients that do not know the other, is rounded so that these ask for
// more replicas rather than fewer.
func (t trigger) spec() *pb.GetMetricSpecResponse {
	return &pb.GetMetricSpecResponse{MetricSpecs: []*pb.MetricSpec{{
		MetricName: t.metric, TargetSize: max(int64(math.Floor(t.target)), 1), TargetSizeFloat: t.target,
	}}}
}
