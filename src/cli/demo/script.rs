//! What the demo prints: commands to try, and below each what its answer must hold.
//!
//! The text is a shell script, so that any part of it can be pasted. Comments of two kinds are
//! promises that the project's own tests keep:
//!
//! - `# expect LINE`: a line of the answer to the command above is `LINE`,
//! - `# absent LINE`: none is;
//!
//! where `…` at either end stands for anything.

use std::net::SocketAddr;

use super::provider::AUDIENCE;

/// Where everything listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    pub(super) proxy: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) provider: SocketAddr,
    pub(super) upstream: SocketAddr,
}

/// The script, with the addresses filled in.
pub(super) fn text(places: &Places) -> String {
    let addresses = [
        ("{proxy}", places.proxy),
        ("{admin}", places.admin),
        ("{provider}", places.provider),
        ("{upstream}", places.upstream),
    ];
    let fill = |text: String, (name, address): (&str, SocketAddr)| {
        text.replace(name, &format!("http://{address}"))
    };
    let script = SCRIPT.replace("{audience}", AUDIENCE);
    addresses.into_iter().fold(script, fill)
}

const SCRIPT: &str = r#"# Countersign runs in front of a service that knows nothing of tokens.
#
#   you ──> proxy {proxy} ──> upstream {upstream}, which shows what it gets
#             │
#             └── keys from the identity provider {provider}
#
# Paste the commands into another terminal, one by one or all at once.

# 1. No token: refused, with a challenge.
curl -si {proxy}/hello
# expect HTTP/1.1 401 Unauthorized
# expect www-authenticate: Bearer
# expect …"reason":"credential_missing"…

# 2. A client fetches a token with its id and secret, as OAuth 2.0 has it. (Here any will do.)
curl -s -u alice:secret -d grant_type=client_credentials -d scope=read {provider}/token
# expect {"access_token":"eyJ…
TOKEN=$(curl -s {provider}/token/plain)

# 3. A good token: the upstream gets the verified claims as headers, and no token.
curl -si -H "Authorization: Bearer $TOKEN" {proxy}/hello
# expect HTTP/1.1 200 OK
# expect GET /hello
# expect x-auth-subject: alice
# expect x-auth-scope: read
# absent authorization: …

# 4. A token that expired five minutes ago.
curl -si -H "Authorization: Bearer $(curl -s -d expires_in=-300 {provider}/token/plain)" {proxy}/hello
# expect HTTP/1.1 401 Unauthorized
# expect www-authenticate: Bearer error="invalid_token"
# expect …"reason":"token_expired"…

# 5. A token whose signature was tampered with.
curl -si -H "Authorization: Bearer ${TOKEN%????????}AAAAAAAA" {proxy}/hello
# expect HTTP/1.1 401 Unauthorized
# expect www-authenticate: Bearer error="invalid_token"
# expect …"reason":"signature_invalid"…

# 6. A good token and forged headers: what is not verified does not get through.
curl -si -H "Authorization: Bearer $TOKEN" -H "X-Auth-Subject: admin" -H "X_Auth_Subject: admin" {proxy}/hello
# expect HTTP/1.1 200 OK
# expect x-auth-subject: alice
# absent …admin…

# 7. A public route needs no token, and strips forged headers as well.
curl -si -H "X-Auth-Subject: admin" {proxy}/public/hello
# expect HTTP/1.1 200 OK
# expect GET /public/hello
# absent x-auth-subject: …

# 8. A route that requires a scope: without it, and with it.
curl -si -H "Authorization: Bearer $TOKEN" {proxy}/admin/hello
# expect HTTP/1.1 403 Forbidden
# expect www-authenticate: Bearer error="insufficient_scope", scope="admin"
# expect …"reason":"scope_insufficient"…
curl -si -H "Authorization: Bearer $(curl -s -d scope=admin {provider}/token/plain)" {proxy}/admin/hello
# expect HTTP/1.1 200 OK
# expect x-auth-scope: admin

# 9. The provider replaces its key. A token of the new one is valid at once: its unknown key id
#    makes the proxy fetch the keys (at most once per cooldown, here a second). With the old key
#    goes every token that it signed, cached or not.
curl -s -X POST {provider}/rotate
# expect signing with …
curl -si -H "Authorization: Bearer $(curl -s {provider}/token/plain)" {proxy}/hello
# expect HTTP/1.1 200 OK
# expect x-auth-subject: alice
curl -si -H "Authorization: Bearer $TOKEN" {proxy}/hello
# expect HTTP/1.1 401 Unauthorized
# expect …"reason":"kid_unknown"…

# 10. What the operator sees: readiness, the keys in use, metrics, the effective configuration.
curl -s {admin}/readyz
# expect ready
curl -s {admin}/keys
# expect …"kind": "EC P-256"…
curl -s {admin}/metrics | grep -e denials -e requests
# expect countersign_denials_total{issuer="demo",reason="token_expired"} …
# expect countersign_requests_total{outcome="forwarded",route="/**"} …
curl -s {admin}/config
# expect expose_reasons = true…

# Explain a token check by check (with countersign on the PATH):
#   curl -s {provider}/token/plain | countersign explain --issuer {provider} --audience {audience} --upstream {upstream} -

# Ctrl-C here ends everything and leaves no files.
"#;
