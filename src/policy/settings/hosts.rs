//! `[server]`: which hosts of requests are taken that are refused by default.

use crate::{
    config::{
        reader::Section,
        values::{first_duplicate, keyword, parsed},
        writer::Writer,
    },
    policy::authority::Authority,
};

pub(crate) mod key {
    pub(crate) const DEFAULT_HOST: &str = "default_host";
    pub(crate) const ACCEPT_HOSTS: &str = "accept_hosts";
}

/// How the host of a request is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostSettings {
    /// The host of a request of HTTP/1.0 without one, and of an empty `Host`. `None`: 400.
    default: Option<Authority>,
    accepted: Vec<HostForm>,
}

/// A host that is refused by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::policy) enum HostForm {
    /// One label of digits, which a resolver takes for an IPv4 address.
    Number,
    /// `example.com:`, which is `example.com` (RFC 3986 §6.2.3).
    EmptyPort,
}

const FORMS: &[(&str, HostForm)] =
    &[("number", HostForm::Number), ("empty-port", HostForm::EmptyPort)];

impl HostSettings {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        const HOST: &str = "a host such as \"api.example.com\", with a port or without";
        const LIST: &str = "a list of \"number\" and \"empty-port\"";
        let default = section.optional(key::DEFAULT_HOST, parsed(HOST, Authority::parse));
        let accepted = section.list(key::ACCEPT_HOSTS, LIST, keyword(FORMS)).unwrap_or_default();
        if first_duplicate(&accepted).is_some() {
            section.mistake(key::ACCEPT_HOSTS, "lists a form twice".to_owned());
        }
        Self { default, accepted }
    }

    pub(crate) fn write(&self, writer: Writer) -> Writer {
        let named = FORMS.iter().filter(|(_, form)| self.accepts(*form));
        writer
            .optional(key::DEFAULT_HOST, self.default.as_ref().map(Authority::as_str))
            .list(key::ACCEPT_HOSTS, named.map(|(name, _)| *name))
    }

    pub(in crate::policy) fn default_host(&self) -> Option<&Authority> {
        self.default.as_ref()
    }

    pub(in crate::policy) fn accepts(&self, form: HostForm) -> bool {
        self.accepted.contains(&form)
    }
}
