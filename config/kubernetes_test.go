package config

import (
	"errors"
	"testing"
)

func TestExternalMetricsErrors(t *testing.T) {
	f := func(section string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "f.yml:11: external_metrics." + want[i]
		}
		wantErrors(t, minimal+"external_metrics: {"+section+"}\n", want...)
	}
	f("rules: [{name: a/b, query: x}]", `rules[0].name: "a/b" cannot be a name; allowed: letters, digits, '-', '_', ':' and after the first '.'`)
	f("rules: [{name: .., query: x}]", `rules[0].name: ".." cannot be a name; allowed: letters, digits, '-', '_', ':' and after the first '.'`)
	f("rules: [{name: forethought_demand, query: x}]",
		"rules[0].name: names that begin with forethought_ are those of our own metrics; allowed: any other")
	f("rules: [{name: a, query: x}, {name: a, query: y}]", `rules[1].name: the name "a" is in line 11 already; allowed: each name once`)
	f("rules: [{name: a, query: 'x('}]",
		"rules[0].query: 1:4: parse error: unclosed left parenthesis; allowed: PromQL, or with prometheus.query_check: false a dialect of it")
	f("delegate: {url: ftp://x}", "delegate.url: does not begin with http:// or https://; allowed: such as https://prometheus-adapter.monitoring.svc")
	f("delegate: {}", "delegate.url: required key is missing; allowed: a string")
}

func TestNodesAndActuatorErrors(t *testing.T) {
	f := func(keys string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "f.yml:11: fleets[0].pools[0]." + want[i]
		}
		wantErrors(t, minimal+"    "+keys+"\n", want...)
	}
	f("nodes: {selector: ''}", "nodes.selector: is empty; allowed: a string with content")
	f("nodes: {}", "nodes.selector: required key is missing; allowed: a string")
	f("nodes: {selector: a=b, taints: [{key: k, effect: Never}]}",
		`nodes.taints[0].effect: unknown effect "Never"; allowed: NoSchedule, PreferNoSchedule, NoExecute`)
	f("actuate: [{kind: scale, namespace: n, name: x}]", "actuate[0]: what is scaled is not known; allowed: with api_version and resource")
	f("actuate: [{kind: hpa_floor, namespace: n, name: x, resource: Y}]",
		"actuate[0].api_version: it follows from the kind hpa_floor; allowed: api_version and resource with the kind scale only")
	f("actuate: [{kind: hpa_floor, name: x}]", "actuate[0].namespace: is missing; allowed: the namespace of the object")
	f("actuate: [{kind: hpa_floor, namespace: n, name: ''}]", "actuate[0].name: is empty; allowed: a string with content")
	f("actuate: [{kind: hpa_floor, namespace: n, name: x, replicas_per_instance: 0}]",
		"actuate[0].replicas_per_instance: 0 scales nothing; allowed: more than 0")
	f("actuate: [{kind: hpa_floor, namespace: n, name: x, value: most}]", `actuate[0].value: unknown value "most"; allowed: instances, spare`)
	f("actuate: [{kind: hpa_floor, namespace: n, name: x}, {kind: hpa_floor, namespace: n, name: x}]",
		"actuate[1]: the object is written in line 11 already; allowed: each object once")
}

func TestMovesAreMadeOnlyBetweenKnownNodes(t *testing.T) {
	wantErrors(t, minimal+"  policy: {migration: {act: true}}\n",
		"f.yml:11: fleets[0].policy.migration.act: no moves are planned; allowed: with enabled: true",
	)
	wantErrors(t, minimal+"  policy: {migration: {enabled: true, act: true}}\n",
		"f.yml:11: fleets[0].policy.migration.act: the pool a does not say what its nodes look like; allowed: with nodes.selector and nodes.labels for each pool")
	wantErrors(t, minimal+"    nodes: {selector: a=b, labels: {a: b}}\n  policy: {migration: {enabled: true, act: true, drain: 0s}}\n",
		"f.yml:12: fleets[0].policy.migration.drain: 0s is no time to drain a node in; allowed: more than 0s with act: true")
	mustParse(t, minimal+"    actuate: [{kind: scale, api_version: karpenter.sh/v1, resource: NodePool, name: spot}]\n")
	c := mustParse(t, minimal+"    nodes: {selector: x.dev/a=b, labels: {x.dev/a: b}}\n  policy: {migration: {enabled: true, act: true}}\n")
	if got := c.Fleets[0].Pools[0].Nodes.Labels["x.dev/a"]; got != "b" {
		t.Errorf("labels %v", c.Fleets[0].Pools[0].Nodes.Labels)
	}
}

func TestTheSelectorIsCheckedByItsOwner(t *testing.T) {
	checks := testChecks
	checks.Selector = func(s string) error { return errors.New("no selector: " + s) }
	_, err := Parse("f.yml", []byte(minimal+"    nodes: {selector: '=='}\n"), checks)
	if err == nil || err.Error() != "f.yml:11: fleets[0].pools[0].nodes.selector: no selector: ==" {
		t.Errorf("error %v", err)
	}
}

func TestReadBackNeedsNoFleets(t *testing.T) {
	mustParse(t, "prometheus: {}\nsource: prometheus\n")
	wantErrors(t, minimal+"    actuate: [{kind: scale, api_version: karpenter.sh/v1, resource: NodePool, name: spot}]\nsource: prometheus\n",
		"f.yml:11: fleets[0].pools[0].actuate: writing objects belongs to the processes that make the decisions; allowed: without it where source is prometheus")
	mustParse(t, minimal+"source: prometheus\n")
	mustParse(t, "prometheus: {}\nsource: prometheus\nmatch: cluster=\"eu\"\n")
	wantErrors(t, "prometheus: {}\nsource: prometheus\nmatch: sum(\n",
		"f.yml:3: match: 1:4: parse error: unclosed left parenthesis; allowed: PromQL, or with prometheus.query_check: false a dialect of it")
	wantErrors(t, minimal+"match: a=\"b\"\n", "f.yml:11: match: nothing is read back; allowed: with source: prometheus")
	wantErrors(t, "embedded: {}\nsource: prometheus\n",
		"f.yml:2: source: no other process exports into the embedded Prometheus; allowed: source: prometheus with the key prometheus")
	wantErrors(t, "prometheus: {}\nsource: elsewhere\n", `f.yml:2: source: unknown source "elsewhere"; allowed: history, prometheus`)
}
