//! `HAProxy` and nginx that send the PROXY protocol.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use socket2::{Domain, Socket, Type};

use crate::support::{DEADLINE, client::Request, optional, wait_until, world::World};

/// A load balancer, killed when dropped.
struct Balancer {
    child: Child,
    /// Of each of its ports.
    addresses: Vec<SocketAddr>,
    _folder: tempfile::TempDir,
}

/// The balancers connect from here, no other client does.
const BALANCER: &str = "127.0.0.2";
/// The client, whose address the upstream is to learn.
const CLIENT: &str = "127.0.0.5";

impl Balancer {
    /// `None`, with a notice, where the program is not installed.
    fn start(
        program: &str,
        arguments: impl FnOnce(&Path) -> Vec<String>,
        ports: usize,
        configure: impl FnOnce(&Path, &[SocketAddr]) -> String,
    ) -> Option<Self> {
        if let Err(error) = Command::new(program).arg("-v").output() {
            optional::skip(program, &error.to_string());
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let listeners: Vec<_> =
            (0..ports).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
        let addresses: Vec<_> = listeners.iter().map(|it| it.local_addr().unwrap()).collect();
        drop(listeners);
        let file = folder.path().join("balancer.conf");
        fs::write(&file, configure(folder.path(), &addresses)).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(program)
            .args(arguments(folder.path()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let balancer = Self { child, addresses, _folder: folder };
        wait_until(program, || {
            balancer.addresses.iter().all(|address| TcpStream::connect(address).is_ok())
        });
        Some(balancer)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn world() -> World {
    let listener = format!(
        "[[listeners]]\nname = \"behind\"\nlisten = \"127.0.0.1:0\"\n\
         proxy_protocol = {{ from = [\"{BALANCER}\"] }}\n"
    );
    let mut world = World::with_setup(|setup| setup.with(&listener));
    // The clients here keep no journal.
    world.proxy.expect_unmatched_answers();
    world
}

/// One request from the client's address, over the balancer.
fn status_through(address: SocketAddr, path: &str) -> u16 {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let own: SocketAddr = format!("{CLIENT}:0").parse().unwrap();
    socket.bind(&own.into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let request = Request::get(path).field("connection", "close");
    std::io::Write::write_all(&mut stream, &request.bytes()).unwrap();
    let mut answer = String::new();
    let _ = std::io::Read::read_to_string(&mut stream, &mut answer);
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// The addresses that the upstream was told for requests of that path.
fn clients_of(world: &World, path: &str) -> Vec<String> {
    let requests = world.upstream.requests().into_iter();
    let of_path = requests.filter(|request| request.target() == path);
    of_path.map(|it| it.head.field("x-forwarded-for").unwrap_or_default().to_owned()).collect()
}

#[track_caller]
fn assert_named(world: &World, balancer: &Balancer) {
    for (position, address) in balancer.addresses.iter().enumerate() {
        let path = format!("/public/{position}");
        for _ in 0..20 {
            assert_eq!(status_through(*address, &path), 200, "{position}");
        }
        assert_eq!(clients_of(world, &path), [CLIENT; 20], "{position}");
    }
}

#[test]
fn haproxy_names_the_client_in_both_versions_and_its_health_checks_are_its_own() {
    let world = world();
    let proxy = world.proxy.address_of(1);
    let haproxy = Balancer::start(
        "haproxy",
        |folder| vec!["-f".to_owned(), folder.join("balancer.conf").display().to_string()],
        3,
        |_, ports| {
            let listen = |name: usize, address: &SocketAddr, options: &str| {
                format!(
                    "listen l{name}\n bind {address}\n option httpchk\n \
                     http-check send meth GET uri /public/health-{name} ver HTTP/1.1 hdr host api.test\n \
                     server s {proxy} source {BALANCER} check inter 200ms check-send-proxy {options}\n"
                )
            };
            let options =
                ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"];
            let listeners = ports.iter().zip(options).enumerate();
            let listeners: String =
                listeners.map(|(name, (port, options))| listen(name, port, options)).collect();
            format!(
                "defaults\n mode tcp\n timeout connect 5s\n timeout client 10s\n \
                 timeout server 10s\n unique-id-format %[uuid()]\n{listeners}"
            )
        },
    );
    let Some(haproxy) = haproxy else { return };
    assert_named(&world, &haproxy);
    for name in 0..3 {
        let path = format!("/public/health-{name}");
        wait_until("a health check", || !clients_of(&world, &path).is_empty());
        assert_eq!(clients_of(&world, &path)[0], BALANCER);
    }
    let refused = |cause| {
        world.proxy.metric(&format!(
            "countersign_listener_connections_refused_total{{cause=\"{cause}\",listener=\"behind\"}}"
        ))
    };
    assert!(refused("proxy_header") + refused("proxy_peer") < 1.0, "none of them was refused");
}

const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

#[test]
fn nginx_names_the_client() {
    let world = world();
    let proxy = world.proxy.address_of(1);
    if !Path::new(STREAM_MODULE).exists() {
        return optional::skip("nginx with stream", STREAM_MODULE);
    }
    let nginx = Balancer::start(
        "nginx",
        |folder| {
            let file = folder.join("balancer.conf").display().to_string();
            vec!["-p".to_owned(), folder.display().to_string(), "-c".to_owned(), file]
        },
        1,
        |folder, ports| {
            let (folder, port) = (folder.display(), ports[0]);
            format!(
                "load_module {STREAM_MODULE};\ndaemon off;\nmaster_process off;\n\
                 pid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n\
                 stream {{\nserver {{\nlisten {port};\nproxy_bind {BALANCER};\n\
                 proxy_protocol on;\nproxy_pass {proxy};\n}}\n}}\n"
            )
        },
    );
    let Some(nginx) = nginx else { return };
    assert_named(&world, &nginx);
}
