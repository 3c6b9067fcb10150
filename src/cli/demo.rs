//! `countersign demo`: the main job with nothing to install. An identity provider, an upstream and
//! the proxy between them, all in this process and on loopback only.

mod echo;
mod form;
mod provider;
mod proxy;
mod script;
mod stage;

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use clap::Args;
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

use self::{echo::Echo, provider::Provider, script::Places, stage::Stage};
use super::CommandError;
use crate::{clock::SystemClock, lifecycle::Server, telemetry::Logs};

/// The arguments of `countersign demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Loopback address of the proxy; like the others, port 0 lets the system choose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = loopback)]
    pub listen: SocketAddr,
    /// Loopback address of the proxy's health, metrics and diagnosis
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9901", value_parser = loopback)]
    pub admin: SocketAddr,
    /// Loopback address of the identity provider
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081", value_parser = loopback)]
    pub provider: SocketAddr,
    /// Loopback address of the upstream
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8082", value_parser = loopback)]
    pub upstream: SocketAddr,
}

/// Starts everything, prints what to try, and serves until Ctrl-C or SIGTERM. The provider's key
/// is made at each start, and nothing is written to disk.
///
/// # Errors
/// [`CommandError::Runtime`] if an address is taken or the proxy does not become ready.
pub fn demo(args: &DemoArgs, out: &mut impl Write) -> Result<(), CommandError> {
    let mut interruption = Interruption::new().map_err(|error| cannot_start(&error))?;
    let (provider, provider_at) = bind("--provider", args.provider)?;
    let (upstream, upstream_at) = bind("--upstream", args.upstream)?;
    // Bound once beforehand, so that the error names the flag.
    bind("--listen", args.listen)?;
    bind("--admin", args.admin)?;

    let settings = proxy::settings(args, provider_at, upstream_at)?;
    let _logs =
        Logs::init(&settings.log).map_err(|error| CommandError::Usage(error.to_string()))?;
    let idp = Provider::new(&url(provider_at), Arc::new(SystemClock))
        .map_err(|error| CommandError::Runtime(format!("cannot make a key: {error}")))?;
    let _stage = Stage::open([(provider, Arc::new(idp) as _), (upstream, Arc::new(Echo) as _)])
        .map_err(|error| cannot_start(&error))?;
    let server =
        Server::start(settings).map_err(|error| CommandError::Runtime(error.to_string()))?;
    let places = Places {
        proxy: proxy::tcp(server.address())?,
        admin: proxy::tcp(server.admin_address())?,
        provider: provider_at,
        upstream: upstream_at,
    };
    proxy::wait_until_ready(places.admin)?;

    write!(out, "{}", script::text(&places))?;
    out.flush()?;
    interruption.wait();
    server.stop();
    Ok(())
}

/// The provider issues tokens to any client, so it listens on loopback only.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse().ok();
    address
        .filter(|address: &SocketAddr| address.ip().is_loopback())
        .ok_or_else(|| "expected a loopback address with a port such as 127.0.0.1:8080".to_owned())
}

fn bind(flag: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), CommandError> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|error| {
        CommandError::Runtime(format!(
            "cannot listen on {address}: {error}; choose another address, e.g. {flag} 127.0.0.1:0"
        ))
    })
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn cannot_start(error: &io::Error) -> CommandError {
    CommandError::Runtime(format!("cannot start: {error}"))
}

/// Ctrl-C and SIGTERM, caught from the moment this is made.
struct Interruption {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Interruption {
    fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (interrupt, terminate) = {
            let _entered = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        Ok(Self { runtime, interrupt, terminate })
    }

    fn wait(&mut self) {
        let Self { runtime, interrupt, terminate } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
    }
}
