{{/* The name of everything of a release, at most 52 characters so that what is appended fits. */}}
{{- define "forethought.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* What selects all pods of a release. */}}
{{- define "forethought.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "forethought.labels" -}}
{{ include "forethought.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{/* The components, as a JSON list: exporters decide and write, and serve where there are no adapters. */}}
{{- define "forethought.components" -}}
{{- if .Values.split.enabled }}["exporter","adapter"]{{ else }}["exporter"]{{ end }}
{{- end }}

{{/* The name of a component's objects. */}}
{{- define "forethought.name" -}}
{{- include "forethought.fullname" .root }}{{ if eq .component "adapter" }}-adapter{{ end }}
{{- end }}

{{/* The component that serves decisions. */}}
{{- define "forethought.server" -}}
{{- if .Values.split.enabled }}adapter{{ else }}exporter{{ end }}
{{- end }}

{{- define "forethought.serviceAccountName" -}}
{{- if not .root.Values.serviceAccount.name }}
{{- include "forethought.name" . }}
{{- else }}
{{- .root.Values.serviceAccount.name }}{{ if and (eq .component "adapter") .root.Values.serviceAccount.create }}-adapter{{ end }}
{{- end }}
{{- end }}

{{/* The doors of a component, as a JSON object; writes says whether one of them writes, and api whether one speaks to the API server. */}}
{{- define "forethought.doors" -}}
{{- $d := .root.Values.doors }}
{{- $decides := eq .component "exporter" }}
{{- $serves := eq .component (include "forethought.server" .root) }}
{{- $doors := dict
      "externalMetrics" (and $serves $d.externalMetrics.enabled)
      "keda" (and $serves $d.keda.enabled)
      "nodes" (and $decides (or $d.nodes.enabled $d.migration.enabled))
      "scale" (and $decides $d.actuators.scale.enabled)
      "capacityBuffer" (and $decides $d.actuators.capacityBuffer.enabled)
      "hpaFloor" (and $decides $d.actuators.hpaFloor.enabled)
      "migration" (and $decides $d.migration.enabled)
      "killSwitch" (and $decides $d.killSwitch.enabled) }}
{{- $writes := or $doors.scale $doors.capacityBuffer $doors.hpaFloor $doors.migration }}
{{- $_ := set $doors "writes" $writes }}
{{- $_ := set $doors "api" (or $doors.externalMetrics $doors.nodes $doors.killSwitch $writes) }}
{{- toJson $doors }}
{{- end }}

{{- define "forethought.image" -}}
{{- with .Values.image }}
{{- .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "forethought.configMap" -}}
{{- .Values.existingConfigMap | default (include "forethought.fullname" .) }}
{{- end }}

{{- define "forethought.externalMetrics.secret" -}}
{{- .Values.doors.externalMetrics.tls.secretName | default (printf "%s-external-metrics" (include "forethought.fullname" .)) }}
{{- end }}

{{- define "forethought.keda.secret" -}}
{{- .Values.doors.keda.tls.secretName | default (printf "%s-keda" (include "forethought.fullname" .)) }}
{{- end }}

{{/* The names in the serving certificate of a Service, as a JSON list. */}}
{{- define "forethought.serviceNames" -}}
{{- $name := printf "%s.%s" .service .root.Release.Namespace }}
{{- list (printf "%s.svc" $name) (printf "%s.svc.cluster.local" $name) $name | toJson }}
{{- end }}
