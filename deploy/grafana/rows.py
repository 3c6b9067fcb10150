"""The rows of the dashboard with their panels."""

from panels import BYTES, PER_SECOND, SECONDS, SHARE, Panel, number, quantiles, rate, share

OVERVIEW = [
    number(
        "Ready instances",
        "sum(countersign_ready{@})",
        thresholds=(2, 1),
        runbook="CountersignNotReady",
        description="Instances that load balancers may use.",
    ),
    number(
        "Requests", "sum(rate(countersign_requests_total{@route}[$__rate_interval]))", PER_SECOND
    ),
    number(
        "No verdict",
        'sum(rate(countersign_denials_total{@, reason=~".*_unavailable|.*_full|memory_exhausted"}'
        "[$__rate_interval])) / sum(rate(countersign_requests_total{@}[$__rate_interval]))",
        SHARE,
        thresholds=(0.001, 0.0144),
        runbook="CountersignCannotDecide",
        description="Requests that got 503, since keys, introspection, the store or memory was "
        "missing.",
    ),
    number(
        "Refused",
        share("countersign_requests_total", '{@route, outcome="denied"}', "{@route}"),
        SHARE,
        runbook="CountersignRefusesMore",
    ),
    number(
        "5xx",
        share("countersign_responses_total", '{@route, class="5xx"}', "{@route}"),
        SHARE,
        thresholds=(0.005, 0.02),
        runbook="CountersignServiceFails",
    ),
    number(
        "Decisions within 100 ms",
        'sum(rate(countersign_decision_seconds_bucket{@, le="0.1"}[$__rate_interval]))'
        " / sum(rate(countersign_decision_seconds_count{@}[$__rate_interval]))",
        SHARE,
        thresholds=(0.995, 0.99),
        runbook="CountersignLatencyBudgetBurnsFast",
    ),
]

TRAFFIC = [
    Panel(
        "Requests by outcome",
        {rate("countersign_requests_total", "outcome", "{@route}"): "{{outcome}}"},
        PER_SECOND,
        stacked=True,
    ),
    Panel(
        "Responses by class",
        {rate("countersign_responses_total", "class", "{@route}"): "{{class}}"},
        PER_SECOND,
        stacked=True,
        runbook="CountersignServiceFails",
    ),
    Panel(
        "Requests by route",
        {rate("countersign_requests_total", "route", "{@route}"): "{{route}}"},
        PER_SECOND,
    ),
    Panel(
        "Time of a request",
        quantiles("countersign_request_seconds", "{@route}", "route"),
        SECONDS,
        runbook="CountersignSlow",
        description="From the head of a forwarded request to the end of its response. "
        "Exemplars have the request_id.",
    ),
    Panel(
        "Requests in flight",
        {"sum by (instance) (countersign_requests_in_flight{@})": "{{instance}}"},
    ),
    Panel(
        "Refused by a limit", {rate("countersign_limited_total", "limit"): "{{limit}}"}, PER_SECOND
    ),
]

REFUSALS = [
    Panel(
        "Refusals by reason",
        {rate("countersign_denials_total", "reason") + " > 0": "{{reason}}"},
        PER_SECOND,
        width=12,
        stacked=True,
        runbook="CountersignRefusesMore",
    ),
    Panel(
        "Refusals by issuer",
        {rate("countersign_denials_total", "issuer") + " > 0": "issuer {{issuer}}"},
        PER_SECOND,
        width=12,
        stacked=True,
        description="Without an issuer: those that no token of an issuer was part of.",
    ),
    Panel(
        "No verdict",
        {
            f'job:countersign_undecided:ratio_rate{window}{{job=~"$job"}}': f"{{{{job}}}} {window}"
            for window in ("5m", "1h", "6h", "3d")
        },
        SHARE,
        thresholds=(0.001, 0.0144),
        runbook="CountersignDecisionBudgetBurns",
        description="The objective is 0.1 % in a month. Needs deploy/prometheus/rules.yaml.",
    ),
    Panel(
        "Late decisions",
        {
            f'job:countersign_late:ratio_rate{window}{{job=~"$job"}}': f"{{{{job}}}} {window}"
            for window in ("5m", "1h", "6h", "3d")
        },
        SHARE,
        thresholds=(0.01, 0.144),
        runbook="CountersignLatencyBudgetBurns",
        description="The objective is 1 % in a month. Needs deploy/prometheus/rules.yaml.",
    ),
    Panel(
        "Identity headers removed",
        {
            rate("countersign_identity_headers_removed_total", "product, header")
            + " > 0": "{{product}} {{header}}"
        },
        PER_SECOND,
        runbook="CountersignIdentityHeadersForged",
    ),
]

VERIFICATION = [
    Panel(
        "Time to verify a token",
        quantiles("countersign_verification_seconds", "{@}", "cache"),
        SECONDS,
    ),
    Panel(
        "Verified from the cache",
        {share("countersign_verification_seconds_count", '{@, cache="hit"}', "{@}"): "hit rate"},
        SHARE,
    ),
    Panel(
        "Time to decide",
        quantiles("countersign_decision_seconds", "{@}"),
        SECONDS,
        runbook="CountersignLatencyBudgetBurnsFast",
    ),
    Panel(
        "Verifications by algorithm",
        {
            rate("countersign_verification_seconds_count", "algorithm, cache")
            + " > 0": "{{algorithm}} {{cache}}"
        },
        PER_SECOND,
    ),
    Panel(
        "Signed requests verified",
        {
            rate("countersign_signatures_verified_total", "signature, dialect")
            + " > 0": "{{signature}} {{dialect}}"
        },
        PER_SECOND,
    ),
    Panel(
        "Lines of evidence",
        {rate("countersign_evidence_lines_total", "outcome"): "{{outcome}}"},
        PER_SECOND,
        runbook="CountersignEvidenceIsLost",
    ),
]

PROVIDERS = [
    Panel(
        "What is missing",
        {"countersign_dependency_up{@}": "{{kind}} {{name}} {{instance}}"},
        kind="state-timeline",
        width=24,
        runbook="CountersignDependencyMissing",
        description="1: usable. 0: missing; /readyz?verbose says why.",
    ),
    Panel(
        "Age of keys",
        {
            "time() - min by (issuer) (countersign_keys_confirmed_timestamp_seconds{@} != 0)":
                "{{issuer}}",
        },
        SECONDS,
        thresholds=(21600, 72000),
        runbook="CountersignKeysAreOld",
        description="Since their source has confirmed them. At max_stale 503 begins.",
    ),
    Panel(
        "Keys",
        {
            "min by (issuer) (countersign_keys{@})": "{{issuer}} usable",
            "sum by (issuer, reason) (countersign_keys_skipped{@}) > 0":
                "{{issuer}} left out: {{reason}}",
        },
        runbook="CountersignNoKeys",
    ),
    Panel(
        "Refreshes of keys",
        {
            rate("countersign_key_refreshes_total", "issuer, outcome")
            + " > 0": "{{issuer}} {{outcome}}"
        },
        PER_SECOND,
        runbook="CountersignNoKeys",
    ),
    Panel(
        "Introspection",
        {
            rate("countersign_introspections_total", "issuer, outcome")
            + " > 0": "{{issuer}} {{outcome}}"
        },
        PER_SECOND,
        runbook="CountersignIntrospectionFails",
    ),
    Panel(
        "Time of introspection",
        quantiles("countersign_introspection_seconds", "{@}", "issuer"),
        SECONDS,
        runbook="CountersignIntrospectionFails",
    ),
    Panel(
        "Age of the revocation list",
        {
            "time() - min by (source) (countersign_revocation_confirmed_timestamp_seconds{@} != 0)":
                "{{source}}",
        },
        SECONDS,
        thresholds=(1800, 3600),
        runbook="CountersignRevocationsAreOld",
    ),
    Panel(
        "Shared store",
        {
            rate("countersign_shared_operations_total", "operation, outcome")
            + " > 0": "{{operation}} {{outcome}}"
        },
        PER_SECOND,
        width=12,
        runbook="CountersignStoreIsSlow",
    ),
    Panel(
        "Connected to the shared store",
        {"countersign_shared_connected{@}": "{{instance}}"},
        kind="state-timeline",
        states=("disconnected", "connected"),
        width=12,
        runbook="CountersignStoreIsLost",
    ),
]

SERVICES = [
    Panel(
        "Time of a service",
        quantiles("countersign_upstream_seconds", "{@}", "upstream"),
        SECONDS,
        runbook="CountersignSlow",
        description="From forwarding a request to the head of its response.",
    ),
    Panel(
        "Services that do not answer",
        {
            rate("countersign_upstream_failures_total", "upstream, reason")
            + " > 0": "{{upstream}} {{reason}}"
        },
        PER_SECOND,
        runbook="CountersignUpstreamFails",
    ),
    Panel(
        "No room at a service",
        {
            rate("countersign_upstream_busy_total", "upstream"): "{{upstream}} refused",
            rate("countersign_upstream_waits_total", "upstream"): "{{upstream}} waited",
        },
        PER_SECOND,
        runbook="CountersignUpstreamBusy",
    ),
    Panel(
        "Endpoints",
        {"sum by (upstream, state) (countersign_upstream_endpoints{@})": "{{upstream}} {{state}}"},
        stacked=True,
        runbook="CountersignEndpointsEjected",
    ),
    Panel(
        "Ejections",
        {rate("countersign_upstream_ejections_total", "upstream, cause"): "{{upstream}} {{cause}}"},
        PER_SECOND,
        runbook="CountersignEndpointsEjected",
    ),
    Panel(
        "Connections to services",
        {"sum by (upstream) (countersign_upstream_connections{@})": "{{upstream}}"},
    ),
]

MEMORY = [
    Panel(
        "Memory budget used",
        {
            "countersign_memory_budget_used_bytes{@} / countersign_memory_budget_bytes{@}":
                "{{instance}}",
        },
        SHARE,
        thresholds=(0.7, 0.9),
        runbook="CountersignMemoryIsShort",
    ),
    Panel(
        "Buffers for bodies used",
        {"countersign_held_body_bytes{@} / countersign_held_body_budget_bytes{@}": "{{instance}}"},
        SHARE,
        thresholds=(0.7, 0.9),
        runbook="CountersignBuffersAreFull",
    ),
    Panel(
        "Memory",
        {
            "process_resident_memory_bytes{@}": "{{instance}} resident",
            "countersign_waiting_body_bytes{@}": "{{instance}} bodies that wait",
        },
        BYTES,
    ),
    Panel(
        "Connections",
        {
            "sum by (instance) (countersign_connections{@})": "{{instance}} open",
            "sum by (instance) (countersign_connections_parked{@})":
                "{{instance}} idle, without buffers",
        },
    ),
    Panel(
        "Connections closed",
        {
            rate("countersign_listener_connections_refused_total", "listener, cause")
            + " > 0": "{{listener}} {{cause}}",
            rate("countersign_http2_floods_total", "frames") + " > 0": "too many {{frames}}",
        },
        PER_SECOND,
        runbook="CountersignConnectionsRefused",
    ),
    Panel(
        "Workers busy",
        {
            "rate(countersign_worker_busy_seconds_total{@}[$__rate_interval])":
                "{{instance}} {{worker}}",
        },
        SHARE,
        thresholds=(0.7, 0.9),
        runbook="CountersignIsSaturated",
    ),
    Panel("CPU", {"rate(process_cpu_seconds_total{@}[$__rate_interval])": "{{instance}}"}, SHARE),
    Panel(
        "File descriptors used",
        {"process_open_fds{@} / process_max_fds{@}": "{{instance}}"},
        SHARE,
        thresholds=(0.7, 0.9),
        runbook="CountersignFilesAreShort",
    ),
    Panel(
        "Time to write evidence",
        quantiles("countersign_evidence_fsync_seconds", "{@}"),
        SECONDS,
        thresholds=(0.1, 0.5),
        runbook="CountersignEvidenceIsSlow",
    ),
]

CONFIGURATION = [
    Panel(
        "Reloads",
        {
            "sum by (trigger, outcome) "
            "(increase(countersign_reload_attempts_total{@}[$__rate_interval])) > 0":
                "{{trigger}} {{outcome}}",
        },
        runbook="CountersignReloadRefused",
    ),
    Panel(
        "Last reload applied",
        {"countersign_reload_last_attempt_successful{@}": "{{instance}}"},
        kind="state-timeline",
        states=("refused", "applied"),
        runbook="CountersignReloadRefused",
        description="0: the configuration on disk was refused.",
    ),
    Panel(
        "Instances by configuration and version",
        {
            "count by (hash) (countersign_config_info{@})": "configuration {{hash}}",
            "count by (version) (countersign_build_info{@})": "version {{version}}",
        },
        runbook="CountersignConfigurationsDiffer",
    ),
    Panel(
        "Certificates expire in",
        {
            "min by (setting) (countersign_certificate_expiry_timestamp_seconds{@}) - time()":
                "{{setting}}",
            "min by (upstream) "
            "(countersign_upstream_certificate_expiry_timestamp_seconds{@} != 0) - time()":
                "service {{upstream}}",
        },
        SECONDS,
        thresholds=(1814400, 259200),
        runbook="CountersignCertificateExpires",
    ),
    Panel(
        "Lists of certificates due in",
        {
            "min by (setting) (countersign_crl_next_update_timestamp_seconds{@}) - time()":
                "{{setting}}",
        },
        SECONDS,
        thresholds=(259200, 86400),
        runbook="CountersignRevocationListIsDue",
    ),
    Panel(
        "Restarts and steps of the clock",
        {
            "changes(process_start_time_seconds{@}[$__rate_interval])": "{{instance}} restarts",
            "increase(countersign_clock_steps_total{@}[$__rate_interval])": "{{instance}} clock",
        },
        runbook="CountersignClockStepped",
    ),
]

ROWS = {
    "Overview": OVERVIEW,
    "Traffic": TRAFFIC,
    "Refusals": REFUSALS,
    "Verification": VERIFICATION,
    "Providers and keys": PROVIDERS,
    "Services": SERVICES,
    "Connections and memory": MEMORY,
    "Configuration and certificates": CONFIGURATION,
}
