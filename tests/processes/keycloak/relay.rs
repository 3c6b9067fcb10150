//! What stands between the proxy and Keycloak, and can fail.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::support::{listening::Listening, wait_until};

/// Passes connections on to Keycloak until it is told otherwise.
pub(crate) struct Relay {
    listening: Listening,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    /// Both ends of every connection, to be closed.
    streams: Vec<TcpStream>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Mode {
    #[default]
    Passes,
    /// Connections are accepted, and nothing is ever answered.
    Hangs,
    /// Connections are closed at once.
    Dead,
}

impl Relay {
    pub(crate) fn start(to: SocketAddr) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let listening = Listening::start(move |client| {
            let mode = shared.lock().unwrap().mode;
            match mode {
                Mode::Passes => relay(&client, to, &shared),
                Mode::Hangs => read_to_end(&client, &shared),
                Mode::Dead => {}
            }
        });
        Self { listening, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listening.address())
    }

    /// No client gets an answer any more.
    pub(crate) fn hang(&self) {
        self.become_(Mode::Hangs);
    }

    /// No client gets a connection any more.
    pub(crate) fn die(&self) {
        self.become_(Mode::Dead);
    }

    pub(crate) fn recover(&self) {
        self.become_(Mode::Passes);
    }

    /// Waits until the proxy has asked while nothing is answered.
    pub(crate) fn wait_until_asked(&self) {
        let before = self.listening.accepted();
        wait_until("a connection", || self.listening.accepted() > before);
    }

    fn become_(&self, mode: Mode) {
        let mut state = self.state.lock().unwrap();
        state.mode = mode;
        for stream in state.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Copies in both directions until one of them ends.
fn relay(client: &TcpStream, to: SocketAddr, state: &Mutex<State>) {
    let Ok(server) = TcpStream::connect(to) else { return };
    keep(state, &[client, &server]);
    thread::scope(|scope| {
        scope.spawn(|| copy(client, &server));
        copy(&server, client);
    });
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let _: io::Result<u64> = io::copy(&mut from, &mut to);
    let _ = to.flush();
    let _ = to.shutdown(Shutdown::Write);
}

fn read_to_end(mut client: &TcpStream, state: &Mutex<State>) {
    keep(state, &[client]);
    let _ = client.read_to_end(&mut Vec::new());
}

fn keep(state: &Mutex<State>, streams: &[&TcpStream]) {
    let kept = streams.iter().map(|stream| stream.try_clone().unwrap());
    state.lock().unwrap().streams.extend(kept);
}
