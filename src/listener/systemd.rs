//! Sockets that the process was started with (socket activation, `sd_listen_fds(3)`). They outlive
//! it, and may have a port that only a privileged process can bind.

use std::{env, io};

use listenfd::ListenFd;

use super::Listener;

/// The names of the sockets, separated by `:`.
const NAMES: &str = "LISTEN_FDNAMES";

/// The sockets, open for as long as the process runs: no configuration that is refused, or that
/// does without one, may close it. Nothing could open it again.
#[derive(Default)]
pub(crate) struct PassedSockets(Option<Passed>);

struct Passed {
    sockets: ListenFd,
    names: Vec<String>,
    /// By position. `None`: nothing has asked for it so far.
    opened: Vec<Option<Listener>>,
}

impl PassedSockets {
    /// A copy of the socket of that name, or of that number, counted from 0.
    ///
    /// # Errors
    /// There is none, or it is no listening stream socket.
    pub(super) fn copy(&mut self, name: &str) -> io::Result<Listener> {
        let passed = self.passed();
        let position = passed.position(name).ok_or_else(|| passed.missing(name))?;
        passed.opened(position)?.try_clone()
    }

    /// Which socket it is, by position; `None` if there is none of that name or number.
    pub(crate) fn position(&mut self, name: &str) -> Option<usize> {
        self.passed().position(name)
    }

    fn passed(&mut self) -> &mut Passed {
        self.0.get_or_insert_with(Passed::from_environment)
    }
}

impl Passed {
    /// The variables are for this process only: `listenfd` checks that, and removes them.
    fn from_environment() -> Self {
        let names = env::var(NAMES).unwrap_or_default();
        let names = names.split(':').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let sockets = ListenFd::from_env();
        let opened = (0..sockets.len()).map(|_| None).collect();
        Self { sockets, names, opened }
    }

    fn position(&self, name: &str) -> Option<usize> {
        let position = self.names.iter().position(|known| known == name);
        position.or_else(|| name.parse().ok()).filter(|position| *position < self.opened.len())
    }

    fn opened(&mut self, position: usize) -> io::Result<&Listener> {
        let not_there = || io::Error::from(io::ErrorKind::NotFound);
        let place = self.opened.get_mut(position).ok_or_else(not_there)?;
        if place.is_none() {
            *place = Some(open(&mut self.sockets, position)?);
        }
        place.as_ref().ok_or_else(not_there)
    }

    fn missing(&self, name: &str) -> io::Error {
        let (count, names) = (self.opened.len(), self.names.join(", "));
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("{count} sockets were passed (LISTEN_FDS), named {names:?}; none is {name:?}"),
        )
    }
}

fn open(sockets: &mut ListenFd, position: usize) -> io::Result<Listener> {
    if let Ok(Some(listener)) = sockets.take_unix_listener(position) {
        listener.set_nonblocking(true)?;
        return Ok(Listener::Unix(listener));
    }
    let listener = sockets.take_tcp_listener(position)?;
    let listener = listener.ok_or_else(|| io::Error::other("it is no socket that listens"))?;
    listener.set_nonblocking(true)?;
    Ok(Listener::Tcp(listener))
}
