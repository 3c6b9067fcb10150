//! Headers as load balancers write them, and as none may.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const STREAM_4: u8 = 0x11;
const STREAM_6: u8 = 0x21;

/// A header of version 2 with that many bytes announced.
fn version_2_of(command: u8, family: u8, length: u16, payload: &[u8]) -> Vec<u8> {
    [SIGNATURE, &[0x20 | command, family], &length.to_be_bytes(), payload].concat()
}

fn version_2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
    version_2_of(command, family, payload.len().try_into().unwrap(), payload)
}

fn addresses_4(client: [u8; 4]) -> Vec<u8> {
    [&client[..], &[198, 51, 100, 1], &[0x9c, 0x40, 0x01, 0xbb]].concat()
}

fn client(bytes: &[u8]) -> Result<Option<ProxiedClient>, ProxyHeaderError> {
    ProxyHeader::parse(bytes).map(|header| header.map(|header| header.client))
}

fn at(address: &str) -> ProxiedClient {
    ProxiedClient::At(address.parse().unwrap())
}

#[test]
fn both_versions_name_the_client() {
    assert_eq!(
        client(b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n"),
        Ok(Some(at("192.0.2.7")))
    );
    assert_eq!(
        client(b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\n"),
        Ok(Some(at("2001:db8::7")))
    );
    assert_eq!(
        client(&version_2(1, STREAM_4, &addresses_4([192, 0, 2, 7]))),
        Ok(Some(at("192.0.2.7")))
    );
    let six: Ipv6Addr = "2001:db8::7".parse().unwrap();
    let six = [&six.octets()[..], &six.octets(), &[0, 1, 0, 2]].concat();
    assert_eq!(client(&version_2(1, STREAM_6, &six)), Ok(Some(at("2001:db8::7"))));
}

#[test]
fn a_health_check_is_the_balancers_own_whatever_addresses_are_with_it() {
    for family in [0, STREAM_4] {
        let header = version_2(0, family, &addresses_4([10, 0, 0, 1]));
        assert_eq!(client(&header), Ok(Some(ProxiedClient::Local)));
    }
    assert_eq!(client(&version_2(0, 0, &[])), Ok(Some(ProxiedClient::Local)));
}

#[test]
fn what_follows_the_addresses_is_a_part_of_the_header_and_no_more() {
    let unique_id = [&[0x05, 0, 3][..], b"abc"].concat();
    let payload = [addresses_4([192, 0, 2, 7]), unique_id].concat();
    let header = version_2(1, STREAM_4, &payload);
    let request = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
    assert_eq!(ProxyHeader::parse(&request).unwrap().unwrap().length, header.len());
    let line = b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\nPROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n";
    assert_eq!(ProxyHeader::parse(line).unwrap().unwrap().length, 39);
}

/// The balancer's address must not stand in for a client's (threats N-1).
#[test]
fn n1_a_client_without_an_internet_address_is_refused() {
    let unix = version_2(1, 0x31, &[b'/'; 216]);
    let datagrams = version_2(1, 0x12, &addresses_4([192, 0, 2, 7]));
    for header in [
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN 192.0.2.7 198.51.100.1 1 2\r\n".to_vec(),
        version_2(1, 0, &[]),
        version_2(1, 0, &addresses_4([192, 0, 2, 7])),
        unix,
        datagrams,
    ] {
        assert_eq!(client(&header), Err(ProxyHeaderError::NoAddress), "{header:?}");
    }
}

#[test]
fn n1_what_is_no_header_is_refused_at_once() {
    let long = format!("PROXY TCP4 192.0.2.7 198.51.100.1 1 {}", "0".repeat(107));
    for bytes in [
        &b"GET / HTTP/1.1\r\n"[..],
        b"\x16\x03\x01\x02\0",
        b"PRI * HTTP/2.0\r\n",
        b"proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
        b" PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY  TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY TCP5 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY TCP4\r\n",
        b"PROXY TCP4 192.0.2.7\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n",
        b"PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 0xC0.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 70000 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 02\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\nGET / HTTP/1.1\r\n",
        long.as_bytes(),
        // Version 3, a command that is none, a family that is none.
        &[SIGNATURE, &[0x31, STREAM_4, 0, 12]].concat(),
        &version_2(2, STREAM_4, &addresses_4([192, 0, 2, 7])),
        &version_2(1, 0x41, &addresses_4([192, 0, 2, 7])),
        // Shorter than its addresses.
        &version_2(1, STREAM_4, &[192, 0, 2, 7]),
        &version_2(1, STREAM_6, &addresses_4([192, 0, 2, 7])),
    ] {
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(client(bytes), Err(ProxyHeaderError::Malformed), "{shown}");
    }
}

#[test]
fn d1_a_header_that_is_too_long_is_refused_by_its_length_alone() {
    let most = u16::try_from(MAX_HEADER_BYTES - VERSION_2_LENGTH.end).unwrap();
    let head = version_2_of(1, STREAM_4, most + 1, &[]);
    assert_eq!(client(&head), Err(ProxyHeaderError::TooLong));
    assert_eq!(client(&version_2_of(1, STREAM_4, most, &[])), Ok(None));
    let payload = [addresses_4([192, 0, 2, 7]), vec![0; usize::from(most) - 12]].concat();
    assert_eq!(client(&version_2(1, STREAM_4, &payload)), Ok(Some(at("192.0.2.7"))));
}

proptest! {
    #[test]
    fn n1_a_header_counts_once_all_of_it_is_there(
        four in any::<[u8; 4]>(),
        rest in proptest::collection::vec(any::<u8>(), 0..40),
        is_version_1 in any::<bool>(),
    ) {
        let header = if is_version_1 {
            format!("PROXY TCP4 {} 127.0.0.1 1 2\r\n", Ipv4Addr::from(four)).into_bytes()
        } else {
            version_2(1, STREAM_4, &addresses_4(four))
        };
        for end in 0..header.len() {
            prop_assert_eq!(client(&header[..end]), Ok(None));
        }
        let expected = ProxyHeader {
            client: ProxiedClient::At(four.into()),
            length: header.len(),
        };
        prop_assert_eq!(ProxyHeader::parse(&[header, rest].concat()), Ok(Some(expected)));
    }

    #[test]
    fn bytes_without_a_header_never_become_one(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let is_begun = bytes.starts_with(b"PROXY ") || bytes.starts_with(SIGNATURE);
        if let Ok(found) = ProxyHeader::parse(&bytes) {
            let could_begin = b"PROXY ".starts_with(&bytes) || SIGNATURE.starts_with(&bytes);
            prop_assert!(is_begun || (found.is_none() && could_begin));
        }
    }
}
