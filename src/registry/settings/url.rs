//! Where a signer is looked up.

use std::fmt;

use http::Uri;

use crate::{
    config::urls::{UrlMistake, check_fetchable},
    oauth_client::encode,
};

/// A URL with a place for a signer's name, or without one: then it is the same for all signers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerUrl {
    before: String,
    /// What follows the name; `None`: there is no place for one.
    after: Option<String>,
}

const PLACE: &str = "{signer}";

impl SignerUrl {
    /// Parses. `is_list`: it may have no place for a name.
    pub(crate) fn parse(text: &str, allow_http: bool, is_list: bool) -> Result<Self, String> {
        let (before, after) = match text.split_once(PLACE) {
            Some((before, after)) => (before.to_owned(), Some(after.to_owned())),
            None => (text.to_owned(), None),
        };
        if after.as_ref().is_some_and(|after| after.contains(PLACE)) {
            return Err(" (there are two places for the name)".to_owned());
        }
        if text.contains('#') {
            return Err(" (a fragment is never sent)".to_owned());
        }
        if after.is_some() && before.ends_with(['.', '%']) {
            return Err(" (what stands before the name would change what it means)".to_owned());
        }
        if after.is_none() && !is_list {
            return Err(
                " (or select = { … }, where the answer is a list of all signers)".to_owned()
            );
        }
        let url = Self { before, after };
        let [one, other] = ["a", "b"].map(|name| url.of(name));
        let (Some(one), Some(other)) = (one, other) else {
            return Err(String::new());
        };
        if one.authority() != other.authority() {
            return Err(" (a signer's name must not choose the host)".to_owned());
        }
        match check_fetchable(&one.to_string(), allow_http) {
            Ok(_) => Ok(url),
            Err(UrlMistake::PlainHttp) => {
                Err(" over https (allow_http = true permits http all the same)".to_owned())
            }
            Err(UrlMistake::Syntax | UrlMistake::UserInformation) => Err(String::new()),
        }
    }

    /// One URL for all signers.
    #[cfg(test)]
    pub(crate) fn fixed(text: &str) -> Self {
        Self { before: text.to_owned(), after: None }
    }

    /// The URL of one signer. Everything but unreserved characters of the name is escaped; a name
    /// that would still climb in the path yields none.
    pub fn of(&self, signer: &str) -> Option<Uri> {
        let Some(after) = &self.after else {
            return self.before.parse().ok();
        };
        if matches!(signer, "." | "..") {
            return None;
        }
        let mut text = self.before.clone();
        encode(signer, &mut text);
        text.push_str(after);
        text.parse().ok()
    }
}

impl fmt::Display for SignerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.before)?;
        match &self.after {
            Some(after) => write!(f, "{PLACE}{after}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SignerUrl, String> {
        SignerUrl::parse(text, false, false)
    }

    #[test]
    fn a_name_stays_in_its_place_whatever_it_is() {
        let url = parse("https://r.test/roles/{signer}/key?v=1").unwrap();
        for (name, path) in [
            ("3051", "/roles/3051/key?v=1"),
            ("a/b", "/roles/a%2Fb/key?v=1"),
            ("../admin", "/roles/..%2Fadmin/key?v=1"),
            ("x?y#z", "/roles/x%3Fy%23z/key?v=1"),
            ("%2e%2e", "/roles/%252e%252e/key?v=1"),
            ("ü \0", "/roles/%C3%BC%20%00/key?v=1"),
            ("a@evil.test:80", "/roles/a%40evil.test%3A80/key?v=1"),
        ] {
            let expanded = url.of(name).unwrap();
            assert_eq!(expanded.path_and_query().unwrap(), path);
            assert_eq!(expanded.authority().unwrap(), "r.test");
        }
        assert_eq!((url.of("."), url.of("..")), (None, None));
        assert_eq!(url.to_string(), "https://r.test/roles/{signer}/key?v=1");
    }

    #[test]
    fn a_name_chooses_no_host_and_has_one_place() {
        for bad in [
            "https://{signer}.test/key",
            "https://r.test:{signer}/key",
            "https://r.test/{signer}/{signer}",
            "https://r.test/key",
            "https://r.test/.{signer}",
            "https://r.test/%{signer}",
            "https://r.test/{signer}#key",
            "http://r.test/{signer}",
            "https://me:pw@r.test/{signer}",
            "/roles/{signer}",
            "",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(SignerUrl::parse("https://r.test/all", false, true).is_ok());
        assert!(SignerUrl::parse("http://r.test/{signer}", true, false).is_ok());
    }
}
