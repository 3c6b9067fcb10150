//! `[signatures.NAME]`.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::{
    jose::{Algorithm, Dialect, SigningKey},
    signature::settings::{
        BodilessSettings, CallerBinding, MessageField, SignatureSettings, SignerKeys, SignerSource,
    },
};

const KEYS: &str = "[signatures.partner.keys]\njwks_url = \"https://partner.example.com/jwks\"";

/// The minimal configuration with these rules; its route requires none of them.
fn with(lines: &str) -> String {
    format!("{MINIMAL}\n[signatures.partner]\n{lines}\n{KEYS}")
}

fn signature(lines: &str) -> SignatureSettings {
    first(&settings(&with(lines)).signatures).clone()
}

/// Asserts that these settings make exactly this one mistake.
#[track_caller]
fn assert_mistake(text: &str, mistake: &str) {
    assert_eq!(mistakes(text), [format!("countersign.toml: {mistake}")], "{text}");
}

#[test]
fn the_default_is_the_standard_and_nothing_beyond() {
    let rules = signature("");
    assert_eq!(rules.headers, ["x-jws-signature"]);
    assert_eq!(rules.dialects.iter().collect::<Vec<_>>(), [Dialect::Rfc7797]);
    assert!(rules.algorithms.iter().all(|algorithm| !algorithm.is_symmetric()));
    assert_eq!((rules.signer, rules.caller), (SignerSource::Kid, CallerBinding::NoToken));
    assert_eq!(rules.bodiless, BodilessSettings::Refused);
    assert!(rules.kid_must_match && rules.freshness.is_none() && rules.replay.is_none());
}

#[test]
fn a_profile_says_what_an_ecosystem_has_agreed_on_and_each_setting_can_be_replaced() {
    let ocen = signature("profile = \"ocen\"");
    assert_eq!(ocen.headers, ["x-jws-signature", "signature"]);
    assert!(ocen.dialects.contains(Dialect::B64FalseWithoutCrit));
    assert!(!ocen.dialects.contains(Dialect::TwoPart));
    assert_eq!(ocen.algorithms.iter().collect::<Vec<_>>(), [Algorithm::Rs256]);
    assert_eq!(ocen.caller, CallerBinding::SignerIsClaim);
    assert!(matches!(ocen.bodiless, BodilessSettings::Path(_)));
    let strict = signature("profile = \"ocen\"\ndialects = [\"rfc7797\"]\nbody = \"required\"");
    assert_eq!(strict.dialects.iter().collect::<Vec<_>>(), [Dialect::Rfc7797]);
    assert_eq!(strict.bodiless, BodilessSettings::Refused);
    let rebit = signature("profile = \"rebit\"");
    assert!(rebit.dialects.contains(Dialect::Detached));
    assert_eq!(rebit.headers, ["x-jws-signature"]);
    let uk = signature(
        "profile = \"openbanking-uk\"\nsigner = { claim = \"client_id\" }\n\
                        critical = [\"http://openbanking.org.uk/iat\"]",
    );
    let issued = MessageField::Parameter("http://openbanking.org.uk/iat".to_owned());
    assert_eq!(uk.freshness.clone().unwrap().issued, Some(issued));
    assert_eq!(uk.understood(), ["http://openbanking.org.uk/iat", "http://openbanking.org.uk/tan"]);
}

#[test]
fn what_is_printed_of_it_loads_again_and_means_the_same() {
    for lines in [
        "",
        "profile = \"ocen\"",
        "profile = \"rebit\"\nheader = \"authorization\"\nscheme = \"JWS\"\nkid = \"ignore\"",
        "profile = \"openbanking-uk\"\nsigner = \"kid\"\n\
         require = { \"http://openbanking.org.uk/iss\" = { claim = \"azp\" }, \
         \"http://openbanking.org.uk/tan\" = \"x\" }",
        "signer = { fixed = \"acme\" }\ncaller = \"unrelated\"\nbody = \"path\"\n\
         headers = { x-by = \"signer\", x-at = \"verified_at\" }",
        "caller = { claim = \"azp\" }\n\
         body = { path = { strip_prefix = \"/v1\", query = true } }\n\
         freshness = { issued = { body = \"/at\" }, expires = { header = \"exp\" }, \
         max_age = \"1h\", clock_skew = \"0s\" }\n\
         replay = { id = { header = \"jti\" }, window = \"2h\", entries = 10 }",
    ] {
        let written = settings(&with(lines));
        let printed = written.to_toml();
        let read = settings(&printed);
        assert_eq!(read.to_toml(), printed, "{lines}");
        let understood = |settings: &Settings| first(&settings.signatures).understood();
        assert_eq!(understood(&read), understood(&written));
    }
}

#[test]
fn the_keys_are_an_issuers_or_a_set_of_public_ones() {
    let of_issuer = format!("{MINIMAL}\n[signatures.partner]\nkeys = {{ issuer = \"corp\" }}");
    let of_issuer = settings(&of_issuer);
    let SignerKeys::Issuer(issuer) = first(&of_issuer.signatures).keys else {
        panic!("the keys are an issuer's");
    };
    assert_eq!(of_issuer.issuers.get(issuer).name, "corp");
    let none = format!("{MINIMAL}\n[signatures.partner]\n");
    assert_mistake(
        &none,
        "signatures.partner.keys: no key source is given; expected one of jwks_url, jwk_url, \
         jwks_file, pem_file, hex, discovery (a URL), issuer (whose keys are meant) or a registry \
         table",
    );
    let workspace = Workspace::new();
    let secret = workspace.write("secret", "s".repeat(64));
    let shared = format!("{MINIMAL}\n[signatures.partner.keys]\nsecret_file = \"{secret}\"");
    assert_mistake(
        &shared,
        "signatures.partner.keys.secret_file: a shared secret proves nothing about who signed; \
         expected a public key",
    );
}

#[test]
fn s7_what_a_signer_has_to_do_with_the_caller_is_said_or_is_a_mistake() {
    let route = |lines: &str, route: &str| {
        format!("{}\n[[routes]]\npath = \"/signed\"\nsignature = \"partner\"\n{route}", with(lines))
    };
    assert_mistake(
        &route("", ""),
        "routes[1].signature: the signature \"partner\" does not say what its signer has to do \
         with whom the token belongs to; expected its caller = { claim = \"azp\" }, \
         { registry = \"FIELD\" } or \"unrelated\"",
    );
    assert_mistake(
        &route("signer = { claim = \"azp\" }", "access = \"public\""),
        "routes[1].signature: the signature \"partner\" compares something with a claim of the \
         token, and a public route asks for none",
    );
    let is_signed = |text: &str| {
        let settings = settings(text);
        let signature = settings.routes.all().iter().nth(1).unwrap().signature.unwrap();
        settings.signatures.get(signature).name == "partner"
    };
    for good in
        ["caller = \"unrelated\"", "caller = { claim = \"azp\" }", "signer = { claim = \"azp\" }"]
    {
        assert!(is_signed(&route(good, "")), "{good}");
    }
    assert!(is_signed(&route("", "access = \"public\"")));
    assert_mistake(
        &with("signer = { claim = \"azp\" }\ncaller = { claim = \"sub\" }"),
        "signatures.partner.caller: has no effect where the signer is a claim of the token already",
    );
    assert_mistake(
        &with("signer = { header = \"iss\" }"),
        "signatures.partner.signer: the header parameter \"iss\" does not say whose key of a set it \
         is; expected keys from a registry",
    );
}

#[test]
fn what_would_only_look_safe_is_a_mistake() {
    for (lines, mistake) in [
        (
            "critical = [\"iat\"]",
            "critical: nothing looks at \"iat\", so that it would be marked as understood without \
             being so; expected it in require, signer, freshness or replay",
        ),
        (
            "header = \"authorization\"",
            "scheme: missing; a signature in Authorization needs one, so that it is not taken for \
             a token",
        ),
        (
            "algorithms = [\"HS256\"]",
            "algorithms[0]: found \"HS256\", expected a signature algorithm with a public key, \
             such as \"RS256\" (not one of them)",
        ),
        (
            "dialects = [\"any\"]",
            "dialects[0]: found \"any\", expected \"rfc7797\" or \"b64-false-without-crit\" or \
             \"detached\" or \"two-part\"",
        ),
        (
            "freshness = { max_age = \"1m\" }",
            "freshness: expected issued or expires, such as { header = \"iat\" } or { body = \
             \"/metadata/timestamp\" }",
        ),
        (
            "replay = { window = \"1m\" }",
            "replay.id: missing; expected { header = \"iat\" } or { body = \"/metadata/timestamp\" }",
        ),
        (
            "freshness = { issued = { header = \"iat\" }, max_age = \"1h\" }\n\
             replay = { id = { header = \"jti\" } }",
            "replay: window: a message is accepted for 1h 2m, and would be forgotten before that \
             is over and pass again; expected a window at least as long",
        ),
        (
            "body = { path = { strip_prefix = \"v1/\" } }",
            "body: found \"v1/\", expected the beginning of a path, such as \"/v4.0.0alpha\", \
             without a / at its end",
        ),
        (
            "headers = { x-auth-subject = \"signer\" }",
            "headers.x-auth-subject: the header carries something else already",
        ),
        (
            "header = \"x-auth-subject\"",
            "header: what clients send in \"x-auth-subject\" is removed, since the upstream \
             receives something of the proxy's in it",
        ),
        (
            "headers = { x-by = \"name\" }",
            "headers.x-by: found \"name\", expected \"signer\" or \"kid\" or \"thumbprint\" or \
             \"algorithm\" or \"dialect\" or \"verified_at\"",
        ),
    ] {
        assert_mistake(&with(lines), &format!("signatures.partner.{mistake}"));
    }
}

#[test]
fn a_route_refers_to_rules_that_are_there() {
    let text = format!("{}\n[[routes]]\npath = \"/a\"\nsignature = \"partnr\"", with(""));
    assert_mistake(
        &text,
        "routes[1].signature: found \"partnr\", which is not the name of a signature; did you mean \
         \"partner\"?",
    );
}

/// The minimal configuration with signers of this registry.
fn of_registry(lines: &str) -> String {
    format!(
        "{MINIMAL}\n[signatures.partner]\nsigner = {{ claim = \"azp\" }}\n[signatures.partner.keys.registry]\n{lines}"
    )
}

const REGISTRY: &str = "url = \"https://registry.example.com/roles/{signer}\"";

#[test]
fn a_registry_is_printed_so_that_it_loads_again_and_means_the_same() {
    let workspace = Workspace::new();
    let secret = workspace.write("secret", "s3cret");
    for lines in [
        REGISTRY.to_owned(),
        format!(
            "{REGISTRY}\npointer = \"/publicKey\"\nformat = \"ed25519\"\nnegative_ttl = \"0s\""
        ),
        "url = \"https://registry.example.com/all\"\nselect = { list = \"/e\", member = \"id\" }\n\
         require = { status = [\"A\", \"B\"], ok = true, client = { claim = \"azp\" } }"
            .to_owned(),
        format!(
            "{REGISTRY}\nauth = \"bearer\"\ntoken_url = \"https://idp.example.com/token\"\n\
             client_id = \"us\"\nclient_secret_file = \"{secret}\""
        ),
    ] {
        let printed = settings(&of_registry(&lines)).to_toml();
        assert_eq!(settings(&printed).to_toml(), printed, "{lines}");
    }
}

#[test]
fn a_registry_that_could_be_misled_is_a_mistake() {
    const URL: &str = "url: found \"https://{signer}.example.com/key\", expected the URL of the \
                       registry, with {signer} where the signer's name belongs (a signer's name \
                       must not choose the host)";
    for (lines, mistake) in [
        ("url = \"https://{signer}.example.com/key\"".to_owned(), URL),
        (
            format!("{REGISTRY}\nrequire = {{ kcClientSecret = \"x\" }}"),
            "require.kcClientSecret: looks like a secret, and those are not kept; expected another \
             field",
        ),
        (
            format!("{REGISTRY}\nrefresh = \"2h\"\nmax_stale = \"1h\""),
            "max_stale: is shorter than refresh: keys would lapse between two renewals",
        ),
        (
            format!("{REGISTRY}\nselect = {{ list = \"/e\" }}"),
            "select: no member; expected { list = \"/entities\", member = \"/entityinfo/id\" }",
        ),
    ] {
        assert_mistake(
            &of_registry(&lines),
            &format!("signatures.partner.keys.registry.{mistake}"),
        );
    }
}

/// With a registry that compares `client` with a claim, and this caller.
fn with_compared_client(caller: &str) -> String {
    format!(
        "{MINIMAL}\n[signatures.partner]\nsigner = \"kid\"\n{caller}\n\
         [signatures.partner.keys.registry]\n{REGISTRY}\n\
         require = {{ client = {{ claim = \"azp\" }}, role = \"AA\" }}\n\
         [[routes]]\npath = \"/signed\"\nsignature = \"partner\""
    )
}

#[test]
fn s7_the_registrys_field_that_binds_the_signer_to_the_caller_is_named() {
    let text = with_compared_client("caller = { registry = \"client\" }");
    let settings = settings(&text);
    let rules = first(&settings.signatures);
    assert!(matches!(&rules.caller, CallerBinding::Registry(field) if field.as_str() == "client"));
    assert!(rules.needs_token());
    let found = mistakes(&with_compared_client(""));
    assert!(found[0].contains("does not say what its signer has to do"), "{found:?}");
    let of = |field| format!("caller = {{ registry = \"{field}\" }}");
    let texts = ["role", "other"].map(|field| with_compared_client(&of(field)));
    for text in texts.into_iter().chain([with(&of("client"))]) {
        let found = mistakes(&text);
        assert!(found[0].contains("caller: nothing compares the registry's"), "{found:?}");
    }
}

#[test]
fn rules_that_refuse_or_accept_more_than_they_seem_to_are_warnings() {
    let warns = |text: &str, warning: &str| {
        let warnings = settings(text).warnings();
        assert!(warnings.iter().any(|found| found.starts_with(warning)), "{warnings:?}");
    };
    let replay = "body = \"path\"\n[signatures.partner.replay]\nid = { body = \"/id\" }\n\
                  window = \"1h\"";
    warns(&with(replay), "signatures.partner.body: requests without a body");
    let of_issuer = format!(
        "{MINIMAL}\n[signatures.partner]\nsigner = \"kid\"\ndialects = [\"detached\"]\n\
         keys = {{ issuer = \"corp\" }}"
    );
    warns(&of_issuer, "signatures.partner.dialects: a token of that issuer");
}

#[test]
fn an_answer_that_may_be_larger_than_all_room_is_a_mistake() {
    let workspace = Workspace::new();
    let pair = SigningKey::generate(Algorithm::Es256, Some("answers")).unwrap();
    let key = workspace.write("key.jwk", pair.private_jwk().to_text());
    let text = with(&format!(
        "[signatures.partner.respond]\nkey = \"{key}\"\nmax_bytes = \"2MiB\"\n\
         [server.limits]\nbody_bytes = \"1MiB\"\nbuffer_bytes = \"1MiB\""
    ));
    let found = mistakes(&text);
    assert!(found[0].contains("respond.max_bytes: 2097152 bytes are more than"), "{found:?}");
}

#[test]
fn an_unrelated_caller_and_an_exposed_key_for_answers_are_warnings() {
    const UNUSED: &str = "signatures.partner: no route asks for it";
    assert_eq!(settings(&with("")).warnings(), [UNUSED]);
    assert_eq!(
        settings(&with("caller = \"unrelated\"")).warnings(),
        [
            "signatures.partner.caller: unrelated; any client with a token passes with a body that any \
          of the signers has signed",
            UNUSED
        ]
    );
    let workspace = Workspace::new();
    let pair = SigningKey::generate(Algorithm::Es256, Some("answers")).unwrap();
    let key = workspace.write("key.jwk", pair.private_jwk().to_text());
    let text = with(&format!("respond = {{ key = \"{key}\" }}"));
    let warnings = |mode: u32| {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        settings(&text).warnings()
    };
    assert_eq!(warnings(0o600), [UNUSED]);
    let exposed = "signatures.partner.respond.key: every user of the machine can get at the file";
    assert_eq!(warnings(0o644), [UNUSED, exposed]);
}

#[test]
fn o2_a_password_in_a_registrys_url_is_not_shown() {
    let text = of_registry("url = \"https://me:s3cret@registry.test/{signer}\"");
    let found = mistakes(&text);
    assert!(found[0].contains("user information in the URL, which is not shown"), "{found:?}");
    assert!(!found.concat().contains("s3cret"), "{found:?}");
}

#[test]
fn h8_what_frames_an_answer_or_belongs_to_others_carries_no_signature() {
    let workspace = Workspace::new();
    let pair = SigningKey::generate(Algorithm::Es256, Some("answers")).unwrap();
    let key = workspace.write("key.jwk", pair.private_jwk().to_text());
    let respond =
        |header: &str| with(&format!("respond = {{ key = \"{key}\", header = \"{header}\" }}"));
    for header in ["content-length", "transfer-encoding", "connection", "set-cookie"] {
        let found = mistakes(&respond(header));
        assert!(found[0].contains(&format!("{header} can't carry a signature")), "{found:?}");
    }
    settings(&respond("x-answer-signature"));
}

#[test]
fn a_signature_with_a_mistake_puts_no_blame_on_another() {
    let text = format!(
        "{}\n[signatures.a]\nsigner = 7\n[[routes]]\npath = \"/signed\"\nsignature = \"partner\"",
        with("caller = \"unrelated\"")
    );
    let found = mistakes(&text);
    assert!(!found.is_empty());
    for mistake in found {
        assert!(mistake.contains("signatures.a"), "{mistake}");
    }
}
