//! The app behind the sidecar, which starts later and ends earlier.

use std::{
    io::{BufReader, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use socket2::{Domain, Socket, Type};

use crate::support::{DEADLINE, wait_until, wire::Head};

/// Its answer waits for [`App::answer_slow_requests`].
pub(super) const SLOW_PATH: &str = "/slow";

/// An address, and what listens there from [`App::start`] on.
pub(super) struct App {
    socket: Socket,
    slow: Arc<SlowRequests>,
}

#[derive(Default)]
struct SlowRequests {
    state: Mutex<SlowState>,
    released: Condvar,
}

#[derive(Default)]
struct SlowState {
    arrived: usize,
    is_released: bool,
}

impl App {
    /// Its address is its own, and connections are refused.
    pub(super) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        Self { socket, slow: Arc::default() }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.socket.local_addr().unwrap().as_socket().unwrap())
    }

    pub(super) fn start(&self) {
        const BACKLOG: i32 = 128;
        self.socket.listen(BACKLOG).unwrap();
        let listener = TcpListener::from(self.socket.try_clone().unwrap());
        let slow = Arc::clone(&self.slow);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let slow = Arc::clone(&slow);
                thread::spawn(move || serve(stream, &slow));
            }
        });
    }

    /// What was accepted before is answered, and is the last of its connection.
    pub(super) fn stop_accepting(&self) {
        self.socket.shutdown(Shutdown::Both).unwrap();
    }

    pub(super) fn wait_for_slow_request(&self) {
        wait_until("the slow request", || self.slow.state.lock().unwrap().arrived > 0);
    }

    pub(super) fn answer_slow_requests(&self) {
        self.slow.state.lock().unwrap().is_released = true;
        self.slow.released.notify_all();
    }
}

impl SlowRequests {
    fn wait(&self) {
        let mut state = self.state.lock().unwrap();
        state.arrived += 1;
        let waits = |state: &mut SlowState| !state.is_released;
        drop(self.released.wait_timeout_while(state, DEADLINE, waits).unwrap());
    }
}

/// One request for each connection, so that none is left when it stops accepting.
fn serve(stream: TcpStream, slow: &SlowRequests) {
    let mut reader = BufReader::new(stream);
    let Ok(Some(head)) = Head::read(&mut reader) else { return };
    if head.start.contains(SLOW_PATH) {
        slow.wait();
    }
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let _ = reader.get_mut().write_all(answer);
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}
