//! A loopback port and a thread for each of its connections.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// Accepts on an ephemeral loopback port until it is dropped. By itself a canary: no connection may come.
#[derive(Debug)]
pub(crate) struct Listening {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

impl Listening {
    /// Gives every connection to `serve`, on a thread of its own.
    pub(crate) fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listening = Self {
            address: listener.local_addr().unwrap(),
            accepted: Arc::default(),
            stopped: Arc::default(),
        };
        let (accepted, stopped) = (Arc::clone(&listening.accepted), Arc::clone(&listening.stopped));
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                accepted.fetch_add(1, Ordering::SeqCst);
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream));
            }
        });
        listening
    }

    /// A listener that only counts who comes.
    pub(crate) fn canary() -> Self {
        Self::start(drop)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections have come so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the accepting thread; if it is gone already, so much the better.
        let _ = TcpStream::connect(self.address);
    }
}
