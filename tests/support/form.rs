//! Forms and queries (`application/x-www-form-urlencoded`), and what a browser keeps.

use std::fmt::Write as _;

use super::client::{Answer, Request};

/// With a form as body.
pub(crate) fn with_form(request: Request, form: &[(&str, &str)]) -> Request {
    request
        .field("content-type", "application/x-www-form-urlencoded")
        .body(encoded(form).as_bytes())
}

/// A form or a query.
pub(crate) fn encoded(form: &[(&str, &str)]) -> String {
    let pairs = form.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn escaped(value: &str) -> String {
    value.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").unwrap();
        }
        escaped
    })
}

/// A parameter of the query that a redirection leads to, as it is written there.
pub(crate) fn redirected_with(answer: &Answer, parameter: &str) -> String {
    let location = answer.field("location").unwrap_or_else(|| panic!("{answer:?}"));
    let (_, query) = location.split_once('?').unwrap_or_default();
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.find(|(name, _)| *name == parameter).map(|(_, value)| value.to_owned());
    value.unwrap_or_else(|| panic!("no {parameter}: {location}"))
}

/// The cookies that the answers set, as they are sent back.
pub(crate) fn cookies(answers: &[&Answer]) -> String {
    let lines = answers.iter().flat_map(|answer| answer.head.all("set-cookie"));
    let pairs = lines.filter_map(|cookie| cookie.split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}
