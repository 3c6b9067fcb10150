//! The trace that a request belongs to (W3C Trace Context, level 1).

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header of the trace and the span that a request belongs to (§3.2).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(super) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What a valid `traceparent` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: [u8; TRACE_ID_BYTES],
    /// The span of the sender.
    pub parent_id: [u8; PARENT_ID_BYTES],
    /// Whether the sender may have recorded it.
    pub is_sampled: bool,
    keeps_state: bool,
}

const TRACE_ID_BYTES: usize = 16;
const PARENT_ID_BYTES: usize = 8;
/// `VERSION-TRACE-PARENT-FLAGS` in hexadecimal digits (§3.2).
const PARENT_BYTES: usize = 55;
/// What never is a version.
const NO_VERSION: u8 = 0xff;
/// The flag that the sender may have recorded the trace (§3.2.2.5.1).
const SAMPLED: u8 = 1;
/// The most members of `tracestate` (§3.3.1.1).
const MAX_STATE_MEMBERS: usize = 32;
/// What has to be propagated of it at least (§3.3.1.5); longer ones are not.
const MAX_STATE_BYTES: usize = 512;

impl TraceContext {
    /// The context of a request. `None`: there is none, or it is not valid, and a new trace begins
    /// (§4.3). A `tracestate` that is not valid is dropped alone.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return None };
        let context = Self::parse(value.as_bytes())?;
        Some(Self { keeps_state: is_state(headers.get_all(TRACESTATE).iter()), ..context })
    }

    /// The trace's id in hexadecimal digits.
    pub fn trace_id_text(&self) -> String {
        hex::encode(self.trace_id)
    }

    /// Whether its `tracestate`, if there is one, is valid.
    pub(super) fn keeps_state(&self) -> bool {
        self.keeps_state
    }

    fn parse(value: &[u8]) -> Option<Self> {
        let (known, rest) = value.split_at_checked(PARENT_BYTES)?;
        let mut parts = known.split(|byte| *byte == b'-');
        let [version] = digits(parts.next()?)?;
        let trace_id: [u8; TRACE_ID_BYTES] = digits(parts.next()?)?;
        let parent_id: [u8; PARENT_ID_BYTES] = digits(parts.next()?)?;
        let [flags] = digits(parts.next()?)?;
        // A later version may have more behind what is known (§3.2.2.3).
        let is_whole = match version {
            0 => rest.is_empty(),
            NO_VERSION => false,
            _ => rest.is_empty() || rest.first() == Some(&b'-'),
        };
        let has_ids = trace_id != [0; TRACE_ID_BYTES] && parent_id != [0; PARENT_ID_BYTES];
        let is_sampled = flags & SAMPLED != 0;
        (is_whole && has_ids && parts.next().is_none()).then_some(Self {
            trace_id,
            parent_id,
            is_sampled,
            keeps_state: true,
        })
    }
}

/// Exactly so many bytes, in lower-case hexadecimal digits.
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let is_lower = !text.iter().any(u8::is_ascii_uppercase);
    (is_lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

/// Whether the lines are one list of `key=value` (§3.3).
fn is_state<'v>(lines: impl Iterator<Item = &'v HeaderValue>) -> bool {
    let (mut members, mut bytes) = (0, 0);
    for line in lines {
        bytes += line.len();
        for member in line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if member.is_empty() {
                continue;
            }
            members += 1;
            if !is_member(member) {
                return false;
            }
        }
    }
    members <= MAX_STATE_MEMBERS && bytes <= MAX_STATE_BYTES
}

fn is_member(member: &[u8]) -> bool {
    let Some(equals) = member.iter().position(|byte| *byte == b'=') else { return false };
    let (key, value) = member.split_at(equals);
    let in_key = |byte: &u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@')
    };
    let in_value = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    let value = value.get(1..).unwrap_or_default();
    !key.is_empty() && key.iter().all(in_key) && !value.is_empty() && value.iter().all(in_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    fn read(lines: &[(&'static str, &str)]) -> Option<TraceContext> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        TraceContext::read(&headers)
    }

    fn parent(value: &str) -> Option<TraceContext> {
        read(&[("traceparent", value)])
    }

    #[test]
    fn a_valid_parent_says_its_trace_and_whether_it_is_sampled() {
        let context = parent(&format!("00-{TRACE}-{PARENT}-01")).unwrap();
        assert_eq!(context.trace_id_text(), TRACE);
        assert_eq!(hex::encode(context.parent_id), PARENT);
        assert!(context.is_sampled);
        assert!(!parent(&format!("00-{TRACE}-{PARENT}-00")).unwrap().is_sampled);
        assert!(parent(&format!("00-{TRACE}-{PARENT}-03")).unwrap().is_sampled, "other flags");
        assert!(parent(&format!("cc-{TRACE}-{PARENT}-01-what-comes")).is_some(), "a later version");
    }

    #[test]
    fn o9_what_the_standard_calls_invalid_begins_no_trace() {
        let zeros = |count| "0".repeat(count);
        for invalid in [
            String::new(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("00-{TRACE}-{PARENT}-0g"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("cc-{TRACE}-{PARENT}-01.more"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{}-{PARENT}-01", zeros(32)),
            format!("00-{TRACE}-{}-01", zeros(16)),
            format!("00-{}-{PARENT}0-01", &TRACE[1..]),
            format!("00_{TRACE}_{PARENT}_01"),
            format!(" 00-{TRACE}-{PARENT}-01"),
        ] {
            assert_eq!(parent(&invalid), None, "{invalid}");
        }
        let one = format!("00-{TRACE}-{PARENT}-01");
        assert_eq!(read(&[("traceparent", &one), ("traceparent", &one)]), None, "two");
        assert_eq!(read(&[("tracestate", "a=1")]), None, "a state alone");
    }

    #[test]
    fn o9_a_state_that_is_not_valid_goes_alone() {
        let one = format!("00-{TRACE}-{PARENT}-01");
        let keeps = |state: &str| read(&[("traceparent", &one), ("tracestate", state)]).unwrap();
        for valid in ["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a@b=1 2", "a=1,,b=2", ""] {
            assert!(keeps(valid).keeps_state(), "{valid}");
        }
        let many = vec!["a=1"; MAX_STATE_MEMBERS + 1].join(",");
        let long = format!("a={}", "1".repeat(MAX_STATE_BYTES));
        for invalid in ["a", "=1", "a=", "A=1", "a=1=2", &many, &long] {
            assert!(!keeps(invalid).keeps_state(), "{invalid}");
        }
    }
}
