//! One key of a set with something wrong, alone and beside a good one.

use countersign::jose::{Algorithm, base64url};

use super::{own, token_of};
use crate::differential::{
    case::{Case, Terms},
    draft::{Members, quoted},
    keyring::{public_jwk, set_of},
};

/// A member and its values, each a case of its own, for keys of any kind.
const VALUES: &[(&str, &[&str])] = &[
    (
        "kty",
        &[
            "null", "\"\"", "\"ec\"", "\"rsa\"", "\"oct\"", "\"OKP\"", "\"EC\"", "\"RSA\"",
            "\"new\"", "0",
        ],
    ),
    ("use", &["null", "\"sig\"", "\"enc\"", "\"SIG\"", "\"\"", "\"tls\"", "0", "[\"sig\"]", "[]"]),
    (
        "key_ops",
        &[
            "null",
            "[]",
            "[\"verify\"]",
            "[\"sign\"]",
            "[\"sign\",\"verify\"]",
            "[\"verify\",\"verify\"]",
            "[\"verify\",\"encrypt\"]",
            "[\"encrypt\"]",
            "[\"verify\",\"new\"]",
            "\"verify\"",
            "[1]",
            "[null]",
            "{}",
            "[\"VERIFY\"]",
            "[\"deriveKey\"]",
        ],
    ),
    (
        "alg",
        &[
            "null",
            "\"\"",
            "\"none\"",
            "\"HS256\"",
            "\"RSA-OAEP\"",
            "\"es256\"",
            "0",
            "[]",
            "\"ES384\"",
            "\"PS256\"",
        ],
    ),
    ("kid", &["null", "\"\"", "0", "true", "[]", "{}", "\"other\""]),
    (
        "crv",
        &[
            "null",
            "\"P-384\"",
            "\"p-256\"",
            "\"P-256K\"",
            "\"secp256k1\"",
            "\"X25519\"",
            "\"Ed448\"",
            "0",
        ],
    ),
    ("ext", &["true", "false", "null", "\"true\"", "1"]),
    ("x5c", &["null", "[]", "[\"MIIB\"]", "\"MIIB\"", "[1]"]),
    ("x5t", &["null", "\"AAAA\"", "0"]),
    ("x5u", &["null", "\"https:\\/\\/attacker.test\"", "\"x\""]),
    ("d", &["null", "\"\"", "\"AAAA\"", "0"]),
    ("p", &["null", "\"AAAA\""]),
    ("oth", &["null", "[]"]),
    ("k", &["null", "\"AAAA\""]),
    ("priv", &["null", "\"AAAA\""]),
    ("exp", &["1", "null"]),
    ("iat", &["1"]),
    ("revoked", &["{\"revoked_at\":1}"]),
    ("x\\u0000", &["1"]),
    ("__proto__", &["{}"]),
];

/// The kinds of keys, and the members that they are made of.
const KINDS: [(Algorithm, &[&str]); 4] = [
    (Algorithm::Es256, &["x", "y"]),
    (Algorithm::Rs256, &["n", "e"]),
    (Algorithm::EdDsa, &["x"]),
    (Algorithm::MlDsa44, &["pub"]),
];

/// JSON for the text of a number.
type Spelling = fn(&str) -> String;

/// Changes to the text of a number.
const SPELLINGS: &[(&str, Spelling)] = &[
    ("padded", |text| quoted(&format!("{text}="))),
    ("with white space", |text| quoted(&format!("{text}\n"))),
    ("with a zero in front", |text| quoted(&with_zero(text))),
    ("cut", |text| quoted(&text[..text.len() - 4])),
    ("longer", |text| quoted(&format!("{text}AAAA"))),
    ("all zeros", |text| quoted(&base64url::encode(&vec![0; decoded(text).len()]))),
    ("all ones", |text| quoted(&base64url::encode(&vec![0xff; decoded(text).len()]))),
    ("with a bit flipped", |text| quoted(&flipped(text))),
    ("in the other alphabet", |text| quoted(&text.replace('-', "+").replace('_', "/"))),
    ("empty", |_| quoted("")),
    ("null", |_| "null".to_owned()),
    ("a number", |_| "65537".to_owned()),
    ("in an array", |text| format!("[{}]", quoted(text))),
];

const EXPONENTS: &[(&str, &[u8])] = &[
    ("0", &[0]),
    ("1", &[1]),
    ("2", &[2]),
    ("3", &[3]),
    ("65536", &[1, 0, 0]),
    ("of 33 bits", &[1, 0, 0, 0, 1]),
    ("of 64 bits", &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
];

/// A key with its defect, and the algorithm of the token that it should verify.
struct Entry {
    name: String,
    alg: Algorithm,
    jwk: Members,
}

pub(super) fn cases() -> Vec<Case> {
    KINDS.iter().flat_map(|(alg, numbers)| entries(*alg, numbers)).flat_map(arrangements).collect()
}

fn entries(alg: Algorithm, numbers: &[&str]) -> Vec<Entry> {
    let jwk = public_jwk(own(alg));
    let entry = |what: String, change: &dyn Fn(&mut Members)| {
        let mut jwk = jwk.clone();
        change(&mut jwk);
        Entry { name: format!("{what} [{alg}"), alg, jwk }
    };
    let mut entries = Vec::new();
    for (member, values) in VALUES {
        entries.extend(
            values
                .iter()
                .map(|value| entry(format!("{member}: {value}"), &|jwk| jwk.set(member, value))),
        );
        entries.push(entry(format!("{member}: absent"), &|jwk| jwk.remove(member)));
    }
    for member in numbers {
        let text = jwk.get(member).unwrap().trim_matches('"').to_owned();
        entries.extend(SPELLINGS.iter().map(|(what, spelling)| {
            entry(format!("{member} {what}"), &|jwk| jwk.set(member, &spelling(&text)))
        }));
        entries.push(entry(format!("{member} absent"), &|jwk| jwk.remove(member)));
        entries.push(entry(format!("{member} twice"), &|jwk| jwk.push(member, &quoted(&text))));
    }
    if numbers.contains(&"e") {
        entries.extend(EXPONENTS.iter().map(|(what, bytes)| {
            let text = quoted(&base64url::encode(bytes));
            entry(format!("e = {what}"), &|jwk| jwk.set("e", &text))
        }));
    }
    entries.push(entry("kty twice".to_owned(), &|jwk| jwk.push("kty", "\"oct\"")));
    entries.push(entry("kid twice".to_owned(), &|jwk| jwk.push("kid", "\"other\"")));
    entries
}

/// The key alone and beside a good one, with its own token; and as the neighbour of a good key,
/// with the token of that.
fn arrangements(entry: Entry) -> Vec<Case> {
    let Entry { name, alg, jwk } = entry;
    let (token, good) = (token_of(alg), public_jwk(own(Algorithm::Es512)));
    let beside = token_of(Algorithm::Es512);
    let both = [jwk, good];
    let case = |name: String, keys: &[Members], token: &str| {
        Case::new(name, token.to_owned(), &Terms::of_set(set_of(keys)))
    };
    vec![
        case(format!("keys/{name}, alone]"), &both[..1], &token),
        case(format!("keys/{name}, not alone]"), &both, &token),
        case(format!("neighbours/{name}]"), &both, &beside),
    ]
}

fn decoded(text: &str) -> Vec<u8> {
    base64url::decode(text.as_bytes()).unwrap()
}

fn with_zero(text: &str) -> String {
    base64url::encode(&[vec![0], decoded(text)].concat())
}

fn flipped(text: &str) -> String {
    let mut bytes = decoded(text);
    let last = bytes.len() - 1;
    bytes[last / 2] ^= 1;
    base64url::encode(&bytes)
}
