{{/* The container of a Deployment: root, component, shard and doors. */}}
{{- define "forethought.container" -}}
{{- $v := .root.Values }}
image: {{ include "forethought.image" .root }}
imagePullPolicy: {{ $v.image.pullPolicy }}
args: {{- include "forethought.args" . | trim | nindent 2 }}
workingDir: /data # what the configuration names without a leading slash lies here
securityContext:
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
ports:
  - {name: web, containerPort: 9095}
  {{- if .doors.externalMetrics }}
  - {name: metrics-api, containerPort: 6443}
  {{- end }}
  {{- if .doors.keda }}
  - {name: keda, containerPort: 9098}
  {{- end }}
livenessProbe:
  {{- include "forethought.probe" (dict "web" $v.web "path" "/-/healthy") | trim | nindent 2 }}
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  {{- include "forethought.probe" (dict "web" $v.web "path" "/-/ready") | trim | nindent 2 }}
  periodSeconds: 10
  timeoutSeconds: 5
{{- $resources := $v.resources }}
{{- if and (eq .component "adapter") $v.split.resources }}{{ $resources = $v.split.resources }}{{ end }}
{{- with $resources }}
resources: {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - {name: config, mountPath: /etc/forethought, readOnly: true}
  - {name: data, mountPath: /data}
  {{- if $v.web.configSecret }}
  - {name: web, mountPath: /etc/forethought-web, readOnly: true}
  {{- end }}
  {{- if .doors.externalMetrics }}
  - {name: external-metrics, mountPath: /etc/forethought-external-metrics, readOnly: true}
  {{- end }}
  {{- if .doors.keda }}
  - {name: keda, mountPath: /etc/forethought-keda, readOnly: true}
  {{- end }}
  {{- with $v.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "forethought.probe" -}}
{{- if eq .web.probe "tcp" }}
tcpSocket: {port: web}
{{- else }}
httpGet: {path: {{ .path }}, port: web, scheme: {{ .web.scheme }}}
{{- end }}
{{- end }}

{{- define "forethought.args" -}}
{{- $v := .root.Values }}
- serve
- --config.file=/etc/forethought/{{ if eq .component "adapter" }}adapter.yml{{ else }}forethought.yml{{ end }}
- --web.listen-address=:9095
- --log.level={{ $v.log.level }}
- --log.format={{ $v.log.format }}
{{- if $v.web.configSecret }}
- --web.config.file=/etc/forethought-web/web.yml
{{- end }}
{{- if and $v.web.adminAPI (eq .component "exporter") }}
- --web.enable-admin-api
{{- end }}
{{- if .doors.externalMetrics }}
- --external-metrics.listen-address=:6443
- --external-metrics.tls-cert-file=/etc/forethought-external-metrics/tls.crt
- --external-metrics.tls-private-key-file=/etc/forethought-external-metrics/tls.key
- --external-metrics.service={{ .root.Release.Namespace }}/{{ include "forethought.fullname" .root }}-external-metrics
{{- end }}
{{- if .doors.keda }}
- --keda.listen-address=:9098
- --keda.tls-cert-file=/etc/forethought-keda/tls.crt
- --keda.tls-private-key-file=/etc/forethought-keda/tls.key
- --keda.client-ca-file=/etc/forethought-keda/ca.crt
{{- end }}
{{- if .doors.api }}
- --kubernetes.enable
- --kubernetes.namespace={{ .root.Release.Namespace }}
{{- end }}
{{- if .doors.writes }}
- --kubernetes.lease={{ include "forethought.fullname" .root }}
{{- end }}
{{- with .shard }}
- --shard={{ . }}
{{- end }}
{{- end }}
