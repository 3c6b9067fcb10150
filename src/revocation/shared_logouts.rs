//! Publishes logouts that one replica received to the others.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::UnixTime,
    json::{Json, Object},
    shared::{Connections, LogPosition, SharedKind, SharedStore},
};

use super::{LoggedOut, Logout};

/// The replicas' shared log of logouts: those that any of them received, also this one before a
/// restart.
#[derive(Debug, Clone)]
pub(super) struct SharedLogouts {
    store: SharedStore,
}

/// A logout, and until when it is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SharedLogout {
    pub(super) logout: Logout,
    pub(super) until: i64,
}

/// How often the log is polled: how late another replica's logout may arrive.
pub(super) const LISTEN_INTERVAL: Duration = Duration::from_secs(1);

/// Of what is shared. One that is unknown is passed over.
const VERSION: i128 = 1;

impl SharedLogouts {
    pub(super) fn new(store: SharedStore) -> Self {
        Self { store }
    }

    /// Publishes a logout, without waiting for the store.
    pub(super) fn publish(&self, logout: &Logout, until: i64, now: UnixTime) {
        if let Ok(seconds @ 1..) = u64::try_from(until.saturating_sub(now.0)) {
            let entry = write(logout, until);
            self.store.append(
                SharedKind::Revocation,
                entry.as_bytes(),
                Duration::from_secs(seconds),
            );
        }
    }

    /// When there are replicas to listen to (again).
    pub(super) fn connections(&self) -> Connections {
        self.store.connections()
    }

    /// The logouts since that position, in batches. `None` when there are no more, or the store is
    /// unavailable.
    pub(super) async fn next(&self, position: &mut Listening) -> Option<Vec<SharedLogout>> {
        if std::mem::take(&mut position.is_at_the_end) {
            return None;
        }
        let batch = self.store.read_since(SharedKind::Revocation, &mut position.at).await?;
        position.is_at_the_end = !batch.has_more;
        Some(batch.entries.iter().filter_map(|entry| SharedLogout::read(entry)).collect())
    }
}

/// How far the log has been read.
#[derive(Debug, Default)]
pub(super) struct Listening {
    at: LogPosition,
    is_at_the_end: bool,
}

impl Listening {
    /// Whether the end of the log was reached.
    pub(super) fn is_at_the_end(&self) -> bool {
        self.is_at_the_end
    }
}

fn write(logout: &Logout, until: i64) -> String {
    let text = |text: &Arc<str>| Json::from(text.as_ref());
    let (sub, sid) = match &logout.whom {
        LoggedOut::Subject(sub) => (Some(sub), None),
        LoggedOut::Session(sid) => (None, Some(sid)),
        LoggedOut::SessionOf { sid, sub } => (Some(sub), Some(sid)),
    };
    let members = [
        ("v", Some(Json::Integer(VERSION.into()))),
        ("iss", Some(text(&logout.iss))),
        ("jti", Some(text(&logout.jti))),
        ("sub", sub.map(text)),
        ("sid", sid.map(text)),
        ("at", Some(Json::Integer(logout.at.into()))),
        ("until", Some(Json::Integer(until.into()))),
    ];
    let present = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    present.collect::<Object>().to_text()
}

impl SharedLogout {
    fn read(bytes: &[u8]) -> Option<Self> {
        let members = Object::parse(bytes).ok()?;
        let integer = |name: &str| match members.get(name) {
            Some(Json::Integer(value)) => Some(value.get()),
            _ => None,
        };
        let text = |name: &str| members.get(name).and_then(Json::as_str).map(Arc::from);
        (integer("v")? == VERSION).then_some(())?;
        let whom = match (text("sub"), text("sid")) {
            (Some(sub), None) => LoggedOut::Subject(sub),
            (None, Some(sid)) => LoggedOut::Session(sid),
            (Some(sub), Some(sid)) => LoggedOut::SessionOf { sid, sub },
            (None, None) => return None,
        };
        let at = integer("at")?.try_into().ok()?;
        let logout = Logout { iss: text("iss")?, jti: text("jti")?, whom, at };
        Some(Self { logout, until: integer("until")?.try_into().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logout(whom: LoggedOut) -> Logout {
        Logout { iss: "https://idp".into(), jti: "j-1".into(), whom, at: 1_900_000_000 }
    }

    #[test]
    fn what_is_told_is_what_is_heard() {
        let (sub, sid): (Arc<str>, Arc<str>) = ("al\"ice\n".into(), "c3a1".into());
        for whom in [
            LoggedOut::Subject(Arc::clone(&sub)),
            LoggedOut::Session(Arc::clone(&sid)),
            LoggedOut::SessionOf { sid, sub },
        ] {
            let published = SharedLogout { logout: logout(whom), until: 1_900_086_400 };
            let entry = write(&published.logout, published.until);
            assert_eq!(SharedLogout::read(entry.as_bytes()), Some(published), "{entry}");
        }
    }

    #[test]
    fn what_is_no_logout_of_this_version_is_passed_over() {
        let published = write(&logout(LoggedOut::Session("c3a1".into())), 1_900_086_400);
        for (found, instead) in [
            (r#""v":1"#, r#""v":2"#),
            (r#""sid":"c3a1","#, ""),
            (r#""iss":"https://idp","#, ""),
            (r#""jti":"j-1","#, ""),
            (r#""at":1900000000"#, r#""at":"1900000000""#),
            (r#""until":1900086400"#, r#""until":99999999999999999999"#),
            ("}", "} x"),
        ] {
            let entry = published.replace(found, instead);
            assert_ne!(entry, published, "{found}");
            assert_eq!(SharedLogout::read(entry.as_bytes()), None, "{entry}");
        }
    }
}
