//! `check --online --token`: what the introspection endpoint of its issuer says of a token.

use std::io::{self, Write};

use crate::{
    introspection,
    jose::base64url,
    json::{Json, Object},
    reason::Excerpt,
    settings::Settings,
    token::issuer::settings::IssuerSettings,
};

/// Writes what each endpoint says that the token could be introspected at; returns what failed.
/// Of the token its `iss` and `aud` are shown at most.
pub(super) async fn report(
    settings: &Settings,
    token: &[u8],
    out: &mut impl Write,
) -> io::Result<Vec<String>> {
    let claims = claims_of(token);
    let iss = claims.as_ref().and_then(|claims| claims.get("iss")).and_then(Json::as_str);
    let asked: Vec<_> = settings
        .issuers
        .iter()
        .filter(|issuer| issuer.introspection.is_some())
        .filter(|issuer| iss.is_none_or(|iss| issuer.issuer == iss))
        .collect();
    writeln!(out, "\n# The token:")?;
    if asked.is_empty() {
        let problem = "no issuer with introspection is the token's";
        writeln!(out, "#   {problem}")?;
        return Ok(vec![problem.to_owned()]);
    }
    let mut failed = Vec::new();
    for issuer in asked {
        let verdict = verdict(issuer, token, claims.as_ref()).await;
        let (Ok(said) | Err(said)) = &verdict;
        writeln!(out, "#   {}: {said}", issuer.name)?;
        failed.extend(verdict.err().map(|problem| format!("{}: {problem}", issuer.name)));
    }
    Ok(failed)
}

async fn verdict(
    issuer: &IssuerSettings,
    token: &[u8],
    claims: Option<&Object>,
) -> Result<String, String> {
    let (Some(introspected), Ok(text)) = (issuer.introspected(), std::str::from_utf8(token)) else {
        return Err("the token is no text".to_owned());
    };
    match introspection::probe_token(&introspected, issuer.key_source(), text).await {
        Ok(true) => Ok("active".to_owned()),
        Ok(false) => {
            let client = introspected.settings.client.proof.client_id();
            let why = client.and_then(|client| not_meant_for(client, claims?));
            Err(format!("not active{}", why.unwrap_or_default()))
        }
        Err(error) => Err(format!("introspection failed: {error}")),
    }
}

/// Keycloak from 26 on calls a token inactive if its `aud` does not name the client that asks.
fn not_meant_for(client: &str, claims: &Object) -> Option<String> {
    let audiences = match claims.get("aud") {
        None => Vec::new(),
        Some(Json::String(only)) => vec![&**only],
        Some(Json::Array(all)) => all.iter().filter_map(Json::as_str).collect(),
        Some(_) => return None,
    };
    if audiences.contains(&client) {
        return None;
    }
    let (client, audiences) = (Excerpt::quoted(client), Excerpt::list(audiences));
    Some(format!(
        "; its aud ({audiences}) does not name the introspecting client {client}, and some \
         providers (Keycloak from 26 on) call such a token inactive"
    ))
}

/// The claims of a JWT, unverified.
fn claims_of(token: &[u8]) -> Option<Object> {
    let payload = token.split(|byte| *byte == b'.').nth(1)?;
    Object::parse(&base64url::decode(payload).ok()?).ok()
}
