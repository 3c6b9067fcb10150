//! The demo's proxy: its configuration, and waiting for it to be ready.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::{DemoArgs, provider::AUDIENCE, url};
use crate::{
    cli::CommandError,
    listener::settings::ListenAddress,
    settings::{self, Flags, Settings, Sources},
};

/// How long the proxy may take to fetch its first keys, from its own process.
const READY_DEADLINE: Duration = Duration::from_secs(10);
/// Between two probes.
const READY_INTERVAL: Duration = Duration::from_millis(10);
/// For one probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The routes: a public part, a part for tokens with a scope, and the rest for any valid token.
const ROUTES: &str = r#"[
    {path="/public/**", access="public"},
    {path="/admin/**", scopes=["admin"]},
    {path="/**"}
]"#;

/// Settings that `countersign run` has no flags for, as environment variables.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("COUNTERSIGN_ROUTES", ROUTES),
    ("COUNTERSIGN_DENIALS__EXPOSE_REASONS", "true"),
    // This names the issuer, too: the flags apply to the only one. And a rotation in the demo
    // should not take half a minute.
    ("COUNTERSIGN_ISSUERS__DEMO__KEYS__COOLDOWN", "1s"),
    // The demo has no load balancer to drain for.
    ("COUNTERSIGN_SERVER__SHUTDOWN_GRACE", "0s"),
    ("COUNTERSIGN_SERVER__DRAIN_TIMEOUT", "2s"),
    ("COUNTERSIGN_SERVER__WORKERS", "1"),
];

/// The settings, loaded like any other. The keys are discovered from the issuer.
pub(super) fn settings(
    args: &DemoArgs,
    provider: SocketAddr,
    upstream: SocketAddr,
) -> Result<Settings, CommandError> {
    let flags = Flags {
        listen: Some(args.listen.to_string()),
        admin: Some(args.admin.to_string()),
        upstream: Some(url(upstream)),
        issuer: Some(url(provider)),
        audiences: vec![AUDIENCE.to_owned()],
        claim_headers: vec!["x-auth-subject=sub".to_owned(), "x-auth-scope=scope".to_owned()],
        ..Flags::default()
    };
    let environment = ENVIRONMENT.iter();
    let environment = environment.map(|&(name, value)| (name.to_owned(), value.to_owned()));
    Ok(settings::load(&Sources {
        environment: environment.collect(),
        flags,
        ..Sources::default()
    })?)
}

/// The address of a listener that was configured with one.
pub(super) fn tcp(address: &ListenAddress) -> Result<SocketAddr, CommandError> {
    match address {
        ListenAddress::Tcp(address) => Ok(*address),
        _ => Err(CommandError::Runtime("not a TCP address".to_owned())),
    }
}

/// Waits until `/readyz` responds 200, so that the first command does not get a 503.
pub(super) fn wait_until_ready(admin: SocketAddr) -> Result<(), CommandError> {
    let deadline = Instant::now() + READY_DEADLINE;
    loop {
        let answer = readiness(admin).unwrap_or_else(|error| error.to_string());
        if answer.starts_with("HTTP/1.1 200 ") {
            return Ok(());
        }
        if Instant::now() > deadline {
            let cause = answer.lines().last().unwrap_or_default();
            return Err(CommandError::Runtime(format!("the proxy is not ready: {cause}")));
        }
        thread::sleep(READY_INTERVAL);
    }
}

fn readiness(admin: SocketAddr) -> io::Result<String> {
    let mut socket = TcpStream::connect_timeout(&admin, PROBE_TIMEOUT)?;
    socket.set_read_timeout(Some(PROBE_TIMEOUT))?;
    write!(socket, "GET /readyz HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}
