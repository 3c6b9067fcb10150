//! The configuration files that come with the project, filled in as an operator would.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use countersign::{
    jose::{Algorithm, SigningKey},
    settings::{self, Settings, Sources},
};
use rcgen::{CertifiedKey, KeyPair};

use super::{authority::Authority, proxy::Proxy, setup::LOG_LEVEL, upstream::Upstream};

/// The text of one file of `config/`, and the files that it names.
#[derive(Debug)]
pub(crate) struct Shipped {
    text: String,
    files: tempfile::TempDir,
}

/// Where the shipped files expect secrets, keys and certificates.
const FOLDERS: [&str; 2] = ["/etc/countersign/", "/var/run/secrets/kubernetes.io/serviceaccount/"];

/// What is in a file of secrets: long enough for every HMAC.
pub(crate) const SECRET: &str = "a secret of sixty-four bytes, which is long enough for HS512: ok";

/// One for the process: making one takes longer than everything else in a test.
static ASSERTION_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Rs256, Some("assertion")).unwrap());

impl Shipped {
    /// The file as it is, but for where its secrets are: they are made here.
    pub(crate) fn load(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
        Self::of_text(&fs::read_to_string(path).unwrap())
    }

    /// The same for any text, such as one of a document.
    pub(crate) fn of_text(text: &str) -> Self {
        let text = text.to_owned();
        let files = tempfile::tempdir().unwrap();
        let folder = format!("{}/", files.path().display());
        let text = FOLDERS.iter().fold(text, |text, expected| text.replace(expected, &folder));
        let shipped = Self { text, files };
        for name in shipped.names_of_files(&folder) {
            shipped.make(&name);
        }
        shipped
    }

    /// With one text in place of another, wherever it occurs.
    pub(crate) fn with(mut self, found: &str, instead: &str) -> Self {
        assert!(self.text.contains(found), "{found:?} is not in\n{}", self.text);
        self.text = self.text.replace(found, instead);
        self
    }

    /// With a table that was commented out: its lines up to the first that is no comment.
    pub(crate) fn with_table(mut self, table: &str) -> Self {
        let header = format!("# {table}\n");
        let begin = self.text.find(&header).unwrap_or_else(|| panic!("no {header} {}", self.text));
        let (before, rest) = self.text.split_at(begin);
        let lines = rest.split_inclusive('\n').take_while(|line| line.starts_with("# "));
        let lines: Vec<_> = lines.collect();
        let rest = &rest[lines.iter().map(|line| line.len()).sum()..];
        let uncommented: String = lines.iter().filter_map(|line| line.strip_prefix("# ")).collect();
        self.text = format!("{before}{uncommented}{rest}");
        self
    }

    /// Without a table: from its header up to the next empty line.
    pub(crate) fn without_table(mut self, table: &str) -> Self {
        let begin = self.text.find(&format!("\n{table}\n")).unwrap();
        let end = self.text[begin..].find("\n\n").map_or(self.text.len(), |end| begin + end);
        self.text.replace_range(begin..end, "\n");
        self
    }

    /// With the issuer's keys in that file, wherever they were.
    pub(crate) fn with_keys_in(self, file: &Path) -> Self {
        let keys = format!("jwks_file = \"{}\"", file.display());
        let url = self.text.lines().find(|line| line.starts_with("jwks_url")).map(str::to_owned);
        if let Some(url) = url {
            return self.with(&url, &keys);
        }
        let tables = self.text.lines().find_map(|line| line.strip_prefix("[issuers."));
        let name = tables.and_then(|rest| rest.strip_suffix(']')).unwrap().to_owned();
        self.and(&format!("\n[issuers.{name}.keys]\n{keys}\n"))
    }

    /// With further lines at the end.
    pub(crate) fn and(mut self, lines: &str) -> Self {
        self.text.push_str(lines);
        self
    }

    /// The path of a file that the configuration names.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// What `countersign` is given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Writes the text into a file of its own.
    pub(crate) fn write(&self) -> PathBuf {
        let path = self.file("countersign.toml");
        fs::write(&path, &self.text).unwrap();
        path
    }

    /// The settings, or the mistakes in words.
    pub(crate) fn settings(&self) -> Result<Settings, String> {
        let sources = Sources { file: Some(self.write()), ..Sources::default() };
        settings::load(&sources).map_err(|errors| errors.to_string())
    }

    /// With another content of a file that the configuration names.
    pub(crate) fn with_file(self, name: &str, content: &str) -> Self {
        let path = self.file(name);
        assert!(path.exists(), "{name} is in no setting");
        fs::write(path, content).unwrap();
        self
    }

    /// The proxy in front of that upstream, on ports of its own, and the files it goes on reading.
    pub(crate) fn start(self, upstream: &Upstream, now: i64) -> (Proxy, tempfile::TempDir) {
        let shipped = self
            .with(
                "[server]\nlisten = \"0.0.0.0:8080\"\n",
                &format!(
                    "[server]\nlisten = \"127.0.0.1:0\"\nworkers = 1\nshutdown_grace = \"0s\"\n\
                     drain_timeout = \"1s\"\n\n[admin]\nlisten = \"127.0.0.1:0\"\n\n\
                     [log]\nlevel = \"{LOG_LEVEL}\"\naccess_log = true\n"
                ),
            )
            .with("url = \"http://127.0.0.1:3000\"", &format!("url = \"{}\"", upstream.url()));
        shipped.start_as_it_is(upstream, now)
    }

    /// The same where the ports and the place of the upstream are in the text.
    pub(crate) fn start_as_it_is(
        self,
        upstream: &Upstream,
        now: i64,
    ) -> (Proxy, tempfile::TempDir) {
        let settings = self.settings().unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let proxy = Proxy::start(settings, upstream, now);
        proxy.wait_until_ready();
        (proxy, self.files)
    }

    fn names_of_files(&self, folder: &str) -> Vec<String> {
        let quoted = self.text.split('"').filter_map(|text| text.strip_prefix(folder));
        quoted.map(str::to_owned).collect()
    }

    fn make(&self, name: &str) {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        match extension {
            "jwk" => self.put(name, &ASSERTION_KEY.private_jwk().to_text()),
            "pem" => self.put(name, &self_signed("idp.test").cert.pem()),
            "crt" => {
                let pair = self_signed(&format!("{}.test", stem.replace('/', "-")));
                self.put(name, &pair.cert.pem());
                self.put(&format!("{stem}.key"), &pair.signing_key.serialize_pem());
            }
            // Of the certificate.
            "key" => {}
            "crl" => self.put(name, &Authority::new("of clients").revocation_list(&[], 2100)),
            _ => self.put(name, SECRET),
        }
    }

    fn put(&self, name: &str, content: &str) {
        let path = self.file(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn self_signed(name: &str) -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed([name.to_owned()]).unwrap()
}
