//! A header on the command line.

use std::{fmt, str::FromStr};

use http::{HeaderName, HeaderValue};

/// A header as an argument. Its value is never printed: it may be a cookie.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderArg {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
}

impl FromStr for HeaderArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected a header such as 'origin: https://app.example.com'";
        let (name, value) = text.split_once(':').ok_or(expected)?;
        let name = name.parse().map_err(|_| expected)?;
        let mut value: HeaderValue = value.trim().parse().map_err(|_| expected)?;
        value.set_sensitive(true);
        Ok(Self { name, value })
    }
}

impl fmt::Debug for HeaderArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderArg({}: {} bytes)", self.name, self.value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let header: HeaderArg = "Origin: https://a:8443".parse().unwrap();
        assert_eq!(header.name, "origin");
        assert_eq!(header.value, "https://a:8443");
        for wrong in ["origin", "a b: c", ": c", "a: b\nc"] {
            assert!(wrong.parse::<HeaderArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn o2_debug_output_holds_no_value() {
        let header: HeaderArg = "cookie: atbv=secret".parse().unwrap();
        assert_eq!(format!("{header:?}"), "HeaderArg(cookie: 11 bytes)");
    }
}
