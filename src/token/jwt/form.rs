//! Why a text is no token, and which part of it.

use crate::{
    jose::{JwsError, MAX_HEADER_BYTES, base64url},
    json::{Json, JsonError, JsonFault, Object},
    reason::{Cause, Excerpt, Fault, Part, Reason, Subject},
};

/// The refusal of what is no compact JWS. The header is read once more for what is said of it.
#[cold]
pub(super) fn form_cause(error: JwsError, token: &[u8]) -> Cause {
    form_reason(error).about(match error {
        JwsError::Parts => Subject::new(Part::Token, Fault::Malformed)
            .found(Excerpt::own(format_args!("{} parts", parts(token))))
            .expected(Excerpt::own(format_args!("three parts, none of them empty"))),
        JwsError::Base64 => Subject::new(Part::Token, Fault::NotBase64),
        JwsError::Encrypted => Subject::new(Part::Token, Fault::NotAllowed)
            .found(Excerpt::own(format_args!("an encrypted token (JWE)"))),
        JwsError::HeaderTooLong => Subject::new(Part::TokenHeader, Fault::TooLong)
            .expected(Excerpt::own(format_args!("at most {MAX_HEADER_BYTES} characters"))),
        JwsError::Header(error) => Subject::new(Part::TokenHeader, json_fault(error)),
        JwsError::HeaderMember(name) => about_parameter(token, name, Fault::Malformed),
        JwsError::Algorithm => about_parameter(token, "alg", Fault::Unsupported),
        JwsError::Critical => about_parameter(token, "crit", Fault::Unsupported),
        JwsError::Nested => about_parameter(token, "cty", Fault::NotAllowed),
        JwsError::PayloadEncoding => about_parameter(token, "b64", Fault::NotAllowed)
            .expected(Excerpt::own(format_args!("neither 'b64': false nor 'zip'"))),
    })
}

/// The refusal of claims that are not acceptable JSON.
#[cold]
pub(super) fn claims_cause(fault: &JsonFault) -> Cause {
    let subject = Subject::new(Part::Claims, json_fault(fault.error));
    Reason::ClaimsMalformed.about(match &fault.member {
        Some(name) => Subject::new(Part::Claim, json_fault(fault.error)).named_by_client(name),
        None => subject,
    })
}

fn form_reason(error: JwsError) -> Reason {
    match error {
        JwsError::Parts | JwsError::Base64 => Reason::TokenMalformed,
        JwsError::Encrypted => Reason::TokenEncrypted,
        JwsError::Algorithm => Reason::AlgorithmUnsupported,
        JwsError::Critical => Reason::CriticalUnknown,
        JwsError::Header(_)
        | JwsError::HeaderTooLong
        | JwsError::Nested
        | JwsError::HeaderMember(_)
        | JwsError::PayloadEncoding => Reason::HeaderMalformed,
    }
}

fn json_fault(error: JsonError) -> Fault {
    match error {
        JsonError::Syntax => Fault::NotJson,
        JsonError::LoneSurrogate => Fault::LoneSurrogate,
        JsonError::NotAnObject => Fault::NotAnObject,
        JsonError::DuplicateMember => Fault::Duplicate,
        JsonError::TooComplex => Fault::TooComplex,
        JsonError::NumberOutOfRange => Fault::OutOfRange,
    }
}

fn parts(token: &[u8]) -> usize {
    token.split(|byte| *byte == b'.').count()
}

/// What the header says of that parameter.
fn about_parameter(token: &[u8], name: &str, fault: Fault) -> Subject {
    let header = token.split(|byte| *byte == b'.').next().unwrap_or_default();
    let header = base64url::decode(header).ok().and_then(|text| Object::parse(&text).ok());
    let found = match header.as_ref().and_then(|header| header.get(name)) {
        None => return Subject::parameter(name, Fault::Missing),
        Some(Json::String(text)) if text.len() <= MAX_SHOWN_BYTES => Excerpt::quoted(text),
        Some(Json::Array(values)) => Excerpt::list(values.iter().filter_map(Json::as_str)),
        Some(value) => Excerpt::own(format_args!("{}", value.kind())),
    };
    Subject::parameter(name, fault).found(found)
}

/// Of a longer parameter only the length is shown.
const MAX_SHOWN_BYTES: usize = 256;
