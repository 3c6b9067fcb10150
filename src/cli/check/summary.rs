//! What matters of a configuration, as a person reads it: the verdict, where requests come in,
//! whose tokens are accepted, where requests go, and the routes.

use super::{paint::Paint, routes};
use crate::{
    config::ConfigInput,
    keys::settings::KeySource,
    settings::{Settings, Sources},
    token::issuer::settings::IssuerSettings,
};

/// Longer lists are cut; `--all` has them whole.
const MAX_LISTED: usize = 4;

/// What a configuration is called.
pub(super) fn name_of(sources: &Sources) -> String {
    match (&sources.input, &sources.file) {
        (Some(ConfigInput::Text { name, .. }), _) => name.clone(),
        (Some(ConfigInput::File(file)), _) | (None, Some(file)) => file.display().to_string(),
        (None, None) => "The configuration".to_owned(),
    }
}

/// The first line.
pub(super) fn verdict(name: &str, warnings: usize, paint: Paint) -> String {
    let sound = paint.green("is sound");
    match warnings {
        0 => format!("{name} {sound}.\n"),
        1 => format!("{name} {sound}, with a warning.\n"),
        _ => format!("{name} {sound}, with {warnings} warnings.\n"),
    }
}

/// One table for each kind of thing.
pub(super) fn text(settings: &Settings) -> String {
    let mut text = String::new();
    table(&mut text, "Listeners:", listeners(settings));
    table(&mut text, "Issuers:", settings.issuers.iter().map(issuer));
    table(&mut text, "Upstreams:", upstreams(settings));
    text.push_str(&routes::table(settings));
    text
}

fn table(text: &mut String, title: &str, rows: impl Iterator<Item = [String; 3]>) {
    let rows: Vec<[String; 3]> = rows.collect();
    if rows.is_empty() {
        return;
    }
    text.push('\n');
    text.push_str(title);
    text.push('\n');
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    for [name, what, more] in &rows {
        let line = format!("  {name:first$}  {what:second$}  {more}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// Name, address and what is particular.
pub(super) fn listeners(settings: &Settings) -> impl Iterator<Item = [String; 3]> {
    let all = settings.listeners.iter().map(|listener| {
        let mut particular = Vec::new();
        if let Some(tls) = &listener.tls {
            particular.push(match &tls.client_auth {
                Some(auth) if auth.required => "TLS, client certificates required",
                Some(_) => "TLS, client certificates",
                None => "TLS",
            });
        }
        if listener.accepts.proxy_protocol.is_some() {
            particular.push("PROXY protocol");
        }
        [listener.name.clone(), listener.listen.to_string(), particular.join(", ")]
    });
    let admin = ["admin".to_owned(), settings.admin.listen.to_string(), String::new()];
    all.chain([admin])
}

/// Name, issuer, and for whom and by which keys its tokens are.
pub(super) fn issuer(issuer: &IssuerSettings) -> [String; 3] {
    let audiences = match issuer.audiences.as_deref() {
        None => "any audience".to_owned(),
        Some([]) => "audiences of resources".to_owned(),
        Some(audiences) => format!("for {}", shortened(audiences)),
    };
    let keys = issuer.keys.as_ref().map(|keys| format!(", keys from {}", source(&keys.source)));
    let introspection = issuer.introspection.is_some();
    let introspection = if introspection { ", introspected" } else { "" };
    let more = format!("{audiences}{}{introspection}", keys.unwrap_or_default());
    [issuer.name.clone(), issuer.issuer.clone(), more]
}

fn shortened(names: &[String]) -> String {
    let listed: Vec<&str> = names.iter().take(MAX_LISTED).map(String::as_str).collect();
    match names.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", listed.join(", ")),
        None => listed.join(", "),
    }
}

fn source(source: &KeySource) -> String {
    match source {
        KeySource::JwksUrl(url) | KeySource::JwkUrl { url, .. } => url.to_string(),
        KeySource::Discovery { urls, .. } => {
            urls.first().map_or_else(|| "discovery".to_owned(), ToString::to_string)
        }
        KeySource::JwksFile(path) | KeySource::PemFile(path) | KeySource::SecretFile(path) => {
            path.display().to_string()
        }
        KeySource::Hex(_) => "the configuration".to_owned(),
    }
}

/// Name, addresses and what is particular.
pub(super) fn upstreams(settings: &Settings) -> impl Iterator<Item = [String; 3]> {
    settings.upstreams.iter().map(|upstream| {
        let base = upstream.path.as_str();
        let addresses: Vec<String> =
            upstream.addresses().map(|address| format!("{address}{base}")).collect();
        let maintenance = if upstream.maintenance.is_some() { "in maintenance" } else { "" };
        [upstream.name.clone(), shortened(&addresses), maintenance.to_owned()]
    })
}
