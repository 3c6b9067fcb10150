//! `countersign explain`: what is said of good and bad tokens, and with which exit code.

mod resources;

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use clap::Parser;
use countersign::{
    cli::{Cli, CommandError, explain::explain_at},
    clock::{ManualClock, UnixTime},
    jose::{Algorithm, SigningKey},
    json::{Json, Object},
    token::verifier::CHECKS,
};

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://idp.example.com";
const AUDIENCE: &str = "https://api.example.com";

#[test]
fn a_good_token_passes_every_check() {
    let setup = Setup::new();
    let said = setup.explain(&[&setup.token(&[])]);
    let length = setup.token(&[]).len();
    assert!(said.admitted());
    assert_eq!(
        said.out,
        format!(
            "ok    credential    of the characters that a token has\n\
             ok    size          {length} of at most 16384 bytes\n\
             ok    header        alg ES256, kid \"key-1\"\n\
             ok    claims        a JSON object of 7 members\n\
             ok    issuer        the configured issuer \"corp\"\n\
             ok    algorithm     ES256 is allowed\n\
             ok    type          typ \"at+jwt\"\n\
             ok    members       registered claims are well-formed\n\
             ok    times         valid for another 360 s\n\
             ok    required      [\"exp\", \"tenant\"] are there\n\
             ok    audience      one of [\"https://api.example.com\"]\n\
             ok    binding       no proof of possession is needed\n\
             ok    key           EC P-256, kid \"key-1\"\n\
             ok    signature     ES256 signature is right\n\
             ok    headers       every mapped claim fits into its header\n\
             ok    revocation    no list is configured\n\
             admitted\n"
        )
    );
}

/// Of a failed check nothing is told but the reason: which one it was is known by this order.
#[test]
fn the_order_of_the_checks_is_the_published_one() {
    let setup = Setup::new();
    let out = setup.explain(&[&setup.token(&[])]).out;
    let passed = out.lines().filter_map(|line| line.strip_prefix("ok    "));
    let passed = passed.filter_map(|line| line.split(' ').next());
    assert_eq!(passed.skip(1).collect::<Vec<_>>(), CHECKS);
}

#[test]
fn the_failing_check_is_told_and_what_was_not_checked_any_more() {
    let setup = Setup::new();
    let said = setup.explain(&[&setup.token(&[("exp", (NOW - 61).into())])]);
    assert_eq!(said.refusal(), "refused: token_expired");
    let end = said.out.lines().skip_while(|line| !line.starts_with("FAIL"));
    assert_eq!(
        end.collect::<Vec<_>>(),
        [
            "FAIL  times         token_expired: The token has expired. (claim 'exp' is in the past; \
             found: 1799999939, 61 s ago; setting: clock_skew.) (It is 1800000000; clock_skew is 60 s.)",
            "-     required",
            "-     audience",
            "-     binding",
            "-     key",
            "-     signature",
            "-     headers",
            "-     revocation",
        ]
    );
}

#[test]
fn each_mistake_is_found_by_its_own_check() {
    let setup = Setup::new();
    let stranger = SigningKey::generate(Algorithm::Es256, Some("key-1")).unwrap();
    let unknown = SigningKey::generate(Algorithm::Es256, Some("key-9")).unwrap();
    let other_algorithm = SigningKey::generate(Algorithm::Es384, Some("key-1")).unwrap();
    let good = setup.token(&[]);
    for (token, check, reason, hint) in [
        (setup.token(&[("aud", "x".into())]), "audience", "audience_mismatch", AUDIENCE),
        (setup.token(&[("iss", "x".into())]), "issuer", "issuer_unknown", ISSUER),
        (setup.token(&[("iss", 1.into())]), "issuer", "claim_malformed", ""),
        (setup.token(&[("exp", "x".into())]), "times", "claim_malformed", ""),
        (setup.token(&[("tenant", Json::Null)]), "required", "claim_missing", "\"tenant\""),
        (setup.token(&[("nbf", (NOW + 61).into())]), "times", "token_not_yet_valid", "60 s"),
        (setup.token(&[("cnf", Object::default().into())]), "binding", "binding_unproven", ""),
        (signed(&unknown, &[]), "key", "kid_unknown", "\"key-1\", EC P-256 for ES256"),
        (signed(&other_algorithm, &[]), "algorithm", "algorithm_not_allowed", "ES256"),
        (signed(&stranger, &[]), "signature", "signature_invalid", ""),
        (good.replace('.', "~"), "header", "token_malformed", ""),
        (format!("Bearer {good}"), "credential", "credential_malformed", "without \"Bearer\""),
        ("a".repeat(16_385), "size", "token_too_large", "16384"),
    ] {
        let said = setup.explain(&[&token]);
        assert_eq!(said.refusal(), format!("refused: {reason}"), "{}", said.out);
        let line = said.out.lines().find(|line| line.starts_with("FAIL")).unwrap();
        assert!(line.starts_with(&format!("FAIL  {check:<14}{reason}: ")), "{line}");
        assert!(line.contains(hint), "{line}");
        assert!(!said.out.contains("admitted"));
    }
}

/// We can't decide is not the same as denied.
#[test]
fn keys_that_cannot_be_had_are_said_as_such() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let setup = Setup::with_keys(&format!("jwks_url = \"http://{closed}/jwks\""));
    let said = setup.explain(&[&setup.token(&[])]);
    assert_eq!(said.refusal(), "can't be decided at the moment: keys_unavailable");
    let line = said.out.lines().find(|line| line.starts_with("FAIL")).unwrap();
    assert!(line.starts_with("FAIL  key           keys_unavailable: "), "{line}");
    assert!(line.contains(&closed.to_string()), "{line}");
    // What can be told without keys is told all the same.
    let expired = setup.token(&[("exp", 1.into())]);
    assert_eq!(setup.explain(&[&expired]).refusal(), "refused: token_expired");
}

#[test]
fn a_request_is_judged_as_a_whole() {
    let setup = Setup::new();
    let reader = setup.token(&[]);
    let writer = setup.token(&[("scope", "loans:read loans:write".into())]);
    for (token, request, check, reason) in [
        (
            &reader,
            &["--path", "/loans/17", "--method", "POST"][..],
            "requirement",
            "scope_insufficient",
        ),
        (&reader, &["--path", "/loans/17", "--method", "PUT"], "route", "method_not_allowed"),
        (&reader, &["--path", "/elsewhere"], "route", "route_unknown"),
        (&reader, &["--path", "/loans/%2e%2e/x"], "request", "request_not_canonical"),
        (&reader, &["--path", "/loans/17", "--method", "TRACE"], "request", "method_not_supported"),
    ] {
        let said = setup.explain(&[&[token.as_str()], request].concat());
        assert_eq!(said.refusal(), format!("refused: {reason}"), "{}", said.out);
        assert!(said.out.contains(&format!("FAIL  {check:<14}{reason}: ")), "{}", said.out);
    }
    assert!(setup.explain(&[&writer, "--path", "/loans/17", "--method", "POST"]).admitted());
    let public = setup.explain(&["no-token", "--path", "/healthz"]);
    assert!(public.admitted());
    assert!(public.out.contains("public: no token is looked at"), "{}", public.out);
}

#[test]
fn the_limits_of_a_route_are_named_and_this_request_does_not_count() {
    let limits = "[limits.per-client]\nkey = [{ claim = \"client_id\" }, \"route\"]\nrate = \"1/h\"\n\
                  concurrency = 2\n[issuers.corp]";
    let setup = Setup::new()
        .with("[issuers.corp]", limits)
        .with("path = \"/loans/*\"", "path = \"/loans/*\"\nlimit = \"per-client\"");
    for _ in 0..2 {
        let said = setup.explain(&[&setup.token(&[]), "--path", "/loans/17"]);
        assert!(said.admitted(), "{}", said.out);
        let line = "ok    limit         not counted here: per-client by claim client_id and route, \
                    1/h, 1 at once after a pause, 2 at the same time\n";
        assert!(said.out.contains(line), "{}", said.out);
    }
}

#[test]
fn a_token_that_is_bound_to_a_request_is_judged_in_it() {
    let bound = "[issuers.corp]\norigin_claim = \"ord\"\ncookie_binding = { cookie = \"atbv\", \
                 reference = \"ref\", type = { claim = \"kind\", value = \"cookie\" } }";
    let setup = Setup::new().with("[issuers.corp]", bound);
    let token = setup.token(&[
        ("ord", "https://app.example.com".into()),
        ("kind", "cookie".into()),
        ("ref", "5b6f756e3c043d254890dbc5b428fc80".into()),
    ]);
    let alone = setup.explain(&[&token]);
    assert_eq!(alone.refusal(), "refused: origin_mismatch");
    assert!(alone.out.contains("FAIL  origin        origin_mismatch: "), "{}", alone.out);
    assert!(alone.out.contains("\"ord\" must be the request's Origin"), "{}", alone.out);

    let origin = ["--path", "/loans/17", "--header", "Origin: https://app.example.com"];
    let without_cookie = setup.explain(&[&[token.as_str()], &origin[..]].concat());
    assert_eq!(without_cookie.refusal(), "refused: binding_unproven");
    assert!(without_cookie.out.contains("FAIL  cookie        "), "{}", without_cookie.out);
    assert!(without_cookie.out.contains("by the cookie \"atbv\""), "{}", without_cookie.out);

    let cookie = "Cookie: atbv=646b0ed2-c501-4b17-9251-94112013a718";
    let whole = setup.explain(&[&[token.as_str()], &origin[..], &["--header", cookie]].concat());
    assert!(whole.admitted(), "{}", whole.out);
    for told in ["ok    origin        as \"ord\" has it", "ok    cookie        there"] {
        assert!(whole.out.contains(told), "{}", whole.out);
    }
    assert!(!whole.out.contains("646b0ed2"), "{}", whole.out);
}

#[test]
fn o2_neither_token_nor_claims_are_shown_unasked() {
    let setup = Setup::new();
    let token = setup.token(&[("sub", "a\u{1b}[2Jlice".into())]);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let plain = setup.explain(&[&token]);
    assert!(!plain.out.contains("lice"), "{}", plain.out);
    let shown = setup.explain(&[&token, "--show-claims"]);
    assert!(shown.admitted());
    assert!(shown.out.contains(r#"  "sub": "a\u001b[2Jlice""#), "{}", shown.out);
    assert!(shown.out.contains(r#"  "kid": "key-1""#), "{}", shown.out);
    for out in [plain.out, shown.out] {
        assert!(signed.split('.').chain([signature]).all(|part| !out.contains(part)), "{out}");
        assert!(out.chars().all(|c| c == '\n' || !c.is_control()), "{out:?}");
    }
}

#[test]
fn a_reader_that_has_gone_does_not_make_a_refusal_a_success() {
    struct Gone;
    impl std::io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let setup = Setup::new();
    let verdict = setup.explain_into(&["not-a-token"], &mut Gone);
    assert!(matches!(verdict, Err(CommandError::Runtime(_))), "{verdict:?}");
}

#[test]
fn the_exit_code_says_it_too() {
    let setup = Setup::new();
    let eternal = [("exp", 7_000_000_000_i64.into()), ("iat", 1.into())];
    let run = |arguments: &[&str], input: &str| {
        let mut process = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["explain", "--config"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end without having read anything.
        let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
        let output = process.wait_with_output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(told).unwrap())
    };
    let config = setup.config();
    let good = run(&[&config, "-"], &format!("{}\n", setup.token(&eternal)));
    assert_eq!(good.0, 0, "{}", good.1);
    assert!(good.1.ends_with("admitted\n"), "{}", good.1);
    let expired = run(&[&config, &setup.token(&[("exp", 1.into())])], "");
    assert_eq!(expired.0, 1, "{}", expired.1);
    assert!(expired.1.ends_with("countersign: refused: token_expired\n"), "{}", expired.1);
    let no_token = run(&[&config, "-"], "\n");
    assert_eq!(no_token.0, 2, "{}", no_token.1);
    let no_file = run(&["/nonexistent/countersign.toml", "a.b.c"], "");
    assert_eq!(no_file.0, 2, "{}", no_file.1);
    let no_path = run(&[&config, "a.b.c", "--method", "POST"], "");
    assert_eq!(no_path.0, 2, "{}", no_path.1);
}

/// A configuration, and the key that its issuer signs with.
struct Setup {
    folder: tempfile::TempDir,
    key: SigningKey,
}

/// What was written, and how it ended.
struct Said {
    out: String,
    verdict: Result<(), CommandError>,
}

impl Setup {
    fn new() -> Self {
        Self::with_keys("jwks_file = \"JWKS\"")
    }

    fn with_keys(source: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::generate(Algorithm::Es256, Some("key-1")).unwrap();
        let jwks = folder.path().join("jwks.json");
        let set = format!("{{\"keys\":[{}]}}", key.public_jwk().unwrap().to_text());
        fs::write(&jwks, set).unwrap();
        let config = CONFIG.replace("SOURCE", source).replace("JWKS", jwks.to_str().unwrap());
        fs::write(folder.path().join("countersign.toml"), config).unwrap();
        Self { folder, key }
    }

    /// With something else in the configuration.
    fn with(self, old: &str, new: &str) -> Self {
        let config = fs::read_to_string(self.config()).unwrap();
        fs::write(self.config(), config.replacen(old, new, 1)).unwrap();
        self
    }

    fn config(&self) -> String {
        let path: &Path = self.folder.path();
        path.join("countersign.toml").to_str().unwrap().to_owned()
    }

    fn token(&self, changes: &[(&str, Json)]) -> String {
        signed(&self.key, changes)
    }

    fn explain(&self, arguments: &[&str]) -> Said {
        let mut out = Vec::new();
        let verdict = self.explain_into(arguments, &mut out);
        Said { out: String::from_utf8(out).unwrap(), verdict }
    }

    fn explain_into(
        &self,
        arguments: &[&str],
        out: &mut impl std::io::Write,
    ) -> Result<(), CommandError> {
        let config = self.config();
        let command = ["countersign", "explain", "--config", &config];
        let cli = Cli::try_parse_from(command.iter().chain(arguments)).unwrap();
        let countersign::cli::Command::Explain(args) = cli.command else {
            panic!("another command");
        };
        let clock = Arc::new(ManualClock::at(UnixTime(NOW)));
        explain_at(&args, clock, &mut std::io::empty(), out)
    }
}

impl Said {
    fn admitted(&self) -> bool {
        self.verdict.is_ok() && self.out.ends_with("admitted\n")
    }

    fn refusal(&self) -> String {
        match &self.verdict {
            Err(CommandError::Runtime(cause)) => cause.clone(),
            other => panic!("{other:?}\n{}", self.out),
        }
    }
}

/// A token as the issuer makes them, with some claims changed.
fn signed(key: &SigningKey, changes: &[(&str, Json)]) -> String {
    let mut claims = Object::default();
    claims.insert("iss", ISSUER);
    claims.insert("aud", AUDIENCE);
    claims.insert("sub", "alice");
    claims.insert("tenant", "t-1");
    claims.insert("scope", "loans:read");
    claims.insert("iat", NOW);
    claims.insert("exp", NOW + 300);
    for (name, value) in changes {
        claims.insert(*name, value.clone());
    }
    let mut header = Object::default();
    header.insert("typ", "at+jwt");
    key.sign_compact(&header, claims.to_text().as_bytes()).unwrap()
}

const CONFIG: &str = r#"
[upstreams.app]
url = "http://127.0.0.1:1"

[issuers.corp]
issuer = "https://idp.example.com"
audiences = ["https://api.example.com"]
algorithms = ["ES256"]
require = ["tenant"]

[issuers.corp.keys]
SOURCE

[claims]
"x-auth-subject" = "sub"

[[routes]]
path = "/healthz"
access = "public"

[[routes]]
path = "/loans/*"
methods = ["GET"]

[[routes]]
path = "/loans/*"
methods = ["POST"]
scopes = ["loans:write"]
"#;

/// A route of its own for signed bodies, by the key that signs tokens, too.
fn with_signature() -> Setup {
    let setup = Setup::new();
    let jwks = setup.folder.path().join("jwks.json").display().to_string();
    let rules = format!(
        "[signatures.partner]\nsigner = {{ fixed = \"acme\" }}\ncaller = \"unrelated\"\n\
         keys.jwks_file = \"{jwks}\"\n[[routes]]\npath = \"/signed\"\nsignature = \"partner\"\n"
    );
    let config = fs::read_to_string(setup.config()).unwrap() + &rules;
    fs::write(setup.config(), config).unwrap();
    setup
}

impl Setup {
    fn explain_signed(&self, signed: &[u8], sent: &[u8]) -> Said {
        use countersign::jose::Dialect;
        let signature =
            self.key.sign_detached(Dialect::Rfc7797, &Object::default(), signed).unwrap();
        let body = self.folder.path().join("body");
        fs::write(&body, sent).unwrap();
        let (token, body) = (self.token(&[]), body.to_str().unwrap().to_owned());
        self.explain(&[
            &token,
            "--path",
            "/signed",
            "--method",
            "POST",
            "--signature",
            &signature,
            "--body",
            &body,
        ])
    }
}

#[test]
fn a_signature_over_the_body_is_explained_like_a_token() {
    let setup = with_signature();
    let right = setup.explain_signed(b"{\"a\":1}", b"{\"a\":1}");
    assert!(right.admitted(), "{}", right.out);
    let last: Vec<_> = right.out.lines().rev().take(3).collect();
    assert_eq!(
        last,
        [
            "admitted",
            "ok    body          the signature over the body of 7 bytes is right",
            "ok    signer        \"acme\", ES256 as rfc7797, key EC P-256, kid \"key-1\"",
        ]
    );
    let missing = setup.explain(&[&setup.token(&[]), "--path", "/signed", "--method", "POST"]);
    assert!(!missing.admitted());
    assert!(missing.out.contains(
        "FAIL  signature     signature_missing: The request is not signed. (The route asks for \
         one: --signature and --body.)"
    ));
}

/// What goes wrong between who signs a body and who sends it is said, where it can be found out.
#[test]
fn a_body_that_changed_on_the_way_is_recognised() {
    let setup = with_signature();
    for (signed, sent, found) in [
        (&b"{\"a\":1}"[..], &b"{\"a\":1}\n"[..], "the body without the line break at its end"),
        (b"{\"a\":1}\n", b"{\"a\":1}", "the body with a line break at its end"),
        (b"{\"a\":1,\"b\":2}", b"{ \"a\": 1, \"b\": 2 }", "the same JSON without white space"),
        (b"a\r\nb", b"a\nb", "the body with CRLF line breaks"),
        (b"YWJj", b"abc", "the body in base64url, though its header says that it is not"),
    ] {
        let said = setup.explain_signed(signed, sent);
        assert!(!said.admitted());
        let expected = format!(
            "FAIL  body          signature_invalid: The signature is wrong. (the signature is wrong; \
             found: ES256, kid 'key-1'.) (It is right over {found}.)"
        );
        assert!(said.out.contains(&expected), "{}", said.out);
    }
    let other = setup.explain_signed(b"one thing", b"another");
    assert!(other.out.contains("found: ES256, kid 'key-1'.)\n"), "{}", other.out);
}
