//! The twenty incidents: how each is produced, how it looks, and what to do.

use Production::{Always, IfInstalled};

use super::{
    expected::{
        Figure::{AboveZero, Zero},
        LogLine, Series,
    },
    machine, providers, services,
    stage::Scene,
    tokens,
};

/// One incident.
pub(super) struct Incident {
    pub(super) name: &'static str,
    pub(super) produce: Production,
    pub(super) line: LogLine,
    pub(super) metric: Series,
    /// Parts of one line of `/readyz?verbose`; `None`: nothing is missing.
    pub(super) note: Option<&'static [&'static str]>,
    /// For the documents.
    pub(super) means: &'static str,
    pub(super) to_do: &'static str,
}

/// What produces an incident.
#[derive(Debug, Clone, Copy)]
pub(super) enum Production {
    Always(fn() -> Scene),
    /// `None`: this machine lacks a program for it.
    IfInstalled(fn() -> Option<Scene>),
}

impl Production {
    pub(super) fn scene(self) -> Option<Scene> {
        match self {
            Always(produce) => Some(produce()),
            IfInstalled(produce) => produce(),
        }
    }
}

/// In the order of the documents.
pub(super) const INCIDENTS: &[Incident] = &[
    Incident {
        name: "wrong audience",
        produce: Always(tokens::wrong_audience),
        line: LogLine {
            level: "INFO",
            cause: &[
                "reason=\"audience_mismatch\"",
                "found=\"'https://billing.test'\"",
                "setting=\"audiences\"",
            ],
            subject: &["issuer=\"corp\"", "client_id=\"shop\""],
            to_do: "the client has to request a token for what is expected",
        },
        metric: Series {
            family: "countersign_denials_total",
            labels: &["issuer=\"corp\"", "reason=\"audience_mismatch\""],
            value: AboveZero,
        },
        note: None,
        means: "The token is for another service.",
        to_do: "Have the client `client_id` request one for this service. Only if `found` names \
                this service: add it to `audiences`.",
    },
    Incident {
        name: "expired token",
        produce: Always(tokens::expired),
        line: LogLine {
            level: "INFO",
            cause: &["reason=\"token_expired\"", "about=\"claim 'exp' is in the past\""],
            subject: &["issuer=\"corp\"", "client_id=\"shop\""],
            to_do: "the client has to renew its tokens in time",
        },
        metric: Series {
            family: "countersign_denials_total",
            labels: &["issuer=\"corp\"", "reason=\"token_expired\""],
            value: AboveZero,
        },
        note: None,
        means: "The client uses a token beyond its end.",
        to_do: "Of one client: have it renew its tokens. Of all clients at once: look for a note \
                about the clock.",
    },
    Incident {
        name: "unknown key id",
        produce: Always(tokens::unknown_kid),
        line: LogLine {
            level: "INFO",
            cause: &["reason=\"kid_unknown\"", "found=\"'staging' with alg ES256\""],
            subject: &["issuer=\"corp\"", "client_id=\"shop\""],
            to_do: "the issuer publishes no such key: find out which environment",
        },
        metric: Series {
            family: "countersign_denials_total",
            labels: &["issuer=\"corp\"", "reason=\"kid_unknown\""],
            value: AboveZero,
        },
        note: None,
        means: "The key set was fetched just now and has no such key: the token is of another \
                environment, or its key was withdrawn.",
        to_do: "Compare `kid` with `/keys`; ask the client where it gets its tokens.",
    },
    Incident {
        name: "provider down",
        produce: Always(providers::down),
        line: LogLine {
            level: "ERROR",
            cause: &["refresh failed, there are no usable keys", "code=\"connect\""],
            subject: &["issuer=\"corp\""],
            to_do: "check that the provider runs, and that this host reaches it",
        },
        metric: Series {
            family: "countersign_key_refreshes_total",
            labels: &["issuer=\"corp\"", "outcome=\"connect\""],
            value: AboveZero,
        },
        note: Some(&["issuer corp: ", "no keys yet", "can't connect"]),
        means: "The key set can't be fetched. With keys of before, the line is a `WARN`, and \
                tokens are verified until `max_stale`.",
        to_do: "Restore the provider, its name or the network. No restart: a new process has no keys.",
    },
    Incident {
        name: "provider slow",
        produce: Always(providers::slow),
        line: LogLine {
            level: "ERROR",
            cause: &["refresh failed, there are no usable keys", "code=\"timeout\""],
            subject: &["issuer=\"corp\""],
            to_do: "the provider is slow: look at its load",
        },
        metric: Series {
            family: "countersign_key_refreshes_total",
            labels: &["issuer=\"corp\"", "outcome=\"timeout\""],
            value: AboveZero,
        },
        note: Some(&["issuer corp: ", "no complete answer within"]),
        means: "The provider takes connections and does not answer within `keys.timeout`.",
        to_do: "Look at the provider's load; raise `keys.timeout` for the time being.",
    },
    Incident {
        name: "provider with a wrong clock",
        produce: Always(tokens::clock_of_the_provider),
        line: LogLine {
            level: "INFO",
            cause: &["reason=\"token_issued_in_future\"", "about=\"claim 'iat' is in the future\""],
            subject: &["issuer=\"corp\"", "client_id=\"shop\""],
            to_do: "correct the clock of the provider or of this host",
        },
        metric: Series {
            family: "countersign_denials_total",
            labels: &["issuer=\"corp\"", "reason=\"token_issued_in_future\""],
            value: AboveZero,
        },
        note: None,
        means: "New tokens are dated ahead of this host's time. `found` says by how much.",
        to_do: "Compare both clocks with true time, and correct the wrong one. `clock_skew` \
                bridges a few seconds.",
    },
    Incident {
        name: "slow service",
        produce: Always(services::slow),
        line: LogLine {
            level: "WARN",
            cause: &["no response from the upstream", "reason=\"upstream_timeout\""],
            subject: &["upstream=\"app\"", "route=\"/**\""],
            to_do: "the service is slow: look at its load",
        },
        metric: Series {
            family: "countersign_upstream_failures_total",
            labels: &["reason=\"upstream_timeout\"", "upstream=\"app\""],
            value: AboveZero,
        },
        note: None,
        means: "The service has not begun its answer within `response_timeout`.",
        to_do: "Look at the service at `endpoint`. Other routes are not affected.",
    },
    Incident {
        name: "service resets connections",
        produce: Always(services::reset),
        line: LogLine {
            level: "WARN",
            cause: &["no response from the upstream", "reason=\"upstream_broken\""],
            subject: &["upstream=\"app\"", "route=\"/**\""],
            to_do: "the service closed the connection: look for a crash or a restart",
        },
        metric: Series {
            family: "countersign_upstream_failures_total",
            labels: &["reason=\"upstream_broken\"", "upstream=\"app\""],
            value: AboveZero,
        },
        note: None,
        means: "The service takes the request and closes the connection without an answer.",
        to_do: "Look for crashes in the log of the service at `endpoint`.",
    },
    Incident {
        name: "full buffer",
        produce: Always(services::full_buffer),
        line: LogLine {
            level: "INFO",
            cause: &[
                "reason=\"body_buffer_unavailable\"",
                "setting=\"server.limits.buffer_bytes\"",
            ],
            subject: &["route=\"/**\"", "client=\"127.0.0.1\""],
            to_do: "find who uploads much at once, or raise server.limits.buffer_bytes",
        },
        metric: Series {
            family: "countersign_denials_total",
            labels: &["reason=\"body_buffer_unavailable\""],
            value: AboveZero,
        },
        note: None,
        means: "Bodies that are held until they are complete take all of the room for them.",
        to_do: "Compare `countersign_held_body_bytes` with its budget; look for slow uploads.",
    },
    Incident {
        name: "refused reload",
        produce: Always(machine::refused_reload),
        line: LogLine {
            level: "ERROR",
            cause: &["the new configuration is not used"],
            subject: &["trigger=\"signal\"", "issuers.corp.audience"],
            to_do: "the earlier one is in force: correct this one",
        },
        metric: Series {
            family: "countersign_reload_last_attempt_successful",
            labels: &[],
            value: Zero,
        },
        note: Some(&["reload: refused: ", "issuers.corp.audience"]),
        means: "The configuration on disk has a mistake. A restart would fail.",
        to_do: "Correct it by `countersign check`, and reload.",
    },
    Incident {
        name: "expired certificate",
        produce: Always(machine::expired_certificate),
        line: LogLine {
            level: "WARN",
            cause: &["clients refuse a certificate of ours", "expired at 2021-01-01T00:00:00Z"],
            subject: &["server.tls.certificate"],
            to_do: "renew the file, which is taken into use within a minute",
        },
        metric: Series {
            family: "countersign_dependency_up",
            labels: &["kind=\"listener\"", "name=\"server\""],
            value: Zero,
        },
        note: Some(&["listener server: ", "server.tls.certificate expired at"]),
        means: "Clients end the handshake. No request comes, so that nothing else shows.",
        to_do: "Renew the file. `countersign_certificate_expiry_timestamp_seconds` tells it weeks \
                ahead.",
    },
    Incident {
        name: "Redis gone",
        produce: IfInstalled(machine::lost_store),
        line: LogLine {
            level: "WARN",
            cause: &["the shared store can't be reached: nothing is shared", "Connection refused"],
            subject: &["url=redis://127.0.0.1:"],
            to_do: "check that the store runs; until it is back, each replica decides alone",
        },
        metric: Series { family: "countersign_shared_connected", labels: &[], value: Zero },
        note: Some(&["shared store redis://127.0.0.1:", "not connected; nothing is shared"]),
        means: "Replicas share nothing: limits, replays and logouts count in each by itself.",
        to_do: "Restore the store. Nothing has to be restarted.",
    },
    Incident {
        name: "disk of the journal full",
        produce: Always(machine::full_disk),
        line: LogLine {
            level: "ERROR",
            cause: &["evidence can't be written", "error=File too large"],
            subject: &["folder=", "/journal"],
            to_do: "free space on the disk of the folder, or check its permissions",
        },
        metric: Series {
            family: "countersign_evidence_lines_total",
            labels: &["outcome=\"failed\""],
            value: AboveZero,
        },
        note: Some(&["journal: ", "lines can't be written"]),
        means: "Signed requests are answered with 503 `evidence_unavailable`. The error is that of \
                the system; of a full disk `No space left on device`.",
        to_do: "Move old files of the journal elsewhere. Writing goes on in a new file.",
    },
    Incident {
        name: "the clock jumps",
        produce: IfInstalled(machine::clock_jump),
        line: LogLine {
            level: "WARN",
            cause: &["the clock of this host has jumped"],
            subject: &["step=\"+864", "now="],
            to_do: "compare it with true time; if it is wrong, correct it",
        },
        metric: Series { family: "countersign_clock_steps_total", labels: &[], value: AboveZero },
        note: Some(&["clock: jumped by +864"]),
        means: "Good tokens are refused as expired or as issued in the future, of all clients. \
                Or the machine was suspended, and the time is right again.",
        to_do: "Compare `now` with true time; repair NTP. The note stays for an hour.",
    },
    Incident {
        name: "forged header",
        produce: Always(tokens::forged_header),
        line: LogLine {
            level: "WARN",
            cause: &["a client has set an identity header of ours: removed"],
            subject: &["header=x-auth-subject", "client=127.0.0.1", "route=\"/**\""],
            to_do: "find out who the client is, and why it sends it",
        },
        metric: Series {
            family: "countersign_identity_headers_removed_total",
            labels: &["header=\"(managed)\"", "product=\"countersign\""],
            value: AboveZero,
        },
        note: None,
        means: "A client claims to be another user, or a proxy in front sets the same headers. The \
                service has got the verified identity.",
        to_do: "Look for the client's other requests; of a proxy in front, switch it off there.",
    },
    Incident {
        name: "key rotation missed",
        produce: Always(providers::rotation),
        line: LogLine {
            level: "INFO",
            cause: &[
                "reason=\"keys_unavailable\"",
                "found=\"'next' with alg ES256\"",
                "expected=\"'ec'",
            ],
            subject: &["issuer=\"corp\"", "client_id=\"shop\""],
            to_do: "the key set can't be fetched: the line 'refresh failed'",
        },
        metric: Series {
            family: "countersign_key_refreshes_total",
            labels: &["issuer=\"corp\"", "outcome=\"status\""],
            value: AboveZero,
        },
        note: None,
        means: "Tokens are signed by a new key, and the key set can't be fetched any more: those of \
                the old keys still pass.",
        to_do: "The line `refresh failed, the current keys stay in use` has the URL and its answer: \
                correct the URL, or have the provider serve it again.",
    },
    Incident {
        name: "issuer under another host",
        produce: Always(tokens::host_of_the_issuer),
        line: LogLine {
            level: "INFO",
            cause: &["reason=\"issuer_unknown\"", "about=\"claim 'iss'"],
            subject: &[
                "found=\"'http://localhost:8080/realms/shop'\"",
                "expected=\"'http://keycloak:8080/realms/shop'\"",
            ],
            to_do: "if it is a provider of yours under another host, configure it by the name",
        },
        metric: Series {
            family: "countersign_denials_total",
            labels: &["reason=\"issuer_unknown\""],
            value: AboveZero,
        },
        note: None,
        means: "The provider writes the host by which the browser knows it into tokens; the \
                configuration has the name of its container.",
        to_do: "Set `issuer` to what was found, and `keys.jwks_url` to the container's name; or give \
                the provider one public name.",
    },
    Incident {
        name: "wrong credentials for introspection",
        produce: Always(providers::introspection),
        line: LogLine {
            level: "WARN",
            cause: &[
                "introspection fails",
                "the endpoint does not accept this proxy's credentials",
            ],
            subject: &["issuer=\"corp\"", "/introspect"],
            to_do: "compare client_id and the secret with the provider's",
        },
        metric: Series {
            family: "countersign_introspections_total",
            labels: &["issuer=\"corp\"", "outcome=\"credentials_refused\""],
            value: AboveZero,
        },
        note: Some(&["introspection of issuer corp: ", "does not accept this proxy's credentials"]),
        means: "The provider refuses the proxy, not the token: callers get 503, not 401.",
        to_do: "Compare `client_id` and the file of the secret with the provider's; it may have been \
                rotated.",
    },
    Incident {
        name: "registry without the signer",
        produce: Always(providers::registry),
        line: LogLine {
            level: "INFO",
            cause: &["reason=\"signer_unknown\""],
            subject: &[
                "about=\"signer 'shop' is not known\"",
                "expected=\"one in the registry of 'partner'\"",
                "client_id=\"shop\"",
            ],
            to_do: "have the signer registered, or find out who signed",
        },
        metric: Series {
            family: "countersign_registry_lookups_total",
            labels: &["outcome=\"unknown\"", "signature=\"partner\""],
            value: AboveZero,
        },
        note: None,
        means: "The registry works and does not know who is to have signed.",
        to_do: "Ask the registry's operator about the signer's name; it counts within \
                `negative_ttl` of being registered.",
    },
    Incident {
        name: "limit reached",
        produce: Always(tokens::limit),
        line: LogLine {
            level: "INFO",
            cause: &["reason=\"rate_limited\""],
            subject: &["about=\"limit 'partner' is used up\"", "client_id=\"shop\""],
            to_do: "the client has to slow down; or raise the limit",
        },
        metric: Series {
            family: "countersign_limited_total",
            labels: &["limit=\"partner\""],
            value: AboveZero,
        },
        note: None,
        means: "The client makes more requests than were agreed.",
        to_do: "Ask the client whether it loops; raise `rate` or `burst` if it needs them.",
    },
];
