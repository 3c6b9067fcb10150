{{/* What values.schema.json can't say. */}}
{{- define "countersign.validate" -}}
{{- if and .Values.existingConfig.configMap .Values.existingConfig.secret }}
{{- fail "existingConfig: name a configMap or a secret, not both" }}
{{- end }}
{{- if include "countersign.hasOwnConfig" . }}
{{- include "countersign.validateConfig" . }}
{{- else }}
{{- include "countersign.validateNoConfig" . }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not (dig "requests" "cpu" "" (default dict .Values.resources))) }}
{{- fail "autoscaling follows the share of resources.requests.cpu that is used: set it" }}
{{- end }}
{{- end }}

{{- define "countersign.validateNoConfig" -}}
{{- range list "upstreams" "issuers" "routes" }}
{{- if index $.Values.config . }}
{{- fail (printf "config.%s has no effect: existingConfig takes the place of config" .) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "countersign.validateConfig" -}}
{{- range list "upstreams" "issuers" "routes" }}
{{- if not (index $.Values.config .) }}
{{- fail (printf "config.%s is empty: see \"Configuration\" in the chart's README.md" .) }}
{{- end }}
{{- end }}
{{- if dig "server" "listen" "" .Values.config }}
{{- fail "config.server.listen has no effect: set listen.port, and listen.address if need be" }}
{{- end }}
{{- if dig "admin" "listen" "" .Values.config }}
{{- fail "config.admin.listen has no effect: set listen.adminPort, and listen.address if need be" }}
{{- end }}
{{- end }}
