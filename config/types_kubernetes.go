package config

import promconfig "github.com/prometheus/common/config"

// The comments of this file are the text of CONFIG.md too.

// ExternalMetrics is what the external metrics API serves beside our own metrics.
type ExternalMetrics struct {
	// Rules are metrics that are read with PromQL and not forecast, so that no other adapter is needed beside this one.
	Rules []MetricRule `yaml:"rules,omitempty"`
	// Delegate is the adapter that is asked for the metrics that are neither ours nor those of a rule.
	Delegate *Delegate `yaml:"delegate,omitempty"`
}

// MetricRule is a metric that is read with PromQL once in each interval.
type MetricRule struct {
	// Name is the metric's name in the API, unique, of letters, digits, '-', '_', ':' and after the first '.'. Names that begin with forethought_ are taken.
	Name string `yaml:"name" required:"true"`
	// Query yields the values. A selector in a request is one over the labels of its series.
	Query Expr `yaml:"query" required:"true"`
	// Namespaced lets a request see only those series whose label namespace is the namespace of the request.
	Namespaced bool `yaml:"namespaced"`
}

// Delegate is another server of the external metrics API.
type Delegate struct {
	// URL is its address, https unless it is on this machine, such as https://prometheus-adapter.monitoring.svc.
	URL string `yaml:"url" required:"true"`
	// HTTPConfig is the authentication and the TLS of the client: a token of an account that may list external metrics, and its CA.
	HTTPConfig promconfig.HTTPClientConfig `yaml:"http_config"`
}

// Nodes says which nodes of the cluster are the pool's instances.
type Nodes struct {
	// Selector is a label selector, such as forethought.dev/pool=batch-spot. No node may be selected by two pools.
	Selector string `yaml:"selector" required:"true"`
	// Labels are those that a node gets when a migration brings it into the pool, and loses when one takes it out. Selector must select them.
	Labels map[string]string `yaml:"labels,omitempty"`
	// Taints are those that a node gets when a migration brings it into the pool, and loses when one takes it out.
	Taints []Taint `yaml:"taints,omitempty"`
}

// Taint is a taint of nodes.
type Taint struct {
	// Key is the taint's key.
	Key string `yaml:"key" required:"true"`
	// Value is the taint's value.
	Value string `yaml:"value,omitempty"`
	// Effect is NoSchedule, PreferNoSchedule or NoExecute.
	Effect string `yaml:"effect" required:"true" oneof:"NoSchedule,PreferNoSchedule,NoExecute"`
}

// Actuate is one field of a Kubernetes object that is written after each decision, in mode act only. It is owned by the field manager
// forethought; where another manager owns it, nothing is written.
type Actuate struct {
	// Kind is scale for the scale subresource of anything that has one, capacity_buffer for spec.replicas of a CapacityBuffer, and hpa_floor
	// for spec.minReplicas of a HorizontalPodAutoscaler.
	Kind string `yaml:"kind" required:"true" oneof:"scale,capacity_buffer,hpa_floor"`
	// APIVersion is that of the object, such as apps/v1; for kind scale only, where it is required.
	APIVersion string `yaml:"api_version,omitempty"`
	// Resource is the kind of the object, such as Deployment; for kind scale only, where it is required.
	Resource string `yaml:"resource,omitempty"`
	// Namespace is that of the object; none with the kind scale for one that has none, such as Karpenter's NodePool.
	Namespace string `yaml:"namespace,omitempty"`
	// Name is that of the object.
	Name string `yaml:"name" required:"true"`
	// Value is instances for the pool's instances, and spare for those beyond what the present demand needs.
	Value string `yaml:"value,omitempty" oneof:"instances,spare" default:"spare for capacity_buffer, else instances"`
	// ReplicasPerInstance is how many replicas stand for one instance, above 0.
	ReplicasPerInstance float64 `yaml:"replicas_per_instance"`
	// DryRun lets the API server check each write, and writes nothing.
	DryRun bool `yaml:"dry_run"`
}

func (d *Delegate) setDefaults() { d.HTTPConfig = promconfig.DefaultHTTPClientConfig }

func (a *Actuate) setDefaults() { a.ReplicasPerInstance = 1 }
