package kube

import (
	"log/slog"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
)

// KillLabel is on a ConfigMap that sets a kill switch. Its value is the name of a fleet, or "all" for every fleet.
const KillLabel = "forethought.dev/kill"

// KillAll is the value of KillLabel that means every fleet.
const KillAll = "all"

// kills are the kill switches that labels set.
type kills struct {
	namespace string
	log       *slog.Logger
	events    events.EventRecorder
	changed   func()

	mu sync.Mutex
	// on has the value of the label by the ConfigMap's name, and values how many ConfigMaps have each.
	on     map[string]string
	values map[string]int
	// isSynced says that all ConfigMaps were read once: before that a switch is found, not set.
	isSynced bool
}

// isKilled reports whether a fleet's switch is on.
func (k *kills) isKilled(fleet string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.values[KillAll] > 0 || k.values[fleet] > 0
}

// all returns the values of the labels there are.
func (k *kills) all() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Sorted(maps.Keys(k.values))
}

// put takes a ConfigMap that is new or changed. One without the label may be told of too.
func (k *kills) put(m *corev1.ConfigMap) { k.set(m, m.Labels[KillLabel]) }

// remove takes a ConfigMap that is gone, or has lost its label.
func (k *kills) remove(m *corev1.ConfigMap) { k.set(m, "") }

// replace takes all ConfigMaps with the label that there are.
func (k *kills) replace(list []*corev1.ConfigMap) {
	there := make(map[string]bool, len(list))
	for _, m := range list {
		there[m.Name] = true
		k.put(m)
	}
	k.mu.Lock()
	gone := slices.DeleteFunc(slices.Sorted(maps.Keys(k.on)), func(name string) bool { return there[name] })
	k.mu.Unlock()
	for _, name := range gone {
		k.remove(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: k.namespace, Name: name}})
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.isSynced = true
}

// set takes the value that a ConfigMap has, empty for none, and tells whoever needs to know where that changes a switch.
func (k *kills) set(m *corev1.ConfigMap, value string) {
	k.mu.Lock()
	old := k.on[m.Name]
	if old == value {
		k.mu.Unlock()
		return
	}
	var on, off bool
	if delete(k.on, m.Name); value != "" {
		k.on[m.Name] = value
		k.values[value]++
		on = k.values[value] == 1
	}
	if old != "" {
		if k.values[old]--; k.values[old] == 0 {
			delete(k.values, old)
			off = true
		}
	}
	isFound := !k.isSynced
	k.mu.Unlock()
	if off {
		k.released(m, old, isFound)
	}
	if on {
		k.killed(m, value, isFound)
	}
	if on || off {
		k.changed()
	}
}

// killed tells that a ConfigMap sets the switch of a value. What was found when this process began is no news to the cluster.
func (k *kills) killed(m *corev1.ConfigMap, value string, isFound bool) {
	k.log.Warn("kill switch is set by label", "fleet", value, "namespace", m.Namespace, "configmap", m.Name)
	if !isFound {
		k.events.Eventf(reference(m), nil, corev1.EventTypeWarning, "KillSwitchSet", "Kill",
			"Label %s: %s is held on what the present demand needs.", KillLabel, whom(value))
	}
}

// released tells that no ConfigMap sets the switch of a value any more.
func (k *kills) released(m *corev1.ConfigMap, value string, isFound bool) {
	k.log.Warn("kill switch is let go of by label", "fleet", value, "namespace", m.Namespace, "configmap", m.Name)
	if !isFound {
		k.events.Eventf(reference(m), nil, corev1.EventTypeNormal, "KillSwitchReleased", "Resume",
			"Label %s is gone: it no longer holds %s on what the present demand needs.", KillLabel, whom(value))
	}
}

// reference names a ConfigMap, which may be gone.
func reference(m *corev1.ConfigMap) *corev1.ObjectReference {
	return &corev1.ObjectReference{Kind: "ConfigMap", APIVersion: "v1", Namespace: m.Namespace, Name: m.Name, UID: m.UID}
}

// whom says which fleets a value means.
func whom(value string) string {
	if value == KillAll {
		return "every fleet"
	}
	return "fleet " + value
}
