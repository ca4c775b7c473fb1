package migrate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// fleet is a Fleet that was checked.
type fleet struct {
	Fleet
	name  string
	pools map[string]*nodes
}

// nodes is a Pool with its selector parsed.
type nodes struct {
	Pool
	selector labels.Selector
}

// selects reports whether a node is one of the pool.
func (n *nodes) selects(node *corev1.Node) bool { return n.selector.Matches(labels.Set(node.Labels)) }

// compile checks all fleets. A node is in one pool at most, of whichever fleet.
func compile(fleets map[string]Fleet) (map[string]*fleet, error) {
	out := map[string]*fleet{}
	for _, name := range slices.Sorted(maps.Keys(fleets)) {
		f, err := check(name, fleets[name])
		if err != nil {
			return nil, fmt.Errorf("migrate: fleet %s: %w", name, err)
		}
		for _, other := range out {
			if err := apart(f, other); err != nil {
				return nil, fmt.Errorf("migrate: fleet %s: %w", name, err)
			}
		}
		out[name] = f
	}
	return out, nil
}

func check(name string, f Fleet) (*fleet, error) {
	switch {
	case f.Drain <= 0:
		return nil, errors.New("no Drain is given")
	case f.PerHour < 1:
		return nil, fmt.Errorf("PerHour %d moves nothing; allowed: at least 1", f.PerHour)
	case f.Concurrent < 0 || f.Cooldown < 0:
		return nil, errors.New("a negative Concurrent or Cooldown; allowed: at least 0")
	case len(f.Pools) < 2:
		return nil, fmt.Errorf("%d pools; allowed: at least 2", len(f.Pools))
	}
	out := &fleet{Fleet: f, name: name, pools: map[string]*nodes{}}
	for _, p := range f.Pools {
		n, err := parse(p)
		if err != nil {
			return nil, fmt.Errorf("pool %s: %w", p.Name, err)
		}
		if out.pools[p.Name] != nil {
			return nil, fmt.Errorf("pool %s: there are two of the name", p.Name)
		}
		out.pools[p.Name] = n
	}
	return out, apart(out, out)
}

// parse checks one pool by itself.
func parse(p Pool) (*nodes, error) {
	selector, err := labels.Parse(p.Selector)
	switch {
	case p.Name == "":
		return nil, errors.New("no Name is given")
	case err != nil:
		return nil, fmt.Errorf("selector %q: %w", p.Selector, err)
	case selector.Empty():
		return nil, errors.New("the selector is empty and selects every node")
	case len(p.Labels) == 0:
		return nil, errors.New("no Labels are given, which a node gets when it comes into the pool")
	case !selector.Matches(labels.Set(p.Labels)):
		return nil, fmt.Errorf("the selector %q does not select the labels %q that a node gets", p.Selector, labels.Set(p.Labels))
	}
	for key := range p.Labels {
		if strings.HasPrefix(key, prefix) && reserved(key) {
			return nil, fmt.Errorf("label %s is kept for what is under way; allowed: any other", key)
		}
	}
	if err := metav1validation.ValidateLabels(p.Labels, field.NewPath("labels")).ToAggregate(); err != nil {
		return nil, err
	}
	return &nodes{Pool: p, selector: selector}, taintable(p.Taints)
}

// apart refuses pools that would share a node.
func apart(f, g *fleet) error {
	for _, a := range f.Pools {
		for _, b := range g.Pools {
			if f == g && a.Name == b.Name {
				continue
			}
			if g.pools[b.Name].selector.Matches(labels.Set(a.Labels)) || f.pools[a.Name].selector.Matches(labels.Set(b.Labels)) {
				return fmt.Errorf("a node would be in pool %s and in pool %s of %s; allowed: each node in one pool", a.Name, b.Name, g.name)
			}
		}
	}
	return nil
}

// taintable checks taints by the rules of the API server: key and effect are unique on a node.
func taintable(taints []corev1.Taint) error {
	effects := []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}
	for i, t := range taints {
		switch {
		case len(validation.IsQualifiedName(t.Key)) > 0:
			return fmt.Errorf("taint %q: %s", t.Key, strings.Join(validation.IsQualifiedName(t.Key), "; "))
		case t.Value != "" && len(validation.IsValidLabelValue(t.Value)) > 0:
			return fmt.Errorf("taint %s: value %q: %s", t.Key, t.Value, strings.Join(validation.IsValidLabelValue(t.Value), "; "))
		case !slices.Contains(effects, t.Effect):
			return fmt.Errorf("taint %s: effect %q; allowed: %v", t.Key, t.Effect, effects)
		case slices.ContainsFunc(taints[:i], func(o corev1.Taint) bool { return o.MatchTaint(&t) }):
			return fmt.Errorf("taint %s: there are two with the effect %s", t.Key, t.Effect)
		}
	}
	return nil
}
