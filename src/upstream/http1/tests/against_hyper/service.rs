//! The service: reads requests to the letter of RFC 9112, and nothing that is wrong in any way.

/// A request as it stands on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ReceivedRequest {
    pub(super) line: String,
    /// Sorted by name; equal names in the order of their lines.
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Vec<(String, Vec<u8>)>,
    pub(super) is_complete: bool,
}

/// The requests in what was written, the last of which may be incomplete.
pub(super) fn received(mut written: &[u8]) -> Vec<ReceivedRequest> {
    let mut requests = Vec::new();
    while !written.is_empty() {
        let mut request = ReceivedRequest::default();
        let rest = request.read(written);
        requests.push(request);
        written = rest.unwrap_or_default();
    }
    requests
}

impl ReceivedRequest {
    /// What is behind it; `None`: it is not complete.
    fn read<'w>(&mut self, written: &'w [u8]) -> Option<&'w [u8]> {
        let (line, rest) = line(written)?;
        self.line = String::from_utf8(line.to_vec()).unwrap();
        let mut rest = fields(rest, &mut self.fields)?;
        match self.length() {
            Some(length) => {
                self.body = rest.get(..length)?.to_vec();
                rest = &rest[length..];
            }
            None if self.all("transfer-encoding").eq([b"chunked"]) => rest = self.chunks(rest)?,
            None => assert_eq!(self.all("transfer-encoding").count(), 0, "{self:?}"),
        }
        self.fields.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.is_complete = true;
        Some(rest)
    }

    pub(super) fn all<'r>(&'r self, name: &str) -> impl Iterator<Item = &'r [u8]> {
        let fields = self.fields.iter().filter(move |(own, _)| own == name);
        fields.map(|(_, value)| &**value)
    }

    fn length(&self) -> Option<usize> {
        let mut lengths = self.all("content-length");
        let length = std::str::from_utf8(lengths.next()?).unwrap().parse().unwrap();
        assert_eq!(lengths.count() + self.all("transfer-encoding").count(), 0, "{self:?}");
        Some(length)
    }

    fn chunks<'w>(&mut self, mut rest: &'w [u8]) -> Option<&'w [u8]> {
        loop {
            let (size, behind) = line(rest)?;
            let size = usize::from_str_radix(std::str::from_utf8(size).unwrap(), 16).unwrap();
            if size == 0 {
                return fields(behind, &mut self.trailers);
            }
            self.body.extend_from_slice(behind.get(..size)?);
            let (empty, behind) = line(&behind[size..])?;
            assert!(empty.is_empty(), "a chunk is longer than its size");
            rest = behind;
        }
    }
}

/// A line, and what is behind it.
fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.windows(2).position(|two| two == b"\r\n")?;
    assert!(!text[..end].iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "not one line");
    Some((&text[..end], &text[end + 2..]))
}

/// Field lines up to an empty line, and what is behind that.
fn fields<'w>(mut rest: &'w [u8], fields: &mut Vec<(String, Vec<u8>)>) -> Option<&'w [u8]> {
    loop {
        let (field, behind) = line(rest)?;
        if field.is_empty() {
            return Some(behind);
        }
        let colon = field.iter().position(|byte| *byte == b':').unwrap();
        let name = std::str::from_utf8(&field[..colon]).unwrap();
        assert!(!name.is_empty() && !name.contains([' ', '\t']), "{name:?}");
        fields.push((name.to_ascii_lowercase(), field[colon + 1..].trim_ascii().to_vec()));
        rest = behind;
    }
}
