{{/*
What the operator may do on the hub. Its own kinds one by one, whatever the mode; then the templates: every kind on a hub
of our own, the listed ones elsewhere. It deletes nothing there.
*/}}
{{- define "atoll.hubRules" -}}
- apiGroups: [policy.karmada.io]
  resources: [propagationpolicies, clusterpropagationpolicies, overridepolicies, clusteroverridepolicies]
  verbs: [get, list, watch, patch]
- apiGroups: [policy.karmada.io]
  resources: [propagationpolicies/status, clusterpropagationpolicies/status]
  verbs: [patch]
- apiGroups: [cluster.karmada.io]
  resources: [clusters]
  verbs: [get, list, watch, patch]
- apiGroups: [cluster.karmada.io]
  resources: [clusters/status]
  verbs: [patch]
- apiGroups: [work.karmada.io]
  resources: [resourcebindings, clusterresourcebindings]
  verbs: [get, list, watch, create, patch]
- apiGroups: [work.karmada.io]
  resources: [resourcebindings/status, clusterresourcebindings/status]
  verbs: [patch]
- apiGroups: [atoll.dev]
  resources: [isolationsnapshots]
  verbs: [get, list, watch, create, patch]
- apiGroups: [atoll.dev]
  resources: [isolationsnapshots/status]
  verbs: [patch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get, list, watch]
# Whether the hub has nodes, and would run what is put on it.
- apiGroups: [""]
  resources: [nodes]
  verbs: [list]
# Where a kind keeps its replicas.
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [get]
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations, validatingwebhookconfigurations]
  resourceNames: [atoll]
  verbs: [get, create, patch]
{{- end -}}

{{- define "atoll.templateRules" -}}
{{- if include "atoll.dedicated" . }}
- apiGroups: ["*"]
  resources: ["*"]
  verbs: [get, list, watch, patch]
{{- else }}
{{- range .Values.hub.kinds }}
{{- $parts := splitn "." 2 . }}
- apiGroups: [{{ default "" $parts._1 | quote }}]
  resources: [{{ $parts._0 }}]
  verbs: [get, list, watch, patch]
- apiGroups: [{{ default "" $parts._1 | quote }}]
  resources: [{{ $parts._0 }}/status]
  verbs: [patch]
{{- end }}
{{- end }}
{{- end -}}

{{/* Credentials of members. */}}
{{- define "atoll.credentialRules" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end -}}

{{/* The leader's Lease. */}}
{{- define "atoll.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [atoll]
  verbs: [get, patch]
{{- end -}}

{{/* One role with its binding. Call with a dict: root, kind (Role or ClusterRole), name, namespace, rules, labels, subject. */}}
{{- define "atoll.grant" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- .labels | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- .labels | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
  - {{- .subject | nindent 4 }}
{{- end -}}

{{/* All grants. Call with a dict: root, name, leaseNamespace, labels, subject. */}}
{{- define "atoll.grants" -}}
{{- $cluster := dict "kind" "ClusterRole" "labels" .labels "subject" .subject -}}
{{- $role := dict "kind" "Role" "labels" .labels "subject" .subject -}}
{{ include "atoll.grant" (merge (dict "name" .name "rules" (include "atoll.hubRules" .root)) $cluster) }}
---
{{ include "atoll.grant" (merge (dict "name" (printf "%s-templates" .name) "rules" (include "atoll.templateRules" .root | trim)) $cluster) }}
---
{{ include "atoll.grant" (merge (dict "name" (printf "%s-credentials" .name) "namespace" "karmada-cluster" "rules" (include "atoll.credentialRules" .root)) $role) }}
---
{{ include "atoll.grant" (merge (dict "name" (printf "%s-leader" .name) "namespace" .leaseNamespace "rules" (include "atoll.leaseRules" .root)) $role) }}
{{- end -}}

{{/* What stands on a hub that is not this cluster, beside the definitions. */}}
{{- define "atoll.hubManifests" -}}
{{- $labels := "app.kubernetes.io/part-of: atoll" -}}
{{- range list "karmada-system" "karmada-cluster" }}
---
apiVersion: v1
kind: Namespace
metadata:
  name: {{ . }}
  labels:
    {{ $labels }}
{{- end }}
{{- $subject := "kind: User\napiGroup: rbac.authorization.k8s.io\nname: atoll" }}
{{- if not (include "atoll.dedicated" .) }}
{{- $subject = printf "kind: ServiceAccount\nname: %s\nnamespace: karmada-system" .Values.hub.external.account }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .Values.hub.external.account }}
  namespace: karmada-system
  labels:
    {{ $labels }}
automountServiceAccountToken: false
{{- end }}
---
{{ include "atoll.grants" (dict "root" . "name" "atoll" "leaseNamespace" "karmada-system" "labels" $labels "subject" $subject) }}
{{- end -}}
