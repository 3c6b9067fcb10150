//! `[[listeners]]`, and what routes say of them.

use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::listener::settings::ListenAddress;

const LISTENER: &str = "[[listeners]]\nlisten = \"127.0.0.1:8443\"\n";

/// The minimal configuration with these lines of a listener.
fn with_listener(lines: &str) -> String {
    format!("{MINIMAL}\n{LISTENER}{lines}")
}

fn assert_listener_mistake(lines: &str, message: &str) {
    let message = format!("countersign.toml: listeners[0].{message}");
    assert_eq!(mistakes(&with_listener(lines)), [message], "{lines}");
}

fn listens(settings: &Settings) -> Vec<String> {
    settings.listeners.iter().map(|it| format!("{} {}", it.name, it.listen)).collect()
}

fn listener_warnings(text: &str) -> Vec<String> {
    let warnings = settings(text).warnings().into_iter();
    warnings.filter(|text| text.starts_with("listeners") || text.starts_with("routes")).collect()
}

#[test]
fn listeners_are_instead_of_the_default_address_and_beside_one_that_is_set() {
    assert_eq!(listens(&settings(MINIMAL)), ["server 0.0.0.0:8080"]);
    let instead = settings(&with_listener(""));
    assert_eq!(listens(&instead), ["127.0.0.1:8443 127.0.0.1:8443"]);
    assert_eq!(instead.server.listen, None);
    let beside = format!("[server]\nlisten = \"127.0.0.1:1\"\n{}", with_listener("name = \"a\""));
    assert_eq!(listens(&settings(&beside)), ["server 127.0.0.1:1", "a 127.0.0.1:8443"]);
}

#[test]
fn every_listener_is_another_address_and_has_another_name() {
    let twice = format!("{}[[listeners]]\nlisten = \"127.0.0.1:8443\"\n", with_listener(""));
    assert_eq!(
        mistakes(&twice),
        [
            "countersign.toml: listeners[1].listen: is the same address as that of the listener \
             \"127.0.0.1:8443\" (127.0.0.1:8443)",
            "countersign.toml: listeners[1].name: found \"127.0.0.1:8443\", which is another's name",
        ]
    );
    let admin = format!("{}\n[admin]\nlisten = \"127.0.0.1:8443\"", with_listener("name = \"a\""));
    assert_eq!(
        mistakes(&admin),
        ["countersign.toml: admin.listen: is the same address as that of the listener \"a\" \
             (127.0.0.1:8443)"]
    );
    let systemd =
        "[[listeners]]\nlisten = \"systemd:https\"\n[[listeners]]\nlisten = \"systemd:1\"";
    let loaded = settings(&format!("{MINIMAL}\n{systemd}"));
    assert_eq!(listens(&loaded), ["systemd:https systemd:https", "systemd:1 systemd:1"]);
}

#[test]
fn mistakes_of_a_listener_are_told_all_at_once() {
    let text = with_listener(
        "name = \"a b\"\nroutes = [\"\"]\nhosts = [\"*\"]\nmax_connections = 0\n\
         max_connections_per_address = -1\nproxy_protocol = {}\nunknown = 1",
    )
    .replace("127.0.0.1:8443", "localhost:8443");
    let found: Vec<_> =
        mistakes(&text).iter().map(|it| it.split(':').nth(1).unwrap().trim().to_owned()).collect();
    let expected = [
        "listeners[0].name",
        "listeners[0].listen",
        "listeners[0].routes",
        "listeners[0].hosts[0]",
        "listeners[0].proxy_protocol.from",
        "listeners[0].max_connections",
        "listeners[0].max_connections_per_address",
        "listeners[0].unknown",
    ];
    assert_eq!(found, expected);
}

#[test]
fn n1_server_listen_says_which_connections_it_takes_as_listeners_do() {
    let lines = "proxy_protocol = { from = [\"10.0.0.0/8\"] }\nmax_connections = 7\n\
                 max_connections_per_address = 2";
    let loaded = settings(&format!("[server]\n{lines}\n{MINIMAL}"));
    let accepts = &first(&loaded.listeners).accepts;
    assert_eq!(accepts.proxy_protocol.as_ref().unwrap().from.len(), 1);
    assert_eq!(accepts.max_connections, Some(7));
    assert_eq!(accepts.max_connections_per_address, Some(2));
    let wrong = "listen = \"unix:/run/in.sock\"\nproxy_protocol = {}\nmax_connections = 0\n\
                 max_connections_per_address = 1";
    let found: Vec<_> = mistakes(&format!("[server]\n{wrong}\n{MINIMAL}"))
        .iter()
        .map(|it| it.split(':').nth(1).unwrap().trim().to_owned())
        .collect();
    let expected = ["proxy_protocol.from", "max_connections", "max_connections_per_address"];
    assert_eq!(found, expected.map(|key| format!("server.{key}")));
}

#[test]
fn an_address_is_a_socket_of_ours_or_of_systemds() {
    let expected = "expected an address with a port such as \"127.0.0.1:8080\", \
                    \"unix:/path/to/socket\" or \"systemd:NAME\"";
    for wrong in ["8443", "unix:relative", "systemd:", "systemd:a:b", "systemd:a b"] {
        let text = format!("{MINIMAL}\n[[listeners]]\nlisten = \"{wrong}\"");
        let message =
            format!("countersign.toml: listeners[0].listen: found \"{wrong}\", {expected}");
        assert_eq!(mistakes(&text), [message]);
    }
    let unix = settings(&with_listener("").replace("127.0.0.1:8443", "unix:/run/in.sock"));
    assert_eq!(first(&unix.listeners).listen, ListenAddress::Unix("/run/in.sock".into()));
}

#[test]
fn n1_the_proxy_protocol_needs_the_balancers_networks() {
    let list = "a list of the load balancers' networks such as [\"10.0.0.0/8\"]";
    assert_listener_mistake(
        "proxy_protocol = {}",
        &format!("proxy_protocol.from: missing; expected {list}"),
    );
    assert_listener_mistake(
        "proxy_protocol = { from = [] }",
        &format!("proxy_protocol.from: found an empty list, expected {list}"),
    );
    assert_listener_mistake(
        "proxy_protocol = { from = [\"0.0.0.0/0\"] }",
        "proxy_protocol.from[0]: found \"0.0.0.0/0\", expected a network that is not the whole \
         internet",
    );
    assert_listener_mistake(
        "proxy_protocol = { from = [\"unix\"] }",
        "proxy_protocol: found \"unix\", and the listener is no unix socket",
    );
    let unix = with_listener("proxy_protocol = { from = [\"10.0.0.0/8\"] }")
        .replace("127.0.0.1:8443", "unix:/run/in.sock");
    assert_eq!(
        mistakes(&unix),
        ["countersign.toml: listeners[0].proxy_protocol: a unix socket has peers without \
             addresses; expected from = [\"unix\"]"]
    );
}

#[test]
fn what_has_no_effect_is_a_mistake() {
    let certificate = "[server.tls]\ncertificate = \"/none\"\nprivate_key = \"/none\"\n";
    let found = mistakes(&format!("{certificate}{}", with_listener("")));
    let expected = "countersign.toml: server.tls: has no effect without server.listen; expected tls \
                    of the listeners";
    assert!(found.iter().any(|it| it == expected), "{found:?}");
    let server = "[server]\nproxy_protocol = { from = [\"10.0.0.0/8\"] }\nmax_connections = 5\n";
    let found = mistakes(&format!("{server}{}", with_listener("")));
    for key in ["proxy_protocol", "max_connections"] {
        let expected = format!(
            "countersign.toml: server.{key}: has no effect without server.listen; expected {key} \
             of the listeners"
        );
        assert!(found.contains(&expected), "{found:?}");
    }
    let unix = with_listener("max_connections_per_address = 1")
        .replace("127.0.0.1:8443", "unix:/run/in.sock");
    assert_eq!(
        mistakes(&unix),
        ["countersign.toml: listeners[0].max_connections_per_address: has no effect: clients of \
             a unix socket have no address"]
    );
    assert_mistake(
        "client_certificate = \"any\"",
        "countersign.toml: routes[0].client_certificate: can't be met: no listener of the route \
         requests client certificates (tls.client_auth)",
    );
    assert_mistake(
        "[identity.client_certificate]\nsubject = \"x-client-cert-subject\"",
        "countersign.toml: identity.client_certificate: has no effect: no listener requests client \
         certificates (tls.client_auth)",
    );
}

#[test]
fn a_listener_names_routes_that_there_are() {
    assert_listener_mistake(
        "routes = [\"loans\"]",
        "routes: found \"loans\", which is not the name of a route",
    );
    let twice = format!("{MINIMAL}name = \"a\"\n[[routes]]\npath = \"/b\"\nname = \"a\"");
    assert_eq!(
        mistakes(&twice),
        ["countersign.toml: routes[1].name: found \"a\", which is the name of routes[0] as well"]
    );
}

/// Such as a redirect where there is no TLS, and the service where there is.
#[test]
fn two_routes_of_one_path_are_none_of_the_others_duplicate_on_different_listeners() {
    let routes = "name = \"a\"\n[[routes]]\npath = \"/**\"\nname = \"b\"\n";
    let listeners = "[[listeners]]\nlisten = \"127.0.0.1:1\"\nroutes = [\"a\"]\n\
                     [[listeners]]\nlisten = \"127.0.0.1:2\"\nroutes = [\"b\"]\n";
    settings(&format!("{MINIMAL}{routes}{listeners}"));
    let both = listeners.replace("[\"b\"]", "[\"a\", \"b\"]");
    let found = mistakes(&format!("{MINIMAL}{routes}{both}"));
    assert!(found[0].contains("matches the same requests as"), "{found:?}");
}

#[test]
fn listeners_and_routes_that_have_no_use_of_each_other_are_warned_of() {
    let named = format!("{MINIMAL}name = \"a\"\nhosts = [\"*.example.com\"]\n{LISTENER}");
    assert_eq!(listener_warnings(&format!("{named}hosts = [\"api.example.com\"]")), [""; 0]);
    assert_eq!(
        listener_warnings(&format!("{named}hosts = [\"api.example.net\"]")),
        ["listeners[0].routes: no route can be reached here: every request is refused"]
    );
    let unnamed = format!("{named}routes = [\"a\"]\n[[routes]]\npath = \"/b\"");
    assert_eq!(
        listener_warnings(&unnamed),
        ["routes[1]: no listener has it, so that no request takes it; listeners name it in their \
          routes"]
    );
}

/// Files of certificates for these names, one each.
fn certificates(names: &[&str]) -> Workspace {
    let workspace = Workspace::new();
    for name in names {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![(*name).to_owned()]).unwrap();
        workspace.write(&format!("{name}.crt"), params.self_signed(&key).unwrap().pem());
        workspace.write(&format!("{name}.key"), key.serialize_pem());
    }
    workspace
}

impl Workspace {
    /// A listener with these certificates, and further lines of its `tls`.
    fn listener_mistakes(&self, names: &[&str], lines: &str) -> Vec<String> {
        let folder = self.path().display();
        let of_one = |name: &&str| {
            format!(
                "[[listeners.tls.certificates]]\ncertificate = \"{folder}/{name}.crt\"\n\
                 private_key = \"{folder}/{name}.key\"\n"
            )
        };
        let list: String = names.iter().map(of_one).collect();
        self.mistakes(&with_listener(&format!("[listeners.tls]\n{lines}\n{list}")))
    }
}

#[test]
fn every_further_certificate_has_a_name_of_its_own() {
    let workspace = certificates(&["a.test", "b.test"]);
    assert_eq!(workspace.listener_mistakes(&["a.test", "b.test"], ""), [""; 0]);
    assert_eq!(
        workspace.listener_mistakes(&["a.test", "b.test", "a.test"], ""),
        ["countersign.toml: listeners[0].tls.certificates[2].certificate: has no DNS name that \
             an earlier certificate does not have, so that no client would get it"]
    );
    let both = "certificate = \"/none\"\nalpn = [\"h2\", \"h2\"]";
    assert_eq!(
        workspace.listener_mistakes(&["a.test"], both),
        [
            "countersign.toml: listeners[0].tls.certificate: has no effect beside certificates; \
             expected it as one of these",
            "countersign.toml: listeners[0].tls.alpn: lists a protocol twice",
        ]
    );
    workspace.write("b.test.key", KeyPair::generate().unwrap().serialize_pem());
    let found = workspace.listener_mistakes(&["a.test", "b.test"], "");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with(
            "countersign.toml: listeners[0].tls.certificates[1].private_key: the key in b.test.key \
             is not the one of the first certificate"
        ),
        "{found:?}"
    );
}

#[test]
fn a_revocation_list_that_can_not_be_read_is_a_mistake() {
    let workspace = certificates(&["a.test"]);
    let folder = workspace.path().display();
    let clients = format!("client_ca = \"{folder}/a.test.crt\"\nclient_auth = \"required\"\n");
    let expected = "expected PEM with the revocation lists (X509 CRL) of authorities";
    for (content, problem) in [
        ("\n".to_owned(), "holds no revocation list"),
        (tls::pem("X509 CRL", b"nothing"), "holds a malformed revocation list"),
    ] {
        workspace.write("list", content);
        let lines = format!("{clients}crl_file = \"{folder}/list\"");
        assert_eq!(
            workspace.listener_mistakes(&["a.test"], &lines),
            [format!(
                "countersign.toml: listeners[0].tls.crl_file: the file list {problem}; {expected}"
            )]
        );
    }
}

impl Workspace {
    /// The minimal configuration with a listener that requests client certificates, further lines
    /// of its route, and further tables.
    fn certified_mistakes(&self, route: &str, tables: &str) -> Vec<String> {
        let folder = self.path().display();
        let tls = format!(
            "[server.tls]\ncertificate = \"{folder}/a.test.crt\"\n\
             private_key = \"{folder}/a.test.key\"\nclient_ca = \"{folder}/a.test.crt\"\n\
             client_auth = \"optional\"\n"
        );
        self.mistakes(&format!("{tls}{MINIMAL}{route}\n{tables}"))
    }
}

#[test]
fn a_rule_that_no_certificate_could_meet_as_it_is_written_is_a_mistake() {
    let workspace = certificates(&["a.test"]);
    for good in ["\"any\"", "{ subject = [\"CN=a\"], san = [\"URI:spiffe://a/b\"] }"] {
        let found = workspace.certified_mistakes(&format!("client_certificate = {good}"), "");
        assert_eq!(found, [""; 0], "{good}");
    }
    for (rule, message) in [
        ("5", ": found 5, expected \"any\", or a table with subject, san or fingerprint"),
        (
            "{}",
            ": requires nothing; expected subject, san or fingerprint, or \"any\" in place of the \
             table",
        ),
        (
            "{ subject = [\"CN=Müller\"] }",
            ".subject[0]: found \"CN=Müller\", expected printable ASCII, with \\XX for other bytes \
             (RFC 4514)",
        ),
        (
            "{ san = [\"billing\"] }",
            ".san[0]: found \"billing\", expected a name with its kind: DNS:, URI:, email: or IP:",
        ),
        (
            "{ fingerprint = [\"00:11\"] }",
            ".fingerprint[0]: found \"00:11\", expected a SHA-256 fingerprint of 64 hexadecimal \
             digits",
        ),
    ] {
        let found = workspace.certified_mistakes(&format!("client_certificate = {rule}"), "");
        let message = format!("countersign.toml: routes[0].client_certificate{message}");
        assert_eq!(found, [message], "{rule}");
    }
}

#[test]
fn n2_a_header_of_a_certificate_tells_nothing_else() {
    let workspace = certificates(&["a.test"]);
    let section = "[identity.client_certificate]\n";
    for (lines, message) in [
        ("", ": names no header; expected subject, san or fingerprint"),
        (
            "subject = \"host\"",
            ".subject: found \"host\", which can't carry it: it says where the request goes or how \
             long it is",
        ),
        (
            "subject = \"x-cert\"\nsan = \"x_cert\"",
            ".san: found \"x_cert\", which tells something else as well",
        ),
        (
            "subject = \"x-who\"\n[claims]\nx-who = \"sub\"",
            ".subject: the header \"x-who\" carries a claim as well",
        ),
        (
            "subject = \"x-token\"\n[credential]\nsources = [{ header = \"x-token\" }]",
            ".subject: the header \"x-token\" is where credential.sources reads the token from",
        ),
    ] {
        let found = workspace.certified_mistakes("", &format!("{section}{lines}"));
        let message = format!("countersign.toml: identity.client_certificate{message}");
        assert_eq!(found, [message], "{lines}");
    }
}
