{{/* A role with its binding to a component: root, component, door (of which it is named), rules, and namespace, empty for the whole cluster. */}}
{{- define "forethought.grant" -}}
{{- $own := include "forethought.name" . }}
{{- $name := printf "%s-%s" $own .door }}
{{- if not .namespace }}
{{- $name = printf "%s:%s:%s" .root.Release.Namespace $own .door }}
{{- else if ne .namespace .root.Release.Namespace }}
{{- $name = printf "%s-%s" .root.Release.Namespace $name }}
{{- end }}
{{- $kind := ternary "Role" "ClusterRole" (not (empty .namespace)) }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ $kind }}
metadata:
  name: {{ $name | quote }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "forethought.labels" .root | nindent 4 }}
rules:
  {{- .rules | trim | nindent 2 }}
{{ include "forethought.bind" (merge (dict "name" $name "kind" $kind "role" $name) .) }}
{{- end }}

{{/* The binding name of a role to a component: root, component, name, kind and role of what is bound, namespace or empty. */}}
{{- define "forethought.bind" -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ ternary "RoleBinding" "ClusterRoleBinding" (not (empty .namespace)) }}
metadata:
  name: {{ .name | quote }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels: {{- include "forethought.labels" .root | nindent 4 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: {{ .kind }}, name: {{ .role | quote }}}
subjects:
  - {kind: ServiceAccount, name: {{ include "forethought.serviceAccountName" . }}, namespace: {{ .root.Release.Namespace }}}
{{- end }}

{{/* The same for a door of the actuators: in each of the namespaces that may be written in, or everywhere. */}}
{{- define "forethought.grantWrite" -}}
{{- $g := . }}
{{- range $namespace := .root.Values.doors.actuators.namespaces | default (list "") }}
{{ include "forethought.grant" (merge (dict "namespace" $namespace) (omit $g "namespace")) }}
{{- end }}
{{- end }}

{{- define "forethought.events" -}}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- define "forethought.rules.owner" -}}
- apiGroups: [apiregistration.k8s.io]
  resources: [apiservices]
  resourceNames: [v1beta1.external.metrics.k8s.io]
  verbs: [get, list, watch]
{{- end }}

{{- define "forethought.rules.nodes" -}}
- apiGroups: [""]
  resources: [nodes, pods]
  verbs: [list, watch]
{{- end }}

{{/* Whoever speaks to the cluster heeds its kill switch. */}}
{{- define "forethought.rules.killSwitch" -}}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch]
{{ include "forethought.events" . }}
{{- end }}

{{- define "forethought.rules.lease" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: {{ include "forethought.leases" . }}
  verbs: [get, update]
{{- end }}

{{/* The Leases of a component, as a JSON list: each shard has its own. */}}
{{- define "forethought.leases" -}}
{{- $name := include "forethought.fullname" .root }}
{{- $shards := ternary (int .root.Values.shards) 1 (eq .component "exporter") }}
{{- $leases := list }}
{{- range $i := until $shards }}
{{- $leases = append $leases (ternary (printf "%s-%d-of-%d" $name (add1 $i) $shards) $name (gt $shards 1)) }}
{{- end }}
{{- toJson $leases }}
{{- end }}

{{/* The API server does not apply the scale subresource of what it does not build in: there the object itself is written. */}}
{{- define "forethought.rules.scale" -}}
{{- range .root.Values.doors.actuators.scale.resources }}
- apiGroups: [{{ .group | quote }}]
  resources: [{{ .resource }}{{ if has .group (list "" "apps") }}/scale{{ end }}]
  verbs: [get, patch]
{{- end }}
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list]
{{ include "forethought.events" . }}
{{- end }}

{{/* Which field the scale subresource of a custom resource stands for. Empty where only built-in resources are scaled. */}}
{{- define "forethought.rules.definitions" -}}
{{- $names := list }}
{{- range .root.Values.doors.actuators.scale.resources }}
{{- if not (has .group (list "" "apps")) }}{{ $names = append $names (printf "%s.%s" .resource .group) }}{{ end }}
{{- end }}
{{- with $names }}
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  resourceNames: {{ toJson . }}
  verbs: [get]
{{- end }}
{{- end }}

{{- define "forethought.rules.capacityBuffer" -}}
- apiGroups: [autoscaling.x-k8s.io]
  resources: [capacitybuffers]
  verbs: [get, patch]
{{ include "forethought.events" . }}
{{- end }}

{{- define "forethought.rules.hpaFloor" -}}
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, patch]
{{ include "forethought.events" . }}
{{- end }}

{{- define "forethought.rules.migration" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list]
{{ include "forethought.events" . }}
{{- end }}
