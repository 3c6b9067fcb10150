//! What a client makes of one connection.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Frame;

/// Of a message that fails a test.
const FIELDS_SHOWN: usize = 10;

/// Every exchange of a connection, up to the one after which it is not used again.
pub(super) type Session = Vec<Exchange>;

/// The outcome of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exchange {
    /// The connection was not used for it.
    NotSent,
    /// No answer: it was refused, or the connection ended.
    Failed,
    /// No answer so far.
    Waits,
    /// The protocol is switched; what is behind the head belongs to the tunnel.
    Switched {
        status: u16,
        fields: Fields,
        tunnel: Vec<u8>,
    },
    Answered(Answered),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) fields: Fields,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Fields,
    pub(super) end: End,
}

/// Sorted by name; equal names in the order of their lines.
pub(super) type Fields = Vec<(String, Vec<u8>)>;

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    Broken,
    /// More is awaited.
    Waits,
}

impl Exchange {
    /// In the words of the table of differences.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::NotSent => "not used again",
            Self::Failed => "refused",
            Self::Waits => "waits",
            Self::Switched { .. } => "switched",
            Self::Answered(answer) => match answer.end {
                End::Whole => "whole",
                End::Broken => "broken",
                End::Waits => "waits for more",
            },
        }
    }

    /// Whether the connection can be used again, as far as the exchange shows.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.outcome(), "whole" | "broken" | "refused")
    }

    /// Whether both are the same to a reader. How much of a broken body was read before
    /// the break is not.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let (Self::Answered(one), Self::Answered(another)) = (self, other) else {
            return self == other;
        };
        let same_head = (one.status, &one.fields) == (another.status, &another.fields);
        let both_broken = (one.end, another.end) == (End::Broken, End::Broken);
        let same_bodies = if both_broken {
            one.body.starts_with(&another.body) || another.body.starts_with(&one.body)
        } else {
            (one.end, &one.body, &one.trailers) == (another.end, &another.body, &another.trailers)
        };
        same_head && same_bodies
    }
}

impl Answered {
    /// With a head; the body is to come.
    pub(super) fn new(status: StatusCode, headers: &HeaderMap) -> Self {
        Self {
            status: status.as_u16(),
            fields: fields_of(headers),
            body: Vec::new(),
            trailers: Vec::new(),
            end: End::Whole,
        }
    }

    pub(super) fn take(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) => self.body.extend_from_slice(&data),
            Err(frame) => {
                self.trailers.extend(frame.trailers_ref().into_iter().flat_map(fields_of));
            }
        }
    }
}

impl Exchange {
    /// What two exchanges of the same outcome differ in.
    pub(super) fn first_difference(&self, other: &Self) -> &'static str {
        match (self, other) {
            _ if self.status() != other.status() => "status",
            _ if self.unframed() != other.unframed() => "fields",
            _ if self.fields() != other.fields() => "content-length",
            (Self::Answered(one), Self::Answered(another)) if one.body == another.body => {
                "trailers"
            }
            _ => "body",
        }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(Answered { status, .. }) | Self::Switched { status, .. } => {
                Some(*status)
            }
            Self::NotSent | Self::Failed | Self::Waits => None,
        }
    }

    /// The fields without the one that may be written in another spelling.
    fn unframed(&self) -> Vec<&(String, Vec<u8>)> {
        self.fields().iter().filter(|(name, _)| name != "content-length").collect()
    }

    fn fields(&self) -> &[(String, Vec<u8>)] {
        match self {
            Self::Answered(Answered { fields, .. }) | Self::Switched { fields, .. } => fields,
            Self::NotSent | Self::Failed | Self::Waits => &[],
        }
    }
}

/// The fields of a message.
pub(super) fn fields_of(headers: &HeaderMap) -> Fields {
    let mut fields: Fields = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.outcome())?;
        let Self::Answered(answer) = self else { return Ok(()) };
        write!(f, ": {}", answer.status)?;
        for (name, value) in answer.fields.iter().chain(&answer.trailers).take(FIELDS_SHOWN) {
            write!(f, ", {name}: {}", value[..value.len().min(80)].escape_ascii())?;
        }
        write!(f, ", body \"{}\"", answer.body.escape_ascii())
    }
}
