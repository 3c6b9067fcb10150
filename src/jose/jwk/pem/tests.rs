use proptest::prelude::*;

use super::*;
use crate::jose::{JwkSet, SigningKey, tests::shared_key};

fn parse(pem: &str) -> Result<JwkSet, PemError> {
    JwkSet::parse_pem(pem.as_bytes(), &KeyLimits::default())
}

/// The kind of each usable key, and the code of each other.
fn outcome(pem: &str) -> (Vec<String>, Vec<&'static str>) {
    let set = parse(pem).unwrap();
    (
        set.keys.iter().map(|key| key.kind()).collect(),
        set.skipped.iter().map(|key| key.rejection.code()).collect(),
    )
}

fn asymmetric() -> impl Iterator<Item = &'static SigningKey> {
    let algorithms = Algorithm::ALL.iter().filter(|alg| !alg.is_symmetric());
    algorithms.map(|alg| shared_key(*alg))
}

#[test]
fn a_pem_key_is_the_jwk_s_key() {
    for key in asymmetric() {
        let set = parse(&key.public_pem().unwrap()).unwrap();
        let [from_pem] = set.keys.as_slice() else {
            panic!("{key:?}: {:?}", set.skipped);
        };
        let from_jwk = key.verification_key().unwrap();
        assert_eq!(from_pem.thumbprint(), from_jwk.thumbprint(), "{key:?}");
        assert_eq!(from_pem.kid(), None);
        assert!(from_pem.algorithms().contains(key.algorithm()));
        let signature = key.sign(b"message").unwrap();
        assert!(from_pem.verify(key.algorithm(), b"message", &signature));
    }
}

#[test]
fn t4_a_pem_key_without_alg_is_for_all_that_fits() {
    let key = shared_key(Algorithm::Ps384);
    let set = parse(&key.public_pem().unwrap()).unwrap();
    let names: Vec<_> = set.keys[0].algorithms().iter().map(Algorithm::name).collect();
    assert_eq!(names, ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]);
}

/// Certificates by another implementation.
#[test]
fn the_key_of_a_certificate() {
    for (algorithm, kind) in [
        (&rcgen::PKCS_ECDSA_P256_SHA256, "EC P-256"),
        (&rcgen::PKCS_ECDSA_P384_SHA384, "EC P-384"),
        (&rcgen::PKCS_ED25519, "OKP Ed25519"),
        (&rcgen::PKCS_RSA_SHA256, "RSA 2048"),
    ] {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let params = rcgen::CertificateParams::new(vec!["idp.example".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (kinds, skipped) = outcome(&certificate.pem());
        assert_eq!((kinds, skipped), (vec![kind.to_owned()], vec![]));

        let of_certificate = parse(&certificate.pem()).unwrap();
        let of_key = parse(&key.public_key_pem()).unwrap();
        assert_eq!(of_certificate.keys[0].thumbprint(), of_key.keys[0].thumbprint());
    }
}

#[test]
fn rsa_public_key_blocks_are_read() {
    let key = shared_key(Algorithm::Rs256);
    let spki = key.public_pem().unwrap();
    let (_, der) = blocks(spki.as_bytes()).unwrap().remove(0);
    let mut info = Der::new(&der).enter(SEQUENCE).unwrap();
    info.skip_if(SEQUENCE);
    let pkcs1 = encode("RSA PUBLIC KEY", info.bits().unwrap());
    let set = parse(&pkcs1).unwrap();
    assert_eq!(set.keys[0].thumbprint(), key.verification_key().unwrap().thumbprint());
}

#[test]
fn several_blocks_and_the_text_between_them() {
    let [one, two] = [Algorithm::Es256, Algorithm::EdDsa]
        .map(|alg| SigningKey::generate(alg, None).unwrap().public_pem().unwrap());
    let parameters = encode("EC PARAMETERS", &[6, 1, 1]);
    let broken = encode("PUBLIC KEY", b"no key");
    let text = format!("subject: alice\r\n{one}\n{parameters}{broken}\nmore text\n{two}");
    let (kinds, skipped) = outcome(&text.replace('\n', "\r\n"));
    assert_eq!(kinds, ["EC P-256", "OKP Ed25519"]);
    assert_eq!(skipped, ["member_malformed"]);
}

#[test]
fn k6_a_private_key_is_refused_with_its_file() {
    for key in asymmetric() {
        let both = key.public_pem().unwrap() + &key.private_pem().unwrap();
        assert_eq!(parse(&both).err(), Some(PemError::PrivateKey));
    }
    for label in ["RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
        let pem = encode(label, &[48, 0]);
        assert_eq!(parse(&pem).err(), Some(PemError::PrivateKey), "{label}");
    }
}

#[test]
fn k6_pem_keys_pass_the_same_checks_as_jwks() {
    let spki = |algorithm: &[u8], key: &[u8]| {
        let value = |tag: u8, contents: &[u8]| {
            let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
            match length {
                [0, short] if short < 0x80 => [&[tag, short], contents].concat(),
                [0, long] => [&[tag, 0x81, long], contents].concat(),
                [high, low] => [&[tag, 0x82, high, low], contents].concat(),
            }
        };
        let bits = value(3, &[&[0], key].concat());
        let info = [value(SEQUENCE, algorithm), bits].concat();
        encode("PUBLIC KEY", &value(SEQUENCE, &info))
    };
    let id = |oid: &[u8]| [&[OBJECT_ID, u8::try_from(oid.len()).unwrap()], oid].concat();
    let p256 = [id(oid::EC), id(oid::P256)].concat();
    let secp256k1 = [id(oid::EC), id(&[0x2b, 0x81, 0x04, 0x00, 0x0a])].concat();
    let x25519 = id(&[0x2b, 0x65, 0x6e]);
    let small_rsa = [&[48, 0x81, 0x88, 2, 0x81, 0x80][..], &[0x7f; 128], &[2, 3, 1, 0, 1]].concat();
    for (pem, code) in [
        (spki(&p256, &[&[4][..], &[1; 64]].concat()), "point_invalid"),
        (spki(&p256, &[&[2][..], &[1; 32]].concat()), "point_invalid"),
        (spki(&p256, &[0]), "point_invalid"),
        (spki(&id(oid::EC), &[4; 65]), "curve_unsupported"),
        (spki(&secp256k1, &[4; 65]), "curve_unsupported"),
        (spki(&id(oid::ED25519), &[0; 32]), "point_invalid"),
        (spki(&id(oid::ED25519), &[9; 31]), "member_malformed"),
        (spki(&x25519, &[9; 32]), "key_type_unsupported"),
        (spki(&id(oid::ML_DSA_44), &[9; 32]), "member_malformed"),
        (spki(&id(oid::RSA), &small_rsa), "rsa_too_small"),
        (spki(&id(oid::RSA), &[48, 0]), "member_malformed"),
    ] {
        assert_eq!(outcome(&pem), (vec![], vec![code]), "{pem}");
    }
}

#[test]
fn what_is_no_pem_is_an_error() {
    let key = SigningKey::generate(Algorithm::EdDsa, None).unwrap();
    let pem = key.public_pem().unwrap();
    for (text, expected) in [
        (String::new(), PemError::NoKeys),
        ("{\"keys\":[]}".to_owned(), PemError::NoKeys),
        (encode("EC PARAMETERS", &[6, 1, 1]), PemError::NoKeys),
        (pem.replace("END PUBLIC", "END RSA PUBLIC"), PemError::Syntax),
        (pem.replace("-----END PUBLIC KEY-----", ""), PemError::Syntax),
        (pem.replace("-----BEGIN PUBLIC KEY-----", ""), PemError::Syntax),
        (pem.replace("MCow", "MC*w"), PemError::Syntax),
        (pem.replace("MCow", "MCo"), PemError::Syntax),
        (format!("-----BEGIN PUBLIC KEY-----\n{pem}"), PemError::Syntax),
    ] {
        assert_eq!(parse(&text).err(), Some(expected), "{text}");
    }
    let limits = KeyLimits::default();
    assert_eq!(JwkSet::parse_pem(b"\xff", &limits).err(), Some(PemError::Syntax));
}

proptest! {
    #[test]
    fn no_der_makes_the_reader_panic(der: Vec<u8>, cut in 0usize..200, flip in 0usize..800) {
        let limits = KeyLimits::default();
        let _ = from_spki(&der, &limits);
        let _ = from_pkcs1(&der, &limits);
        let _ = from_certificate(&der, &limits);

        let params = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap();
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let mut real = params.self_signed(&key).unwrap().der().to_vec();
        let _ = from_certificate(&real[..cut.min(real.len())], &limits);
        if let Some(byte) = real.get_mut(flip / 8) {
            *byte ^= 1 << (flip % 8);
        }
        let _ = from_certificate(&real, &limits);
    }
}
