//! Certificates with all kinds of names.

use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SanType};

use super::*;

fn parsed(change: impl FnOnce(&mut CertificateParams)) -> ClientCertificate {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    ClientCertificate::parse(params.self_signed(&key).unwrap().der()).unwrap()
}

fn subject_of(parts: &[(DnType, &str)]) -> String {
    let certificate = parsed(|params| {
        for (kind, value) in parts {
            params.distinguished_name.push(kind.clone(), DnValue::Utf8String((*value).to_owned()));
        }
    });
    certificate.subject().to_owned()
}

#[test]
fn a_subject_is_written_the_most_specific_part_first() {
    let subject = subject_of(&[
        (DnType::CountryName, "DE"),
        (DnType::OrganizationName, "Example Ltd."),
        (DnType::CommonName, "billing"),
    ]);
    assert_eq!(subject, "CN=billing,O=Example Ltd.,C=DE");
    assert_eq!(subject_of(&[]), "");
}

/// The authority may have signed whatever a client asked for.
#[test]
fn n2_a_hostile_subject_stays_one_value_of_one_part() {
    for (name, written) in [
        ("billing,O=Bank", r"CN=billing\,O\=Bank"),
        ("a+UID=root", r"CN=a\+UID\=root"),
        (r"a\,O=Bank", r"CN=a\\\,O\=Bank"),
        (" a ", r"CN=\ a\ "),
        ("#04024869", r"CN=\#04024869"),
        ("a\r\nx-admin: 1", r"CN=a\0D\0Ax-admin: 1"),
        ("a\0b", r"CN=a\00b"),
        ("Müller", r"CN=M\C3\BCller"),
        ("\u{202e}a\u{7f}", r"CN=\E2\80\AEa\7F"),
        ("\"<;>\"", r#"CN=\"\<\;\>\""#),
    ] {
        let subject = subject_of(&[(DnType::CommonName, name)]);
        assert_eq!(subject, written, "{name:?}");
        assert!(subject.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    }
}

#[test]
fn n2_an_unknown_type_is_written_as_der() {
    let own = DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 99999, 1]);
    assert_eq!(subject_of(&[(own, "Hi")]), "1.3.6.1.4.1.99999.1=#0c024869");
}

#[test]
fn names_are_written_with_their_kind_and_can_not_be_taken_for_two() {
    let certificate = parsed(|params| {
        params.subject_alt_names = vec![
            SanType::DnsName("billing.internal".try_into().unwrap()),
            SanType::URI("spiffe://example.com/ns/pay/sa/billing".try_into().unwrap()),
            SanType::Rfc822Name("ops@example.com".try_into().unwrap()),
            SanType::IpAddress("192.0.2.7".parse().unwrap()),
            SanType::IpAddress("2001:db8::7".parse().unwrap()),
            SanType::URI("urn:a,DNS:admin.internal %2C;\"x\\".try_into().unwrap()),
        ];
    });
    let expected = [
        "DNS:billing.internal",
        "URI:spiffe://example.com/ns/pay/sa/billing",
        "email:ops@example.com",
        "IP:192.0.2.7",
        "IP:2001:db8::7",
        "URI:urn:a%2CDNS:admin.internal%20%252C%3B%22x%5C",
    ];
    assert_eq!(certificate.names(), expected);
    assert_eq!(certificate.values.names.unwrap(), expected.join(","));
}

#[test]
fn the_fingerprint_is_that_of_the_certificate() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap();
    let parsed = ClientCertificate::parse(certificate.der()).unwrap();
    let digest = digest(&SHA256, certificate.der());
    assert_eq!(parsed.fingerprint(), hex::encode(digest));
    assert_eq!(parsed.fingerprint().len(), 64);
}

#[test]
fn n2_names_beyond_what_a_header_holds_are_refused() {
    let mut params = CertificateParams::default();
    let name = |at: usize| SanType::DnsName(format!("{at}.{}", "a".repeat(60)).try_into().unwrap());
    params.subject_alt_names = (0..200).map(name).collect();
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(ClientCertificate::parse(certificate.der()), Err(CertificateError::TooLong));
    assert_eq!(ClientCertificate::parse(b"\x30\x03abc"), Err(CertificateError::Malformed));
}
