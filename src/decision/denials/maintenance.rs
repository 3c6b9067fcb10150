//! What is answered in place of an upstream that is switched off.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_TYPE, RETRY_AFTER},
};

use super::settings::MaintenanceSettings;

/// The operator's words.
#[derive(Debug)]
pub(super) struct MaintenanceAnswer {
    text: Bytes,
    content_type: HeaderValue,
    retry_after: HeaderValue,
    /// The text as gRPC has it in a header.
    pub(super) grpc_message: HeaderValue,
}

impl MaintenanceAnswer {
    pub(super) fn compile(settings: &MaintenanceSettings) -> Self {
        Self {
            text: Bytes::from(settings.text.clone()),
            content_type: settings.content_type.clone(),
            retry_after: settings.retry_after.as_secs().into(),
            grpc_message: percent_encoded(&settings.text),
        }
    }

    /// The body, whose type goes into the headers.
    pub(super) fn body(&self, headers: &mut HeaderMap) -> Bytes {
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        self.text.clone()
    }

    /// Says when to try again.
    pub(super) fn set_retry_after(&self, headers: &mut HeaderMap) {
        headers.insert(RETRY_AFTER, self.retry_after.clone());
    }
}

/// The most of a text that is a header: clients refuse headers of some kilobytes.
const MAX_MESSAGE_BYTES: usize = 1024;

/// The beginning of a text as `grpc-message` has it: everything but printable ASCII, and `%`, is
/// escaped.
fn percent_encoded(text: &str) -> HeaderValue {
    let mut message = String::new();
    for byte in text.bytes() {
        if message.len() + 3 > MAX_MESSAGE_BYTES {
            break;
        }
        match byte {
            b' '..=b'~' if byte != b'%' => message.push(char::from(byte)),
            // Writing to a String can't fail.
            _ => drop(write!(message, "%{byte:02X}")),
        }
    }
    HeaderValue::try_from(message).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_message_is_one_header() {
        assert_eq!(percent_encoded("back at 6 pm"), "back at 6 pm");
        assert_eq!(percent_encoded("100 %\n\u{e4}"), "100 %25%0A%C3%A4");
        assert!(percent_encoded(&"\u{e4}".repeat(5000)).len() <= MAX_MESSAGE_BYTES);
    }
}
