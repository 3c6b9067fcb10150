//! Servers that can be reached through an HTTP proxy only: what it learns, what it can do, and
//! what happens when it does not do its part.

use std::{fs, process::Command};

use base64::{Engine, prelude::BASE64_STANDARD};
use countersign::reason::Reason;
use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    authority::Authority,
    client::Request,
    egress_proxy::{EgressProxy, TunnelPolicy},
    introspection::Endpoint,
    issuer::Issuer,
    key_server::{KeyServer, Page},
    listening::Listening,
    process::{BINARY, Process},
    setup::Setup,
    upstream::Upstream,
    wait_until,
    world::{JWKS, World},
};

const NAME: &str = "idp.test";
const PASSWORD: &str = "hunter2-of-the-proxy";

/// An identity provider under a name that only the proxy knows.
struct Scene {
    world: World,
    provider: Endpoint,
    egress: EgressProxy,
    _files: TempDir,
}

impl Scene {
    /// `certificate` is the name that the provider can prove to have; `lines` are further ones of
    /// the keys' section, `more` are tables. In all of them `PROXY`, `CA`, `CREDENTIALS` stand for
    /// what their names say.
    fn start(certificate: &str, lines: &str, more: &str) -> Self {
        Self::with_policy(TunnelPolicy::Open, certificate, lines, more)
    }

    fn with_policy(policy: TunnelPolicy, certificate: &str, lines: &str, more: &str) -> Self {
        let authority = Authority::new("tests");
        let (issuer, upstream) = (Issuer::usual(), Upstream::start());
        let (provider, egress) = (Endpoint::named(&authority, certificate), EgressProxy::start());
        provider.serve(JWKS, Page::json(&issuer.jwks()));
        egress.resolve(&format!("{NAME}:443"), provider.address());
        egress.set(policy);
        let files = tempfile::tempdir().unwrap();
        fs::write(files.path().join("ca.pem"), authority.pem()).unwrap();
        fs::write(files.path().join("proxy"), format!("countersign:{PASSWORD}\n")).unwrap();
        fs::write(files.path().join("secret"), "secret-of-the-client").unwrap();
        let filled = |text: &str| {
            let path = |name: &str| files.path().join(name).display().to_string();
            // In quotes, since the folder's random name may hold such letters.
            text.replace("\"PROXY\"", &format!("{:?}", egress.url()))
                .replace("\"CREDENTIALS\"", &format!("{:?}", path("proxy")))
                .replace("\"SECRET\"", &format!("{:?}", path("secret")))
                .replace("\"CA\"", &format!("{:?}", path("ca.pem")))
        };
        let source = if lines.contains("discovery") {
            String::new()
        } else {
            format!("jwks_url = \"https://{NAME}{JWKS}\"\n")
        };
        let keys = filled(&format!("{source}ca_file = \"CA\"\nproxy = \"PROXY\"\n{lines}"));
        let setup = Setup::new().issuer_from("corp", &issuer, "", &keys).with(&filled(more));
        let proxy = setup.start_unready(&upstream);
        let world = World { proxy, upstream, key_server: KeyServer::start(), issuer };
        Self { world, provider, egress, _files: files }
    }

    fn refreshes(&self, outcome: &str) -> f64 {
        let series =
            format!("countersign_key_refreshes_total{{issuer=\"corp\",outcome=\"{outcome}\"}}");
        self.world.proxy.metric(&series)
    }

    fn fails_by(&self, case: &str, outcome: &str) {
        wait_until(case, || self.refreshes(outcome) > 0.0);
        let token = self.world.issuer.mint(json!({}));
        self.world.refuses(case, &token, Reason::KeysUnavailable);
        assert!(self.provider.visits(JWKS).is_empty(), "{case}: nothing was asked");
    }
}

#[test]
fn keys_come_through_a_tunnel_by_a_name_that_only_the_proxy_knows() {
    let scene = Scene::start(NAME, "", "");
    scene.world.proxy.wait_until_ready();
    scene.world.admits("through the tunnel", &scene.world.issuer.mint(json!({})));
    let asked = scene.egress.asked();
    assert!(!asked.is_empty());
    for head in asked {
        assert_eq!(head.start, "CONNECT idp.test:443 HTTP/1.1");
        let names: Vec<_> = head.fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["host", "user-agent"], "and nothing of any request");
    }
    let carried = String::from_utf8_lossy(&scene.egress.carried()).into_owned();
    assert!(!carried.contains(JWKS), "the proxy reads no more than the name");
}

/// A proxy that leads elsewhere is no worse than a network that does.
#[test]
fn k14_k17_the_certificate_is_checked_inside_of_the_tunnel() {
    let scene = Scene::start("other.test", "", "");
    scene.fails_by("for another name", "tls");
}

#[test]
fn k17_what_a_proxy_answers_instead_of_a_tunnel_is_told() {
    for (case, policy, told) in [
        (
            "it refuses",
            TunnelPolicy::Say(b"HTTP/1.1 403 Filtered\r\n\r\n".to_vec()),
            "answered CONNECT with status 403, expected 200; it does not allow that server",
        ),
        (
            "it wants credentials",
            TunnelPolicy::Demand("Basic eDp5".to_owned()),
            "answered CONNECT with status 407, expected 200; it wants other credentials",
        ),
        (
            "it speaks first",
            TunnelPolicy::Say(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}".to_vec()),
            "sent something behind its answer to CONNECT",
        ),
        (
            "it is no proxy",
            TunnelPolicy::Say(b"220 mail.test ESMTP\r\n\r\n".to_vec()),
            "answered CONNECT with \"220 mail.test ESMTP\", which is no HTTP/1",
        ),
        ("it hangs up", TunnelPolicy::Say(Vec::new()), "closed the connection before"),
        (
            "it never ends",
            TunnelPolicy::Say(vec![b'x'; 64 * 1024]),
            "answered CONNECT with more than 8192 bytes of headers",
        ),
        ("it says nothing", TunnelPolicy::Silence, "has not opened a tunnel within 200ms"),
    ] {
        let scene = Scene::with_policy(policy, NAME, "timeout = \"400ms\"", "");
        scene.fails_by(case, "proxy");
        let expected = format!("the proxy {} {told}", scene.egress.url());
        let logs = scene.world.proxy.logs();
        assert!(logs.contains(&expected), "{case}: {expected}\n{logs}");
    }
}

#[test]
fn o2_a_proxy_gets_its_password_and_no_other_server_does() {
    let pair = BASE64_STANDARD.encode(format!("countersign:{PASSWORD}"));
    let demanded = TunnelPolicy::Demand(format!("Basic {pair}"));
    let credentials = "proxy_credentials_file = \"CREDENTIALS\"";
    let scene = Scene::with_policy(demanded, NAME, credentials, "");
    scene.world.proxy.wait_until_ready();
    scene.world.admits("with its password", &scene.world.issuer.mint(json!({})));
    let question = scene.provider.visits(JWKS).remove(0);
    assert_eq!(question.head.field("proxy-authorization"), None, "not for the server");
    let pages = ["/metrics", "/keys", "/config"].map(|page| scene.world.proxy.page(page));
    let shown = [&scene.world.proxy.logs(), &pages.concat()].map(String::as_str).concat();
    assert!(shown.contains("proxy_credentials_file"), "the file is named");
    for secret in [PASSWORD, &pair] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

/// Metadata may name any https URL, and plain http of this machine; through the proxy goes https.
#[test]
fn k11_k17_metadata_lead_to_nothing_past_the_proxy() {
    let canary = Listening::canary();
    let scene = Scene::start(NAME, "discovery = \"https://idp.test/metadata\"", "");
    let issuer = scene.world.issuer.iss();
    let metadata = |uri: &str| Page::json(&json!({ "issuer": issuer, "jwks_uri": uri }));
    scene.provider.serve("/metadata", metadata(&format!("http://{}/jwks", canary.address())));
    wait_until("plain http is refused", || scene.refreshes("proxy") > 0.0);
    assert_eq!(canary.accepted(), 0);
    scene.provider.serve("/metadata", metadata("https://keys.test:8443/corp/jwks"));
    scene.egress.resolve("keys.test:8443", scene.provider.address());
    wait_until("the keys' host was asked for", || {
        scene.egress.asked().iter().any(|head| head.start.contains("keys.test:8443"))
    });
}

#[test]
fn tokens_are_introspected_through_the_proxy_with_a_token_of_our_own() {
    let introspection = r#"
[issuers.corp.introspection]
url = "https://idp.test/introspect"
auth = "bearer"
token_url = "https://idp.test/token"
client_id = "api"
client_secret_file = "SECRET"
proxy = "PROXY"
proxy_credentials_file = "CREDENTIALS"
ca_file = "CA"
"#;
    let scene = Scene::start(NAME, "", introspection);
    scene.world.proxy.wait_until_ready();
    let token = json!({ "access_token": "ours", "token_type": "Bearer", "expires_in": 300 });
    scene.provider.serve("/token", Page::json(&token));
    let iss = scene.world.issuer.iss();
    let aud = crate::support::issuer::AUDIENCE;
    scene.provider.activate("opaque", &json!({ "sub": "alice", "iss": iss, "aud": aud }));
    let answer = scene.world.proxy.exchange(&Request::get("/").bearer("opaque"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let question = scene.provider.last();
    assert_eq!(question.head.field("authorization"), Some("Bearer ours"));
    assert_eq!(question.head.field("proxy-authorization"), None);
    let carried = String::from_utf8_lossy(&scene.egress.carried()).into_owned();
    assert!(!carried.contains("opaque") && !carried.contains("ours"));

    scene.egress.set(TunnelPolicy::Say(b"HTTP/1.1 503 Busy\r\n\r\n".to_vec()));
    scene.provider.say_of_all(Some(Page::hang_up()));
    let refused = scene.world.proxy.exchange(&Request::get("/").bearer("another"));
    assert_eq!(refused.status, 503, "we cannot decide");
}

#[test]
fn a_revocation_list_comes_through_the_proxy() {
    let revocation = r#"
[revocation]
url = "https://idp.test/revoked"
refresh = "1s"
proxy = "PROXY"
ca_file = "CA"
"#;
    let scene = Scene::start(NAME, "", revocation);
    scene.provider.serve("/revoked", Page::json(&json!({ "revoked": [{ "sub": "mallory" }] })));
    scene.world.proxy.wait_until_ready();
    let token = |sub: &str| scene.world.issuer.mint(json!({ "sub": sub }));
    scene.world.admits("alice", &token("alice"));
    scene.world.refuses("mallory", &token("mallory"), Reason::TokenRevoked);
}

/// What the environment names would be on the way to the keys.
#[test]
fn x5_k17_the_configured_proxy_is_used_whatever_the_environment_says() {
    let canary = Listening::canary();
    let authority = Authority::new("tests");
    let (issuer, upstream) = (Issuer::usual(), Upstream::start());
    let (provider, egress) = (Endpoint::named(&authority, NAME), EgressProxy::start());
    provider.serve(JWKS, Page::json(&issuer.jwks()));
    egress.resolve(&format!("{NAME}:443"), provider.address());
    let ca = tempfile::NamedTempFile::new().unwrap();
    fs::write(ca.path(), authority.pem()).unwrap();
    let keys = format!(
        "jwks_url = \"https://{NAME}{JWKS}\"\nproxy = \"{}\"\nca_file = \"{}\"",
        egress.url(),
        ca.path().display()
    );
    let setup =
        Setup::new().issuer_from("corp", &issuer, "", &keys).with("[log]\nformat = \"json\"");
    let mut command = Command::new(BINARY);
    command.env_clear().env("NO_PROXY", "*").env("no_proxy", NAME);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        command.env(name, format!("http://{}", canary.address()));
    }
    let process = Process::start_by(&mut command, &setup, &upstream);
    let token = issuer.mint(json!({ "iat": 0, "exp": 9_000_000_000_u64 }));
    let answer = process.client().exchange(&Request::get("/").bearer(&token));
    assert!(answer.is_from_upstream(), "{answer:?}");
    assert_eq!((egress.asked().len(), canary.accepted()), (1, 0));

    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    fs::write(file.path(), setup.toml(&upstream)).unwrap();
    let check = Command::new(BINARY)
        .args(["check", "--online", "--config"])
        .arg(file.path())
        .output()
        .unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    assert_eq!(egress.asked().len(), 2, "the check goes the same way");
}

/// A proxy that is not there is told as such.
#[test]
fn k17_a_proxy_that_is_down_is_named() {
    let authority = Authority::new("tests");
    let (issuer, upstream) = (Issuer::usual(), Upstream::start());
    let files = tempfile::tempdir().unwrap();
    fs::write(files.path().join("ca.pem"), authority.pem()).unwrap();
    let keys = format!(
        "jwks_url = \"https://{NAME}/jwks\"\nproxy = \"http://127.0.0.1:1\"\nca_file = \"{}\"",
        files.path().join("ca.pem").display()
    );
    let setup = Setup::new().issuer_from("corp", &issuer, "", &keys);
    let proxy = setup.start_unready(&upstream);
    let told = "the proxy http://127.0.0.1:1 can't be reached: ";
    wait_until("it is told", || proxy.logs().contains(told));
    assert!(proxy.logs().contains("refused"), "{}", proxy.logs());
}
