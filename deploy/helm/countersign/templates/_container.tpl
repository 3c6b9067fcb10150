{{/* What both Countersign and its test read. */}}
{{- define "countersign.environment" -}}
# What has to agree with the pod; these override the configuration.
- name: COUNTERSIGN_SERVER__LISTEN
  value: {{ printf "%s:%v" .Values.listen.address .Values.listen.port | quote }}
- name: COUNTERSIGN_ADMIN__LISTEN
  value: {{ printf "%s:%v" .Values.listen.address .Values.listen.adminPort | quote }}
{{- if not ((.Values.config).control).listen }}
# For `kubectl exec`: the last denials, and a reload. Only this container has the volume.
- name: COUNTERSIGN_CONTROL__LISTEN
  value: unix:/run/countersign/control.sock
{{- end }}
{{- if .Values.tls.secretName }}
- name: COUNTERSIGN_SERVER__TLS__CERTIFICATE
  value: /etc/countersign-tls/tls.crt
- name: COUNTERSIGN_SERVER__TLS__PRIVATE_KEY
  value: /etc/countersign-tls/tls.key
{{- end }}
{{- if eq .Values.mode "sidecar" }}
# The pause before the app stops is the grace; Countersign stops after the app.
- name: COUNTERSIGN_SERVER__SHUTDOWN_GRACE
  value: 0s
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "countersign.volumeMounts" -}}
# Whole directories: with a subPath they would never be updated.
- name: countersign-config
  mountPath: /etc/countersign
  readOnly: true
- name: countersign-keys
  mountPath: /var/lib/countersign
- name: countersign-control
  mountPath: /run/countersign
- name: countersign-tmp
  mountPath: /tmp
{{- if .Values.tls.secretName }}
- name: countersign-tls
  mountPath: /etc/countersign-tls
  readOnly: true
{{- end }}
{{- range .Values.secrets }}
- name: secret-{{ . }}
  mountPath: /etc/countersign-secrets/{{ . }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "countersign.volumes" -}}
- name: countersign-config
  {{- if .Values.existingConfig.secret }}
  secret:
    secretName: {{ .Values.existingConfig.secret }}
  {{- else }}
  configMap:
    name: {{ default (include "countersign.fullname" .) .Values.existingConfig.configMap }}
  {{- end }}
# The last good keys, if the configuration has them written: `keys.snapshot`.
- name: countersign-keys
  emptyDir:
    sizeLimit: 16Mi
# The private listener's socket. Of the pod alone: another one's process can't be asked here.
- name: countersign-control
  emptyDir:
    sizeLimit: 1Mi
# Signed bodies that are held until they are verified.
- name: countersign-tmp
  emptyDir:
    sizeLimit: {{ .Values.tmpSizeLimit }}
{{- if .Values.tls.secretName }}
- name: countersign-tls
  secret:
    secretName: {{ .Values.tls.secretName }}
{{- end }}
{{- range .Values.secrets }}
- name: secret-{{ . }}
  secret:
    secretName: {{ . }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "countersign.container" -}}
name: countersign
image: {{ include "countersign.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- if eq .Values.mode "sidecar" }}
# A native sidecar: it starts before the app and stops after it.
restartPolicy: Always
{{- end }}
args: ["run", "--config", {{ include "countersign.configFile" . | quote }}]
env:
  {{- include "countersign.environment" . | nindent 2 }}
ports:
  - name: http
    containerPort: {{ .Values.listen.port }}
  - name: admin
    containerPort: {{ .Values.listen.adminPort }}
  {{- range $name, $port := .Values.listen.extraPorts }}
  - name: {{ $name }}
    containerPort: {{ $port }}
  {{- end }}
# 503 after a worker has ended by itself: only a restart helps. Never for what others do.
startupProbe:
  httpGet:
    path: /livez
    port: admin
  periodSeconds: 1
  failureThreshold: 30
# Not ready while no route can be decided on; /readyz?verbose names what is missing.
readinessProbe:
  httpGet:
    path: /readyz
    port: admin
  periodSeconds: 5
livenessProbe:
  httpGet:
    path: /livez
    port: admin
  periodSeconds: 10
  timeoutSeconds: 5
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  {{- include "countersign.volumeMounts" . | nindent 2 }}
{{- end }}

{{/* The service behind the sidecar: the user's container, with what the pair needs of it. */}}
{{- define "countersign.app" -}}
{{- $security := omit .Values.securityContext "runAsUser" "runAsGroup" }}
{{- $defaults := dict "name" "app" "securityContext" $security }}
{{- if not (dig "lifecycle" "preStop" "" .Values.app.container) }}
{{- $sleep := dict "sleep" (dict "seconds" .Values.app.preStopSeconds) }}
{{- $_ := set $defaults "lifecycle" (dict "preStop" $sleep) }}
{{- end }}
{{- if and .Values.app.readinessPath (not .Values.app.container.readinessProbe) }}
{{- $scheme := ternary "HTTPS" "HTTP" (ne .Values.tls.secretName "") }}
{{- $get := dict "path" .Values.app.readinessPath "port" .Values.listen.port "scheme" $scheme }}
{{- $_ := set $defaults "readinessProbe" (dict "httpGet" $get "periodSeconds" 5) }}
{{- end }}
{{- mergeOverwrite $defaults .Values.app.container | toYaml }}
{{- end }}
