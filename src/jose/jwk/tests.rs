use std::sync::LazyLock;

use super::*;
use crate::{
    jose::{base64url, tests::shared_key},
    json::Json,
};

static RSA: LazyLock<Object> = LazyLock::new(|| public(Algorithm::Rs256));
static P256: LazyLock<Object> = LazyLock::new(|| public(Algorithm::Es256));
static ED25519: LazyLock<Object> = LazyLock::new(|| public(Algorithm::EdDsa));
static ML_DSA: LazyLock<Object> = LazyLock::new(|| public(Algorithm::MlDsa44));

fn public(alg: Algorithm) -> Object {
    shared_key(alg).public_jwk().unwrap()
}

/// The JWK with members set as JSON text, or taken away where that is empty.
fn with(jwk: &Object, changes: &[(&str, &str)]) -> Object {
    let mut result: Object = jwk
        .clone()
        .into_iter()
        .filter(|(name, _)| !changes.contains(&(name.as_str(), "")))
        .collect();
    for (name, text) in changes.iter().filter(|(_, text)| !text.is_empty()) {
        result.insert(*name, Json::parse(text.as_bytes()).unwrap());
    }
    result
}

fn import(jwk: &Object) -> Result<VerificationKey, KeyRejection> {
    VerificationKey::from_jwk(jwk, &KeyLimits::default())
}

#[track_caller]
fn assert_rejected(jwk: &Object, changes: &[(&str, &str)], expected: KeyRejection) {
    let rejection = import(&with(jwk, changes)).err();
    assert_eq!(rejection, Some(expected), "{changes:?}");
}

fn names(key: &VerificationKey) -> Vec<&'static str> {
    key.algorithms().iter().map(Algorithm::name).collect()
}

/// A base64url member as JSON text.
fn encoded(bytes: &[u8]) -> String {
    format!("\"{}\"", base64url::encode(bytes))
}

fn decoded(jwk: &Object, name: &str) -> Vec<u8> {
    base64url::decode(jwk.get(name).unwrap().as_str().unwrap().as_bytes()).unwrap()
}

#[test]
fn t4_alg_binds_a_key_to_itself_and_its_absence_to_what_fits() {
    let all_rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    for (jwk, alg, expected) in [
        (&*RSA, "\"PS384\"", &["PS384"][..]),
        (&RSA, "", &all_rsa),
        (&P256, "\"ES256\"", &["ES256"]),
        (&P256, "", &["ES256"]),
        (&ED25519, "\"Ed25519\"", &["EdDSA"]),
        (&ED25519, "", &["EdDSA"]),
        (&ML_DSA, "\"ML-DSA-44\"", &["ML-DSA-44"]),
    ] {
        let key = import(&with(jwk, &[("alg", alg)])).unwrap();
        assert_eq!(names(&key), expected);
    }
}

#[test]
fn t4_t5_k7_an_alg_that_does_not_exist_or_fit_rejects_the_key() {
    for (jwk, alg, expected) in [
        (&*P256, "\"ES521\"", KeyRejection::AlgorithmUnsupported),
        (&P256, "\"A256GCM\"", KeyRejection::AlgorithmUnsupported),
        (&P256, "\"none\"", KeyRejection::AlgorithmUnsupported),
        (&P256, "\"\"", KeyRejection::AlgorithmUnsupported),
        (&P256, "\"ES384\"", KeyRejection::AlgorithmMismatch),
        (&P256, "\"RS256\"", KeyRejection::AlgorithmMismatch),
        (&P256, "\"HS256\"", KeyRejection::AlgorithmMismatch),
        (&RSA, "\"RSA-OAEP\"", KeyRejection::AlgorithmUnsupported),
        (&RSA, "\"HS256\"", KeyRejection::AlgorithmMismatch),
        (&RSA, "\"EdDSA\"", KeyRejection::AlgorithmMismatch),
        (&RSA, "[\"RS256\"]", KeyRejection::MemberMalformed("alg")),
        (&ED25519, "\"Ed448\"", KeyRejection::AlgorithmUnsupported),
        (&ED25519, "\"ES256\"", KeyRejection::AlgorithmMismatch),
        (&ML_DSA, "\"ML-DSA-65\"", KeyRejection::MemberMalformed("pub")),
        (&ML_DSA, "\"ES256\"", KeyRejection::AlgorithmMismatch),
        (&ML_DSA, "", KeyRejection::MemberMissing("alg")),
    ] {
        assert_rejected(jwk, &[("alg", alg)], expected);
    }
}

#[test]
fn k7_use_and_key_ops_are_respected() {
    for (purpose, operations) in [
        ("", ""),
        ("\"sig\"", ""),
        ("", r#"["verify"]"#),
        ("\"sig\"", r#"["sign","verify"]"#),
        ("\"sig\"", r#"["verify","own"]"#),
    ] {
        let jwk = with(&P256, &[("use", purpose), ("key_ops", operations)]);
        assert!(import(&jwk).is_ok(), "{purpose} {operations}");
    }
    for (purpose, operations, expected) in [
        ("\"enc\"", "", KeyRejection::UseNotSig),
        ("\"SIG\"", "", KeyRejection::UseNotSig),
        ("\"\"", "", KeyRejection::UseNotSig),
        ("[\"sig\"]", "", KeyRejection::MemberMalformed("use")),
        ("\"enc\"", r#"["verify"]"#, KeyRejection::UseNotSig),
        ("", r#"["encrypt"]"#, KeyRejection::KeyOpsWithoutVerify),
        ("", "[]", KeyRejection::KeyOpsWithoutVerify),
        ("\"sig\"", r#"["sign"]"#, KeyRejection::KeyOpsWithoutVerify),
        ("", r#"["verify","wrapKey"]"#, KeyRejection::KeyOpsConflict),
        ("\"sig\"", r#"["verify","encrypt"]"#, KeyRejection::KeyOpsConflict),
        ("", "\"verify\"", KeyRejection::MemberMalformed("key_ops")),
        ("", "[1]", KeyRejection::MemberMalformed("key_ops")),
    ] {
        assert_rejected(&P256, &[("use", purpose), ("key_ops", operations)], expected);
    }
}

#[test]
fn k6_private_keys_and_shared_secrets_are_not_taken_from_outside() {
    for alg in Algorithm::ALL {
        let jwk = shared_key(*alg).private_jwk();
        let expected =
            if alg.is_symmetric() { KeyRejection::SharedSecret } else { KeyRejection::PrivateKey };
        assert_rejected(&jwk, &[], expected);
    }
    // A secret in disguise, and a private member that makes no sense.
    assert_rejected(&RSA, &[("k", "\"AAAA\"")], KeyRejection::PrivateKey);
    assert_rejected(&P256, &[("d", "0")], KeyRejection::PrivateKey);
}

/// .NET's serialisers write what a key does not have.
#[test]
fn c16_a_null_member_of_a_key_is_an_absent_one() {
    let nulls = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
    let nulls: Vec<_> = nulls.iter().map(|name| (*name, "null")).collect();
    for jwk in [&RSA, &P256, &ED25519] {
        let expected = import(jwk).unwrap();
        let more = [("use", "null"), ("key_ops", "null"), ("kid", "null"), ("x5c", "null")];
        let found = import(&with(jwk, &[nulls.as_slice(), &more].concat())).unwrap();
        assert_eq!(found.thumbprint(), expected.thumbprint());
        assert_eq!(found.algorithms(), expected.algorithms());
        assert_eq!(found.kid(), None);
    }
    assert_rejected(&P256, &[("x", "null")], KeyRejection::MemberMissing("x"));
    assert_rejected(&P256, &[("kty", "null")], KeyRejection::MemberMissing("kty"));
    // Absent, it would bind the key to every algorithm that fits.
    assert_rejected(&RSA, &[("alg", "null")], KeyRejection::MemberMalformed("alg"));
}

#[test]
fn k7_unknown_key_types_and_curves_are_named() {
    for (changes, expected) in [
        ([("kty", "\"ec\"")], KeyRejection::KeyTypeUnsupported),
        ([("kty", "\"PQK\"")], KeyRejection::KeyTypeUnsupported),
        ([("kty", "")], KeyRejection::MemberMissing("kty")),
        ([("kty", "1")], KeyRejection::MemberMalformed("kty")),
        ([("crv", "\"secp256k1\"")], KeyRejection::CurveUnsupported),
        ([("crv", "\"Ed25519\"")], KeyRejection::CurveUnsupported),
        ([("crv", "\"p-256\"")], KeyRejection::CurveUnsupported),
        ([("crv", "")], KeyRejection::MemberMissing("crv")),
        ([("crv", "\"P-384\"")], KeyRejection::MemberMalformed("x")),
        ([("y", "")], KeyRejection::MemberMissing("y")),
        ([("x", "\"=\"")], KeyRejection::MemberMalformed("x")),
        ([("kid", "17")], KeyRejection::MemberMalformed("kid")),
        ([("kid", "\"\"")], KeyRejection::MemberMalformed("kid")),
    ] {
        assert_rejected(&P256, &changes, expected);
    }
    let long = format!("\"{}\"", "k".repeat(MAX_KID_BYTES + 1));
    assert_rejected(&P256, &[("kid", &long)], KeyRejection::MemberMalformed("kid"));
    for crv in ["\"Ed448\"", "\"X25519\"", "\"P-256\""] {
        assert_rejected(&ED25519, &[("crv", crv)], KeyRejection::CurveUnsupported);
    }
}

#[test]
fn k6_points_must_be_on_the_curve() {
    let (x, y) = (decoded(&P256, "x"), decoded(&P256, "y"));
    let mut off = y.clone();
    off[31] ^= 1;
    for (x, y) in [
        (x.clone(), off),
        (y.clone(), x.clone()),
        (vec![0; 32], vec![0; 32]),
        (vec![0xff; 32], y.clone()),
        (x.clone(), vec![0xff; 32]),
    ] {
        let changes = [("x", &*encoded(&x)), ("y", &*encoded(&y))];
        assert_rejected(&P256, &changes, KeyRejection::PointInvalid);
    }
    for x in [x[1..].to_vec(), [&[0], &x[..]].concat(), vec![]] {
        assert_rejected(&P256, &[("x", &encoded(&x))], KeyRejection::MemberMalformed("x"));
    }
    for y in [y[..31].to_vec(), [&y[..], &[0]].concat()] {
        assert_rejected(&P256, &[("y", &encoded(&y))], KeyRejection::MemberMalformed("y"));
    }
}

#[test]
fn t10_k6_ed25519_points_must_be_canonical_and_of_large_order() {
    let mut points = Vec::new();
    // y of the points of small order, big-endian, and y beyond the prime 2²⁵⁵-19.
    for y in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000001",
        "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec",
        "05fc6d53880238b13963c6d305acdfd5f098eff289f4c345b027b2c28f95e826",
        "7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7",
        "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed",
        "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffee",
        "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ] {
        let mut point: Vec<u8> = (0..32)
            .map(|place| u8::from_str_radix(&y[2 * place..2 * place + 2], 16).unwrap())
            .rev()
            .collect();
        points.push(point.clone());
        point[31] |= 0x80;
        points.push(point);
    }
    for point in points {
        let changes = [("x", &*encoded(&point))];
        assert_rejected(&ED25519, &changes, KeyRejection::PointInvalid);
    }
    let x = decoded(&ED25519, "x");
    for x in [x[1..].to_vec(), [&x[..], &[0]].concat(), vec![]] {
        assert_rejected(&ED25519, &[("x", &encoded(&x))], KeyRejection::MemberMalformed("x"));
    }
}

#[test]
fn k6_a_secret_is_as_long_as_the_hash() {
    for (alg, required) in [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)]
    {
        let only = AlgorithmSet::from_iter([alg]);
        let import = |length: usize| VerificationKey::from_secret(&vec![7; length], only);
        for short in [0, 1, required - 1] {
            let rejection = import(short).err();
            assert_eq!(rejection, Some(KeyRejection::SecretTooShort { required }));
        }
        assert_eq!(names(&import(required).unwrap()), [alg.name()]);
        assert!(import(1_000).is_ok());
    }
}

#[test]
fn t2_a_secret_is_for_hmac_only() {
    for alg in Algorithm::ALL.iter().filter(|alg| !alg.is_symmetric()) {
        let with_hmac = AlgorithmSet::from_iter([Algorithm::Hs256, *alg]);
        let rejection = VerificationKey::from_secret(&[7; 64], with_hmac).err();
        assert_eq!(rejection, Some(KeyRejection::AlgorithmMismatch), "{alg}");
    }
    let none = VerificationKey::from_secret(&[7; 64], AlgorithmSet::default());
    assert!(none.is_err());
}

#[test]
fn neither_debug_nor_rejections_show_key_material() {
    let secret = VerificationKey::from_secret(
        b"a secret that must not be shown anywhere",
        AlgorithmSet::from_iter([Algorithm::Hs256]),
    );
    let shown = format!("{:?}", secret.unwrap());
    assert_eq!(shown, r#"VerificationKey { kid: None, kind: "oct", algorithms: [Hs256], .. }"#);
}

#[test]
fn kinds_are_for_people() {
    for (alg, kind) in [
        (Algorithm::Ps512, "RSA 2048"),
        (Algorithm::Es256, "EC P-256"),
        (Algorithm::Es512, "EC P-521"),
        (Algorithm::EdDsa, "OKP Ed25519"),
        (Algorithm::MlDsa87, "AKP ML-DSA-87"),
        (Algorithm::Hs256, "oct"),
    ] {
        let key = shared_key(alg).verification_key().unwrap();
        assert_eq!(key.kind(), kind);
    }
}
