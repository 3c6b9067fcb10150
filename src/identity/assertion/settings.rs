//! `[identity.assertion]`: verified claims as a JWT under a key of the operator's, for upstreams
//! that expect one.

mod claims;
mod files;

use std::{path::PathBuf, sync::Arc, time::Duration};

use http::HeaderName;

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        values::{duration, header_name, keyword, parsed, text},
        writer::{Writer, Written},
    },
    identity::{AssertedClaims, ClaimPath, HeaderUse, PartEncoding, check_header_name},
    jose::{Algorithm, MAX_KID_BYTES, SigningKey},
};

pub(crate) mod key {
    pub(crate) const HEADER: &str = "header";
    pub(crate) const PREVIOUS_KEYS_FILE: &str = "previous_keys_file";
    pub(crate) const ISSUER: &str = "issuer";
    pub(crate) const AUDIENCE: &str = "audience";
    pub(crate) const LIFETIME: &str = "lifetime";
    pub(crate) const MAPPING: &str = "mapping";
    pub(crate) const ENCODING: &str = "encoding";
    pub(crate) const PRIVATE_KEY_FILE: &str = "private_key_file";
    pub(crate) const ALGORITHM: &str = "algorithm";
    pub(crate) const KID: &str = "kid";
}

/// `[identity.assertion]`
#[derive(Debug, Clone)]
pub struct AssertionSettings {
    /// The header that carries it.
    pub header: HeaderName,
    /// Where the key was read from: PEM (PKCS#8) or a private JWK.
    pub private_key_file: PathBuf,
    /// The key, with its algorithm and `kid`. Its `Debug` shows nothing of it.
    pub key: Arc<SigningKey>,
    /// Where public keys of before were read from.
    pub previous_keys_file: Option<PathBuf>,
    /// The JWKS to be served: the key's public half and those of before.
    pub jwks: Arc<str>,
    /// The `iss`.
    pub issuer: String,
    /// The `aud`; `None`: there is none.
    pub audience: Option<String>,
    /// How long an assertion holds, unless its token ends earlier.
    pub lifetime: Duration,
    /// Which claims are repeated under their own names.
    pub claims: AssertedClaims,
    /// Which are repeated under another name: that name, and where the claim is.
    pub mapping: Vec<(String, ClaimPath)>,
    /// How the parts are written.
    pub encoding: PartEncoding,
}

impl PartialEq for AssertionSettings {
    /// The key begins the JWKS with its public half and its `kid`.
    fn eq(&self, other: &Self) -> bool {
        let Self {
            header,
            private_key_file,
            key,
            previous_keys_file,
            jwks,
            issuer,
            audience,
            lifetime,
            claims,
            mapping,
            encoding,
        } = self;
        *header == other.header
            && key.algorithm() == other.key.algorithm()
            && *private_key_file == other.private_key_file
            && *previous_keys_file == other.previous_keys_file
            && *jwks == other.jwks
            && *issuer == other.issuer
            && *audience == other.audience
            && *lifetime == other.lifetime
            && *claims == other.claims
            && *mapping == other.mapping
            && *encoding == other.encoding
    }
}

impl Eq for AssertionSettings {}

/// What WSO2's products call it.
const DEFAULT_HEADER: HeaderName = HeaderName::from_static("x-jwt-assertion");

/// What every library verifies, and many upstreams of the kind as the only one.
const DEFAULT_ALGORITHM: Algorithm = Algorithm::Rs256;

/// Long enough to be signed once for many requests, short enough that one that leaks is soon
/// worthless. As long as a verified token stays in the cache by default.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(5);
/// Below it, a small clock difference makes assertions that are never valid.
const MIN_LIFETIME: Duration = Duration::from_secs(10);
/// An assertion can't be withdrawn.
const MAX_LIFETIME: Duration = Duration::from_hours(1);

/// The names of [`PartEncoding`].
const ENCODINGS: &[(&str, PartEncoding)] =
    &[("base64url", PartEncoding::Base64Url), ("base64", PartEncoding::Base64)];

const EXPECTED_KEY: &str = "the path of a file with a private key: PEM (PKCS#8) or a JWK as \
                            `countersign keygen` writes it";
const EXPECTED_ISSUER: &str = "the \"iss\" of assertions, such as \"https://gateway.example.com\"";

impl AssertionSettings {
    /// `None` without the section: there are no assertions.
    pub(crate) fn read(section: &mut Section<'_>) -> Option<Self> {
        if !section.is_present() {
            return None;
        }
        let header = section.or(key::HEADER, DEFAULT_HEADER, assertion_header);
        let key = signing_key(section);
        let previous_keys = section.optional(key::PREVIOUS_KEYS_FILE, files::public_keys);
        let issuer = section.required(key::ISSUER, EXPECTED_ISSUER, text);
        let audience = section.optional(key::AUDIENCE, text);
        let lifetimes = duration(MIN_LIFETIME..=MAX_LIFETIME);
        let lifetime = section.or(key::LIFETIME, DEFAULT_LIFETIME, lifetimes);
        let claims = claims::asserted(section);
        let mapping = section.section(key::MAPPING, claims::mapping);
        let encoding = section.or(key::ENCODING, PartEncoding::default(), keyword(ENCODINGS));
        let ((private_key_file, key), issuer) = (key?, issuer?);
        let (previous_keys_file, previous_keys) = previous_keys.unzip();
        let jwks = files::served_keys(&key, &previous_keys.unwrap_or_default())
            .map_err(|message| section.mistake(key::PREVIOUS_KEYS_FILE, message))
            .ok()?;
        Some(Self {
            header,
            private_key_file,
            key: Arc::new(key),
            previous_keys_file,
            jwks: jwks.into(),
            issuer,
            audience,
            lifetime,
            claims,
            mapping,
            encoding,
        })
    }

    pub(crate) fn write(&self) -> Written {
        let mapping = self.mapping.iter();
        let mapping = mapping.map(|(name, claim)| (name.clone(), claim.as_str().into()));
        let writer = Writer::default()
            .text(key::HEADER, &self.header)
            .path(key::PRIVATE_KEY_FILE, &self.private_key_file)
            .text(key::ALGORITHM, self.key.algorithm())
            .text(key::KID, self.key.kid())
            .optional_path(key::PREVIOUS_KEYS_FILE, self.previous_keys_file.as_deref())
            .text(key::ISSUER, &self.issuer)
            .optional(key::AUDIENCE, self.audience.as_ref())
            .duration(key::LIFETIME, self.lifetime);
        claims::write(writer, &self.claims)
            .keyword(key::ENCODING, ENCODINGS, &self.encoding)
            .optional_members(key::MAPPING, mapping)
            .table()
    }
}

/// The key, for the algorithm and under the name that stand beside it.
fn signing_key(section: &mut Section<'_>) -> Option<(PathBuf, SigningKey)> {
    let is_given = section.peek(key::ALGORITHM).is_some();
    let given = section.optional(key::ALGORITHM, asymmetric);
    let algorithm = if is_given { given } else { Some(DEFAULT_ALGORITHM) };
    let kid = section.optional(key::KID, key_id);
    section.required(key::PRIVATE_KEY_FILE, EXPECTED_KEY, |node| {
        // After a mistake in the algorithm, the file is still checked, but against none.
        files::signing_key(node, algorithm, kid.as_deref())
    })?
}

fn assertion_header(node: &Node) -> Parsed<HeaderName> {
    let header = header_name(node)?;
    check_header_name(&header, HeaderUse::Request)
        .map_err(|reason| format!("found {:?}, which can't carry it: {reason}", header.as_str()))?;
    Ok(header)
}

fn asymmetric(node: &Node) -> Parsed<Algorithm> {
    const EXPECTED: &str = "the name of a signature algorithm such as \"RS256\" or \"ES256\"";
    parsed(EXPECTED, |name| match Algorithm::from_name(name) {
        Some(algorithm) if algorithm.is_symmetric() => {
            Err("a service that checks a shared secret could sign with it as well")
        }
        Some(algorithm) => Ok(algorithm),
        None => Err("not a known one"),
    })(node)
}

fn key_id(node: &Node) -> Parsed<String> {
    let kid = text(node)?;
    if kid.len() > MAX_KID_BYTES {
        return Err(node.mismatch(&format!("a text of 1 to {MAX_KID_BYTES} bytes")));
    }
    Ok(kid)
}
