//! Where the requests of a route go.

use super::{Redirect, ids::UpstreamId};

/// Where the admitted requests of a route go.
#[derive(Debug, Clone)]
pub enum RouteDestination {
    /// They are forwarded to that upstream.
    Upstream(UpstreamId),
    /// They are answered with another URL, and concern no upstream.
    Redirect(Box<Redirect>),
}

impl RouteDestination {
    /// The upstream; `None`: it is a redirect.
    pub fn upstream(&self) -> Option<UpstreamId> {
        match self {
            Self::Upstream(upstream) => Some(*upstream),
            Self::Redirect(_) => None,
        }
    }

    /// The redirect; `None`: requests are forwarded.
    pub fn redirect(&self) -> Option<&Redirect> {
        match self {
            Self::Upstream(_) => None,
            Self::Redirect(redirect) => Some(redirect),
        }
    }
}
