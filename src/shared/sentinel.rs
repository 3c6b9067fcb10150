//! Which server is the primary: one sentinel's word, and the server's own.

use std::time::Duration;

use crate::shared::settings::{NodeAddress, SharedSettings};

use super::connect::{ConnectError, connect_once, connect_to_sentinel, within};

/// For one sentinel, so that one that is lost leaves time for the next.
const SENTINEL_DEADLINE: Duration = Duration::from_secs(1);

/// A host and a port; or a role and the replicas, of which there are some tens.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// The primary of that name, by the first sentinel that knows it, once it says so itself: after a
/// failover, sentinels may still name the old one for a while.
pub(super) async fn primary(
    settings: &SharedSettings,
    sentinels: &[NodeAddress],
    master: &str,
) -> Result<NodeAddress, ConnectError> {
    let node = named_by_any(settings, sentinels, master).await?;
    let mut session = connect_once(settings, &node).await?;
    let command = redis::cmd("ROLE");
    let role = session.ask::<Vec<redis::Value>>(&command, MAX_ANSWER_BYTES);
    match within(SENTINEL_DEADLINE, role).await?.into_iter().next() {
        Some(redis::Value::BulkString(role)) if role == b"master" => Ok(node),
        _ => Err(ConnectError::NotMaster(node)),
    }
}

/// What the first sentinel says that knows it.
pub(super) async fn named_by_any(
    settings: &SharedSettings,
    sentinels: &[NodeAddress],
    master: &str,
) -> Result<NodeAddress, ConnectError> {
    let mut last = ConnectError::UnknownMaster(master.to_owned());
    for sentinel in sentinels {
        match within(SENTINEL_DEADLINE, named_by(settings, sentinel, master)).await {
            Ok(Some(node)) => return Ok(node),
            Ok(None) => {}
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn named_by(
    settings: &SharedSettings,
    sentinel: &NodeAddress,
    master: &str,
) -> Result<Option<NodeAddress>, ConnectError> {
    let mut session = connect_to_sentinel(settings, sentinel).await?;
    let mut command = redis::cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    let answer = session.ask::<Option<(String, u16)>>(&command, MAX_ANSWER_BYTES).await?;
    Ok(answer.and_then(|(host, port)| NodeAddress::of(&host, port)))
}
