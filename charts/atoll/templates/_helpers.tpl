{{/* The chart's part of names. */}}
{{- define "atoll.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Start of the names of all objects: short enough for the longest suffix. */}}
{{- define "atoll.fullname" -}}
{{- $name := include "atoll.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels by which pods are found; they never change. Call with (list $ "component"). */}}
{{- define "atoll.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "atoll.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Labels of every object. Call with (list $ "component"). */}}
{{- define "atoll.labels" -}}
{{- $root := index . 0 -}}
{{ include "atoll.selector" . }}
app.kubernetes.io/part-of: atoll
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Reference of an image. Call with (list $ image). */}}
{{- define "atoll.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default $root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "atoll.serviceAccountName" -}}
{{- default (include "atoll.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* What every pod runs with: the restricted profile of Pod Security. */}}
{{- define "atoll.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "atoll.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "atoll.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Where pods may run. Call with the values that say so. */}}
{{- define "atoll.scheduling" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "atoll.dedicated" -}}
{{- if eq .Values.hub.mode "dedicated" }}true{{ end -}}
{{- end -}}

{{/* Whether admission is served. */}}
{{- define "atoll.webhook" -}}
{{- if and .Values.webhook.enabled (or (ne .Values.hub.mode "external") .Values.webhook.url) }}true{{ end -}}
{{- end -}}

{{/* The hub's API server, for whoever runs in this cluster. */}}
{{- define "atoll.hubServer" -}}
{{- printf "https://%s-hub.%s.svc:443" (include "atoll.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* Names of a Service of this cluster. Call with (list $ "suffix"). */}}
{{- define "atoll.serviceNames" -}}
{{- $root := index . 0 -}}
{{- $name := printf "%s-%s" (include "atoll.fullname" $root) (index . 1) -}}
{{- $namespace := $root.Release.Namespace -}}
{{- list $name (printf "%s.%s" $name $namespace) (printf "%s.%s.svc" $name $namespace) (printf "%s.%s.svc.cluster.local" $name $namespace) | join "," -}}
{{- end -}}

{{/* Secrets that the certificate job makes. */}}
{{- define "atoll.pkiSecrets" -}}
{{- $name := include "atoll.fullname" . -}}
{{- if include "atoll.dedicated" . }}
{{- range list "ca" "front-proxy-ca" "etcd-ca" "service-account" "etcd" "apiserver" "controller-manager" "admin" "operator" }}
- {{ $name }}-hub-{{ . }}
{{- end }}
{{- end }}
{{- if include "atoll.webhook" . }}
- {{ $name }}-webhook-ca
- {{ $name }}-webhook
{{- end }}
{{- end -}}

{{- define "atoll.pki" -}}
{{- if or (include "atoll.dedicated" .) (include "atoll.webhook" .) }}true{{ end -}}
{{- end -}}
