//! The issuer's web server: key sets and metadata, in good times and in bad.

use std::{
    collections::HashMap,
    io::BufReader,
    net::TcpStream,
    sync::{Arc, Condvar, Mutex},
};

use super::{DEADLINE, listening::Listening, page::Afterwards, wire::Head};

pub(crate) use super::page::Page;

/// Serves one [`Page`] per path; a path without one is 404. Pages can be swapped at any time.
#[derive(Debug)]
pub(crate) struct KeyServer {
    listening: Listening,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    pages: Mutex<HashMap<String, Page>>,
    asked: Mutex<Vec<Head>>,
    held: Mutex<bool>,
    released: Condvar,
}

impl KeyServer {
    pub(crate) fn start() -> Self {
        let state = Arc::<State>::default();
        let of_listener = Arc::clone(&state);
        let listening = Listening::start(move |stream| serve(stream, &of_listener));
        Self { listening, state }
    }

    /// From now on, says this at `path`.
    pub(crate) fn serve(&self, path: &str, page: Page) {
        self.state.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listening.address())
    }

    /// From now on, requests are counted but wait for [`Self::release`].
    pub(crate) fn hold(&self) {
        *self.state.held.lock().unwrap() = true;
    }

    /// Answers what was held, with the pages as they are now.
    pub(crate) fn release(&self) {
        *self.state.held.lock().unwrap() = false;
        self.state.released.notify_all();
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Head> {
        self.state.asked.lock().unwrap().clone()
    }

    /// How many requests there were.
    pub(crate) fn count(&self) -> usize {
        self.state.asked.lock().unwrap().len()
    }
}

fn serve(mut stream: TcpStream, state: &State) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let Ok(Some(head)) = Head::read(&mut reader) else {
        return;
    };
    state.asked.lock().unwrap().push(head.clone());
    let held = state.held.lock().unwrap();
    drop(state.released.wait_timeout_while(held, DEADLINE, |held| *held));
    let path = head.start.split(' ').nth(1).unwrap_or_default();
    let page = state.pages.lock().unwrap().get(path).cloned();
    let page = page.unwrap_or_else(|| Page::status(404));
    // The client may give up at any byte.
    let _ = page.say(&mut stream, &head, Afterwards::Close);
}
