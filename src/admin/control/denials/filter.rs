//! Which of the last denials are asked for.

use crate::{decision::record::DeniedRequest, reason::Reason, telemetry::settings::AccessField};

/// The query of `GET /denials`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DenialFilter {
    /// The values that these fields must have.
    wanted: Vec<(AccessField, String)>,
    /// How many are shown at most.
    pub(super) limit: usize,
}

/// By what one can filter.
const FIELDS: [AccessField; 4] =
    [AccessField::Reason, AccessField::Issuer, AccessField::Route, AccessField::Id];
const LIMIT: &str = "limit";

impl DenialFilter {
    /// Reads `reason=token_expired&route=/a&limit=10`.
    ///
    /// # Errors
    /// What is not understood: a misspelt filter must not show everything, or nothing.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut filter = Self { wanted: Vec::new(), limit: usize::MAX };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name == LIMIT {
                let expected = || format!("limit: found {value:?}, expected a whole number");
                filter.limit = value.parse().map_err(|_| expected())?;
                continue;
            }
            let field = FIELDS.into_iter().find(|field| field.name() == name);
            let field = field.ok_or_else(|| {
                format!("found {name:?}, expected reason, issuer, route, id or limit")
            })?;
            let is_reason = |code: &str| Reason::ALL.iter().any(|reason| reason.code() == code);
            if field == AccessField::Reason && !is_reason(&value) {
                return Err(format!("reason: there is no {value:?}"));
            }
            filter.wanted.push((field, value.into_owned()));
        }
        Ok(filter)
    }

    /// Whether it is asked for. Of several values of a field, each counts.
    pub(super) fn takes(&self, denied: &DeniedRequest) -> bool {
        FIELDS.into_iter().all(|field| {
            let mut wanted = self.wanted.iter().filter(|(of, _)| *of == field).peekable();
            wanted.peek().is_none() || {
                let found = denied.fact(field);
                wanted.any(|(_, value)| found.as_deref() == Some(value.as_str()))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_a_mistake() {
        assert!(DenialFilter::parse("").unwrap().wanted.is_empty());
        let filter = DenialFilter::parse("route=%2Floans%2F**&limit=2").unwrap();
        assert_eq!(filter.wanted, [(AccessField::Route, "/loans/**".to_owned())]);
        assert_eq!(filter.limit, 2);
        for (query, mistake) in [
            ("reason=expired", "reason: there is no \"expired\""),
            ("limit=-1", "limit: found \"-1\", expected a whole number"),
            ("path=/a", "found \"path\", expected reason, issuer, route, id or limit"),
        ] {
            assert_eq!(DenialFilter::parse(query).unwrap_err(), mistake);
        }
    }
}
