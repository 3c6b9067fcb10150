//! What a reload costs, and what it leaves behind.

use std::{
    fmt::Write as _,
    fs,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Handle, LocalOptions};

use super::*;
use crate::{
    clock::{ManualClock, UnixTime},
    proxy::{StopStages, Worker},
    settings::{Sources, load},
    tasks::RunningTasks,
};

const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// The listeners of the process: none.
const BOUND: &[Option<String>] = &[];

/// A configuration in use by one worker, as the control thread and the worker's have it.
struct Process {
    folder: tempfile::TempDir,
    clock: Arc<dyn Clock>,
    metrics: MetricRegistry,
    journals: Journals,
    providers: Providers,
    config: Arc<ArcSwap<ProxyConfig>>,
    tasks: (RunningTasks, RunningTasks),
}

/// How long the two threads were busy.
#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    control: Duration,
    worker: Duration,
}

impl Process {
    fn start(text: &str) -> (Self, Rc<Worker>) {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder, text);
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(UnixTime(1_800_000_000)));
        let (metrics, journals) = (MetricRegistry::default(), Journals::default());
        let (providers, tasks) =
            Providers::new(&settings.provider_parts(), &clock, &metrics).unwrap();
        let compiled = compile(&settings, BOUND, &providers, &journals, None, &clock, &metrics);
        let (config, upstreams) = compiled.unwrap();
        let config = Arc::new(ArcSwap::from_pointee(config));
        let worker = Rc::new(Worker::new(Arc::clone(&config), StopStages::default()));
        tokio::task::spawn_local(Worker::follow_reloads(Rc::downgrade(&worker)));
        let tasks = (tasks.spawn(), upstreams.spawn());
        (Self { folder, clock, metrics, journals, providers, config, tasks }, worker)
    }

    async fn reload(&mut self, text: &str) -> Cost {
        let settings = settings(&self.folder, text);
        let started = Instant::now();
        let parts = settings.provider_parts();
        let (providers, tasks) =
            self.providers.successor(&parts, &self.clock, &self.metrics).unwrap();
        let running = self.config.load_full();
        let (clock, metrics, journals) = (&self.clock, &self.metrics, &self.journals);
        let before = Some(&*running);
        let compiled = compile(&settings, BOUND, &providers, journals, before, clock, metrics);
        let (config, upstreams) = compiled.unwrap();
        self.config.store(Arc::new(config));
        self.tasks = (tasks.spawn(), upstreams.spawn());
        self.providers = providers;
        let control = started.elapsed();
        running.supersede();
        drop(running);
        let started = Instant::now();
        tokio::task::yield_now().await;
        Cost { control, worker: started.elapsed() }
    }
}

fn settings(folder: &tempfile::TempDir, text: &str) -> Settings {
    let file = folder.path().join("countersign.toml");
    fs::write(&file, text).unwrap();
    let settings = load(&Sources { file: Some(file), ..Sources::default() });
    settings.unwrap_or_else(|errors| panic!("{errors}"))
}

/// Runs on a thread like a worker's.
fn on_worker(work: impl Future<Output = ()>) {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_all().build_local(LocalOptions::default());
    runtime.unwrap().block_on(work);
}

fn with_upstream(n: usize) -> String {
    format!(
        "[issuers.corp]\nissuer = \"https://corp.test\"\naudiences = \"any\"\n\
         algorithms = [\"EdDSA\"]\n[issuers.corp.keys]\nhex = \"{KEY}\"\n\
         [upstreams.kept]\nurls = [\"http://127.0.0.1:1\", \"http://127.0.0.1:2\"]\n\
         [upstreams.kept.health]\npath = \"/healthz\"\ninterval = \"1h\"\n\
         [upstreams.changed]\nurls = [\"http://127.0.0.1:1\", \"http://127.0.0.1:2\"]\n\
         idle_timeout = \"{}ms\"\nmax_requests = 9\n\
         [[routes]]\npath = \"/{n}\"\nupstream = \"kept\"\nconcurrency = 5\n\
         [[routes]]\npath = \"/**\"\nupstream = \"changed\"\n",
        1_000 + n / 2
    )
}

#[test]
fn x3_a_hundred_reloads_leave_no_configuration_and_no_task_behind() {
    on_worker(async {
        let (mut process, _worker) = Process::start(&with_upstream(0));
        let (mut configurations, mut alive) = (Vec::new(), Vec::new());
        for n in 1..=100 {
            configurations.push(Arc::downgrade(&process.config.load_full()));
            process.reload(&with_upstream(n)).await;
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            alive.push(Handle::current().metrics().num_alive_tasks());
        }
        let left = configurations.iter().filter(|it| it.strong_count() > 0).count();
        assert_eq!(left, 0, "a worker without requests goes over to each");
        let (early, late) = (alive.iter().take(20).max(), alive.iter().rev().take(20).max());
        assert_eq!(early, late, "{alive:?}");
    });
}

/// A thousand routes, a hundred issuers and as many upstreams.
fn large(n: usize) -> String {
    let mut text = String::new();
    for issuer in 0..100 {
        let _ = write!(
            text,
            "[issuers.i{issuer}]\nissuer = \"https://{issuer}.test\"\naudiences = \"any\"\n\
             algorithms = [\"EdDSA\"]\n[issuers.i{issuer}.keys]\nhex = \"{KEY}\"\n\
             [upstreams.u{issuer}]\nurl = \"http://127.0.0.1:{}\"\n",
            issuer + 1
        );
    }
    for route in 0..1_000 {
        let of = route % 100;
        let _ = write!(
            text,
            "[[routes]]\npath = \"/{n}/{route}/**\"\nissuers = [\"i{of}\"]\nupstream = \"u{of}\"\n"
        );
    }
    text
}

/// Unoptimised, on a machine that does other things as well: ten times what it takes.
const MOST: Cost = Cost { control: Duration::from_secs(5), worker: Duration::from_millis(200) };

#[test]
fn a_reload_of_a_thousand_routes_and_a_hundred_issuers_keeps_a_worker_for_milliseconds() {
    on_worker(async {
        let (mut process, _worker) = Process::start(&large(0));
        let mut costs = Vec::new();
        for n in 1..=5 {
            costs.push(process.reload(&large(n)).await);
        }
        let least = Cost {
            control: costs.iter().map(|cost| cost.control).min().unwrap(),
            worker: costs.iter().map(|cost| cost.worker).min().unwrap(),
        };
        println!("a reload: {least:?}");
        assert!(least.control < MOST.control && least.worker < MOST.worker, "{least:?}");
    });
}
