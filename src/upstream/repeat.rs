//! Sending a request again that got no answer (threats F-13).

use std::rc::Rc;

use http::{Method, Request};

use super::{RequestBody, UploadProgress, settings::RetryRule};

impl RetryRule {
    /// Whether a request of that method may be sent again, though the upstream may have acted on
    /// it. An upstream may do so as often as it likes with methods that are idempotent
    /// (RFC 9110 §9.2.2).
    pub(super) fn allows(self, method: &Method) -> bool {
        match self {
            Self::None => false,
            Self::Idempotent => method.is_idempotent(),
            Self::Unanswered => true,
        }
    }
}

/// The head of a request, to be sent again. The copy costs a thousand instructions.
pub(super) fn copied_head<B>(request: &Request<B>) -> Request<()> {
    let mut copy = Request::new(());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// The body of a request that was sent. `None`: some of it has been read from the client, or it has
/// not been let go.
pub(super) fn same_body(progress: Option<&Rc<UploadProgress>>) -> Option<RequestBody> {
    match progress {
        None => Some(RequestBody::empty()),
        Some(progress) => RequestBody::untouched(progress),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_repeated_as_the_rule_says() {
        let allowed = |rule: RetryRule| {
            ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH", "LOCK"]
                .into_iter()
                .filter(|name| rule.allows(&name.parse().unwrap()))
                .count()
        };
        assert_eq!(allowed(RetryRule::None), 0);
        assert_eq!(allowed(RetryRule::Idempotent), 6);
        assert_eq!(allowed(RetryRule::Unanswered), 9);
    }
}
