//! `CONNECT` to a proxy, over any stream.

use std::io;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::BytesMut;
use http::Uri;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use crate::fetch::{AGENT, error::quoted};

/// Why a proxy opened no tunnel.
#[derive(Debug, thiserror::Error)]
pub(super) enum TunnelFault {
    #[error("answered CONNECT with status {status}, expected 200{}", meaning(*status))]
    Status { status: u16 },
    #[error("answered CONNECT with {start}, which is no HTTP/1")]
    NotHttp { start: String },
    #[error("answered CONNECT with more than {MAX_HEAD_BYTES} bytes of headers")]
    TooLong,
    #[error("sent something behind its answer to CONNECT, before the server was sent anything")]
    TrailingBytes,
    #[error("closed the connection before it had answered CONNECT")]
    Closed,
    #[error("broke the connection off: {0}")]
    Broken(#[from] io::Error),
    #[error("can't be asked for a server without a name")]
    NoServer,
}

/// Proxies answer with a line or two.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// The end of a head.
const END: &[u8] = b"\r\n\r\n";

const HTTPS_PORT: u16 = 443;

/// Asks for a tunnel to the server, and returns when there is one: what is read next comes from
/// there. `credentials` are `user:password`.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    server: &Uri,
    credentials: Option<&[u8]>,
) -> Result<(), TunnelFault> {
    stream.write_all(request(server, credentials)?.as_bytes()).await?;
    stream.flush().await?;
    let mut read = BytesMut::with_capacity(512);
    loop {
        let searched = read.len().saturating_sub(END.len() - 1);
        if stream.read_buf(&mut read).await? == 0 {
            return Err(TunnelFault::Closed);
        }
        if read.len() > MAX_HEAD_BYTES {
            return Err(TunnelFault::TooLong);
        }
        let fresh = read.get(searched..).unwrap_or_default();
        let end = fresh.windows(END.len()).position(|window| window == END);
        if let Some(end) = end.map(|end| searched + end + END.len()) {
            return judge(&read, end);
        }
    }
}

/// The proxy resolves the name. Its answer has no body, whatever its headers say (RFC 9110
/// §9.3.6), and the server speaks only when it has been spoken to (TLS).
fn judge(read: &[u8], end: usize) -> Result<(), TunnelFault> {
    match status(read) {
        None => {
            let line = read.split(|b| *b == b'\r').next().unwrap_or_default();
            Err(TunnelFault::NotHttp { start: quoted(&String::from_utf8_lossy(line)) })
        }
        Some(200..300) if read.len() > end => Err(TunnelFault::TrailingBytes),
        Some(200..300) => Ok(()),
        Some(status) => Err(TunnelFault::Status { status }),
    }
}

fn request(server: &Uri, credentials: Option<&[u8]>) -> Result<Zeroizing<String>, TunnelFault> {
    let host = server.host().filter(|host| !host.is_empty()).ok_or(TunnelFault::NoServer)?;
    let port = server.port_u16().unwrap_or(HTTPS_PORT);
    let authorization = credentials.map(|pair| {
        let pair = Zeroizing::new(BASE64_STANDARD.encode(pair));
        Zeroizing::new(format!("proxy-authorization: Basic {}\r\n", *pair))
    });
    let authorization = authorization.as_ref().map_or("", |line| line.as_str());
    Ok(Zeroizing::new(format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\n{authorization}\
         user-agent: {AGENT}\r\n\r\n"
    )))
}

/// The status of `HTTP/1.1 200 Connection established`.
fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.0 ").or_else(|| head.strip_prefix(b"HTTP/1.1 "))?;
    let (digits, rest) = rest.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) || !rest.starts_with(b" ") && !rest.starts_with(b"\r")
    {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn meaning(status: u16) -> &'static str {
    match status {
        407 => "; it wants other credentials (proxy_credentials_file)",
        403 => "; it does not allow that server or its port",
        502..=504 => "; it does not reach the server",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    /// What the fetcher makes of that answer, cut into pieces of that size, and what it has sent.
    async fn outcome(answer: &[u8], piece: usize) -> (Result<(), String>, String) {
        let server: Uri = "https://idp.test:8443/keys".parse().unwrap();
        let (mut ours, mut proxys) = duplex(64);
        let asked = async {
            let asked = open(&mut ours, &server, Some(b"me:pw")).await;
            drop(ours);
            asked.map_err(|fault| fault.to_string())
        };
        let proxy = async {
            let mut request = Vec::new();
            while !request.ends_with(END) {
                assert_ne!(proxys.read_buf(&mut request).await.unwrap(), 0);
            }
            for piece in answer.chunks(piece) {
                if proxys.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(proxys);
            String::from_utf8(request).unwrap()
        };
        tokio::join!(asked, proxy)
    }

    #[tokio::test]
    async fn k17_a_tunnel_is_asked_for_by_name_and_opened_however_the_answer_arrives() {
        for answer in [
            "HTTP/1.1 200 Connection established\r\n\r\n",
            "HTTP/1.0 200 OK\r\nproxy-agent: x\r\n\r\n",
            "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 299 \r\n\r\n",
        ] {
            for piece in [1, 3, answer.len()] {
                let (opened, sent) = outcome(answer.as_bytes(), piece).await;
                assert_eq!(opened, Ok(()), "{answer:?} by {piece}");
                let start = "CONNECT idp.test:8443 HTTP/1.1\r\nhost: idp.test:8443\r\n\
                             proxy-authorization: Basic bWU6cHc=\r\nuser-agent: countersign/";
                assert!(sent.starts_with(start), "{sent}");
            }
        }
    }

    #[tokio::test]
    async fn k17_every_other_answer_opens_nothing_and_is_told() {
        let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(MAX_HEAD_BYTES));
        let endless = "x".repeat(3 * MAX_HEAD_BYTES);
        for (answer, told) in [
            (
                "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                "answered CONNECT with status 407, expected 200; it wants other credentials \
                 (proxy_credentials_file)",
            ),
            (
                "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nbad",
                "answered CONNECT with status 502, expected 200; it does not reach the server",
            ),
            ("HTTP/1.1 302 Found\r\n\r\n", "answered CONNECT with status 302, expected 200"),
            ("HTTP/1.1 100 Continue\r\n\r\n", "answered CONNECT with status 100, expected 200"),
            (
                "HTTP/1.1 200 OK\r\n\r\n\x16\x03",
                "sent something behind its answer to CONNECT, before the server was sent anything",
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
                "sent something behind its answer to CONNECT, before the server was sent anything",
            ),
            (
                "HTTP/2 200 OK\r\n\r\n",
                "answered CONNECT with \"HTTP/2 200 OK\", which is no HTTP/1",
            ),
            (
                "SSH-2.0\u{1b}[2J\r\n\r\n",
                "answered CONNECT with \"SSH-2.0\\u{1b}[2J\", which is no HTTP/1",
            ),
            (
                "HTTP/1.1 2000 OK\r\n\r\n",
                "answered CONNECT with \"HTTP/1.1 2000 OK\", which is no HTTP/1",
            ),
            ("HTTP/1.1 200 OK\r\n", "closed the connection before it had answered CONNECT"),
            ("", "closed the connection before it had answered CONNECT"),
            (&long, "answered CONNECT with more than 8192 bytes of headers"),
            (&endless, "answered CONNECT with more than 8192 bytes of headers"),
        ] {
            let (opened, _) = outcome(answer.as_bytes(), 4096).await;
            let shown: String = answer.chars().take(40).collect();
            assert_eq!(opened, Err(told.to_owned()), "{shown:?}");
        }
    }

    #[test]
    fn an_address_of_ipv6_keeps_its_brackets_and_https_its_port() {
        let sent = |url: &str| request(&url.parse().unwrap(), None).unwrap();
        assert!(
            sent("https://[::1]/jwks").starts_with("CONNECT [::1]:443 HTTP/1.1\r\nhost: [::1]:443")
        );
        assert!(!sent("https://idp.test").contains("proxy-authorization"));
    }
}
