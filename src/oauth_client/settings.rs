//! The settings of client authentication.

pub mod client;
mod files;

use std::path::{Path, PathBuf};

use http::Uri;

use crate::config::{
    reader::Section,
    urls::callable,
    values::{keyword, text},
    writer::Writer,
};

pub(crate) use files::MAX_FILE_BYTES;
pub use files::{parse_client_key, parse_client_secret};

pub(crate) mod key {
    pub(crate) const AUTH: &str = "auth";
    pub(crate) const CLIENT_ID: &str = "client_id";
    pub(crate) const CLIENT_SECRET_FILE: &str = "client_secret_file";
    pub(crate) const USERNAME: &str = "username";
    pub(crate) const PASSWORD_FILE: &str = "password_file";
    pub(crate) const PRIVATE_KEY_FILE: &str = "private_key_file";
    pub(crate) const ASSERTION_AUDIENCE: &str = "assertion_audience";
    pub(crate) const TOKEN_URL: &str = "token_url";
    pub(crate) const TOKEN_SCOPE: &str = "token_scope";
    pub(crate) const TOKEN_AUTH: &str = "token_auth";
    pub(crate) const TIMEOUT: &str = "timeout";
    pub(crate) const CONCURRENCY: &str = "concurrency";
    pub(crate) const MAX_BYTES: &str = "max_bytes";
    pub(crate) const ALLOW_HTTP: &str = "allow_http";
    pub(crate) const CA_FILE: &str = "ca_file";
}

/// How the proxy authenticates to an endpoint. Secrets are named by file and read on use, so that a
/// rotated one needs no reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientProof {
    /// No credentials: the client certificate authenticates, or the endpoint needs none.
    Unauthenticated,
    /// `client_id` in the form (RFC 6749 §3.2.1).
    Id(String),
    /// The client certificate, and `client_id` in the form (RFC 8705 §2).
    Certificate(String),
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
        /// The scopes to request.
        scope: Option<String>,
        /// How the token request authenticates: [`ClientProof::Basic`] or [`ClientProof::Post`].
        client: Box<Self>,
    },
}

impl ClientProof {
    /// The client's id, or a user's name.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Unauthenticated => None,
            Self::Id(id) | Self::Certificate(id) => Some(id),
            Self::Basic { user, .. } => Some(user),
            Self::Post { client_id, .. } | Self::PrivateKeyJwt { client_id, .. } => Some(client_id),
            Self::Bearer { client, .. } => client.client_id(),
        }
    }

    /// A text that distinguishes any two clients: the method and the client id. It contains no
    /// secret and no secret's path.
    pub fn identity(&self) -> String {
        match self {
            Self::Unauthenticated => "nobody".to_owned(),
            Self::Id(id) => format!("id {id}"),
            Self::Certificate(id) => format!("certificate {id}"),
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
enum AuthMethod {
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    None,
    Bearer,
    Basic,
    Mutual,
}

const AUTH: &[(&str, AuthMethod)] = &[
    ("client_secret_basic", AuthMethod::ClientSecretBasic),
    ("client_secret_post", AuthMethod::ClientSecretPost),
    ("private_key_jwt", AuthMethod::PrivateKeyJwt),
    ("none", AuthMethod::None),
    ("bearer", AuthMethod::Bearer),
    ("basic", AuthMethod::Basic),
    ("tls_client_auth", AuthMethod::Mutual),
];

/// The keys that belong to one way or another.
const KEYS: &[&str] = &[
    key::CLIENT_ID,
    key::CLIENT_SECRET_FILE,
    key::USERNAME,
    key::PASSWORD_FILE,
    key::PRIVATE_KEY_FILE,
    key::ASSERTION_AUDIENCE,
    key::TOKEN_URL,
    key::TOKEN_SCOPE,
    key::TOKEN_AUTH,
];

impl ClientProof {
    /// With `unauthenticated_by_default`, an absent `auth` means no authentication.
    pub(crate) fn read(
        section: &mut Section<'_>,
        unauthenticated_by_default: bool,
        allow_http: bool,
    ) -> Option<Self> {
        let given = section.peek(key::AUTH).is_some();
        let auth = section.or(key::AUTH, AuthMethod::ClientSecretBasic, keyword(AUTH));
        let client = if !given && unauthenticated_by_default {
            Some(Self::Unauthenticated)
        } else {
            client_of(section, auth, allow_http)
        };
        // Keys of other methods are known too, and reported as misplaced.
        for name in KEYS {
            if section.peek(name).is_some() && !section.has_taken(name) {
                section.node(name);
                section.mistake(name, "has no effect with this way of auth".to_owned());
            }
        }
        client
    }

    /// Whether the configured method is the client certificate alone.
    pub(crate) fn is_by_certificate(section: &Section<'_>) -> bool {
        let auth = section.peek(key::AUTH).map(keyword(AUTH));
        matches!(auth, Some(Ok(AuthMethod::Mutual)))
    }

    pub(super) fn write(&self, writer: Writer) -> Writer {
        let writer = writer.keyword(key::AUTH, AUTH, &self.auth_method());
        if let Self::Bearer { token_url, scope, client } = self {
            let writer = writer
                .text(key::TOKEN_URL, token_url)
                .optional(key::TOKEN_SCOPE, scope.as_ref())
                .keyword(key::TOKEN_AUTH, AUTH, &client.auth_method());
            return client.write_own(writer);
        }
        self.write_own(writer)
    }

    /// What belongs to the way alone.
    fn write_own(&self, writer: Writer) -> Writer {
        match self {
            Self::Unauthenticated | Self::Bearer { .. } => writer,
            Self::Id(client_id) | Self::Certificate(client_id) => {
                writer.text(key::CLIENT_ID, client_id)
            }
            Self::Basic { user, secret_file, encoded: false } => {
                writer.text(key::USERNAME, user).path(key::PASSWORD_FILE, secret_file)
            }
            Self::Basic { user: client_id, secret_file, encoded: true }
            | Self::Post { client_id, secret_file } => {
                writer.text(key::CLIENT_ID, client_id).path(key::CLIENT_SECRET_FILE, secret_file)
            }
            Self::PrivateKeyJwt { client_id, key_file, audience } => writer
                .text(key::CLIENT_ID, client_id)
                .path(key::PRIVATE_KEY_FILE, key_file)
                .optional(key::ASSERTION_AUDIENCE, audience.as_ref()),
        }
    }

    /// The file with a secret, with the name of its setting.
    fn secret_file(&self) -> Option<(&'static str, &Path)> {
        match self {
            Self::Unauthenticated | Self::Id(_) | Self::Certificate(_) => None,
            Self::Basic { secret_file, encoded: false, .. } => {
                Some((key::PASSWORD_FILE, secret_file))
            }
            Self::Basic { secret_file, .. } | Self::Post { secret_file, .. } => {
                Some((key::CLIENT_SECRET_FILE, secret_file))
            }
            Self::PrivateKeyJwt { key_file, .. } => Some((key::PRIVATE_KEY_FILE, key_file)),
            Self::Bearer { client, .. } => client.secret_file(),
        }
    }

    fn auth_method(&self) -> AuthMethod {
        match self {
            Self::Unauthenticated | Self::Certificate(_) => AuthMethod::Mutual,
            Self::Id(_) => AuthMethod::None,
            Self::Basic { encoded: true, .. } => AuthMethod::ClientSecretBasic,
            Self::Basic { encoded: false, .. } => AuthMethod::Basic,
            Self::Post { .. } => AuthMethod::ClientSecretPost,
            Self::PrivateKeyJwt { .. } => AuthMethod::PrivateKeyJwt,
            Self::Bearer { .. } => AuthMethod::Bearer,
        }
    }
}

fn client_of(section: &mut Section<'_>, auth: AuthMethod, allow_http: bool) -> Option<ClientProof> {
    match auth {
        AuthMethod::None => Some(
            section
                .optional(key::CLIENT_ID, text)
                .map_or(ClientProof::Unauthenticated, ClientProof::Id),
        ),
        AuthMethod::Mutual => Some(
            section
                .optional(key::CLIENT_ID, text)
                .map_or(ClientProof::Unauthenticated, ClientProof::Certificate),
        ),
        AuthMethod::ClientSecretBasic => {
            let (user, secret_file) = (client_id(section), client_secret(section));
            Some(ClientProof::Basic { user: user?, secret_file: secret_file?, encoded: true })
        }
        AuthMethod::Basic => {
            let user = section.required(key::USERNAME, "the user's name", text);
            let secret_file = section.required(
                key::PASSWORD_FILE,
                "a file with the password",
                files::secret_file,
            );
            Some(ClientProof::Basic { user: user?, secret_file: secret_file?, encoded: false })
        }
        AuthMethod::ClientSecretPost => {
            let (client_id, secret_file) = (client_id(section), client_secret(section));
            Some(ClientProof::Post { client_id: client_id?, secret_file: secret_file? })
        }
        AuthMethod::PrivateKeyJwt => {
            let client_id = client_id(section);
            let expected = "a file with a private JWK";
            let key_file = section.required(key::PRIVATE_KEY_FILE, expected, files::key_file);
            let audience = section.optional(key::ASSERTION_AUDIENCE, text);
            Some(ClientProof::PrivateKeyJwt {
                client_id: client_id?,
                key_file: key_file?,
                audience,
            })
        }
        AuthMethod::Bearer => bearer(section, allow_http),
    }
}

fn bearer(section: &mut Section<'_>, allow_http: bool) -> Option<ClientProof> {
    const WAYS: &[(&str, AuthMethod)] = &[
        ("client_secret_basic", AuthMethod::ClientSecretBasic),
        ("client_secret_post", AuthMethod::ClientSecretPost),
    ];
    let expected = "the URL of the token endpoint";
    let danger = "credentials sent over plain http can be read on the way";
    let token_url = section.required(key::TOKEN_URL, expected, callable(allow_http, danger));
    let scope = section.optional(key::TOKEN_SCOPE, text);
    let way = section.or(key::TOKEN_AUTH, AuthMethod::ClientSecretBasic, keyword(WAYS));
    let client = client_of(section, way, allow_http);
    Some(ClientProof::Bearer { token_url: token_url?, scope, client: Box::new(client?) })
}

fn client_id(section: &mut Section<'_>) -> Option<String> {
    section.required(key::CLIENT_ID, "the id that the provider gave to this proxy", text)
}

fn client_secret(section: &mut Section<'_>) -> Option<PathBuf> {
    section.required(key::CLIENT_SECRET_FILE, "a file with the client's secret", files::secret_file)
}
