//! The PROXY header at the beginning of a connection, and what follows it.

use std::net::IpAddr;

use countersign::proxy::{ProxiedClient, ProxyHeader};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// What `docs/configuration.md` says a header has at most.
const MAX_BYTES: usize = 4096;

/// A header is the same however much has come with it, is waited for as long as a part of it is
/// missing, and names the client that a second reading finds.
pub fn check(input: &[u8]) -> bool {
    let whole = ProxyHeader::parse(input);
    let Ok(Some(header)) = whole else {
        if let Ok(None) = whole {
            assert!(input.len() < MAX_BYTES, "{} bytes are not enough", input.len());
        }
        let is_found = |at: usize| matches!(ProxyHeader::parse(&input[..at]), Ok(Some(_)));
        assert!(!(0..input.len()).any(is_found), "a part is a header, and all of it is none");
        return false;
    };
    assert!(header.length <= input.len().min(MAX_BYTES), "{header:?}");
    for at in 0..input.len() {
        let expected = (at >= header.length).then_some(header);
        assert_eq!(ProxyHeader::parse(&input[..at]), Ok(expected), "{at} bytes");
    }
    assert_eq!(Some(header.client), client(&input[..header.length]), "{header:?}");
    true
}

/// By the tables of proxy-protocol.txt.
fn client(header: &[u8]) -> Option<ProxiedClient> {
    let Some(version_2) = header.strip_prefix(SIGNATURE) else { return client_of_line(header) };
    let [command, family, _, _, payload @ ..] = version_2 else { return None };
    match (command, family) {
        (0x20, _) => Some(ProxiedClient::Local),
        (0x21, 0x11) => address::<4>(payload),
        (0x21, 0x21) => address::<16>(payload),
        _ => None,
    }
}

fn address<const BYTES: usize>(payload: &[u8]) -> Option<ProxiedClient>
where
    IpAddr: From<[u8; BYTES]>,
{
    payload.first_chunk::<BYTES>().map(|octets| ProxiedClient::At(IpAddr::from(*octets)))
}

fn client_of_line(header: &[u8]) -> Option<ProxiedClient> {
    let line = std::str::from_utf8(header).ok()?.strip_suffix("\r\n")?;
    let words: Vec<_> = line.split(' ').collect();
    let [_, family, source, _, _, _] = words[..] else { return None };
    let source: IpAddr = source.parse().ok()?;
    let is_of_family = source.is_ipv4() == (family == "TCP4");
    is_of_family.then_some(ProxiedClient::At(source))
}
