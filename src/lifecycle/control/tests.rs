//! What a reload that is refused, or overtaken, leaves behind.

use std::{fs, future::Future, pin::pin, task::Poll};

use tokio::time::sleep;

use super::*;
use crate::{
    clock::{ManualClock, UnixTime},
    refresh::FileSnapshot,
    settings::load,
};

/// Longer than the series of what is gone are shown.
const LATER: Duration = Duration::from_secs(20);

const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// A control thread without workers. Its listeners are bound to any port.
struct Scene {
    folder: tempfile::TempDir,
    metrics: MetricRegistry,
    control: Control,
    tasks: Option<RunningConfigurationTasks>,
    operators: OperatorListeners,
}

impl Scene {
    fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder, more);
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(UnixTime(1_800_000_000)));
        let (metrics, signals) = (MetricRegistry::default(), WorkerSignals::default());
        let (stop, stages) = (signals.stop_accepting, signals.stages);
        let mut listeners = OpenListeners::new(1, &metrics, stop, stages);
        let bound = listeners.prepare(&settings).unwrap();
        let (providers, prepared) =
            Providers::new(&settings.provider_parts(), &clock, &metrics).unwrap();
        let (providers, journals) = (Arc::new(providers), Journals::default());
        let compiled =
            compile(&settings, &bound.names, &providers, &journals, None, &clock, &metrics);
        let (config, upstreams) = compiled.unwrap();
        listeners.adopt(bound, DrainTimeouts::of(&settings));
        let budget = ConnectionBudget::new(&settings.server.limits, &metrics);
        let watch = WatchTargets {
            settings: settings.reload,
            paths: Vec::new(),
            files: FileSnapshot::default(),
            in_force: true,
        };
        let parts = ControlParts {
            config: Arc::new(ArcSwap::from_pointee(config)),
            providers,
            journals,
            readiness: Arc::default(),
            clock,
            metrics: metrics.clone(),
            sources: None,
            log_level: None,
            listeners,
            budget,
            watch,
            pulse: Arc::new(Pulse::new(1)),
            service_manager: ServiceManager::None,
        };
        let control = Control::new(settings, parts);
        let pages = Arc::new(control.admin_view());
        let operators = OperatorListeners::new(pages, mpsc::channel(1).0);
        let tasks = ConfigurationTasks { providers: prepared, upstreams }.spawn();
        Self { folder, metrics, control, tasks: Some(tasks), operators }
    }

    async fn reload(&mut self, more: &str) -> Result<(), String> {
        let settings = settings(&self.folder, more);
        let tasks = self.tasks.take().unwrap();
        let mut running = Running { tasks, operators: &mut self.operators };
        let verdict = self.control.apply(settings, &mut running).await;
        self.tasks = Some(running.tasks);
        verdict
    }

    /// The series that have the name `added`, or are those of a shared store.
    fn of_what_was_added(&self) -> Vec<String> {
        let text = self.metrics.render();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let is_added = |line: &&str| line.contains("\"added\"") || line.contains("_shared_");
        lines.filter(is_added).map(str::to_owned).collect()
    }
}

fn settings(folder: &tempfile::TempDir, more: &str) -> Settings {
    let file = folder.path().join("countersign.toml");
    let text = format!(
        "server.listen = 'unix:{0}/proxy.sock'\nadmin.listen = 'unix:{0}/admin.sock'\n\
         upstreams.app.url = 'http://127.0.0.1:1'\n{more}\n[[routes]]\npath = '/**'\n",
        folder.path().display()
    );
    fs::write(&file, text).unwrap();
    load(&Sources { file: Some(file), ..Sources::default() }).unwrap_or_else(|it| panic!("{it}"))
}

fn issuer(name: &str, keys: &str) -> String {
    format!(
        "[issuers.{name}]\nissuer = 'https://{name}.test'\naudiences = 'any'\n\
         algorithms = ['EdDSA']\nkeys.{keys}\n"
    )
}

/// An issuer whose keys are there, a limit, and a store.
fn added() -> String {
    issuer("added", &format!("hex = '{KEY}'"))
        + "[limits.added]\nkey = 'issuer'\nrate = '1/s'\n\
           [shared]\nurl = 'redis://127.0.0.1:1'\nintegrity = 'none'\n"
}

fn corp() -> String {
    issuer("corp", &format!("hex = '{KEY}'"))
}

#[tokio::test(start_paused = true)]
async fn a_refused_reload_ends_the_series_of_what_only_it_has() {
    let mut scene = Scene::start(&corp());
    let journal = scene.folder.path().join("journal");
    fs::create_dir(&journal).unwrap();
    let lock = fs::File::create(journal.join(".lock")).unwrap();
    lock.lock().unwrap();
    let evidence = format!("[evidence]\nfolder = '{}'\n", journal.display());
    let both = corp() + &added();
    let refusal = scene.reload(&(both.clone() + &evidence)).await.unwrap_err();
    assert!(refusal.contains("another process"), "{refusal}");
    sleep(LATER).await;
    assert_eq!(scene.of_what_was_added(), [""; 0]);
    drop(lock);
    scene.reload(&(both + &evidence)).await.unwrap();
    sleep(LATER).await;
    let shown = scene.of_what_was_added();
    assert!(shown.contains(&"countersign_keys{issuer=\"added\"} 1".to_owned()), "{shown:#?}");
    assert!(shown.contains(&"countersign_shared_connected 0".to_owned()), "{shown:#?}");
    scene.reload(&corp()).await.unwrap();
    sleep(LATER).await;
    assert_eq!(scene.of_what_was_added(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_is_overtaken_ends_them_as_well() {
    let mut scene = Scene::start(&corp());
    let waits = corp() + &added() + &issuer("absent", "jwks_url = 'http://127.0.0.1:1/'");
    {
        let mut reload = pin!(scene.reload(&waits));
        std::future::poll_fn(|context| {
            assert!(reload.as_mut().poll(context).is_pending(), "it waits for keys");
            Poll::Ready(())
        })
        .await;
    }
    assert!(!scene.of_what_was_added().is_empty(), "it counts");
    sleep(LATER).await;
    assert_eq!(scene.of_what_was_added(), [""; 0]);
}
