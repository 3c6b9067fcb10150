//! How endpoints are asked, written back.

use crate::{
    config::writer::Writer,
    oauth_client::settings::{ClientProof, client::ClientSettings},
};

/// What bounds a question.
pub(crate) fn client_bounds(writer: Writer, client: &ClientSettings) -> Writer {
    writer
        .duration("timeout", client.timeout)
        .count("concurrency", client.concurrency)
        .size("max_bytes", client.max_bytes)
        .switch("allow_http", client.allow_http)
        .optional_path("ca_file", client.ca_file.as_deref())
        .optional_path("client_certificate", client.identity.as_ref().map(|i| &*i.certificate))
        .optional_path("client_key", client.identity.as_ref().map(|i| &*i.private_key))
}

/// Who asks. Nobody does without a certificate only where that is the default.
pub(crate) fn client_proof(writer: Writer, client: &ClientSettings) -> Writer {
    let is_shown = client.proof != ClientProof::Nobody || client.identity.is_some();
    let writer = writer.optional("auth", is_shown.then(|| client.proof.auth_word()));
    match &client.proof {
        ClientProof::Nobody => writer,
        ClientProof::Id(client_id) => writer.text("client_id", client_id),
        ClientProof::Basic { user, secret_file, encoded: true } => {
            writer.text("client_id", user).path("client_secret_file", secret_file)
        }
        ClientProof::Basic { user, secret_file, encoded: false } => {
            writer.text("username", user).path("password_file", secret_file)
        }
        ClientProof::Post { client_id, secret_file } => {
            writer.text("client_id", client_id).path("client_secret_file", secret_file)
        }
        ClientProof::PrivateKeyJwt { client_id, key_file, audience } => writer
            .text("client_id", client_id)
            .path("private_key_file", key_file)
            .optional("assertion_audience", audience.as_ref()),
        ClientProof::Bearer { token_url, scope, client } => {
            let writer = writer
                .text("token_url", token_url)
                .optional("token_scope", scope.as_ref())
                .text("token_auth", client.auth_word());
            match &**client {
                ClientProof::Basic { user, secret_file, .. }
                | ClientProof::Post { client_id: user, secret_file } => {
                    writer.text("client_id", user).path("client_secret_file", secret_file)
                }
                _ => writer,
            }
        }
    }
}
