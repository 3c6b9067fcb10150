//! Whose bucket it is: the key of a limit, and its digests.

use std::{
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
    net::IpAddr,
};

use aws_lc_rs::digest::{Context, SHA256};

use super::settings::KeyPart;
use crate::json::{Json, Object};

/// What is verified of a request, and where it came from.
#[derive(Debug, Clone, Copy)]
pub struct LimitSubject<'r> {
    /// The token, if there is one: the exact `iss` of its issuer, the tenant included, and its
    /// claims.
    pub token: Option<(&'r str, &'r Object)>,
    /// The verified signature, if there is one: the name of its rules, and its signer.
    pub signer: Option<(&'r str, &'r str)>,
    /// The client's address; `None` on a unix socket that forwards none.
    pub address: Option<IpAddr>,
    /// The route's name in metrics and logs.
    pub route: &'r str,
}

/// The parts of a limit's key.
#[derive(Debug, Clone)]
pub(super) struct KeyRule(Vec<KeyPart>);

/// What a key is made of in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyedBy {
    /// All that the limit names.
    Identity,
    /// The address, in place of something that the request does not have.
    Address,
}

/// A key in this process: 128 bits of `SipHash` under two random keys. Two callers have the same
/// one with a probability of 2^-128 for each pair, and no client can look for such a pair without
/// the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct KeyDigest(u64, u64);

/// The random keys of a process's digests.
#[derive(Clone, Default)]
pub(super) struct DigestKeys(RandomState, RandomState);

/// What keys are written into, part by part.
trait KeySink {
    fn write(&mut self, bytes: &[u8]);
}

impl KeyRule {
    pub(super) fn new(parts: Vec<KeyPart>) -> Self {
        Self(parts)
    }

    pub(super) fn has_signer(&self) -> bool {
        self.0.contains(&KeyPart::Signer)
    }

    /// The key in this process.
    pub(super) fn digest(
        &self,
        subject: &LimitSubject<'_>,
        keys: &DigestKeys,
    ) -> (KeyDigest, KeyedBy) {
        let DigestKeys(first, second) = keys;
        let mut hashers = (first.build_hasher(), second.build_hasher());
        let keyed_by = self.write(subject, &mut hashers);
        (KeyDigest(hashers.0.finish(), hashers.1.finish()), keyed_by)
    }

    /// The key in every replica: SHA-256.
    pub(super) fn shared_digest(&self, limit: &str, subject: &LimitSubject<'_>) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        part(&mut context, 0, limit.as_bytes());
        self.write(subject, &mut context);
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }

    fn write(&self, subject: &LimitSubject<'_>, sink: &mut impl KeySink) -> KeyedBy {
        let mut keyed_by = KeyedBy::Identity;
        for wanted in &self.0 {
            if !write_part(wanted, subject, sink) {
                keyed_by = KeyedBy::Address;
                write_address(subject.address, sink);
            }
        }
        keyed_by
    }
}

/// Whether the request has it.
fn write_part(wanted: &KeyPart, subject: &LimitSubject<'_>, sink: &mut impl KeySink) -> bool {
    match wanted {
        KeyPart::Claim(path) => {
            let found = subject.token.and_then(|(issuer, claims)| {
                let value = path.find(claims).and_then(Json::identifier)?;
                (!value.is_empty()).then_some((issuer, value))
            });
            let Some((issuer, value)) = found else {
                return false;
            };
            // Two issuers may give the same name to two clients.
            part(sink, 1, issuer.as_bytes());
            part(sink, 2, value.as_bytes());
        }
        KeyPart::Issuer => match subject.token {
            Some((issuer, _)) => part(sink, 3, issuer.as_bytes()),
            None => return false,
        },
        KeyPart::Signer => match subject.signer {
            Some((rules, signer)) => {
                part(sink, 4, rules.as_bytes());
                part(sink, 5, signer.as_bytes());
            }
            None => return false,
        },
        KeyPart::Address => write_address(subject.address, sink),
        KeyPart::Route => part(sink, 6, subject.route.as_bytes()),
    }
    true
}

/// An IPv6 client has 2^64 addresses of its own: its network counts, not the address.
fn write_address(address: Option<IpAddr>, sink: &mut impl KeySink) {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => part(sink, 7, &address.octets()),
        Some(IpAddr::V6(address)) => {
            let [network @ .., _, _, _, _, _, _, _, _] = address.octets();
            part(sink, 8, &network);
        }
        None => part(sink, 9, &[]),
    }
}

/// A part with its kind and its length: no two lists of parts have the same bytes.
fn part(sink: &mut impl KeySink, kind: u8, bytes: &[u8]) {
    let mut before = [0; 9];
    let [first, length @ ..] = &mut before;
    *first = kind;
    *length = (bytes.len() as u64).to_be_bytes();
    sink.write(&before);
    sink.write(bytes);
}

impl KeySink for Context {
    fn write(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

impl<H: Hasher> KeySink for (H, H) {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
        self.1.write(bytes);
    }
}

impl KeyDigest {
    pub(super) fn first_half(self) -> u64 {
        self.0
    }
}

/// As a log shows it: enough to tell callers apart, nothing to find out who they are.
impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.1)
    }
}

impl fmt::Debug for DigestKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKeys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ClaimPath;

    fn claims(text: &str) -> Object {
        Object::parse(text.as_bytes()).unwrap()
    }

    fn subject<'r>(token: Option<(&'r str, &'r Object)>, from: &str) -> LimitSubject<'r> {
        LimitSubject { token, signer: None, address: Some(from.parse().unwrap()), route: "/**" }
    }

    fn by(parts: &[KeyPart]) -> KeyRule {
        KeyRule::new(parts.to_vec())
    }

    fn client() -> KeyPart {
        KeyPart::Claim(ClaimPath::parse("client_id").unwrap())
    }

    /// Both digests, which must agree on what is the same.
    fn digests(
        rule: &KeyRule,
        subject: &LimitSubject<'_>,
        keys: &DigestKeys,
    ) -> (KeyDigest, [u8; 32]) {
        (rule.digest(subject, keys).0, rule.shared_digest("limit", subject))
    }

    #[test]
    fn i6_l1_the_same_name_at_two_issuers_is_two_callers() {
        let (keys, rule) = (DigestKeys::default(), by(&[client()]));
        let one = claims(r#"{"client_id":"app"}"#);
        let of = |issuer| digests(&rule, &subject(Some((issuer, &one)), "192.0.2.1"), &keys);
        assert_eq!(of("corp"), of("corp"));
        assert_ne!(of("corp").0, of("other").0);
        assert_ne!(of("corp").1, of("other").1);
    }

    #[test]
    fn l1_without_the_claim_or_the_token_the_address_counts() {
        let (keys, rule) = (DigestKeys::default(), by(&[client()]));
        let kind = |token, from| rule.digest(&subject(token, from), &keys);
        let bare = kind(None, "192.0.2.1");
        assert_eq!(bare.1, KeyedBy::Address);
        for text in [r#"{"client_id":""}"#, r#"{"client_id":["app"]}"#, r#"{"sub":"app"}"#] {
            let claims = claims(text);
            let found = rule.digest(&subject(Some(("corp", &claims)), "192.0.2.1"), &keys);
            assert_eq!(found, bare, "{text}");
        }
        assert_ne!(kind(None, "192.0.2.2"), bare);
        let named = claims(r#"{"client_id":"192.0.2.1"}"#);
        let named = kind(Some(("corp", &named)), "192.0.2.9");
        assert_eq!(named.1, KeyedBy::Identity);
        assert_ne!(named.0, bare.0);
    }

    #[test]
    fn l4_an_ipv6_client_is_its_network() {
        let (keys, rule) = (DigestKeys::default(), by(&[KeyPart::Address]));
        let of = |from| digests(&rule, &subject(None, from), &keys);
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:ffff:ffff:1"));
        assert_ne!(of("2001:db8::1").0, of("2001:db8:0:1::1").0);
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"), "a mapped address is the one it maps");
        assert_ne!(of("192.0.2.1").0, of("192.0.2.2").0);
    }

    #[test]
    fn a_key_of_several_parts_differs_wherever_one_of_them_does() {
        let keys = DigestKeys::default();
        let rule = by(&[client(), KeyPart::Route]);
        let one = claims(r#"{"client_id":"app"}"#);
        let at = |route| LimitSubject { route, ..subject(Some(("corp", &one)), "192.0.2.1") };
        assert_eq!(digests(&rule, &at("/a"), &keys), digests(&rule, &at("/a"), &keys));
        assert_ne!(digests(&rule, &at("/a"), &keys), digests(&rule, &at("/b"), &keys));
        let only_client = by(&[client()]);
        assert_eq!(
            digests(&only_client, &at("/a"), &keys),
            digests(&only_client, &at("/b"), &keys)
        );
    }

    #[test]
    fn no_part_runs_into_the_next() {
        let (keys, rule) = (DigestKeys::default(), by(&[KeyPart::Signer]));
        let of = |signer| LimitSubject { signer: Some(signer), ..subject(None, "192.0.2.1") };
        let (one, other) = (of(("ab", "c")), of(("a", "bc")));
        assert_ne!(digests(&rule, &one, &keys), digests(&rule, &other, &keys));
    }

    #[test]
    fn l3_who_does_not_know_the_keys_cannot_tell_the_digests() {
        let rule = by(&[KeyPart::Address]);
        let subject = subject(None, "192.0.2.1");
        let of = |keys: &DigestKeys| rule.digest(&subject, keys).0;
        let keys = DigestKeys::default();
        assert_eq!(of(&keys), of(&keys.clone()));
        assert_ne!(of(&keys), of(&DigestKeys::default()));
    }
}
