package externalmetrics

import (
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/forethought-autoscaler/forethought/pool"
)

func readDemand(_ query, s pool.Snapshot, _ map[string]string) (resource.Quantity, error) {
	v, err := demandQuantity(s.Decision.Demand)
	return v, unusable(s, err)
}

func readInstances(q query, s pool.Snapshot, chosen map[string]string) (resource.Quantity, error) {
	plan := s.Decision.Effective()
	n, ok := plan.Total(), len(plan.Targets) > 0
	if q.pool != "" {
		chosen[keyPool] = q.pool
		n, ok = plan.Instances(q.pool)
	}
	if !ok {
		return resource.Quantity{}, notFound("the decision of fleet %s is not about pool %q", s.Fleet, q.pool)
	}
	v, err := instancesQuantity(n)
	return v, unusable(s, err)
}

// readSpare returns the instances of the pool beyond what the present demand needs, or those of all pools together.
func readSpare(q query, s pool.Snapshot, chosen map[string]string) (resource.Quantity, error) {
	names := []string{q.pool}
	if q.pool != "" {
		chosen[keyPool] = q.pool
	} else {
		names = targetNames(s.Decision.Effective())
	}
	total, ok := 0, len(names) > 0
	for _, name := range names {
		n, known := s.Decision.Spare(name)
		total, ok = total+n, ok && known
	}
	if !ok {
		return resource.Quantity{}, notFound("the decision of fleet %s is not about pool %q", s.Fleet, q.pool)
	}
	v, err := instancesQuantity(total)
	return v, unusable(s, err)
}

func targetNames(p pool.Plan) []string {
	names := make([]string, 0, len(p.Targets))
	for _, t := range p.Targets {
		names = append(names, t.Pool)
	}
	return names
}

func readForecast(q query, s pool.Snapshot, chosen map[string]string) (resource.Quantity, error) {
	return readAhead(q, s, chosen, s.Decision.DemandAhead)
}

func readPeak(q query, s pool.Snapshot, chosen map[string]string) (resource.Quantity, error) {
	return readAhead(q, s, chosen, s.Decision.PeakAhead)
}

// readAhead returns what ahead says for the horizon and probability of q, or for the fleet's own where q names none. While the decision
// does not act it is the present demand: an autoscaler that follows a forecast moves capacity as one does that follows instances.
func readAhead(q query, s pool.Snapshot, chosen map[string]string,
	ahead func(time.Duration, float64) (float64, error),
) (resource.Quantity, error) {
	if q.probability == 0 {
		q.probability = s.Probability
	}
	if q.horizon == 0 {
		q.horizon = s.DefaultHorizon()
	}
	if q.horizon <= 0 || !(q.probability > 0 && q.probability < 1) {
		return resource.Quantity{}, badRequest("fleet %s has no horizon and probability of its own; name both", s.Fleet)
	}
	chosen[keyHorizon], chosen[keyProbability] = horizonText(q.horizon), probabilityText(q.probability)
	d := s.Decision.Demand + s.Decision.Pending
	if s.Decision.Acting() {
		var err error
		if d, err = ahead(q.horizon, q.probability); err != nil {
			return resource.Quantity{}, noForecast(s, err)
		}
	}
	v, err := demandQuantity(d)
	return v, unusable(s, err)
}

// noForecast says that the decision holds no forecast, or none as far ahead as asked.
func noForecast(s pool.Snapshot, err error) error {
	if short := (*pool.HorizonError)(nil); errors.As(err, &short) && short.Longest > 0 {
		return badRequest("fleet %s: %v", s.Fleet, err)
	}
	if unknown := (*pool.UnknownAheadError)(nil); errors.As(err, &unknown) {
		return badRequest("fleet %s: %v", s.Fleet, err)
	}
	return notFound("fleet %s has no forecast: %s", s.Fleet, s.Reason)
}

// unusable says that the number a decision holds must not be published.
func unusable(s pool.Snapshot, err error) error {
	if err == nil {
		return nil
	}
	return apierrors.NewInternalError(fmt.Errorf("decision of fleet %s: %w", s.Fleet, err))
}
