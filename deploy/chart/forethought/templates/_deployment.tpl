{{/* One Deployment: root, component, shard (I/N, or empty) and name. */}}
{{- define "forethought.deployment" -}}
{{- $v := .root.Values }}
{{- $doors := include "forethought.doors" . | fromJson }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "forethought.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  replicas: {{ if eq .component "adapter" }}{{ $v.split.replicas }}{{ else }}{{ $v.replicas }}{{ end }}
  {{- if and $v.persistence.enabled (eq .component "exporter") }}
  strategy: {type: Recreate} # the volume is that of one pod
  {{- end }}
  selector:
    matchLabels: {{- include "forethought.podSelector" . | nindent 6 }}
  template:
    metadata:
      annotations:
        # What the configuration says comes into force by new pods, one after the other.
        checksum/config: {{ include "forethought.checksum" . }}
        {{- with $v.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      labels:
        {{- include "forethought.podSelector" . | nindent 8 }}
        {{- with $v.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "forethought.serviceAccountName" . }}
      automountServiceAccountToken: {{ $doors.api }}
      enableServiceLinks: false
      {{- with $v.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      {{- with $v.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: forethought
          {{- include "forethought.container" (merge (dict "doors" $doors) .) | trim | nindent 10 }}
      volumes: {{- include "forethought.volumes" (merge (dict "doors" $doors) .) | trim | nindent 8 }}
      {{- with $v.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $v.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $v.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints: {{- include "forethought.spread" . | trim | nindent 8 }}
{{- end }}

{{/* What selects the pods of one Deployment. */}}
{{- define "forethought.podSelector" -}}
{{ include "forethought.selector" .root }}
app.kubernetes.io/component: {{ .component }}
{{- with .shard }}
forethought.dev/shard: {{ replace "/" "-of-" . | quote }}
{{- end }}
{{- end }}

{{- define "forethought.checksum" -}}
{{- if .root.Values.existingConfigMap }}
{{- .root.Values.existingConfigMap | sha256sum }}
{{- else }}
{{- print (include "forethought.config" .) (toJson .root.Values.configFiles) | sha256sum }}
{{- end }}
{{- end }}

{{- define "forethought.spread" -}}
{{- if .root.Values.topologySpreadConstraints }}
{{- toYaml .root.Values.topologySpreadConstraints }}
{{- else }}
{{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- maxSkew: 1
  topologyKey: {{ $key }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "forethought.podSelector" $ | nindent 6 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "forethought.volumes" -}}
{{- $v := .root.Values }}
- name: config
  configMap: {name: {{ include "forethought.configMap" .root }}}
- name: data
  {{- if and $v.persistence.enabled (eq .component "exporter") }}
  persistentVolumeClaim: {claimName: {{ $v.persistence.existingClaim | default (include "forethought.fullname" .root) }}}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- with $v.web.configSecret }}
- name: web
  secret: {secretName: {{ . }}}
{{- end }}
{{- if .doors.externalMetrics }}
- name: external-metrics
  secret: {secretName: {{ include "forethought.externalMetrics.secret" .root }}}
{{- end }}
{{- if .doors.keda }}
- name: keda
  secret: {secretName: {{ include "forethought.keda.secret" .root }}}
{{- end }}
{{- with $v.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
