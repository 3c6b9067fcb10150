//! Header members (RFC 7515 §4.1, RFC 7797, RFC 8725 §3).

use std::sync::Arc;

use countersign::jose::{Algorithm, base64url};

use super::{Defect, Draft, Stage};
use crate::differential::{
    draft::quoted,
    keyring::{Keyring, public_jwk},
};

/// Member and value, each a case of its own.
const VALUES: &[(&str, &[&str])] = &[
    (
        "alg",
        &[
            "null",
            "\"\"",
            "\"none\"",
            "\"None\"",
            "\"nOnE\"",
            "\"NONE\"",
            "\"none \"",
            "\"HS256\"",
            "\"HS512\"",
            "\"rs256\"",
            "\"es256\"",
            "\"ES256 \"",
            "\"ES256\\u0000\"",
            "\"ES256K\"",
            "\"Ed448\"",
            "\"ES521\"",
            "\"RS1\"",
            "\"RSA-OAEP\"",
            "\"dir\"",
            "\"A256GCM\"",
            "0",
            "true",
            "[]",
            "[\"ES256\"]",
            "[\"none\"]",
            "{}",
            "{\"ES256\":1}",
            "\"constructor\"",
            "\"__proto__\"",
            "\"toString\"",
        ],
    ),
    (
        "crit",
        &[
            "null",
            "[]",
            "[\"b64\"]",
            "[\"exp\"]",
            "[\"alg\"]",
            "[\"kid\"]",
            "[\"typ\"]",
            "[\"x\"]",
            "[\"\"]",
            "[1]",
            "[null]",
            "\"b64\"",
            "{}",
            "true",
            "[\"b64\",\"b64\"]",
            "[\"http://example.com/UNDEFINED\"]",
        ],
    ),
    ("b64", &["true", "false", "null", "0", "1", "\"true\"", "\"false\"", "[]"]),
    (
        "kid",
        &[
            "null",
            "\"\"",
            "0",
            "1",
            "true",
            "[]",
            "[\"ES256\"]",
            "{}",
            "\"unknown\"",
            "\"es256\"",
            "\" ES256\"",
            "\"ES256 \"",
            "\"ES256\\u0000\"",
            "\"..\\/..\\/dev\\/null\"",
            "\"' OR 1=1 --\"",
            "\"http:\\/\\/attacker.test\\/k\"",
            "\"ES\\u0032\\u0035\\u0036\"",
        ],
    ),
    (
        "typ",
        &[
            "null",
            "\"\"",
            "0",
            "true",
            "[]",
            "[\"at+jwt\"]",
            "{}",
            "\"JWT\"",
            "\"jwt\"",
            "\"Jwt\"",
            "\"at+jwt\"",
            "\"AT+JWT\"",
            "\"application\\/at+jwt\"",
            "\"application\\/jwt\"",
            "\"Application\\/AT+jwt\"",
            "\"text\\/at+jwt\"",
            "\"at+jwt \"",
            "\" at+jwt\"",
            "\"at+jwt; charset=utf-8\"",
            "\"at\\/jwt\"",
            "\"JOSE\"",
            "\"JOSE+JSON\"",
            "\"JWE\"",
            "\"x+jwt\"",
            "\"application\\/application\\/at+jwt\"",
        ],
    ),
    (
        "cty",
        &[
            "null",
            "\"\"",
            "0",
            "[]",
            "\"JWT\"",
            "\"jwt\"",
            "\"application\\/jwt\"",
            "\"application\\/json\"",
            "\"json\"",
            "\"at+jwt\"",
        ],
    ),
    ("zip", &["null", "\"DEF\"", "\"none\"", "\"\"", "0"]),
    ("enc", &["null", "\"A256GCM\"", "0"]),
    ("jwk", &["null", "{}", "\"x\"", "{\"kty\":\"oct\",\"k\":\"AAAA\"}"]),
    (
        "jku",
        &["null", "\"https:\\/\\/attacker.test\\/jwks\"", "\"file:\\/\\/\\/etc\\/passwd\"", "0"],
    ),
    ("x5u", &["null", "\"https:\\/\\/attacker.test\\/cert\"", "\"x\"", "[]"]),
    ("x5c", &["null", "[]", "[\"MIIB\"]", "\"MIIB\"", "[1]"]),
    ("x5t", &["null", "\"AAAA\"", "0"]),
    ("x5t#S256", &["null", "\"AAAA\"", "0"]),
    ("iss", &["\"https:\\/\\/other.test\"", "0"]),
    ("exp", &["1"]),
    ("ver", &["\"1.0\""]),
    ("epk", &["{}"]),
    ("p2c", &["4000000000"]),
    ("nonce", &["\"n\""]),
    ("client_id", &["\"app\""]),
    ("url", &["\"https:\\/\\/example.com\""]),
    ("svt", &["[]"]),
];

pub(super) fn defects() -> Vec<Defect> {
    let each = |(member, values): &(&'static str, &[&str])| {
        let family = format!("header/{member}");
        let of_value = |value: &&str| Defect::header(&family, member, value);
        values.iter().map(of_value).collect::<Vec<_>>()
    };
    let values = VALUES.iter().flat_map(each);
    values.chain(absences()).chain(combinations()).chain(foreign_keys()).collect()
}

fn absences() -> impl Iterator<Item = Defect> {
    ["alg", "kid", "typ"].into_iter().map(|member| {
        Defect::new(format!("header/{member}: absent"), move |draft| draft.header.remove(member))
    })
}

fn combinations() -> Vec<Defect> {
    let members = |name: &str, members: &'static [(&'static str, &'static str)]| {
        Defect::new(format!("header/{name}"), move |draft| {
            for (member, value) in members {
                draft.header.set(member, value);
            }
        })
    };
    let long = |bytes: usize| {
        Defect::new(format!("header/kid: {bytes} bytes"), move |draft| {
            draft.header.set("kid", &quoted(&"k".repeat(bytes)));
        })
    };
    let padded = |bytes: usize| {
        Defect::new(format!("header/{bytes} bytes of an x5c"), move |draft| {
            draft.header.set("x5c", &format!("[\"{}\"]", "A".repeat(bytes)));
        })
    };
    vec![
        members("crit: b64 with b64: true", &[("crit", "[\"b64\"]"), ("b64", "true")]),
        members("crit: b64 with b64: false", &[("crit", "[\"b64\"]"), ("b64", "false")]),
        members("crit: an extension that is there", &[("crit", "[\"x\"]"), ("x", "1")]),
        members("crit: exp, which is there", &[("crit", "[\"exp\"]"), ("exp", "9000000000")]),
        members("alg: none without kid", &[("alg", "\"none\""), ("kid", "null")]),
        Defect::new("header/b64: false over raw claims", |draft: &mut Draft| {
            draft.header.set("crit", "[\"b64\"]");
            draft.header.set("b64", "false");
            let claims = draft.claims.to_text().replace('.', "\\u002e");
            draft.edit(Stage::ClaimsPart, Arc::new(move |_| claims.clone().into_bytes()));
        }),
        Defect::new("header/alg: none without a signature", |draft: &mut Draft| {
            draft.header.set("alg", "\"none\"");
            draft.signer = Arc::new(|_| Vec::new());
        }),
        Defect::new("header/kid: that of another key", |draft: &mut Draft| {
            draft.header.set("kid", "\"PS384\"");
        }),
        long(255),
        long(256),
        long(257),
        padded(400),
        padded(2_000),
        padded(5_000),
    ]
}

/// A key that comes with the token proves nothing (RFC 8725 §3.10).
fn foreign_keys() -> Vec<Defect> {
    let strange = Keyring::get().strange(Algorithm::Es256);
    let jwk = public_jwk(strange).to_text();
    let signed = |name: &str, change: Arc<dyn Fn(&mut Draft)>| {
        Defect::new(format!("header/{name}"), move |draft| {
            let strange = Keyring::get().strange(Algorithm::Es256);
            *draft = draft.clone().by(strange);
            draft.header.set("alg", "\"ES256\"");
            change(draft);
        })
    };
    let with = |member: &'static str, value: String| -> Arc<dyn Fn(&mut Draft)> {
        Arc::new(move |draft| draft.header.set(member, &value))
    };
    let alone = |value: String| -> Arc<dyn Fn(&mut Draft)> {
        Arc::new(move |draft| {
            draft.header.set("jwk", &value);
            draft.header.remove("kid");
        })
    };
    let data = format!(
        "\"data:application\\/json;base64,{}\"",
        base64url::encode(format!("{{\"keys\":[{jwk}]}}").as_bytes())
    );
    vec![
        signed("jwk: the key of its own", with("jwk", jwk.clone())),
        signed("jwk: the key of its own, without kid", alone(jwk)),
        signed("jku: a document of its own", with("jku", data)),
        signed("signed by a stranger", Arc::new(|_| {})),
        signed("signed by a stranger, without kid", Arc::new(|draft| draft.header.remove("kid"))),
        Defect::new("header/jwk: the key that verifies it", |draft: &mut Draft| {
            let own = public_jwk(Keyring::get().own(Algorithm::Es256)).to_text();
            draft.header.set("jwk", &own);
        }),
    ]
}
