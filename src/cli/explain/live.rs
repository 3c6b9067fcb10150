//! `countersign explain --live`: has a running proxy explain a request.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::{ExplainArgs, HeaderArg, signature::Signed};
use crate::{
    admin::control::{ExplainedCheck, Explanation, ForwardedRequest, NotChecked},
    cli::{CommandError, denials::read, printable::printable, private_listener},
};

/// The longest token that is sent: the private listener takes no larger body.
const MAX_TOKEN_BYTES: usize = 48 * 1024;

/// Sends the request to the private listener and prints the checks.
///
/// # Errors
/// [`CommandError::Runtime`] if it would not be admitted, or the listener can't be reached;
/// [`CommandError::Usage`] without an address.
pub(super) fn explain(
    args: &ExplainArgs,
    input: &mut impl Read,
    out: &mut impl Write,
) -> Result<(), CommandError> {
    let address = private_listener::address(args.control.as_deref(), &args.config)?;
    let body = request(args, input)?;
    let answer = private_listener::exchange(&address, Method::POST, "/explain", body)?;
    let explanation: Explanation = read(&address, &answer)?;
    show(&explanation, out)?;
    match (&*explanation.verdict, explanation.reason) {
        ("admitted", _) => Ok(()),
        ("cannot_decide", Some(reason)) => {
            Err(CommandError::Runtime(format!("it can't be decided at the moment: {reason}")))
        }
        (_, reason) => {
            Err(CommandError::Runtime(format!("refused: {}", reason.unwrap_or_default())))
        }
    }
}

fn request(args: &ExplainArgs, input: &mut impl Read) -> Result<Bytes, CommandError> {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for HeaderArg { name, value } in &args.headers {
        let value = value.to_str().map_err(|_| {
            CommandError::Usage(format!("--header {name}: found characters that are not ASCII"))
        })?;
        headers.entry(name.to_string()).or_default().push(value.to_owned());
    }
    if let Some(token) = &args.token {
        let token = token.read(MAX_TOKEN_BYTES, input)?;
        let token = String::from_utf8(token)
            .map_err(|_| CommandError::Usage("the token is no text".to_owned()))?;
        headers.entry("authorization".to_owned()).or_default().push(format!("Bearer {token}"));
    }
    let signed = args.signed.read(input)?;
    let (signature, body) = match signed {
        Some(Signed { signature, body }) => (Some(signature), Some(BASE64_STANDARD.encode(body))),
        None => (None, None),
    };
    let asked = json!({
        "method": args.method.as_str(),
        "path": args.path,
        "host": args.host,
        "listener": args.listener,
        "headers": headers,
        "signature": signature,
        "body_base64": body,
        "show_claims": args.show_claims,
    });
    Ok(Bytes::from(asked.to_string()))
}

fn show(explanation: &Explanation, out: &mut impl Write) -> Result<(), CommandError> {
    let Explanation { text, subject, checks, not_checked, .. } = explanation;
    let Explanation { redirect, own_answer, forwarded, .. } = explanation;
    for ExplainedCheck { check, outcome, found } in checks {
        let (check, found) = (printable(check), printable(found));
        match &**outcome {
            "passed" => writeln!(out, "ok    {check:<14}{found}")?,
            "failed" => {
                let text = printable(text.as_deref().unwrap_or_default());
                let subject = subject.as_deref().map(|it| format!(" ({}.)", printable(it)));
                writeln!(out, "FAIL  {check:<14}{found}: {text}{}", subject.unwrap_or_default())?;
            }
            _ => writeln!(out, "-     {check}")?,
        }
    }
    for NotChecked { check, why } in not_checked {
        writeln!(out, "?     {:<14}{}", printable(check), printable(why))?;
    }
    if let Some(answer) = own_answer {
        writeln!(out, "answered by the proxy itself: {}", printable(answer))?;
    }
    if let Some(location) = redirect {
        writeln!(out, "redirected to {}", printable(location))?;
    }
    if let Some(ForwardedRequest { upstream, path, headers, claims }) = forwarded {
        writeln!(out, "admitted: {} to {}", printable(path), printable(upstream))?;
        writeln!(out, "  headers: {}", printable(&headers.join(", ")))?;
        for (name, value) in claims {
            writeln!(out, "  {}: {}", printable(name), printable(value))?;
        }
    }
    Ok(())
}
