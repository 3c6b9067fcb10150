//! An HTTP proxy on the way to other servers, which knows names that resolve nowhere else.

use std::{
    collections::HashMap,
    io::{self, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use super::{listening::Listening, wire::Head};

/// What it does when it is asked for a tunnel.
#[derive(Debug, Clone)]
pub(crate) enum TunnelPolicy {
    /// Opens it.
    Open,
    /// Opens it for requests with this `Proxy-Authorization`, else 407.
    Demand(String),
    /// Says this, and closes.
    Say(Vec<u8>),
    /// Says nothing, and keeps the connection.
    Silence,
}

/// A proxy with names of its own, which remembers what it was asked.
#[derive(Debug)]
pub(crate) struct EgressProxy {
    listening: Listening,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    names: Mutex<HashMap<String, SocketAddr>>,
    policy: Mutex<TunnelPolicy>,
    asked: Mutex<Vec<Head>>,
    /// What went through tunnels, as it came from the side of the client.
    carried: Mutex<Vec<u8>>,
}

impl EgressProxy {
    pub(crate) fn start() -> Self {
        let state = Arc::new(State {
            names: Mutex::default(),
            policy: Mutex::new(TunnelPolicy::Open),
            asked: Mutex::default(),
            carried: Mutex::default(),
        });
        let of_listener = Arc::clone(&state);
        let listening = Listening::start(move |stream| {
            // Either side may give up at any byte.
            let _ = serve(stream, &of_listener);
        });
        Self { listening, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listening.address())
    }

    /// From now on, the name (with its port) leads there.
    pub(crate) fn resolve(&self, name: &str, address: SocketAddr) {
        self.state.names.lock().unwrap().insert(name.to_owned(), address);
    }

    /// From now on, does this.
    pub(crate) fn set(&self, policy: TunnelPolicy) {
        *self.state.policy.lock().unwrap() = policy;
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Head> {
        self.state.asked.lock().unwrap().clone()
    }

    /// What went through tunnels towards the servers, as the proxy could read it.
    pub(crate) fn carried(&self) -> Vec<u8> {
        self.state.carried.lock().unwrap().clone()
    }
}

fn serve(mut client: TcpStream, state: &State) -> io::Result<()> {
    let Some(head) = Head::read(&mut BufReader::with_capacity(1, client.try_clone()?))? else {
        return Ok(());
    };
    state.asked.lock().unwrap().push(head.clone());
    let policy = state.policy.lock().unwrap().clone();
    let refused = match &policy {
        TunnelPolicy::Open => None,
        TunnelPolicy::Demand(pair) if head.field("proxy-authorization") == Some(pair) => None,
        TunnelPolicy::Demand(_) => Some(&b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"[..]),
        TunnelPolicy::Say(bytes) => Some(&bytes[..]),
        TunnelPolicy::Silence => {
            let _ = client.read(&mut [0]);
            return Ok(());
        }
    };
    if let Some(refused) = refused {
        return client.write_all(refused);
    }
    let name = head.start.split(' ').nth(1).unwrap_or_default();
    let Some(address) = state.names.lock().unwrap().get(name).copied() else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n");
    };
    let mut server = TcpStream::connect(address)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut back, mut to_client) = (server.try_clone()?, client.try_clone()?);
    let answers = thread::spawn(move || {
        let _ = io::copy(&mut back, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut buffer = [0; 4096];
    loop {
        let read = client.read(&mut buffer).unwrap_or_default();
        if read == 0 || server.write_all(&buffer[..read]).is_err() {
            break;
        }
        state.carried.lock().unwrap().extend_from_slice(&buffer[..read]);
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = answers.join();
    Ok(())
}
