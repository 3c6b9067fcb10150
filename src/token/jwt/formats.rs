//! Claims that must be written in a certain form.

use uuid::{Uuid, fmt::Hyphenated};

use crate::{
    json::{Json, Object},
    reason::{Cause, Excerpt, Fault, Reason, Subject},
    token::issuer::settings::{ClaimForm, ClaimFormat, key},
};

/// Every claim must be there, and in its form: one that is absent is not in it.
pub(in crate::token) fn check(claims: &Object, formats: &[ClaimFormat]) -> Result<(), Cause> {
    let is_so = |format: &ClaimFormat| {
        let text = format.claim.find(claims).and_then(Json::as_str);
        text.is_some_and(|text| match format.form {
            ClaimForm::Uuid => is_uuid(text),
        })
    };
    match formats.iter().find(|format| !is_so(format)) {
        None => Ok(()),
        Some(format) => Err(not_in_form(format, claims)),
    }
}

#[cold]
fn not_in_form(format: &ClaimFormat, claims: &Object) -> Cause {
    let form = match format.form {
        ClaimForm::Uuid => "a UUID",
    };
    let found = format.claim.find(claims).map_or_else(|| "nothing".to_owned(), Json::kind);
    let subject = Subject::claim(format.claim.as_str(), Fault::Malformed)
        .found(Excerpt::own(format_args!("{found}")))
        .expected(Excerpt::own(format_args!("{form}")));
    Reason::ClaimMalformed.about(subject.setting(key::FORMATS))
}

/// 8-4-4-4-12 hex digits (RFC 9562 §4), of any version, in upper or lower case. The other forms that
/// the parser takes are shorter or longer.
fn is_uuid(text: &str) -> bool {
    text.len() == Hyphenated::LENGTH && Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_digits_and_dashes_and_nothing_else() {
        for good in [
            "963995ed-ce12-4ea5-89dc-b181701d1d7b",
            "963995ED-CE12-4EA5-89DC-B181701D1D7B",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert!(is_uuid(good), "{good}");
        }
        for bad in [
            "",
            "963995edce124ea589dcb181701d1d7b",
            "{963995ed-ce12-4ea5-89dc-b181701d1d7b}",
            "urn:uuid:963995ed-ce12-4ea5-89dc-b181701d1d7b",
            "963995ed-ce12-4ea5-89dc-b181701d1d7",
            "963995ed-ce12-4ea5-89dc-b181701d1d7b ",
            "963995ed-ce12-4ea5-89dc-b181701d1d7g",
            "963995edc-e12-4ea5-89dc-b181701d1d7b",
            "-63995ed-ce12-4ea5-89dc-b181701d1d7b",
            "1-1-1-1-1",
            "963995ed-ce12-4ea5-89dc-b181701d1dé",
        ] {
            assert!(!is_uuid(bad), "{bad}");
        }
    }
}
