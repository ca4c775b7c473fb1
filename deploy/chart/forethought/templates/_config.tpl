{{/* forethought.yml of a component. Adapters decide nothing, count nothing and write nothing: they serve. */}}
{{- define "forethought.config" -}}
{{- $config := deepCopy .root.Values.config }}
{{- if eq .component "adapter" }}
{{- $_ := set $config "source" "prometheus" }}
{{- range $fleet := $config.fleets }}
{{- $_ := unset ((($fleet.policy | default dict).migration | default dict)) "act" }}
{{- range $pool := $fleet.pools }}
{{- $_ := unset $pool "nodes" }}
{{- $_ := unset $pool "actuate" }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* Refuses values that the schema cannot: each message says what to set. */}}
{{- define "forethought.check" -}}
{{- $v := .Values }}
{{- $d := $v.doors }}
{{- if not $v.image.repository }}{{ fail "image.repository is empty: name the image that was built with deploy/Containerfile" }}{{ end }}
{{- if and $v.existingConfigMap (or $v.config $v.configFiles) }}
{{- fail "existingConfigMap stands in place of config and configFiles: give one of them" }}
{{- end }}
{{- range $name := list "forethought.yml" "adapter.yml" }}
{{- if hasKey $v.configFiles $name }}{{ fail (printf "configFiles has %s, which config makes" $name) }}{{ end }}
{{- end }}
{{- if and (not $v.existingConfigMap) (not $v.config.fleets) }}
{{- fail "config.fleets is empty: give one fleet at least, or existingConfigMap" }}
{{- end }}
{{- if and (gt (int $v.shards) 1) (not $v.split.enabled) (or $d.externalMetrics.enabled $d.keda.enabled) }}
{{- fail (printf "shards: %d with doors.externalMetrics or doors.keda needs split.enabled: a shard knows its own fleets only" (int $v.shards)) }}
{{- end }}
{{- if and $v.split.enabled $v.config.embedded }}
{{- fail "split.enabled needs config.prometheus: an adapter cannot read an embedded Prometheus" }}
{{- end }}
{{- if and (or $v.persistence.enabled $v.config.embedded) (or (ne (int $v.replicas) 1) (ne (int $v.shards) 1)) }}
{{- fail "persistence.enabled and config.embedded need replicas: 1 and shards: 1: a folder has one process" }}
{{- end }}
{{- include "forethought.checkTLS" . }}
{{- include "forethought.checkPolicy" . }}
{{- include "forethought.checkFleets" . }}
{{- end }}

{{- define "forethought.checkTLS" -}}
{{- range $door := list "externalMetrics" "keda" }}
{{- $tls := (index $.Values.doors $door).tls }}
{{- if (index $.Values.doors $door).enabled }}
{{- if and (eq $tls.mode "secret") (not $tls.secretName) }}{{ fail (printf "doors.%s.tls.secretName is empty: the mode secret needs it" $door) }}{{ end }}
{{- if and (eq $tls.mode "certManager") (not $tls.issuerRef.name) }}
{{- fail (printf "doors.%s.tls.issuerRef.name is empty: the mode certManager needs it" $door) }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.doors.externalMetrics }}
{{- if and .enabled (eq .tls.mode "secret") (not .tls.ca) }}
{{- fail "doors.externalMetrics.tls.ca is empty: the mode secret needs it, for the APIService" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "forethought.checkPolicy" -}}
{{- with .Values.networkPolicy }}
{{- if and .enabled (not .prometheus.peers) (not $.Values.config.embedded) }}
{{- fail "networkPolicy.prometheus.peers is empty: say where Prometheus is" }}
{{- end }}
{{- $api := false }}
{{- range $component := include "forethought.components" $ | fromJsonArray }}
{{- $api = or $api (include "forethought.doors" (dict "root" $ "component" $component) | fromJson).api }}
{{- end }}
{{- if and .enabled $api (not .apiServer.cidrs) }}
{{- fail "networkPolicy.apiServer.cidrs is empty: an enabled door speaks to the API server" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Refuses a configuration that needs a door which is closed, and with it permissions that are not granted. */}}
{{- define "forethought.checkFleets" -}}
{{- $d := .Values.doors }}
{{- $kinds := dict "scale" "scale" "capacity_buffer" "capacityBuffer" "hpa_floor" "hpaFloor" }}
{{- range $fleet := .Values.config.fleets }}
{{- if and (((.policy | default dict).migration | default dict).act) (not $d.migration.enabled) }}
{{- fail (printf "config: policy.migration.act of fleet %s needs doors.migration.enabled" .name) }}
{{- end }}
{{- range $pool := .pools }}
{{- if and .nodes (not $d.nodes.enabled) (not $d.migration.enabled) }}
{{- fail (printf "config: nodes of pool %s of fleet %s needs doors.nodes.enabled" .name $fleet.name) }}
{{- end }}
{{- range .actuate }}
{{- $door := get $kinds (.kind | default "") }}
{{- if and $door (not (index $d.actuators $door).enabled) }}
{{- fail (printf "config: actuate of kind %s of pool %s of fleet %s needs doors.actuators.%s.enabled" .kind $pool.name $fleet.name $door) }}
{{- end }}
{{- if and $d.actuators.namespaces (not (has .namespace $d.actuators.namespaces)) }}
{{- fail (printf "config: actuate of pool %s of fleet %s writes in namespace %s, which doors.actuators.namespaces lacks" $pool.name $fleet.name .namespace) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
