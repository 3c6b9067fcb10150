//! `countersign explain --id`: why a request did not pass that a proxy has had.

use std::io::Write;

use serde_json::{Map, Value};

use super::ExplainArgs;
use crate::{
    cli::{
        CommandError,
        denials::{fact, fetch},
        printable::printable,
        private_listener,
    },
    reason::{Class, Reason},
    telemetry::settings::AccessField,
};

/// Looks the request up at the private listener, and prints its facts and what to do.
///
/// # Errors
/// [`CommandError::Runtime`] if it is not there, or the listener can't be reached;
/// [`CommandError::Usage`] without an address.
pub(super) fn explain(
    id: &str,
    args: &ExplainArgs,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let address = private_listener::address(args.control.as_deref(), &args.config)?;
    let kept = fetch(&address, &[("id", Some(id))])?;
    if kept.denials.is_empty() {
        return Err(CommandError::Runtime(format!(
            "{id:?} is not among the last {} requests that did not pass: it passed, and the \
             service answered; or it was longer ago, or another replica's. Look for it in the logs.",
            kept.capacity
        )));
    }
    kept.denials.iter().try_for_each(|denied| show(denied, out))
}

fn show(denied: &Map<String, Value>, out: &mut impl Write) -> Result<(), CommandError> {
    let code = fact(denied, AccessField::Reason).unwrap_or_default();
    let reason = Reason::ALL.iter().find(|reason| reason.code() == code);
    let text = reason.map_or("", |reason| reason.text());
    writeln!(out, "{}: {text}", printable(&code))?;
    for field in AccessField::all().filter(|field| *field != AccessField::Reason) {
        if let Some(found) = fact(denied, field) {
            writeln!(out, "  {:<18}{}", field.name(), printable(&found))?;
        }
    }
    if let Some(reason) = reason {
        writeln!(out, "What to do: {}", advice(reason.class()))?;
    }
    Ok(())
}

/// Where to begin.
fn advice(class: Class) -> &'static str {
    match class {
        Class::CredentialMissing => {
            "the client has to send a token, in one of the places of credential.sources."
        }
        Class::CredentialInvalid => {
            "compare found and expected. Either the client needs another token, from client_id's \
             settings at its provider, or the setting is wrong. `countersign explain --live` checks \
             a token again."
        }
        Class::SignatureRefused => {
            "compare found and expected. `countersign explain --signature --body` says whether the \
             signature is right over a variant of the body."
        }
        Class::NotPermitted => {
            "the request is understood and not allowed. Either the caller needs other rights, or \
             the setting of the route is wrong."
        }
        Class::RequestMalformed => "the client has to send another request.",
        Class::CannotDecide => {
            "nothing is wrong with the request. /readyz?verbose of the admin listener says what is \
             missing, and since when."
        }
        Class::UpstreamFailed => {
            "nothing is wrong with the request. Look at the upstream and the endpoint above, and \
             at countersign_upstream_endpoint_failures_total."
        }
    }
}
