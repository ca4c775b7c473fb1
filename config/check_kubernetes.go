package config

import (
	"fmt"
	"regexp"
	"strings"
)

var metricName = regexp.MustCompile(`^[A-Za-z0-9_:-][A-Za-z0-9_:.-]*$`)

func (k *checker) externalMetrics(e *ExternalMetrics, key string) {
	seen := map[string]int{}
	for i, r := range e.Rules {
		at := fmt.Sprintf("%s.rules[%d]", key, i)
		name := at + ".name"
		k.ensure(metricName.MatchString(r.Name), []string{name}, "%q cannot be a name; allowed: letters, digits, '-', '_', ':' and after the first '.'", r.Name)
		k.ensure(!strings.HasPrefix(r.Name, "forethought_"), []string{name},
			"names that begin with forethought_ are those of our own metrics; allowed: any other")
		if first, dup := seen[r.Name]; dup && k.sound(name) {
			k.add(name, "the name %q is in line %d already; allowed: each name once", r.Name, first)
			continue
		}
		seen[r.Name] = k.line(name)
		k.expr(at+".query", r.Query)
	}
	if d := e.Delegate; d != nil {
		at := key + ".delegate.url"
		k.ensure(problemOfURL(d.URL) == "", []string{at}, "%s; allowed: such as https://prometheus-adapter.monitoring.svc", problemOfURL(d.URL))
	}
}

// nodes checks the label selector of a pool; seen holds the lines of those of all pools before it.
func (k *checker) nodes(n *Nodes, key string, seen map[string]int) {
	if n == nil {
		return
	}
	at := key + ".selector"
	k.filled(at, n.Selector)
	k.asked(at, k.checks.Selector, n.Selector)
	if first, dup := seen[n.Selector]; dup && k.sound(at) {
		k.add(at, "the selector is in line %d already; allowed: each node in one pool", first)
		return
	}
	seen[n.Selector] = k.line(at)
}

// actuate checks what is written for a pool; seen holds the lines of all objects that are written.
func (k *checker) actuate(list []Actuate, key string, seen map[string]int) {
	for i, a := range list {
		at := fmt.Sprintf("%s[%d]", key, i)
		k.ensure(a.Namespace != "" || a.Kind == "scale", []string{at + ".namespace", at + ".kind"}, "is missing; allowed: the namespace of the object")
		k.filled(at+".name", a.Name)
		k.ensure(a.ReplicasPerInstance > 0, []string{at + ".replicas_per_instance"}, "%v scales nothing; allowed: more than 0", a.ReplicasPerInstance)
		if a.Kind == "scale" {
			k.ensure(a.APIVersion != "" && a.Resource != "", []string{at}, "what is scaled is not known; allowed: with api_version and resource")
		} else {
			k.ensure(a.APIVersion == "" && a.Resource == "", []string{at + ".api_version", at + ".resource", at + ".kind"},
				"it follows from the kind %s; allowed: api_version and resource with the kind scale only", a.Kind)
		}
		object := strings.Join([]string{a.Kind, a.APIVersion, a.Resource, a.Namespace, a.Name}, "/")
		if first, dup := seen[object]; dup && k.sound(at) {
			k.add(at, "the object is written in line %d already; allowed: each object once", first)
			continue
		}
		seen[object] = k.line(at)
	}
}

// readOnly refuses what only a process that makes decisions does: two that write the same object from decisions of different age would
// pull it to and fro.
func (k *checker) readOnly() {
	for i, f := range k.c.Fleets {
		key := fmt.Sprintf("fleets[%d]", i)
		const rule = "belongs to the processes that make the decisions; allowed: without it where source is prometheus"
		k.ensure(!f.Policy.Migration.Act, []string{key + ".policy.migration.act", "source"}, "moving nodes %s", rule)
		k.ensure(!f.Policy.Kill, []string{key + ".policy.kill", "source"}, "the kill switch %s", rule)
		for j, p := range f.Pools {
			pool := fmt.Sprintf("%s.pools[%d]", key, j)
			k.ensure(p.Nodes == nil, []string{pool + ".nodes", "source"}, "counting nodes %s", rule)
			k.ensure(len(p.Actuate) == 0, []string{pool + ".actuate", "source"}, "writing objects %s", rule)
		}
	}
}

// movable refuses migrations that are to be made without knowing the nodes.
func (k *checker) movable(f *Fleet, key string) {
	if !f.Policy.Migration.Act {
		return
	}
	act := key + ".policy.migration.act"
	k.ensure(f.Policy.Migration.Enabled, []string{act}, "no moves are planned; allowed: with enabled: true")
	drain := key + ".policy.migration.drain"
	k.ensure(f.Policy.Migration.Drain > 0, []string{drain, act}, "0s is no time to drain a node in; allowed: more than 0s with act: true")
	for i, p := range f.Pools {
		at := fmt.Sprintf("%s.pools[%d]", key, i)
		k.ensure(p.Nodes != nil && len(p.Nodes.Labels) > 0, []string{act, at + ".nodes"},
			"the pool %s does not say what its nodes look like; allowed: with nodes.selector and nodes.labels for each pool", p.Name)
	}
}
