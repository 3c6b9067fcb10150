//! The usual world in front of an upstream over TLS.

use std::fs;

use countersign::settings::Settings;
use serde_json::json;

use crate::support::{
    authority::{Authority, Identity},
    bare,
    h2_upstream::H2Upstream,
    setup::Setup,
    tls_front::{Showing, TlsFront},
    upstream::Upstream,
    world::World,
};

/// The name in the certificates of the front.
pub(crate) const NAME: &str = "localhost";

/// The files of the configuration, and the authority that the proxy trusts.
pub(crate) struct Files {
    pub(crate) authority: Authority,
    pub(crate) folder: tempfile::TempDir,
}

/// A proxy in front of TLS, behind which are an upstream for HTTP/1.1 and one for HTTP/2.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) front: TlsFront,
    pub(crate) http1: Upstream,
    pub(crate) http2: H2Upstream,
    pub(crate) files: Files,
    setup: Setup,
}

impl Files {
    pub(crate) fn new() -> Self {
        let files = Self {
            authority: Authority::new("of upstreams"),
            folder: tempfile::tempdir().unwrap(),
        };
        files.write("ca.pem", &files.authority.pem());
        files
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// The lines of `[upstreams.other.tls]` that trust the authority.
    pub(crate) fn trusting(&self) -> String {
        let file = self.folder.path().join("ca.pem");
        format!("[upstreams.other.tls]\nca_file = \"{}\"\n", file.display())
    }

    /// A good certificate.
    pub(crate) fn good(&self) -> Identity {
        self.authority.server(NAME)
    }
}

impl Scene {
    /// With further lines of `[upstreams.other.tls]`.
    pub(crate) fn start(lines: &str) -> Self {
        let files = Files::new();
        let good = files.good();
        Self::showing(files, &Showing::new(&good), lines)
    }

    pub(crate) fn showing(files: Files, showing: &Showing<'_>, lines: &str) -> Self {
        let lines = format!("{}{lines}", files.trusting());
        Self::of(files, showing, &lines)
    }

    /// With these lines of `[upstreams.other]` and its sub-tables.
    pub(crate) fn of(files: Files, showing: &Showing<'_>, lines: &str) -> Self {
        let (http1, http2) = (Upstream::start(), H2Upstream::start());
        let front = TlsFront::start(showing, http1.address(), Some(http2.address()));
        let (world, setup) = world_of(&front, lines);
        Self { world, front, http1, http2, files, setup }
    }

    /// A token that opens everything.
    pub(crate) fn token(&self) -> String {
        self.world.issuer.mint(json!({}))
    }

    /// The settings, from the files as they are now.
    pub(crate) fn settings(&self) -> Settings {
        self.setup.load(&self.world.upstream).unwrap()
    }

    pub(crate) fn reload(&self) {
        self.world.proxy.server().reload(self.settings()).unwrap();
    }

    pub(crate) fn handshakes(&self, outcome: &str) -> f64 {
        handshakes(&self.world, outcome)
    }
}

/// The usual world in front of it, with these lines of `[upstreams.other]`.
pub(crate) fn in_front_of(front: &TlsFront, lines: &str) -> World {
    world_of(front, lines).0
}

fn world_of(front: &TlsFront, lines: &str) -> (World, Setup) {
    let mut kept = None;
    let mut world = World::with_setup(|setup| {
        let upstream = format!("[upstreams.other]\nurl = \"{}\"\n{lines}", front.url());
        let setup = setup.with(&upstream).routes(bare::ROUTES);
        kept = Some(setup.clone());
        setup
    });
    // The upstreams here are not the world's own.
    world.proxy.expect_unmatched_answers();
    (world, kept.unwrap())
}

/// How many handshakes have ended so.
pub(crate) fn handshakes(world: &World, outcome: &str) -> f64 {
    world.proxy.metric(&format!(
        "countersign_upstream_tls_handshakes_total{{outcome=\"{outcome}\",upstream=\"other\"}}"
    ))
}
