//! `countersign denials`: the last requests that did not pass, from a running proxy.

use std::{borrow::Cow, io::Write, path::PathBuf};

use bytes::Bytes;
use clap::Args;
use form_urlencoded::Serializer;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{CommandError, args::ConfigArgs, printable::printable, private_listener};
use crate::{listener::settings::ListenAddress, telemetry::settings::AccessField};

/// The arguments of `countersign denials`.
#[derive(Debug, Args)]
pub struct DenialsArgs {
    /// The configuration file, of which only `control.listen` is used; the variable
    /// `COUNTERSIGN_CONFIG` can name it too
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The private listener of the running proxy, if not `control.listen` of the configuration
    #[arg(long, value_name = "ADDR")]
    pub control: Option<String>,
    /// Only those of this reason, e.g. `token_expired`
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only those with a token of this issuer, by its name in the configuration
    #[arg(long, value_name = "NAME")]
    pub issuer: Option<String>,
    /// Only those of this route, by its path in the configuration
    #[arg(long, value_name = "PATH")]
    pub route: Option<String>,
    /// How many at most, the newest first
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}

/// What a line shows of a request, in this order.
const SHOWN: [AccessField; 9] = [
    AccessField::Time,
    AccessField::Status,
    AccessField::Reason,
    AccessField::Route,
    AccessField::Issuer,
    AccessField::Client,
    AccessField::Method,
    AccessField::Path,
    AccessField::Id,
];

/// What the private listener answers.
#[derive(Debug, Deserialize)]
pub(super) struct ListedDenials {
    /// How many it keeps at most.
    pub(super) capacity: usize,
    /// Each with its facts, by the names of the fields.
    pub(super) denials: Vec<Map<String, Value>>,
}

/// Prints a line for each.
///
/// # Errors
/// [`CommandError::Runtime`] if the listener can't be reached, or does not understand the filter;
/// [`CommandError::Usage`] without an address.
pub fn denials(args: &DenialsArgs, out: &mut impl Write) -> Result<(), CommandError> {
    let config = ConfigArgs { config: args.config.clone(), ..ConfigArgs::default() };
    let address = private_listener::address(args.control.as_deref(), &config)?;
    let limit = args.limit.to_string();
    let filter = [
        ("reason", args.reason.as_deref()),
        ("issuer", args.issuer.as_deref()),
        ("route", args.route.as_deref()),
        ("limit", Some(&*limit)),
    ];
    for denied in fetch(&address, &filter)?.denials {
        let facts = SHOWN.map(|field| fact(&denied, field).unwrap_or(Cow::Borrowed("-")));
        writeln!(out, "{}", facts.map(|fact| printable(&fact)).join(" "))?;
    }
    Ok(())
}

/// The denials that a filter takes.
pub(super) fn fetch(
    address: &ListenAddress,
    filter: &[(&str, Option<&str>)],
) -> Result<ListedDenials, CommandError> {
    let mut query = Serializer::new(String::new());
    for (name, value) in filter {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let target = format!("/denials?{}", query.finish());
    let answer = private_listener::exchange(address, Method::GET, &target, Bytes::new())?;
    read(address, &answer)
}

/// What it answers as JSON.
pub(super) fn read<T: serde::de::DeserializeOwned>(
    address: &ListenAddress,
    (status, body): &(StatusCode, Bytes),
) -> Result<T, CommandError> {
    let read = if *status == StatusCode::OK { serde_json::from_slice(body).ok() } else { None };
    read.ok_or_else(|| {
        let text = String::from_utf8_lossy(body);
        let text = printable(text.trim());
        CommandError::Runtime(format!("{address} answers {status}: {text}"))
    })
}

/// A fact in words.
pub(super) fn fact(denied: &Map<String, Value>, field: AccessField) -> Option<Cow<'_, str>> {
    Some(match denied.get(field.name())? {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    })
}
