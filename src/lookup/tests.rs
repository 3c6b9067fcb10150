//! Requests, queue, worker and circuit together, with the smallest lookup that there can be.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, yield_now},
    time::{Instant, advance},
};

use super::*;

/// An endpoint that responds with the double of the key.
#[derive(Debug)]
struct Endpoint {
    sent: Mutex<Vec<u32>>,
    /// How many requests it answers; the others wait.
    turns: Semaphore,
    is_down: AtomicBool,
}

#[derive(Debug)]
struct Doubling(Arc<Endpoint>);

#[derive(Debug)]
enum Failure {
    Outage,
    NotSent(NotSent),
}

/// From here on the keys are not known to the endpoint.
const INVENTED: u32 = 1_000;
/// This one is answered elsewhere.
const ELSEWHERE: u32 = 2_000;
/// This one ends the task that sends it.
const PANICKING: u32 = 3_000;

const LIMITS: LookupLimits = LookupLimits {
    concurrency: 2,
    timeout: Duration::from_secs(10),
    elsewhere: Duration::from_secs(1),
};

impl Lookup for Doubling {
    type Key = u32;
    type Request = ();
    type Response = u32;
    type Answer = Result<u32, &'static str>;
    type Error = Failure;

    async fn find_elsewhere(&self, key: &u32, (): &()) -> Option<Self::Answer> {
        (*key == ELSEWHERE).then_some(Ok(0))
    }

    async fn send(&self, key: &u32, (): &()) -> Result<u32, Failure> {
        self.0.sent.lock().push(*key);
        assert_ne!(*key, PANICKING);
        self.0.turns.acquire().await.unwrap().forget();
        if self.0.is_down.load(Relaxed) { Err(Failure::Outage) } else { Ok(key * 2) }
    }

    fn responded(&self, _: &u32, (): &(), response: u32) -> Self::Answer {
        Ok(response)
    }

    fn failed(&self, _: &u32, (): &(), error: &Failure) -> Self::Answer {
        Err(error.code())
    }

    fn is_known(&self, key: &u32) -> bool {
        *key < INVENTED
    }
}

impl LookupFailure for Failure {
    fn code(&self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::NotSent(cause) => cause.code(),
        }
    }

    fn is_outage(&self, of_known: bool) -> bool {
        matches!(self, Self::Outage) && of_known
    }

    fn is_consequence(&self) -> bool {
        matches!(self, Self::NotSent(_))
    }
}

impl From<NotSent> for Failure {
    fn from(cause: NotSent) -> Self {
        Self::NotSent(cause)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

type Found = Result<Result<u32, &'static str>, NoAnswer>;

struct Scene {
    endpoint: Arc<Endpoint>,
    lookups: Arc<Lookups<Doubling>>,
    worker: JoinHandle<()>,
}

impl Scene {
    /// A worker at an endpoint that answers so many requests.
    fn start(turns: usize) -> Self {
        let endpoint = Endpoint {
            sent: Mutex::default(),
            turns: Semaphore::new(turns),
            is_down: AtomicBool::new(false),
        };
        let endpoint = Arc::new(endpoint);
        let (lookups, queue) = Lookups::new(LIMITS);
        let worker = LookupWorker::new(Doubling(Arc::clone(&endpoint)), queue);
        Self { endpoint, lookups: Arc::new(lookups), worker: tokio::spawn(worker.run()) }
    }

    async fn find(&self, key: u32) -> Found {
        self.lookups.find(key, || (), || None).await
    }

    /// Looks up in a spawned task, which has joined the lookup on return.
    async fn begin(&self, key: u32) -> JoinHandle<Found> {
        let lookups = Arc::clone(&self.lookups);
        let task = tokio::spawn(async move { lookups.find(key, || (), || None).await });
        // For the task, the worker, and the request's own task.
        for _ in 0..4 {
            yield_now().await;
        }
        task
    }

    fn sent(&self) -> Vec<u32> {
        self.endpoint.sent.lock().clone()
    }
}

#[tokio::test]
async fn requests_for_the_same_key_at_the_same_time_are_one() {
    let scene = Scene::start(0);
    let (first, second) = (scene.begin(1).await, scene.begin(1).await);
    let other = scene.begin(2).await;
    scene.endpoint.turns.add_permits(2);
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (Ok(Ok(2)), Ok(Ok(2))));
    assert_eq!(other.await.unwrap(), Ok(Ok(4)));
    assert_eq!(scene.sent(), [1, 2]);
    scene.endpoint.turns.add_permits(1);
    assert_eq!(scene.find(1).await, Ok(Ok(2)));
    assert_eq!(scene.sent(), [1, 2, 1], "an answer is for those who wait, not for later ones");
}

#[tokio::test]
async fn i9_a_request_that_goes_away_takes_no_answer_from_the_others() {
    let scene = Scene::start(0);
    let (first, second) = (scene.begin(1).await, scene.begin(1).await);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    scene.endpoint.turns.add_permits(1);
    assert_eq!(second.await.unwrap(), Ok(Ok(2)));
    assert_eq!(scene.sent(), [1]);
}

#[tokio::test]
async fn what_was_cached_since_the_caller_looked_is_not_sent() {
    let scene = Scene::start(0);
    assert_eq!(scene.lookups.find(1, || (), || Some(Ok(7))).await, Ok(Ok(7)));
    assert!(scene.lookups.in_flight(&1).is_none());
    assert!(scene.sent().is_empty());
}

#[tokio::test]
async fn i10_no_more_requests_are_in_flight_than_the_limit() {
    let scene = Scene::start(0);
    let mut tasks = Vec::new();
    for key in 0..5 {
        tasks.push(scene.begin(key).await);
    }
    assert_eq!(scene.sent(), [0, 1]);
    scene.endpoint.turns.add_permits(1);
    assert_eq!(tasks.remove(0).await.unwrap(), Ok(Ok(0)));
    scene.endpoint.turns.add_permits(4);
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Ok(Ok(_))));
    }
    assert_eq!(scene.sent(), [0, 1, 2, 3, 4], "in the order of the queue");
}

#[tokio::test]
async fn a_full_queue_refuses_and_a_lookup_in_it_can_still_be_joined() {
    let (lookups, mut queue) = Lookups::<Doubling>::new(LIMITS);
    let join = |key| lookups.join(key, || (), || None::<()>);
    let queued =
        (0..2_000).take_while(|key| matches!(join(*key), JoinOutcome::InFlight(_))).count();
    assert_eq!(queued, 1024);
    assert_eq!(lookups.find(9_999, || (), || None).await, Err(NoAnswer::Refused));
    let joined = tokio::spawn(lookups.wait(lookups.in_flight(&0).unwrap()));
    queue.try_next().unwrap().answer(Ok(7));
    assert_eq!(joined.await.unwrap(), Ok(Ok(7)));
    assert!(matches!(join(9_999), JoinOutcome::InFlight(_)), "there is room again");
}

#[tokio::test]
async fn without_a_worker_no_request_waits() {
    let scene = Scene::start(0);
    let waiting = [scene.begin(1).await, scene.begin(2).await, scene.begin(3).await];
    scene.worker.abort();
    for task in waiting {
        assert_eq!(task.await.unwrap(), Err(NoAnswer::Dropped), "sent or queued");
    }
    assert_eq!(scene.find(4).await, Err(NoAnswer::Refused));
    assert!(scene.lookups.in_flight(&4).is_none());
}

#[tokio::test]
async fn a_request_that_panics_releases_those_who_wait_and_nothing_else() {
    let scene = Scene::start(1);
    assert_eq!(scene.find(PANICKING).await, Err(NoAnswer::Dropped));
    assert_eq!(scene.find(1).await, Ok(Ok(2)));
}

#[tokio::test(start_paused = true)]
async fn no_request_waits_beyond_queue_and_deadline() {
    let scene = Scene::start(0);
    let began = Instant::now();
    assert_eq!(scene.find(1).await, Err(NoAnswer::TimedOut));
    let limit = LIMITS.timeout * 2 + LIMITS.elsewhere;
    assert!((limit..limit + Duration::from_secs(1)).contains(&began.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn what_was_queued_for_too_long_is_not_sent() {
    let scene = Scene::start(0);
    let first = [scene.begin(1).await, scene.begin(2).await];
    let late = scene.begin(3).await;
    advance(LIMITS.timeout + Duration::from_millis(1)).await;
    scene.endpoint.turns.add_permits(3);
    assert_eq!(late.await.unwrap(), Ok(Err("busy")));
    for task in first {
        assert!(matches!(task.await.unwrap(), Ok(Ok(_))));
    }
    assert_eq!(scene.sent(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn i11_the_circuit_opens_after_failures_and_closes_with_a_probe() {
    let scene = Scene::start(100);
    scene.endpoint.is_down.store(true, Relaxed);
    for key in 0..5 {
        assert_eq!(scene.find(key).await, Ok(Err("outage")));
    }
    assert_eq!(scene.find(6).await, Ok(Err("resting")));
    assert_eq!(scene.sent(), [0, 1, 2, 3, 4], "it is open");
    assert_eq!(scene.find(ELSEWHERE).await, Ok(Ok(0)), "answered without the endpoint");

    scene.endpoint.is_down.store(false, Relaxed);
    scene.endpoint.turns.forget_permits(100);
    advance(Duration::from_secs(1)).await;
    let probe = scene.begin(7).await;
    assert_eq!(scene.find(8).await, Ok(Err("resting")), "half-open lets one pass");
    scene.endpoint.turns.add_permits(2);
    assert_eq!(probe.await.unwrap(), Ok(Ok(14)));
    assert_eq!(scene.find(8).await, Ok(Ok(16)), "closed");
}

#[tokio::test]
async fn invented_keys_do_not_open_the_circuit_for_the_others() {
    let scene = Scene::start(100);
    scene.endpoint.is_down.store(true, Relaxed);
    for key in INVENTED..INVENTED + 20 {
        assert_eq!(scene.find(key).await, Ok(Err("outage")));
    }
}
