//! A resolver whose answers a test decides, over UDP and TCP (RFC 1035).

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// The running resolver; stops when dropped.
#[derive(Debug)]
pub(crate) struct Dns {
    address: SocketAddr,
    zone: Arc<Zone>,
}

#[derive(Debug, Default)]
struct Zone {
    records: Mutex<HashMap<String, Vec<Data>>>,
    ttl: AtomicUsize,
    fails: AtomicBool,
    queries: AtomicUsize,
    is_over: AtomicBool,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    Address(IpAddr),
    Alias(String),
    Service { priority: u16, weight: u16, port: u16, target: String },
}

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const SERVER_FAILURE: u8 = 2;
const NO_NAME: u8 = 3;
/// What fits into a datagram without an extension.
const DATAGRAM: usize = 512;

impl Dns {
    pub(crate) fn start() -> Self {
        // The same port for both: the first one that is free for both.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let zone = Arc::<Zone>::default();
        udp.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        tcp.set_nonblocking(true).unwrap();
        let of_udp = Arc::clone(&zone);
        thread::spawn(move || serve_udp(&udp, &of_udp));
        let of_tcp = Arc::clone(&zone);
        thread::spawn(move || serve_tcp(&tcp, &of_tcp));
        Self { address, zone }
    }

    /// `[resolver]` that uses it, with further lines.
    pub(crate) fn section(&self, lines: &str) -> String {
        format!("[resolver]\nservers = [\"{}\"]\n{lines}\n", self.address)
    }

    /// From now on the name has these addresses.
    pub(crate) fn addresses(&self, name: &str, addresses: &[&str]) {
        let data = addresses.iter().map(|address| Data::Address(address.parse().unwrap()));
        self.records(name, data.collect());
    }

    pub(crate) fn records(&self, name: &str, data: Vec<Data>) {
        self.zone.records.lock().unwrap().insert(name.to_owned(), data);
    }

    /// Seconds that every record may be kept.
    pub(crate) fn ttl(&self, seconds: usize) {
        self.zone.ttl.store(seconds, Ordering::SeqCst);
    }

    /// Whether it answers SERVFAIL to everything.
    pub(crate) fn fails(&self, fails: bool) {
        self.zone.fails.store(fails, Ordering::SeqCst);
    }

    pub(crate) fn queries(&self) -> usize {
        self.zone.queries.load(Ordering::SeqCst)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.zone.is_over.store(true, Ordering::SeqCst);
    }
}

fn serve_udp(socket: &UdpSocket, zone: &Zone) {
    let mut buffer = [0; 4096];
    while !zone.is_over.load(Ordering::SeqCst) {
        let Ok((length, peer)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(mut answer) = zone.answer(&buffer[..length]) {
            if answer.len() > DATAGRAM {
                answer = truncated(&buffer[..length]);
            }
            let _ = socket.send_to(&answer, peer);
        }
    }
}

fn serve_tcp(listener: &TcpListener, zone: &Arc<Zone>) {
    while !zone.is_over.load(Ordering::SeqCst) {
        let Ok((mut stream, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(5));
            continue;
        };
        let zone = Arc::clone(zone);
        thread::spawn(move || {
            stream.set_nonblocking(false).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut length = [0; 2];
            while stream.read_exact(&mut length).is_ok() {
                let mut query = vec![0; u16::from_be_bytes(length).into()];
                if stream.read_exact(&mut query).is_err() {
                    return;
                }
                let Some(answer) = zone.answer(&query) else { return };
                let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
                if stream.write_all(&[&length[..], &answer].concat()).is_err() {
                    return;
                }
            }
        });
    }
}

impl Zone {
    /// The question's header and name, with an answer section of our own.
    fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        self.queries.fetch_add(1, Ordering::SeqCst);
        let (name, end) = question(query)?;
        let kind = u16::from_be_bytes(query.get(end..end + 2)?.try_into().ok()?);
        if self.fails.load(Ordering::SeqCst) {
            return Some(header(query, end + 4, SERVER_FAILURE, 0, false));
        }
        let records = self.records.lock().unwrap();
        let Some(all) = records.get(&name) else {
            return Some(header(query, end + 4, NO_NAME, 0, false));
        };
        let matching: Vec<_> =
            all.iter().filter(|data| data.kind() == kind || data.kind() == CNAME).collect();
        let count = u16::try_from(matching.len()).unwrap();
        let mut answer = header(query, end + 4, 0, count, false);
        let ttl = u32::try_from(self.ttl.load(Ordering::SeqCst)).unwrap();
        for data in matching {
            let content = data.content();
            // The name of the question.
            answer.extend([0xC0, 12]);
            answer.extend(data.kind().to_be_bytes());
            answer.extend(1_u16.to_be_bytes());
            answer.extend(ttl.to_be_bytes());
            answer.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
            answer.extend(content);
        }
        Some(answer)
    }
}

/// Says that the rest comes over TCP.
fn truncated(query: &[u8]) -> Vec<u8> {
    let (_, end) = question(query).unwrap();
    header(query, end + 4, 0, 0, true)
}

/// The name that is asked for, in lower case, and where it ends.
fn question(query: &[u8]) -> Option<(String, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = String::from_utf8_lossy(query.get(at..at + length)?).to_ascii_lowercase();
        labels.push(label);
        at += length;
    }
}

fn header(query: &[u8], end: usize, code: u8, answers: u16, is_cut: bool) -> Vec<u8> {
    let mut bytes = query[..end].to_vec();
    bytes[2] = 0x84 | (query[2] & 1) | if is_cut { 2 } else { 0 };
    bytes[3] = 0x80 | code;
    bytes[4..6].copy_from_slice(&1_u16.to_be_bytes());
    bytes[6..8].copy_from_slice(&answers.to_be_bytes());
    bytes[8..12].fill(0);
    bytes
}

impl Data {
    fn kind(&self) -> u16 {
        match self {
            Self::Address(IpAddr::V4(_)) => A,
            Self::Address(IpAddr::V6(_)) => AAAA,
            Self::Alias(_) => CNAME,
            Self::Service { .. } => SRV,
        }
    }

    fn content(&self) -> Vec<u8> {
        match self {
            Self::Address(IpAddr::V4(address)) => address.octets().to_vec(),
            Self::Address(IpAddr::V6(address)) => address.octets().to_vec(),
            Self::Alias(name) => labels(name),
            Self::Service { priority, weight, port, target } => {
                let mut content: Vec<u8> =
                    [priority, weight, port].iter().flat_map(|n| n.to_be_bytes()).collect();
                content.extend(labels(target));
                content
            }
        }
    }
}

fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
