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
            ClaimForm::SpiffeId => is_spiffe_id(text),
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
        ClaimForm::SpiffeId => "a SPIFFE ID",
    };
    let found = format.claim.find(claims).map_or_else(|| "nothing".to_owned(), Json::kind);
    let subject = Subject::claim(format.claim.as_str(), Fault::Malformed)
        .found(Excerpt::own(format_args!("{found}")))
        .expected(Excerpt::own(format_args!("{form}")));
    Reason::ClaimMalformed.about(subject.setting(key::FORMATS))
}

/// 8-4-4-4-12 hex digits (RFC 9562 §4), of any version, in upper or lower case. The other forms
/// that the parser takes are shorter or longer.
fn is_uuid(text: &str) -> bool {
    text.len() == Hyphenated::LENGTH && Uuid::try_parse(text).is_ok()
}

/// `spiffe://`, a trust domain and a path (SPIFFE ID §2), of which neither needs any normalising.
fn is_spiffe_id(text: &str) -> bool {
    const MAX_BYTES: usize = 2048;
    const MAX_DOMAIN_BYTES: usize = 255;
    let Some(rest) = text.strip_prefix("spiffe://") else {
        return false;
    };
    let (domain, path) = rest.split_once('/').map_or((rest, None), |(d, path)| (d, Some(path)));
    let of_domain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
    let of_path = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    let is_segment =
        |segment: &str| !["", ".", ".."].contains(&segment) && segment.bytes().all(of_path);
    text.len() <= MAX_BYTES
        && (1..=MAX_DOMAIN_BYTES).contains(&domain.len())
        && domain.bytes().all(of_domain)
        && path.is_none_or(|path| path.split('/').all(is_segment))
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

    #[test]
    fn a_spiffe_id_is_a_trust_domain_and_a_path_that_need_no_normalising() {
        for good in [
            "spiffe://td.test",
            "spiffe://td.test/ns/prod/sa/api",
            "spiffe://1.2.3.4/a",
            "spiffe://a_b-c/A.b",
        ] {
            assert!(is_spiffe_id(good), "{good}");
        }
        let long = format!("spiffe://td.test/{}", "a".repeat(2048));
        for bad in [
            "",
            "alice",
            "spiffe://",
            "spiffe:///a",
            "SPIFFE://td.test/a",
            "https://td.test/a",
            "spiffe://TD.test/a",
            "spiffe://td.test/",
            "spiffe://td.test/a/",
            "spiffe://td.test//a",
            "spiffe://td.test/a/../b",
            "spiffe://td.test/./b",
            "spiffe://td.test/%61",
            "spiffe://user@td.test/a",
            "spiffe://td.test:80/a",
            "spiffe://td.test/a?b",
            "spiffe://td.test/a#b",
            "spiffe://td.test/é",
            " spiffe://td.test/a",
            &long,
        ] {
            assert!(!is_spiffe_id(bad), "{bad}");
        }
    }
}
