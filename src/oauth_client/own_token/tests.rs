use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{advance, pause, resume, sleep},
};

use crate::{clock::SystemClock, fetch::FetchRules, oauth_client::own_token_request::read};

use super::*;

/// What the token endpoint does with a request.
#[derive(Debug, Clone)]
enum Answer {
    /// A token of that name that lives for that many seconds.
    Token(&'static str, u64),
    Unavailable,
    Hang,
}

/// A token endpoint, and the token of a client of it.
struct Scene {
    answer: Arc<Mutex<Answer>>,
    requests: Arc<AtomicU64>,
    own: OwnToken,
    _server: JoinSet<()>,
}

/// How long an exchange may take: no test waits for that.
const DEADLINE: Duration = Duration::from_mins(2);

impl Scene {
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let (answer, requests) = (Arc::new(Mutex::new(answer)), Arc::new(AtomicU64::new(0)));
        let (script, counted) = (Arc::clone(&answer), Arc::clone(&requests));
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Relaxed);
                let answer = script.lock().clone();
                connections.spawn(serve(stream, answer));
            }
        });
        let client = ClientProof::Bearer {
            token_url: url.parse().unwrap(),
            scope: None,
            client: Box::new(ClientProof::Unauthenticated),
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let fetcher = Arc::new(Fetcher::new(FetchRules::occasional(DEADLINE, 1024, None)));
        let own = OwnToken::of(&client, &clock, &fetcher).unwrap();
        Self { answer, requests, own, _server: server }
    }

    fn say(&self, answer: Answer) {
        *self.answer.lock() = answer;
    }

    /// The token that a request is given, without the answer to another one.
    async fn given(&self) -> String {
        let given = tokio::time::timeout(DEADLINE / 2, self.own.authorization()).await;
        let given = given.expect("it waited").map(|value| value.to_str().unwrap().to_owned());
        given.unwrap_or_else(|error| error.code().to_owned())
    }

    async fn requests(&self, expected: u64) {
        while self.requests.load(Relaxed) < expected {
            sleep(Duration::from_millis(2)).await;
        }
        // What else was begun has begun.
        sleep(Duration::from_millis(20)).await;
        assert_eq!(self.requests.load(Relaxed), expected);
    }

    /// Until a renewal that is under way has ended.
    async fn renewal_ended(&self) {
        let joined = self.own.renewal.join(|| async { Err(ended()) });
        let _ = joined.result().await;
    }
}

fn ended() -> ClientError {
    FetchError::Internal { cause: "nothing was under way".to_owned() }.into()
}

async fn serve(mut stream: TcpStream, answer: Answer) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let body = match answer {
        Answer::Token(name, lives) => {
            format!(r#"{{"access_token":"{name}","expires_in":{lives}}}"#)
        }
        Answer::Unavailable => String::new(),
        Answer::Hang => std::future::pending().await,
    };
    let status = if body.is_empty() { 503 } else { 200 };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n");
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.unwrap();
}

/// Lets that time pass at once; the endpoint and the requests go on by the usual one.
async fn pass(seconds: u64) {
    pause();
    advance(Duration::from_secs(seconds)).await;
    resume();
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_used_to_its_end() {
    let scene = Scene::start(Answer::Token("first", 100)).await;
    assert_eq!(scene.given().await, "Bearer first");
    pass(80).await;
    scene.say(Answer::Unavailable);
    for _ in 0..5 {
        assert_eq!(scene.given().await, "Bearer first", "it still lives");
    }
    scene.requests(2).await;
    scene.renewal_ended().await;
    assert_eq!(scene.given().await, "Bearer first");
    scene.requests(2).await;

    pass(RENEWAL_PAUSE.as_secs()).await;
    assert_eq!(scene.given().await, "Bearer first", "five seconds later");
    scene.requests(3).await;
    scene.renewal_ended().await;
    pass(15).await;
    assert_eq!(scene.given().await, "status", "it has ended");
    scene.say(Answer::Token("second", 100));
    assert_eq!(scene.given().await, "Bearer second");
}

#[tokio::test]
async fn a_token_endpoint_that_hangs_delays_no_request_while_the_token_lives() {
    let scene = Scene::start(Answer::Token("first", 100)).await;
    assert_eq!(scene.given().await, "Bearer first");
    pass(80).await;
    scene.say(Answer::Hang);
    for _ in 0..5 {
        assert_eq!(scene.given().await, "Bearer first");
    }
    scene.requests(2).await;
}

#[tokio::test]
async fn a_token_is_renewed_beside_the_requests() {
    let scene = Scene::start(Answer::Token("first", 100)).await;
    assert_eq!(scene.given().await, "Bearer first");
    scene.say(Answer::Token("second", 100));
    pass(79).await;
    assert_eq!(scene.given().await, "Bearer first");
    scene.requests(1).await;
    pass(1).await;
    assert_eq!(scene.given().await, "Bearer first", "the next one is on its way");
    scene.renewal_ended().await;
    assert_eq!(scene.given().await, "Bearer second");
    scene.requests(2).await;
}

#[tokio::test]
async fn those_who_need_a_token_at_once_wait_for_one_request() {
    let scene = Scene::start(Answer::Token("first", 0)).await;
    let both = tokio::join!(scene.given(), scene.given());
    assert_eq!(both, ("Bearer first".to_owned(), "Bearer first".to_owned()));
    scene.requests(1).await;
    assert_eq!(scene.given().await, "Bearer first", "another one: that has ended");
    scene.requests(2).await;
}

#[tokio::test(start_paused = true)]
async fn refusals_cost_one_token_in_a_while() {
    let client = ClientProof::Bearer {
        token_url: http::Uri::from_static("http://idp.test/token"),
        scope: None,
        client: Box::new(ClientProof::Unauthenticated),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let fetcher = Arc::new(Fetcher::new(FetchRules::occasional(DEADLINE, 1024, None)));
    let own = OwnToken::of(&client, &clock, &fetcher).unwrap();
    let give = |token: &str| {
        let body = format!(r#"{{"access_token":"{token}"}}"#);
        let kept = read(body.as_bytes(), "idp", Instant::now()).unwrap();
        let authorization = kept.authorization.clone();
        own.renewer.state.lock().kept = Some(kept);
        authorization
    };
    let first = give("first");
    own.discard(&first);
    assert_eq!(own.discarded(), 1);
    let second = give("second");
    own.discard(&first);
    own.discard(&second);
    assert_eq!(own.discarded(), 1, "the next one would fare no better");
    advance(DISCARD_INTERVAL).await;
    own.discard(&second);
    assert_eq!(own.discarded(), 2);
}
