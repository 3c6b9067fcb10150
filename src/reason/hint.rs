//! What to do about a refusal, for the log: the first step of who is on call.

use super::Reason;

impl Reason {
    /// What to do, in one sentence. `None`: what is found and expected says it already.
    pub const fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::MemoryExhausted => "find slow clients, or raise server.limits.memory",
            Self::IssuerUnknown => {
                "if it is a provider of yours under another host, configure it by the name that its \
                 tokens have"
            }
            Self::AudienceMismatch => {
                "the client has to request a token for what is expected; or add what was found, if \
                 it means this service"
            }
            Self::TokenExpired => {
                "the client has to renew its tokens in time; if it is many clients, compare the clocks"
            }
            Self::TokenNotYetValid | Self::TokenIssuedInFuture => {
                "correct the clock of the provider or of this host; clock_skew bridges a few seconds"
            }
            Self::KidUnknown => {
                "the issuer publishes no such key: find out which environment the client's token is \
                 from"
            }
            Self::KeysUnavailable => {
                "the key set can't be fetched: the line 'refresh failed' and /readyz?verbose say why"
            }
            Self::IntrospectionUnavailable => {
                "the line 'introspection fails' and /readyz?verbose say why"
            }
            Self::SignerUnknown => "have the signer registered, or find out who signed",
            Self::RateLimited | Self::ConcurrencyLimited => {
                "the client has to slow down; or raise the limit, if it needs more"
            }
            Self::BodyBufferUnavailable => {
                "find who uploads much at once, or raise server.limits.buffer_bytes"
            }
            Self::EvidenceUnavailable => "the line 'evidence can't be written' says why",
            Self::UpstreamUnreachable | Self::UpstreamConnectTimeout => {
                "check that the service runs, and that this host reaches the endpoint"
            }
            Self::UpstreamUntrusted => "check the certificate that the service shows",
            Self::UpstreamBroken => {
                "the service closed the connection: look for a crash or a restart in its log"
            }
            Self::UpstreamTimeout => {
                "the service is slow: look at its load; response_timeout says how long it may take"
            }
            _ => return None,
        })
    }
}
