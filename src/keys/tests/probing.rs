//! `check --online`, and what is shown of keys.

use crate::{
    jose::{Algorithm, AlgorithmSet},
    keys::{
        probe,
        settings::KeySource,
        testing::{from_file, jwk, jwks},
    },
};

#[tokio::test]
async fn every_key_and_every_reason_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    let encryption = jwk("enc").replace(r#""use":"sig""#, r#""use":"enc""#);
    let future = r#"{"kty":"NEW","kid":"\u001b[31m"}"#.to_owned();
    std::fs::write(&path, jwks(&[jwk("a"), encryption, future])).unwrap();

    let set = probe(&from_file(KeySource::JwksFile, &path)).await.unwrap();
    let keys = set.key_facts();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].kid.as_deref(), Some("a"));
    assert_eq!(keys[0].kind, "OKP Ed25519");
    assert_eq!(keys[0].algorithms, ["EdDSA"]);
    assert_eq!(keys[0].thumbprint.as_ref().unwrap().len(), 43);

    let skipped = set.skipped_facts();
    let codes: Vec<_> = skipped.iter().map(|key| (key.position, key.code)).collect();
    assert_eq!(codes, [(1, "use_not_sig"), (2, "key_type_unsupported")]);
    assert!(!serde_json::to_string(&skipped).unwrap().contains('\u{1b}'));
}

/// RFC 7638 §7: the thumbprint of a weak secret is as good as the secret.
#[tokio::test]
async fn a_secret_is_never_told_nor_its_hash() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, "correct horse battery staple and then some").unwrap();
    let mut settings = from_file(KeySource::SecretFile, &path);
    settings.algorithms = AlgorithmSet::from_iter([Algorithm::Hs256]);

    let set = probe(&settings).await.unwrap();
    let facts = set.key_facts();
    assert_eq!(facts[0].thumbprint, None);
    assert_eq!(facts[0].algorithms, ["HS256"]);
    let shown = format!("{set:?} {}", serde_json::to_string(&facts).unwrap());
    assert!(!shown.contains("horse"), "{shown}");
    let hash = set.keys()[0].thumbprint().to_text();
    assert!(!shown.contains(&hash), "{shown}");
}
