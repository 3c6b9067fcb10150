//! One Keycloak for all its tests, from the first that needs it to the end of the process.

use std::{fs, net::SocketAddr, path::Path, sync::OnceLock};

use crate::{
    keycloak::install::{Installed, install},
    support::{foreign::ForeignServer, optional, upstream::Upstream},
};

/// A running Keycloak with the realm of `realm.json`.
pub(crate) struct Keycloak {
    server: ForeignServer<1>,
    /// Where it sends its logout tokens.
    pub(crate) logouts: Upstream,
}

/// As little memory and compilation as these tests get by with: 370 MB resident.
const JAVA_OPTIONS: &str = "-Xms64m -Xmx256m -XX:MaxMetaspaceSize=200m -XX:+UseSerialGC \
    -XX:TieredStopAtLevel=1 -Djava.net.preferIPv4Stack=true";

impl Keycloak {
    /// The one of this process, started by the first test that needs it. `None`, with a notice,
    /// where the machine can't run it, see [`optional::skip`].
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
        let realm =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/processes/keycloak/realm.json");
        fs::create_dir_all(home.join("data/import")).unwrap();
        fs::copy(realm, home.join("data/import/realm.json")).unwrap();
        let logouts = Upstream::start();
        let (program, log) = (home.join("bin/kc.sh"), home.join("keycloak.log"));
        let server =
            ForeignServer::start(&program, &log, "/realms/my-realm", |command, [http]| {
                command
                    .args(["start-dev", "--import-realm", "--db=dev-mem", "--cache=local"])
                    .arg(format!("--http-host={}", http.ip()))
                    .arg(format!("--http-port={}", http.port()))
                    .env("JAVA_OPTS", JAVA_OPTIONS)
                    .env("LOGOUT_URL", logouts.url());
            })?;
        Ok(Self { server, logouts })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let [address] = self.server.addresses;
        address
    }
}
