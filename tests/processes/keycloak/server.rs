//! One Keycloak for all its tests, from the first that needs it to the end of the process.

use std::{
    fs,
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use crate::{
    keycloak::install::{Installed, install},
    support::{foreign::ForeignServer, optional, upstream::Upstream},
};

/// One realm of a running Keycloak.
#[derive(Debug, Clone)]
pub(crate) struct Keycloak {
    server: Arc<ForeignServer<1>>,
    /// Where it sends its logout tokens.
    pub(crate) logouts: Arc<Upstream>,
    /// The name of the realm.
    pub(crate) realm: String,
}

/// What the configuration of Countersign and `realm.json` call the realm.
pub(crate) const REALM: &str = "my-realm";

/// The realm that every test shares, and that none changes.
pub(crate) const REALM_FILE: &str = include_str!("realm.json");

/// In place of which `realm.json` has the address of [`Keycloak::logouts`].
pub(crate) const LOGOUT_URL: &str = "LOGOUT_URL";

/// Who administers it.
pub(crate) const ADMINISTRATOR: [&str; 2] = ["admin", "the-administrators-password"];

/// As little memory and compilation as these tests get by with: 370 MB resident.
const JAVA_OPTIONS: &str = "-Xms64m -Xmx256m -XX:MaxMetaspaceSize=200m -XX:+UseSerialGC \
    -XX:TieredStopAtLevel=1 -Djava.net.preferIPv4Stack=true";

impl Keycloak {
    /// The shared realm of the one of this process, started by the first test that needs it.
    /// `None`, with a notice, where the machine can't run it, see [`optional::skip`].
    pub(crate) fn get() -> Option<&'static Self> {
        static KEYCLOAK: OnceLock<Result<Keycloak, String>> = OnceLock::new();
        match KEYCLOAK.get_or_init(|| Self::start(&install()?)) {
            Ok(keycloak) => Some(keycloak),
            Err(reason) => {
                optional::skip("Keycloak", reason);
                None
            }
        }
    }

    fn start(installed: &Installed) -> Result<Self, String> {
        let home = &installed.home;
        let import = home.join("data/import");
        fs::create_dir_all(&import).unwrap();
        fs::write(import.join("realm.json"), REALM_FILE).unwrap();
        let logouts = Upstream::start();
        let [name, password] = ADMINISTRATOR;
        let (program, log) = (home.join("bin/kc.sh"), home.join("keycloak.log"));
        let server =
            ForeignServer::start(&program, &log, "/realms/my-realm", |command, [http]| {
                command
                    .args(["start-dev", "--import-realm", "--db=dev-mem", "--cache=local"])
                    .arg(format!("--http-host={}", http.ip()))
                    .arg(format!("--http-port={}", http.port()))
                    .env("JAVA_OPTS", JAVA_OPTIONS)
                    .env("KC_BOOTSTRAP_ADMIN_USERNAME", name)
                    .env("KC_BOOTSTRAP_ADMIN_PASSWORD", password)
                    .env(LOGOUT_URL, logouts.url());
            })?;
        let realm = REALM.to_owned();
        Ok(Self { server: Arc::new(server), logouts: Arc::new(logouts), realm })
    }

    /// The same Keycloak with another realm.
    pub(crate) fn of_realm(&self, name: &str) -> Self {
        Self { realm: name.to_owned(), ..self.clone() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let [address] = self.server.addresses;
        address
    }
}
