//! `HAProxy` in front of replicas, which it checks by `/readyz`.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use super::replica::Ports;
use crate::support::{optional, wait_until};

/// Killed when dropped.
pub(super) struct HaProxy {
    child: Child,
    http1: SocketAddr,
    http2: SocketAddr,
    statistics: PathBuf,
    _folder: tempfile::TempDir,
}

impl HaProxy {
    /// `None`, with a notice, where it is not installed.
    pub(super) fn start(replicas: &[Ports]) -> Option<Self> {
        if let Err(error) = Command::new("haproxy").arg("-v").output() {
            optional::skip("haproxy", &error.to_string());
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let [http1, http2] = listeners.map(|listener| listener.local_addr().unwrap());
        let (file, statistics) = (folder.path().join("conf"), folder.path().join("statistics"));
        let socket = statistics.display();
        let servers = |rest: &dyn Fn(usize, u16) -> String| -> String {
            let each = replicas.iter().enumerate().map(|(number, Ports { requests, admin })| {
                format!(" server r{number} {requests} {}\n", rest(number, admin.port()))
            });
            each.collect()
        };
        let checked = servers(&|_, admin| format!("check port {admin} inter 100ms fall 1 rise 1"));
        let followed = servers(&|number, _| format!("track http1/r{number} proto h2"));
        let text = format!(
            "global\n stats socket {socket} level user\ndefaults\n mode http\n timeout connect 2s\n \
             timeout client 20s\n timeout server 20s\n\
             listen http1\n bind {http1}\n option httpchk GET /readyz\n{checked}\
             listen http2\n bind {http2} proto h2\n{followed}"
        );
        fs::write(&file, text).unwrap();
        let child = Command::new("haproxy")
            .arg("-f")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let haproxy = Self { child, http1, http2, statistics, _folder: folder };
        wait_until("haproxy", || {
            [http1, http2].iter().all(|address| TcpStream::connect(address).is_ok())
        });
        Some(haproxy)
    }

    pub(super) fn http1(&self) -> SocketAddr {
        self.http1
    }

    pub(super) fn http2(&self) -> SocketAddr {
        self.http2
    }

    /// Whether it sends to that many replicas, of both versions of HTTP.
    pub(super) fn are_up(&self, count: usize) -> bool {
        let mut socket = UnixStream::connect(&self.statistics).unwrap();
        socket.write_all(b"show stat\n").unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        let is_up = |line: &&str| {
            let columns: Vec<_> = line.split(',').collect();
            let is =
                |at: usize, begin: &str| columns.get(at).is_some_and(|it| it.starts_with(begin));
            is(1, "r") && is(17, "UP")
        };
        text.lines().filter(is_up).count() == 2 * count
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
