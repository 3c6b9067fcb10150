//! `countersign healthcheck`: asks the admin listener, for exec probes.

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use clap::Args;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::{CommandError, args::ConfigArgs, runtime};
use crate::{
    listener::settings::ListenAddress,
    settings::{self, Sources},
};

/// The arguments of `countersign healthcheck`.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// Where the configuration comes from; only `[admin]` of it is read.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Ask whether the process is alive (`/livez`), not whether it is ready (`/readyz`)
    #[arg(long)]
    pub live: bool,
    /// How long the answer may take
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = deadline)]
    pub timeout: Duration,
}

/// An orchestrator's own deadlines are shorter; without any, a probe must not hang forever.
const MAX_TIMEOUT: Duration = Duration::from_mins(1);

/// A page of readiness names what is missing; more than this is not printed.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

fn deadline(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).ok();
    span.filter(|span| !span.is_zero() && *span <= MAX_TIMEOUT)
        .ok_or_else(|| "expected a duration from 1ms to 1m, such as \"3s\"".to_owned())
}

/// Prints what the admin listener answers.
///
/// # Errors
/// [`CommandError::Runtime`] for every answer but 200, and without one: probes know two outcomes,
/// so a mistake in `[admin]` is no other one.
pub fn healthcheck(args: &HealthcheckArgs, out: &mut impl Write) -> Result<(), CommandError> {
    let AdminAddress { address, doubt } = AdminAddress::find(&args.config.sources())?;
    let path = if args.live { "/livez" } else { "/readyz" };
    let asked = async { timeout(args.timeout, ask(&address, path)).await };
    let answer = runtime()?
        .block_on(asked)
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
        .map_err(|error| {
            CommandError::Runtime(format!("no answer of {address}{path}: {error}{doubt}"))
        })?;
    let (status, body) = parse(&answer).ok_or_else(|| {
        CommandError::Runtime(format!("what answers at {address} does not speak HTTP/1.1"))
    })?;
    if status == 200 {
        return Ok(out.write_all(body.as_bytes())?);
    }
    Err(CommandError::Runtime(format!("{path} answers {status}: {}", body.trim_end())))
}

/// Where the proxy is asked.
struct AdminAddress {
    address: ListenAddress,
    /// Why it may be another one; empty: it is that of the configuration.
    doubt: String,
}

impl AdminAddress {
    /// The proxy goes on with its configuration when the file is changed and broken, and a probe
    /// that failed for that would end it. Then the address is taken from what can still be read:
    /// the file without values that stand elsewhere; or flags, variables and the default.
    fn find(sources: &Sources) -> Result<Self, CommandError> {
        let mistakes = match settings::admin_address(sources) {
            Ok(address) => return Ok(Self { address, doubt: String::new() }),
            Err(mistakes) => mistakes,
        };
        let as_written = Sources { lint: true, ..sources.clone() };
        let without_file = Sources { file: None, ..sources.clone() };
        let found =
            [as_written, without_file].iter().find_map(|it| settings::admin_address(it).ok());
        let address = found.ok_or_else(|| CommandError::Runtime(mistakes.to_string()))?;
        let doubt = format!("; the address may be another one, as {mistakes}");
        Ok(Self { address, doubt })
    }
}

async fn ask(address: &ListenAddress, path: &str) -> io::Result<String> {
    match address {
        ListenAddress::Tcp(address) => {
            exchange(TcpStream::connect(reachable(*address)).await?, path).await
        }
        ListenAddress::Unix(socket) => exchange(UnixStream::connect(socket).await?, path).await,
        ListenAddress::Systemd(_) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "only systemd knows the address; give it with --admin",
        )),
    }
}

/// A listener of every address is asked through loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

async fn exchange(
    mut socket: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
) -> io::Result<String> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    socket.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await?;
    String::from_utf8(answer).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// The status and the body.
fn parse(answer: &str) -> Option<(u16, &str)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.split([' ', '\r']).next()?;
    Some((status.parse().ok()?, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_its_body() {
        assert_eq!(parse("HTTP/1.1 200 OK\r\na: b\r\n\r\nready\n"), Some((200, "ready\n")));
        assert_eq!(parse("HTTP/1.1 503\r\n\r\n"), Some((503, "")));
        assert_eq!(parse("SSH-2.0-OpenSSH_9.2\r\n"), None);
        assert_eq!(parse("HTTP/1.1 ok\r\n\r\n"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_listener_of_every_address_is_asked_through_loopback() {
        for (listens, asked) in [
            ("0.0.0.0:9901", "127.0.0.1:9901"),
            ("[::]:9901", "[::1]:9901"),
            ("10.0.0.7:9901", "10.0.0.7:9901"),
        ] {
            assert_eq!(reachable(listens.parse().unwrap()), asked.parse().unwrap());
        }
    }

    #[test]
    fn a_deadline_has_a_unit_and_a_bound() {
        assert_eq!(deadline("500ms"), Ok(Duration::from_millis(500)));
        for text in ["3", "0s", "2m", "soon"] {
            assert!(deadline(text).is_err(), "{text}");
        }
    }
}
