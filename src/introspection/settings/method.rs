//! Which tokens are introspected, and in which form.

/// Which tokens are introspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntrospectWhen {
    /// Those that are no JWT. A JWT is verified locally and never introspected, failed or not.
    Opaque,
    /// All: a JWT is verified locally first, then introspected.
    Always,
    /// All: a JWT is verified locally and passes; it is introspected in the background, and refused
    /// from the next request on once it is not active.
    Hybrid,
    /// All, and nothing is verified locally: the issuer needs no keys.
    Only,
}

/// The form of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntrospectionMethod {
    /// `POST` of a form (RFC 7662).
    Introspect,
    /// `GET …?access_token=` (GenAuth): 200 with claims is valid, 400 is not.
    ValidateAccessToken,
    /// `GET …?id_token=`, GenAuth's `validate_token` for an ID token.
    ValidateIdToken,
}

/// The keywords of [`IntrospectWhen`], and of no introspection.
pub(super) const WHEN: &[(&str, Option<IntrospectWhen>)] = &[
    ("opaque", Some(IntrospectWhen::Opaque)),
    ("always", Some(IntrospectWhen::Always)),
    ("hybrid", Some(IntrospectWhen::Hybrid)),
    ("only", Some(IntrospectWhen::Only)),
    ("never", None),
];

/// The names of [`IntrospectionMethod`].
pub(super) const METHODS: &[(&str, IntrospectionMethod)] = &[
    ("introspect", IntrospectionMethod::Introspect),
    ("validate_access_token", IntrospectionMethod::ValidateAccessToken),
    ("validate_id_token", IntrospectionMethod::ValidateIdToken),
];

impl IntrospectionMethod {
    /// Its name in the configuration.
    pub(crate) fn name(self) -> &'static str {
        METHODS.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }
}
