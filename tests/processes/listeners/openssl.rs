//! Certificates and revocation lists that `openssl` makes, shown by `curl` and `openssl s_client`.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::support::{optional, world::World};

/// An authority with its files, as operators of a small one have it.
struct Pki {
    folder: tempfile::TempDir,
}

const CONFIG: &str = r"
[ca]
default_ca = own
[own]
database = DIR/index.txt
serial = DIR/serial
crlnumber = DIR/crlnumber
new_certs_dir = DIR
certificate = DIR/ca.crt
private_key = DIR/ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
copy_extensions = copy
unique_subject = no
[any]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
emailAddress = optional
[client]
extendedKeyUsage = clientAuth
subjectAltName = URI:spiffe://example.com/billing,DNS:billing.internal
[server_a]
subjectAltName = DNS:a.test
[server_b]
subjectAltName = DNS:*.b.test
";

impl Pki {
    /// `None`, with a notice, where a program is missing.
    fn new() -> Option<Self> {
        for (program, argument) in [("openssl", "version"), ("curl", "--version")] {
            if let Err(error) = Command::new(program).arg(argument).output() {
                optional::skip(program, &error.to_string());
                return None;
            }
        }
        let pki = Self { folder: tempfile::tempdir().unwrap() };
        let write = |name: &str, text: &str| fs::write(pki.path().join(name), text).unwrap();
        write("openssl.cnf", &CONFIG.replace("DIR", &pki.dir()));
        write("index.txt", "");
        write("serial", "1000\n");
        write("crlnumber", "1000\n");
        pki.openssl(&format!(
            "req -x509 {NEW_KEY} -nodes -days 30 -subj /CN=authority -keyout DIR/ca.key -out DIR/ca.crt \
             -addext keyUsage=critical,keyCertSign,cRLSign"
        ));
        Some(pki)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn dir(&self) -> String {
        self.path().display().to_string()
    }

    /// Runs `openssl` with arguments separated by spaces; `DIR` is the folder.
    fn openssl(&self, arguments: &str) -> String {
        let arguments = arguments.split_whitespace().map(|it| it.replace("DIR", &self.dir()));
        let done = Command::new("openssl").args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn issue(&self, name: &str, subject: &str, extensions: &str) {
        self.openssl(&format!(
            "req -new {NEW_KEY} -nodes -config DIR/openssl.cnf -subj {subject} -utf8 \
             -keyout DIR/{name}.key -out DIR/{name}.csr"
        ));
        self.openssl(&format!(
            "ca -batch -config DIR/openssl.cnf -extensions {extensions} -in DIR/{name}.csr \
             -out DIR/{name}.crt -notext"
        ));
    }

    fn write_list(&self) {
        self.openssl("ca -config DIR/openssl.cnf -gencrl -out DIR/revoked.crl");
    }
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";

fn world(pki: &Pki, tls: &str) -> World {
    let listener = format!(
        "[[listeners]]\nname = \"tls\"\nlisten = \"127.0.0.1:0\"\n[listeners.tls]\n{tls}\n\
         [[listeners.tls.certificates]]\ncertificate = \"DIR/a.crt\"\nprivate_key = \"DIR/a.key\"\n\
         [[listeners.tls.certificates]]\ncertificate = \"DIR/b.crt\"\nprivate_key = \"DIR/b.key\"\n"
    );
    let headers = "[identity.client_certificate]\nsubject = \"x-client-cert-subject\"\n\
                   san = \"x-client-cert-san\"\nfingerprint = \"x-client-cert-sha256\"\n";
    let headers = if tls.contains("client_ca") { headers } else { "" };
    let lines = format!("{listener}{headers}").replace("DIR", &pki.dir());
    let mut world = World::with_setup(|setup| setup.with(&lines));
    // The clients here keep no journal.
    world.proxy.expect_unmatched_answers();
    world
}

fn curl(pki: &Pki, world: &World, host: &str, client: Option<&str>) -> Output {
    curl_with(&[], pki, world, host, client)
}

fn curl_with(
    arguments: &[&str],
    pki: &Pki,
    world: &World,
    host: &str,
    client: Option<&str>,
) -> Output {
    let port = world.proxy.address_of(1).port();
    let mut curl = Command::new("curl");
    curl.args(arguments);
    curl.args(["--silent", "--show-error", "--max-time", "8", "--noproxy", "*"])
        .args(["--output", "/dev/null", "--write-out", "%{http_code} %{http_version}"])
        .args(["--resolve", &format!("{host}:{port}:127.0.0.1")])
        .args(["--cacert", &format!("{}/ca.crt", pki.dir())]);
    if let Some(client) = client {
        curl.args(["--cert", &format!("{}/{client}.crt", pki.dir())])
            .args(["--key", &format!("{}/{client}.key", pki.dir())]);
    }
    curl.arg(format!("https://{host}:{port}/public/x")).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[test]
fn n5_curl_gets_in_with_a_certificate_of_openssls_until_that_is_revoked() {
    let Some(pki) = Pki::new() else { return };
    pki.issue("a", "/CN=a.test", "server_a");
    pki.issue("b", "/CN=b.test", "server_b");
    pki.issue("billing", "/C=DE/O=Exämple,Ltd./OU=Pay,Roll/CN=billing", "client");
    pki.issue("gone", "/CN=gone", "client");
    pki.openssl("ca -config DIR/openssl.cnf -revoke DIR/gone.crt");
    pki.write_list();
    let tls =
        "client_ca = \"DIR/ca.crt\"\nclient_auth = \"required\"\ncrl_file = \"DIR/revoked.crl\"";
    let world = world(&pki, tls);

    let answer = curl(&pki, &world, "a.test", Some("billing"));
    assert_eq!(text(&answer.stdout), "200 2", "{}", text(&answer.stderr));
    let requests = world.upstream.requests();
    let head = &requests.last().unwrap().head;
    let subject = pki.openssl("x509 -in DIR/billing.crt -noout -subject -nameopt RFC2253");
    let subject = subject.trim().strip_prefix("subject=").unwrap();
    assert_eq!(head.field("x-client-cert-subject"), Some(subject));
    assert_eq!(subject, r"CN=billing,OU=Pay\,Roll,O=Ex\C3\A4mple\,Ltd.,C=DE");
    assert_eq!(
        head.field("x-client-cert-san"),
        Some("URI:spiffe://example.com/billing,DNS:billing.internal")
    );
    let printed = pki.openssl("x509 -in DIR/billing.crt -noout -fingerprint -sha256");
    let printed = printed.trim().split_once('=').unwrap().1.replace(':', "").to_lowercase();
    assert_eq!(head.field("x-client-cert-sha256"), Some(&*printed));

    let before = world.mark();
    for client in [Some("gone"), None] {
        let refused = curl(&pki, &world, "a.test", client);
        assert_eq!(text(&refused.stdout).split(' ').next(), Some("000"));
    }
    // Here the alert comes within the handshake, so that no write of curl's is ahead of it.
    let refused = curl_with(&["--tls-max", "1.2"], &pki, &world, "a.test", Some("gone"));
    assert!(text(&refused.stderr).contains("revoked"), "{}", text(&refused.stderr));
    before.assert_untouched("revoked, or no certificate");
}

#[test]
fn openssl_gets_the_certificate_of_the_name_that_it_asks_for() {
    let Some(pki) = Pki::new() else { return };
    pki.issue("a", "/CN=a.test", "server_a");
    pki.issue("b", "/CN=b.test", "server_b");
    let world = world(&pki, "unknown_name = \"refuse\"\nalpn = [\"http/1.1\"]");
    let address = world.proxy.address_of(1);
    let shown = |name: &str| {
        let arguments = format!(
            "s_client -connect {address} -servername {name} -alpn h2,http/1.1 -CAfile DIR/ca.crt"
        );
        let arguments = arguments.replace("DIR", &pki.dir());
        let done = Command::new("openssl")
            .args(arguments.split(' '))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        text(&done.stdout) + &text(&done.stderr)
    };
    for (name, subject) in [("a.test", "CN = a.test"), ("x.b.test", "CN = b.test")] {
        let shown = shown(name);
        assert!(shown.contains(&format!("subject={subject}")), "{name}: {shown}");
        assert!(shown.contains("ALPN protocol: http/1.1"), "{shown}");
        assert!(shown.contains("Verify return code: 0 (ok)"), "{shown}");
    }
    assert!(shown("c.test").contains("no peer certificate available"));
    let answer = curl(&pki, &world, "x.b.test", None);
    assert_eq!(text(&answer.stdout), "200 1.1", "{}", text(&answer.stderr));
}
