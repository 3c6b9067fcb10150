//! A proxy whose configuration changes.

use crate::support::{bare, client::Request, fleet::Instance, setup::Setup, world::World};

/// The usual world, and the configuration that it was started with.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) setup: Setup,
}

impl Scene {
    pub(super) fn start(change: impl FnOnce(Setup) -> Setup) -> Self {
        let mut kept = None;
        let world = World::with_setup(|setup| kept.insert(change(setup)).clone());
        Self { world, setup: kept.unwrap() }
    }

    /// In front of these instances, with further lines of the upstream.
    pub(super) fn in_front_of(instances: &[Instance], lines: &str) -> Self {
        let table = upstream(instances, lines);
        let mut scene = Self::start(|setup| setup.with(&table).routes(bare::ROUTES));
        scene.world.proxy.expect_unmatched_answers();
        scene
    }

    /// The usual world's configuration, with nothing else in it.
    pub(super) fn usual(&self) -> Setup {
        let World { issuer, key_server, .. } = &self.world;
        Setup::new().issuer("corp", issuer, key_server, "", "")
    }

    pub(super) fn reload(&self, setup: &Setup) {
        self.world.proxy.server().reload(setup.load(&self.world.upstream).unwrap()).unwrap();
    }

    /// Something else than the upstreams changes.
    pub(super) fn reload_routes(&self) {
        let more = "[[routes]]\npath = \"/more\"\naccess = \"public\"\nupstream = \"other\"";
        self.reload(&self.setup.clone().routes(&format!("{}{more}", bare::ROUTES)));
    }

    /// The status of a request to the instances.
    pub(super) fn get(&self, path: &str) -> u16 {
        self.world.proxy.exchange(&Request::get(path)).status
    }

    /// What a metric of the upstream says.
    pub(super) fn of_upstream(&self, family: &str) -> f64 {
        self.world.proxy.metric(&format!("{family}{{upstream=\"other\"}}"))
    }
}

/// `[upstreams.other]`: these instances.
pub(super) fn upstream(instances: &[Instance], lines: &str) -> String {
    let urls: Vec<_> = instances.iter().map(Instance::url).collect();
    let urls = match &*urls {
        [one] => format!("url = {one:?}"),
        several => format!("urls = {several:?}"),
    };
    format!("[upstreams.other]\n{urls}\n{lines}")
}
