package externalmetrics

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/metrics/pkg/apis/external_metrics"
)

// keyNamespace is the label of a series that a namespaced rule compares with the namespace of a request.
const keyNamespace = "namespace"

// read answers a request for a rule with the series that the selector matches. There is at least one, else the answer is an error: a
// HorizontalPodAutoscaler refuses an empty list too, and does not say why. Known is false where there is no such rule.
func (r *Rules) read(name, namespace string, selector labels.Selector) (list *external_metrics.ExternalMetricValueList, known bool, err error) {
	if r == nil {
		return nil, false, nil
	}
	rule, known := r.current.Load().byName[name]
	if !known {
		return nil, false, nil
	}
	kept := rule.result.Load()
	if err = r.usable(name, kept); err != nil {
		return nil, true, err
	}
	out := make([]external_metrics.ExternalMetricValue, 0, 1)
	for _, v := range kept.values {
		if (!rule.Namespaced || v.labels[keyNamespace] == namespace) && selector.Matches(labels.Set(v.labels)) {
			if v.unusable != nil { // without it the sum would be too low
				return nil, true, notFound("rule %s: the series %s that the selector %q matches has no usable value: %v",
					name, labels.Set(v.labels), selector, v.unusable)
			}
			out = append(out, external_metrics.ExternalMetricValue{
				MetricName: name, MetricLabels: v.labels, Timestamp: metav1.NewTime(kept.at), Value: v.value,
			})
		}
	}
	if len(out) == 0 {
		return nil, true, notFound("rule %s: %s", name, noMatch(rule.Rule, kept, namespace, selector))
	}
	return &external_metrics.ExternalMetricValueList{Items: out}, true, nil
}

// usable returns why a result cannot be answered with.
func (r *Rules) usable(name string, kept *result) error {
	switch {
	case kept == nil:
		return notFound("rule %s was not evaluated yet", name)
	case kept.at.IsZero():
		return notFound("rule %s has no result: %v", name, kept.failure)
	}
	until := kept.at.Add(r.options.Validity)
	switch {
	case !r.options.Now().After(until):
		return nil
	case kept.failure != nil:
		return notFound("rule %s has no valid result: the last one was valid until %s: %v", name, until.UTC().Format(time.RFC3339), kept.failure)
	}
	return notFound("rule %s has no valid result: the last one was valid until %s", name, until.UTC().Format(time.RFC3339))
}

// noMatch says why none of the series of a result is in the answer.
func noMatch(rule Rule, kept *result, namespace string, selector labels.Selector) string {
	if len(kept.values) == 0 {
		return "its query returned no series"
	}
	where := ""
	if rule.Namespaced {
		where = fmt.Sprintf(" in namespace %q", namespace)
	}
	return fmt.Sprintf("the selector %q matches none of its %d series%s", selector, len(kept.values), where)
}
