//! Sockets that the process was started with (socket activation, `sd_listen_fds(3)`). They outlive
//! it, and may have a port that only a privileged process can bind.

use std::{env, io};

use listenfd::ListenFd;

use super::Listener;

/// The names of the sockets, separated by `:`.
const NAMES: &str = "LISTEN_FDNAMES";

/// The sockets that nothing has taken yet.
#[derive(Default)]
pub(crate) struct PassedSockets(Option<Passed>);

struct Passed {
    sockets: ListenFd,
    names: Vec<String>,
}

impl PassedSockets {
    /// The socket of that name, or of that number, counted from 0.
    ///
    /// # Errors
    /// There is none, it was taken already, or it is no listening stream socket.
    pub(super) fn take(&mut self, name: &str) -> io::Result<Listener> {
        let Passed { sockets, names } = self.0.get_or_insert_with(Passed::from_environment);
        let position = names.iter().position(|known| known == name);
        let position = position.or_else(|| name.parse().ok());
        let position = position.filter(|position| *position < sockets.len());
        let position = position.ok_or_else(|| missing(name, sockets.len(), names))?;
        if let Ok(Some(listener)) = sockets.take_unix_listener(position) {
            listener.set_nonblocking(true)?;
            return Ok(Listener::Unix(listener));
        }
        match sockets.take_tcp_listener(position)? {
            Some(listener) => {
                listener.set_nonblocking(true)?;
                Ok(Listener::Tcp(listener))
            }
            None => Err(io::Error::other("another listener has that socket")),
        }
    }
}

impl Passed {
    /// The variables are for this process only: `listenfd` checks that, and removes them.
    fn from_environment() -> Self {
        let names = env::var(NAMES).unwrap_or_default();
        let names = names.split(':').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Self { sockets: ListenFd::from_env(), names }
    }
}

fn missing(name: &str, count: usize, names: &[String]) -> io::Error {
    let names = names.join(", ");
    io::Error::new(
        io::ErrorKind::NotFound,
        format!("{count} sockets were passed (LISTEN_FDS), named {names:?}; none is {name:?}"),
    )
}
