//! `proxy` of what is fetched: the way to a server that can't be reached directly.

use std::path::{Path, PathBuf};

use http::Uri;
use zeroize::Zeroizing;

use crate::config::{
    files::{judged_file, read_secret},
    node::Node,
    reader::{Parsed, Section},
    urls::reveals_user_information,
    writer::Writer,
};

pub(crate) mod key {
    pub(crate) const PROXY: &str = "proxy";
    pub(crate) const PROXY_CREDENTIALS_FILE: &str = "proxy_credentials_file";
}

/// An HTTP proxy that servers are reached through (`CONNECT`, RFC 9110 §9.3.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressProxySettings {
    /// `http://`, its host and its port.
    pub url: Uri,
    /// The file with `user:password`, read for each connection. `None`: the proxy needs none.
    pub credentials_file: Option<PathBuf>,
}

impl EgressProxySettings {
    /// `urls` are the keys of this section that name what is requested. Over plain http the proxy
    /// could read and change it, so that it has to be https.
    pub(crate) fn read(section: &mut Section<'_>, urls: &[&str], allow_http: &str) -> Option<Self> {
        let given = section.peek(key::PROXY).is_some();
        let url = section.optional(key::PROXY, proxy_url);
        let credentials_file = section.optional(key::PROXY_CREDENTIALS_FILE, credentials_file);
        if !given {
            if section.peek(key::PROXY_CREDENTIALS_FILE).is_some() {
                let message = format!("has no effect without {}", key::PROXY);
                section.mistake(key::PROXY_CREDENTIALS_FILE, message);
            }
            return None;
        }
        for name in urls {
            let text = section.peek(name).and_then(Node::as_text).unwrap_or_default();
            if is_plain_http(text) {
                refuse_plain_http(section, name);
            }
        }
        if section.peek(allow_http).is_some() {
            let message = "has no effect with proxy, which is used for https only".to_owned();
            section.mistake(allow_http, message);
        }
        Some(Self { url: url?, credentials_file })
    }

    pub(crate) fn write(&self, writer: Writer) -> Writer {
        writer
            .text(key::PROXY, self.shown())
            .optional_path(key::PROXY_CREDENTIALS_FILE, self.credentials_file.as_deref())
    }

    /// The file with its credentials, with the name of its setting.
    pub(crate) fn secret_file(&self) -> Option<(&'static str, &Path)> {
        let file = self.credentials_file.as_deref();
        file.map(|file| (key::PROXY_CREDENTIALS_FILE, file))
    }

    /// The proxy as logs and errors call it. Its URL has no user name, password or path.
    pub(crate) fn shown(&self) -> String {
        self.url.authority().map(|authority| format!("http://{authority}")).unwrap_or_default()
    }
}

/// Reports that a URL is plain http although there is a proxy.
pub(crate) fn refuse_plain_http(section: &Section<'_>, name: &str) {
    let message = "is plain http, and a proxy is used for https only; expected https".to_owned();
    section.mistake(name, message);
}

fn is_plain_http(url: &str) -> bool {
    url.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://"))
}

/// The port has no default: that of http is hardly a proxy's.
fn proxy_url(node: &Node) -> Parsed<Uri> {
    const EXPECTED: &str =
        "the URL of an HTTP proxy with its port, such as \"http://proxy.example.com:3128\"";
    let text = node.as_text().ok_or_else(|| node.mismatch(EXPECTED))?;
    if reveals_user_information(text) {
        return Err(format!(
            "the URL holds a user name or password; expected one without, and {}",
            key::PROXY_CREDENTIALS_FILE
        ));
    }
    let url: Uri = text.parse().map_err(|_| node.mismatch(EXPECTED))?;
    let is_bare = url.path() == "/" && url.query().is_none() && !text.contains('#');
    let has_port = url.port_u16().is_some_and(|port| port > 0);
    let has_host = url.host().is_some_and(|host| !host.is_empty());
    if url.scheme_str() == Some("http") && is_bare && has_port && has_host {
        Ok(url)
    } else {
        Err(node.mismatch(EXPECTED))
    }
}

fn credentials_file(node: &Node) -> Parsed<PathBuf> {
    judged_file(node, |path| {
        let content = read_secret(path)?;
        parse_credentials(&content).map(drop).map_err(|problem| {
            format!("the file {} {problem}; expected user:password", path.display())
        })
    })
}

/// `user:password` (RFC 7617 §2) in a file's content.
///
/// # Errors
/// In words that hold nothing of it.
pub(super) fn parse_credentials(content: &[u8]) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let user_length = content.iter().position(|b| *b == b':');
    match user_length {
        None => Err("has no colon"),
        Some(0) => Err("has no user name"),
        Some(_) if content.iter().any(u8::is_ascii_control) => Err("has a control character"),
        Some(_) => Ok(Zeroizing::new(content.to_vec())),
    }
}
