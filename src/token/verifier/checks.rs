//! The names and the order of the checks, for `explain`.

/// The list, with one more before the last.
macro_rules! checks {
    ($($between:literal)?) => {
        &[
            "size",
            "header",
            "claims",
            "issuer",
            "algorithm",
            "type",
            "members",
            "times",
            "required",
            "audience",
            "binding",
            "key",
            "signature",
            "headers",
            $($between,)?
            "revocation",
        ]
    };
}

/// The checks that an [`Observer`](crate::token::Observer) receives, in this order. The one that
/// refuses a token is the first that is not passed.
pub const CHECKS: &[&str] = checks!();

/// The checks where the issuer's answer fills what a token lacks.
pub(super) const CHECKS_OF_FILLED: &[&str] = &[
    "size",
    "header",
    "claims",
    "issuer",
    "algorithm",
    "type",
    "times",
    "key",
    "signature",
    "introspection",
    "members",
    "required",
    "audience",
    "binding",
    "headers",
    "revocation",
];

/// The checks where a verified token is introspected as well.
pub(super) const CHECKS_AND_INTROSPECTION: &[&str] = checks!("introspection");
