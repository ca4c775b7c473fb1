package migrate

import corev1 "k8s.io/api/core/v1"

// NewTaint returns a taint; effect is NoSchedule, PreferNoSchedule or NoExecute.
func NewTaint(key, value, effect string) corev1.Taint {
	return corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)}
}
