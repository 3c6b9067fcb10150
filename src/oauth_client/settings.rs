//! How the proxy proves to an endpoint who asks.

pub mod client;
mod files;
pub mod written;

use std::path::PathBuf;

use http::Uri;

use crate::config::{
    reader::Section,
    urls::fetchable,
    values::{text, word},
};

pub(crate) use files::MAX_FILE_BYTES;
pub use files::{parse_client_key, parse_client_secret};

/// How we prove to the endpoint who asks. Secrets are named by file and read when they are used,
/// so that a rotated one is taken without a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientProof {
    /// Not at all; by the client certificate, or because the endpoint asks nobody.
    Nobody,
    /// `client_id` in the form (RFC 6749 §3.2.1).
    Id(String),
    /// HTTP Basic. With `encoded`, both parts form-encoded as RFC 6749 §2.3.1 wants it.
    Basic {
        /// The client's id, or a user's name.
        user: String,
        /// The file with the secret or password.
        secret_file: PathBuf,
        /// Whether the parts are form-encoded.
        encoded: bool,
    },
    /// `client_id` and `client_secret` in the form.
    Post {
        /// The client's id.
        client_id: String,
        /// The file with the secret.
        secret_file: PathBuf,
    },
    /// A signed assertion (RFC 7523 §2.2).
    PrivateKeyJwt {
        /// The client's id.
        client_id: String,
        /// A private JWK.
        key_file: PathBuf,
        /// The `aud`; `None`: the endpoint's URL.
        audience: Option<String>,
    },
    /// An access token of our own, got by client credentials (RFC 6749 §4.4).
    Bearer {
        /// The token endpoint.
        token_url: Uri,
        /// The scopes to ask for.
        scope: Option<String>,
        /// How we prove who asks for it: [`ClientProof::Basic`] or [`ClientProof::Post`].
        client: Box<Self>,
    },
}

impl ClientProof {
    /// Who asks, in a form that tells any two clients apart: how it is proven, and the client's
    /// id. Nothing of a secret is in it, nor where it is kept.
    pub fn identity(&self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::Id(id) => format!("id {id}"),
            Self::Basic { user, encoded, .. } => format!("basic {encoded} {user}"),
            Self::Post { client_id, .. } => format!("post {client_id}"),
            Self::PrivateKeyJwt { client_id, .. } => format!("private_key_jwt {client_id}"),
            Self::Bearer { token_url, scope, client } => {
                let scope = scope.as_deref().unwrap_or_default();
                format!("bearer {token_url} {scope:?} {}", client.identity())
            }
        }
    }
}

/// The ways to authenticate, by their names in the configuration (those of RFC 8414 where they
/// have one).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AuthWord {
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    None,
    Bearer,
    Basic,
    Mutual,
}

const AUTH: &[(&str, AuthWord)] = &[
    ("client_secret_basic", AuthWord::ClientSecretBasic),
    ("client_secret_post", AuthWord::ClientSecretPost),
    ("private_key_jwt", AuthWord::PrivateKeyJwt),
    ("none", AuthWord::None),
    ("bearer", AuthWord::Bearer),
    ("basic", AuthWord::Basic),
    ("tls_client_auth", AuthWord::Mutual),
];

/// The keys that belong to one way or another.
const KEYS: &[&str] = &[
    "client_id",
    "client_secret_file",
    "username",
    "password_file",
    "private_key_file",
    "assertion_audience",
    "token_url",
    "token_scope",
    "token_auth",
];

impl ClientProof {
    /// With `nobody_by_default`, an absent `auth` asks for nothing.
    pub(crate) fn build(
        section: &mut Section<'_>,
        nobody_by_default: bool,
        allow_http: bool,
    ) -> Option<Self> {
        let given = section.peek("auth").is_some();
        let auth = section.or("auth", AuthWord::ClientSecretBasic, word(AUTH));
        let client = if !given && nobody_by_default {
            Some(Self::Nobody)
        } else {
            client_of(section, auth, allow_http)
        };
        // Whatever the way, its neighbours' keys are known ones; that they are out of place is
        // told.
        for name in KEYS {
            if section.peek(name).is_some() && !section.has_taken(name) {
                section.node(name);
                section.mistake(name, "has no effect with this way of auth".to_owned());
            }
        }
        client
    }

    /// Whether the way that is written proves who asks by the client certificate alone.
    pub(crate) fn is_by_certificate(section: &Section<'_>) -> bool {
        let auth = section.peek("auth").map(word(AUTH));
        matches!(auth, Some(Ok(AuthWord::Mutual)))
    }

    /// The way of authentication as it is written.
    pub(crate) fn auth_word(&self) -> &'static str {
        match self {
            Self::Nobody => "tls_client_auth",
            Self::Id(_) => "none",
            Self::Basic { encoded: true, .. } => "client_secret_basic",
            Self::Basic { encoded: false, .. } => "basic",
            Self::Post { .. } => "client_secret_post",
            Self::PrivateKeyJwt { .. } => "private_key_jwt",
            Self::Bearer { .. } => "bearer",
        }
    }
}

fn client_of(section: &mut Section<'_>, auth: AuthWord, allow_http: bool) -> Option<ClientProof> {
    match auth {
        AuthWord::None => client_id(section).map(ClientProof::Id),
        AuthWord::Mutual => {
            Some(section.optional("client_id", text).map_or(ClientProof::Nobody, ClientProof::Id))
        }
        AuthWord::ClientSecretBasic => {
            let (user, secret_file) = (client_id(section), client_secret(section));
            Some(ClientProof::Basic { user: user?, secret_file: secret_file?, encoded: true })
        }
        AuthWord::Basic => {
            let user = section.required("username", "the user's name", text);
            let secret_file =
                section.required("password_file", "a file with the password", files::secret_file);
            Some(ClientProof::Basic { user: user?, secret_file: secret_file?, encoded: false })
        }
        AuthWord::ClientSecretPost => {
            let (client_id, secret_file) = (client_id(section), client_secret(section));
            Some(ClientProof::Post { client_id: client_id?, secret_file: secret_file? })
        }
        AuthWord::PrivateKeyJwt => {
            let client_id = client_id(section);
            let expected = "a file with a private JWK";
            let key_file = section.required("private_key_file", expected, files::key_file);
            let audience = section.optional("assertion_audience", text);
            Some(ClientProof::PrivateKeyJwt {
                client_id: client_id?,
                key_file: key_file?,
                audience,
            })
        }
        AuthWord::Bearer => bearer(section, allow_http),
    }
}

fn bearer(section: &mut Section<'_>, allow_http: bool) -> Option<ClientProof> {
    const WAYS: &[(&str, AuthWord)] = &[
        ("client_secret_basic", AuthWord::ClientSecretBasic),
        ("client_secret_post", AuthWord::ClientSecretPost),
    ];
    let expected = "the URL of the token endpoint";
    let token_url = section.required("token_url", expected, fetchable(allow_http));
    let scope = section.optional("token_scope", text);
    let way = section.or("token_auth", AuthWord::ClientSecretBasic, word(WAYS));
    let client = client_of(section, way, allow_http);
    Some(ClientProof::Bearer { token_url: token_url?, scope, client: Box::new(client?) })
}

fn client_id(section: &mut Section<'_>) -> Option<String> {
    section.required("client_id", "the id that the provider gave to this proxy", text)
}

fn client_secret(section: &mut Section<'_>) -> Option<PathBuf> {
    section.required("client_secret_file", "a file with the client's secret", files::secret_file)
}
