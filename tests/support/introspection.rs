//! The issuer's introspection endpoint (RFC 7662), in good times and in bad: it says of each token
//! what the test wants, and remembers who asked what.

use std::{
    collections::HashMap,
    fmt,
    io::{self, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};

use super::{
    DEADLINE,
    authority::Authority,
    listening::Listening,
    page::{Afterwards, Page},
    wait_until,
    wire::{Head, Unframed},
};

/// Of a token of which nothing was said it says that it is not active. Connections are kept.
#[derive(Debug)]
pub(crate) struct Endpoint {
    listening: Listening,
    scheme: &'static str,
    state: Arc<State>,
}

/// One question, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) head: Head,
    /// What was sent as a form, or in the query.
    pub(crate) parameters: Vec<(String, String)>,
}

type Check = Box<dyn Fn(&Question) -> bool + Send>;
type Script = Box<dyn Fn(&Question) -> Page + Send>;

#[derive(Default)]
struct State {
    pages: Mutex<HashMap<String, Page>>,
    of_tokens: Mutex<HashMap<String, Page>>,
    of_others: Mutex<Option<Page>>,
    check: Mutex<Option<Check>>,
    script: Mutex<Option<Script>>,
    asked: Mutex<Vec<Question>>,
    under_way: AtomicUsize,
    most_at_once: AtomicUsize,
    held: Mutex<bool>,
    released: Condvar,
}

/// The form parameter, and GenAuth's query parameters, that a token is asked about in.
const TOKEN_PARAMETERS: [&str; 3] = ["token", "access_token", "id_token"];

impl Endpoint {
    pub(crate) fn start() -> Self {
        let state = Arc::<State>::default();
        let of_listener = Arc::clone(&state);
        let listening = Listening::start(move |stream| serve(stream, &of_listener));
        Self { listening, scheme: "http", state }
    }

    /// Behind a certificate.
    pub(crate) fn start_with_tls(config: rustls::ServerConfig) -> Self {
        let (state, config) = (Arc::<State>::default(), Arc::new(config));
        let of_listener = Arc::clone(&state);
        let listening = Listening::start(move |stream: TcpStream| {
            let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            serve(rustls::StreamOwned::new(session, stream), &of_listener);
        });
        Self { listening, scheme: "https", state }
    }

    /// With a certificate for that name.
    pub(crate) fn named(authority: &Authority, name: &str) -> Self {
        let server = authority.server(name);
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![server.certificate.clone()], server.key())
            .unwrap();
        Self::start_with_tls(config)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.listening.address())
    }

    /// From now on, the token is active, with these members beside.
    pub(crate) fn activate(&self, token: &str, claims: &Value) {
        let mut members = claims.clone();
        members["active"] = json!(true);
        self.say(token, Page::json(&members));
    }

    /// From now on, the token is not active.
    pub(crate) fn revoke(&self, token: &str) {
        self.say(token, Page::json(&json!({ "active": false })));
    }

    /// From now on, says this of the token.
    pub(crate) fn say(&self, token: &str, page: Page) {
        self.state.of_tokens.lock().unwrap().insert(token.to_owned(), page);
    }

    /// From now on, says this of every token, whatever was said of it before; `None`: no more.
    pub(crate) fn say_of_all(&self, page: Option<Page>) {
        *self.state.of_others.lock().unwrap() = page;
    }

    /// From now on, says this at `path`, where no token is asked about.
    pub(crate) fn serve(&self, path: &str, page: Page) {
        self.state.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    /// From now on, 401 for a client that does not pass this.
    pub(crate) fn demand(&self, check: impl Fn(&Question) -> bool + Send + 'static) {
        *self.state.check.lock().unwrap() = Some(Box::new(check));
    }

    /// From now on, says this to every question for which no path has a page.
    pub(crate) fn answer_by(&self, script: impl Fn(&Question) -> Page + Send + 'static) {
        *self.state.script.lock().unwrap() = Some(Box::new(script));
    }

    /// From now on, questions are counted but wait for [`Self::release`].
    pub(crate) fn hold(&self) {
        *self.state.held.lock().unwrap() = true;
    }

    /// Answers what was held, as things are now.
    pub(crate) fn release(&self) {
        *self.state.held.lock().unwrap() = false;
        self.state.released.notify_all();
    }

    /// Every question about a token so far.
    pub(crate) fn asked(&self) -> Vec<Question> {
        let asked = self.state.asked.lock().unwrap();
        asked.iter().filter(|question| question.token().is_some()).cloned().collect()
    }

    /// The last of them.
    pub(crate) fn last(&self) -> Question {
        self.asked().pop().unwrap()
    }

    /// How many questions about tokens there were.
    pub(crate) fn count(&self) -> usize {
        let asked = self.state.asked.lock().unwrap();
        asked.iter().filter(|question| question.token().is_some()).count()
    }

    /// How many questions about this token.
    pub(crate) fn count_of(&self, token: &str) -> usize {
        let asked = self.state.asked.lock().unwrap();
        asked.iter().filter(|question| question.token() == Some(token)).count()
    }

    /// Every request for that path.
    pub(crate) fn visits(&self, path: &str) -> Vec<Question> {
        let asked = self.state.asked.lock().unwrap();
        asked.iter().filter(|question| question.path() == path).cloned().collect()
    }

    /// How many questions were under way at the same time, at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.state.most_at_once.load(Ordering::SeqCst)
    }

    /// How many connections have come so far.
    pub(crate) fn connections(&self) -> usize {
        self.listening.accepted()
    }

    /// Waits until so many questions have come.
    pub(crate) fn wait_for(&self, count: usize) {
        wait_until(&format!("{count} questions"), || self.count() >= count);
    }
}

fn serve(stream: impl Read + Write, state: &State) {
    let mut reader = BufReader::new(stream);
    while let Ok(Some(question)) = Question::read(&mut reader) {
        let _under_way = state.note(&question);
        let page = state.answer_to(&question);
        // The client may give up at any byte.
        if page.say(reader.get_mut(), &question.head, Afterwards::Keep).is_err() {
            return;
        }
    }
}

impl State {
    /// Counts the question as one under way, until the result is dropped.
    fn note(&self, question: &Question) -> UnderWay<'_> {
        self.asked.lock().unwrap().push(question.clone());
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        UnderWay(&self.under_way)
    }

    fn answer_to(&self, question: &Question) -> Page {
        let held = self.held.lock().unwrap();
        drop(self.released.wait_timeout_while(held, DEADLINE, |held| *held));
        if let Some(page) = self.pages.lock().unwrap().get(question.path()) {
            return page.clone();
        }
        if let Some(script) = &*self.script.lock().unwrap() {
            return script(question);
        }
        let Some(token) = question.token() else {
            return Page::status(404);
        };
        if self.check.lock().unwrap().as_ref().is_some_and(|check| !check(question)) {
            return Page::json(&json!({ "error": "invalid_client" })).with_status(401);
        }
        if let Some(page) = &*self.of_others.lock().unwrap() {
            return page.clone();
        }
        let known = self.of_tokens.lock().unwrap().get(token).cloned();
        known.unwrap_or_else(|| Page::json(&json!({ "active": false })))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("asked", &self.asked).finish_non_exhaustive()
    }
}

struct UnderWay<'s>(&'s AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Question {
    fn read(reader: &mut BufReader<impl Read>) -> io::Result<Option<Self>> {
        let Some(head) = Head::read(reader)? else {
            return Ok(None);
        };
        let body = head.read_body(reader, Unframed::Empty)?;
        let mut parameters = decode(std::str::from_utf8(&body.bytes).map_err(io::Error::other)?);
        if let Some((_, query)) = head.start.split(' ').nth(1).and_then(|t| t.split_once('?')) {
            parameters.extend(decode(query));
        }
        Ok(Some(Self { head, parameters }))
    }

    pub(crate) fn method(&self) -> &str {
        self.head.start.split(' ').next().unwrap_or_default()
    }

    /// The path, without the query.
    pub(crate) fn path(&self) -> &str {
        let target = self.head.start.split(' ').nth(1).unwrap_or_default();
        target.split('?').next().unwrap_or_default()
    }

    /// The value of a parameter that occurs at most once.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut values = self.parameters.iter().filter(|(known, _)| known == name);
        let value = values.next();
        assert!(values.next().is_none(), "several {name} parameters: {self:?}");
        value.map(|(_, value)| value.as_str())
    }

    /// The names of the parameters, in their order.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.parameters.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn token(&self) -> Option<&str> {
        TOKEN_PARAMETERS.iter().find_map(|name| self.parameter(name))
    }
}

/// `application/x-www-form-urlencoded`, decoded as most servers do it.
pub(crate) fn decode(form: &str) -> Vec<(String, String)> {
    let pairs = form.split('&').filter(|pair| !pair.is_empty());
    let parts = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode_part(name), decode_part(value))
    };
    pairs.map(parts).collect()
}

/// One part of a form.
pub(crate) fn decode_part(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(decoded).unwrap()
}
