//! The pages below `docs/systems/`: their configurations load, what they call an access token is
//! admitted with the headers that they show, and what they call refused is refused for that reason.
//!
//! A page has blocks of `toml`, each a whole configuration, and of `json`, each a token for the
//! configuration above it: `accepted`, followed by the headers as `http`, or `refused` with the
//! reason's code.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use countersign::jose::{Algorithm, SigningKey};
use serde_json::Value;

use crate::support::{
    client::Request,
    issuer::{Issuer, key, public, renamed, sign},
    proxy::Proxy,
    shipped::Shipped,
    upstream::Upstream,
};

/// When every token of a page is valid.
const NOW: i64 = 1_800_000_200;

/// A fenced block.
struct Block {
    /// What follows the fence, such as `json refused kid_unknown`.
    kind: String,
    text: String,
}

/// The blocks of a page, in its order.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let text: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block { kind: kind.to_owned(), text: text.join("\n") });
        }
    }
    blocks
}

/// A configuration of a page, at work.
struct Configured {
    // First, so that it goes first: its invariants ask the others.
    proxy: Proxy,
    upstream: Upstream,
    keys: Keys,
    _files: tempfile::TempDir,
}

impl Configured {
    fn start(text: &str, tokens: &[&Block]) -> Self {
        let keys = Keys::of(tokens);
        let shipped = Shipped::of_text(text);
        let file = shipped.file("jwks.json");
        fs::write(&file, keys.jwks().to_string()).unwrap();
        let shipped = shipped
            .with_keys_in(&file)
            .and("\n[denials]\nprofile = \"problem\"\nexpose_reasons = true\n");
        let upstream = Upstream::start();
        let (proxy, files) = shipped.start(&upstream, NOW);
        Self { proxy, upstream, keys, _files: files }
    }

    fn request(&self, page: &str, token: &Token) -> Request {
        let request = Request::get("/").field("x-auth-subject", "forged");
        let signed = self.keys.sign(token);
        // Where the configuration takes the token from.
        match page.contains("header = \"x-goog-iap-jwt-assertion\"") {
            true => request.field("x-goog-iap-jwt-assertion", &signed),
            false => request.bearer(&signed),
        }
    }

    #[track_caller]
    fn admits(&self, case: &str, request: &Request, headers: &str) {
        let answer = self.proxy.exchange(request);
        assert!(answer.is_from_upstream(), "{case}: {answer:?}");
        let received = self.upstream.requests().pop().unwrap();
        let fields = received.head.fields.iter().filter(|(name, _)| name.starts_with("x-auth-"));
        let mut found: Vec<_> = fields.map(|(name, value)| format!("{name}: {value}")).collect();
        found.sort();
        assert_eq!(found.join("\n"), headers, "{case}");
    }

    #[track_caller]
    fn refuses(&self, case: &str, request: &Request, reason: &str) {
        let before = self.proxy.mark();
        let answer = self.proxy.exchange(request);
        assert_eq!(answer.reason().as_deref(), Some(reason), "{case}: {answer:?}");
        before.assert_untouched(case);
    }
}

/// A token as a page shows it.
struct Token {
    header: Value,
    claims: Value,
}

impl Token {
    fn read(block: &Block) -> Self {
        let mut token: Value = serde_json::from_str(&block.text)
            .unwrap_or_else(|error| panic!("{error}: {}", block.text));
        Self { header: token["header"].take(), claims: token["claims"].take() }
    }

    fn kid(&self) -> &str {
        self.header["kid"].as_str().unwrap()
    }
}

/// A key for every `kid` of a page.
struct Keys(BTreeMap<String, Arc<SigningKey>>);

impl Keys {
    fn of(tokens: &[&Block]) -> Self {
        let keys = tokens.iter().map(|block| {
            let token = Token::read(block);
            let key = match token.header["alg"].as_str() {
                Some("RS256") => renamed(Issuer::usual().key("rsa"), token.kid()),
                Some("ES256") => key(Algorithm::Es256, token.kid()),
                other => panic!("{other:?}"),
            };
            (token.kid().to_owned(), key)
        });
        Self(keys.collect())
    }

    fn jwks(&self) -> Value {
        serde_json::json!({ "keys": self.0.values().map(|key| public(key)).collect::<Vec<_>>() })
    }

    fn sign(&self, token: &Token) -> String {
        sign(&self.0[token.kid()], token.header.clone(), token.claims.to_string().as_bytes())
    }
}

/// Tries everything on a page; how many tokens it has.
fn try_page(name: &str, page: &str) -> usize {
    let blocks = blocks(page);
    let mut tried = 0;
    let configurations = blocks.split_inclusive(|block| block.kind == "toml");
    // What ends with a configuration is followed by its tokens.
    let parts: Vec<_> = configurations.collect();
    for pair in parts.windows(2) {
        let (configuration, tokens) = (pair[0].last().unwrap(), pair[1]);
        let is_token = |block: &&Block| block.kind.starts_with("json ");
        let signed: Vec<_> = tokens.iter().filter(is_token).collect();
        let configured = Configured::start(&configuration.text, &signed);
        for (at, block) in tokens.iter().enumerate().filter(|(_, block)| is_token(block)) {
            let case = format!("{name}, token {tried}");
            let request = configured.request(&configuration.text, &Token::read(block));
            match block.kind.split(' ').collect::<Vec<_>>()[..] {
                ["json", "accepted"] => {
                    let headers = &tokens[at + 1];
                    assert_eq!(headers.kind, "http", "{case}");
                    configured.admits(&case, &request, &headers.text);
                }
                ["json", "refused", reason] => configured.refuses(&case, &request, reason),
                _ => panic!("{case}: {}", block.kind),
            }
            tried += 1;
        }
    }
    tried
}

#[test]
fn every_page_about_a_system_is_right_about_its_tokens() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/systems");
    let mut tried = 0;
    for page in fs::read_dir(folder).unwrap() {
        let path = page.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        tried += try_page(&name, &fs::read_to_string(&path).unwrap());
    }
    assert!(tried >= 18, "only {tried} tokens");
}
