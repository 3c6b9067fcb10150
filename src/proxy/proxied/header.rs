//! The PROXY header itself.

use std::{net::IpAddr, ops::Range};

use ppp::{PartialResult, v1, v2};

/// A header, and how many bytes it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHeader {
    /// Whose connection it is.
    pub client: ProxiedClient,
    /// Of the header, in bytes.
    pub length: usize,
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxiedClient {
    /// That of a client with this address.
    At(IpAddr),
    /// The load balancer's own, such as a health check: the socket has its address.
    Local,
}

/// Why a connection has no usable header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyHeaderError {
    /// The connection ended before its first byte.
    #[error("the connection ended without a byte")]
    Nothing,
    /// The connection ended before its end.
    #[error("the connection ended within the header")]
    Closed,
    /// It was not there in time.
    #[error("the header was not there in time")]
    Late,
    /// The bytes begin no header, or one that is wrong.
    #[error("the connection does not begin with a valid header")]
    Malformed,
    /// It has more than `MAX_HEADER_BYTES`.
    #[error("the header is longer than {MAX_HEADER_BYTES} bytes")]
    TooLong,
    /// The client is named and has no internet address: `UNKNOWN`, `UNSPEC`, a unix socket, or
    /// datagrams.
    #[error("the header names no internet address")]
    NoAddress,
}

/// In version 2 a certificate's name, an ALPN and the like follow the addresses; the specification
/// expects all of it within one segment.
pub(super) const MAX_HEADER_BYTES: usize = 4096;
/// With the end of its line. The longest addresses and ports fit exactly.
const MAX_VERSION_1_BYTES: usize = 107;

const VERSION_1: &[u8] = b"PROXY ";
const LINE_END: &[u8] = b"\r\n";
/// Where version 2 says how many bytes follow.
const VERSION_2_LENGTH: Range<usize> = 14..16;

impl ProxyHeader {
    /// The header at the beginning of the bytes; `None`: there are too few of them as yet.
    ///
    /// # Errors
    /// There is none, or one that names no client.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, ProxyHeaderError> {
        if VERSION_1.starts_with(bytes) {
            return Ok(None);
        }
        let is_version_1 = bytes.starts_with(VERSION_1);
        let header = if is_version_1 { version_1(bytes)? } else { version_2(bytes)? };
        let Some((client, length)) = header else { return Ok(None) };
        Ok(Some(Self { client: client.ok_or(ProxyHeaderError::NoAddress)?, length }))
    }
}

/// Whose connection it is, as far as the header has an address, and the bytes of the header.
type HeaderRead = Option<(Option<ProxiedClient>, usize)>;

/// A line is parsed as a whole: `ppp` takes some beginnings of one for malformed.
fn version_1(bytes: &[u8]) -> Result<HeaderRead, ProxyHeaderError> {
    let longest = bytes.get(..MAX_VERSION_1_BYTES).unwrap_or(bytes);
    let Some(end) = longest.iter().position(|byte| *byte == b'\n') else {
        let is_full = longest.len() == MAX_VERSION_1_BYTES;
        return if is_full { Err(ProxyHeaderError::Malformed) } else { Ok(None) };
    };
    let line = longest.get(..=end).filter(|line| line.ends_with(LINE_END));
    let header = line.and_then(|line| v1::Header::try_from(line).ok());
    let header = header.ok_or(ProxyHeaderError::Malformed)?;
    if header.header.len() != end + 1 {
        return Err(ProxyHeaderError::Malformed);
    }
    Ok(Some((of_version_1(&header), end + 1)))
}

fn version_2(bytes: &[u8]) -> Result<HeaderRead, ProxyHeaderError> {
    match v2::Header::try_from(bytes) {
        Ok(header) if header.len() > MAX_HEADER_BYTES => Err(ProxyHeaderError::TooLong),
        Ok(header) => Ok(Some((of_version_2(&header), header.len()))),
        Err(error) if !error.is_incomplete() => Err(ProxyHeaderError::Malformed),
        Err(_) => match bytes.get(VERSION_2_LENGTH) {
            Some(&[high, low])
                if VERSION_2_LENGTH.end + usize::from(u16::from_be_bytes([high, low]))
                    > MAX_HEADER_BYTES =>
            {
                Err(ProxyHeaderError::TooLong)
            }
            _ => Ok(None),
        },
    }
}

fn of_version_1(header: &v1::Header<'_>) -> Option<ProxiedClient> {
    let address = match header.addresses {
        v1::Addresses::Tcp4(addresses) => addresses.source_address.into(),
        v1::Addresses::Tcp6(addresses) => addresses.source_address.into(),
        v1::Addresses::Unknown => return None,
    };
    Some(ProxiedClient::At(address))
}

fn of_version_2(header: &v2::Header<'_>) -> Option<ProxiedClient> {
    if header.command == v2::Command::Local {
        return Some(ProxiedClient::Local);
    }
    if header.protocol != v2::Protocol::Stream {
        return None;
    }
    let address = match header.addresses {
        v2::Addresses::IPv4(addresses) => addresses.source_address.into(),
        v2::Addresses::IPv6(addresses) => addresses.source_address.into(),
        v2::Addresses::Unix(_) | v2::Addresses::Unspecified => return None,
    };
    Some(ProxiedClient::At(address))
}

#[cfg(test)]
mod tests;
