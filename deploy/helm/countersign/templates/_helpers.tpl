{{- define "countersign.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "countersign.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "countersign.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "countersign.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "countersign.selectorLabels" -}}
app.kubernetes.io/name: {{ include "countersign.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "countersign.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") | trunc 63 }}
{{ include "countersign.selectorLabels" . }}
app.kubernetes.io/component: {{ .Values.mode }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Name, namespace and labels of a resource. */}}
{{- define "countersign.metadata" -}}
name: {{ include "countersign.fullname" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "countersign.labels" . | nindent 2 }}
{{- end }}

{{- define "countersign.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "countersign.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "countersign.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag }}
{{- with .Values.image.digest }}
{{- printf "%s@%s" $.Values.image.repository . }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository $tag }}
{{- end }}
{{- end }}

{{- define "countersign.servicePort" -}}
{{- default (ternary 443 80 (ne .Values.tls.secretName "")) .Values.service.port }}
{{- end }}

{{- define "countersign.hasOwnConfig" -}}
{{- if not (or .Values.existingConfig.configMap .Values.existingConfig.secret) }}true{{ end }}
{{- end }}

{{/* The configuration's file in the container. */}}
{{- define "countersign.configFile" -}}
{{- $own := include "countersign.hasOwnConfig" . }}
{{- printf "/etc/countersign/%s" (ternary "countersign.yaml" .Values.existingConfig.key (ne $own "")) }}
{{- end }}
