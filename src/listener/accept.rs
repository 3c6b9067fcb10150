//! The accept loop.

use std::{io, time::Duration};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::telemetry::SeldomLine;

use super::BACKLOG;

/// How long to leave a listener alone that can't accept, e.g. because the process has no file
/// descriptor left (threats D-10): trying again at once would take the whole core.
const BACKOFF: Duration = Duration::from_millis(50);

/// Of every listener.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Accepts until `stop` is cancelled, and then what waits in the kernel.
pub(super) async fn until<F>(stop: &CancellationToken, mut accept: impl FnMut() -> F)
where
    F: Future<Output = io::Result<()>>,
{
    let line = SeldomLine::new(LOG_INTERVAL);
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept() => accepted,
        };
        if let Err(error) = accepted
            && !concerns_one_connection(&error)
        {
            if let Some(left_out) = line.due() {
                tracing::warn!(%error, left_out, "cannot accept connections");
            }
            tokio::time::sleep(BACKOFF).await;
        }
    }
    for _ in 0..BACKLOG {
        if !matches!(timeout(Duration::ZERO, accept()).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Errors of `accept` that are about the connection that was to be accepted (accept(2)).
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::NotConnected
    )
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::pending};

    use tokio::time::Instant;

    use super::*;

    /// Accepts for a second of paused time; returns the number of attempts.
    async fn attempts_in_a_second(error: fn(u32) -> Option<io::Error>) -> u32 {
        let (attempts, stop) = (Cell::new(0), CancellationToken::new());
        let accepting = until(&stop, || {
            attempts.set(attempts.get() + 1);
            let error = error(attempts.get());
            async {
                match error {
                    Some(error) => Err(error),
                    None => pending().await,
                }
            }
        });
        timeout(Duration::from_secs(1), accepting).await.unwrap_err();
        attempts.get()
    }

    #[tokio::test(start_paused = true)]
    async fn d10_without_file_descriptors_it_is_tried_some_times_a_second() {
        const EMFILE: i32 = 24;
        let attempts = attempts_in_a_second(|_| Some(io::Error::from_raw_os_error(EMFILE))).await;
        assert!((19..=21).contains(&attempts), "{attempts}");
    }

    #[tokio::test(start_paused = true)]
    async fn d10_a_connection_that_is_gone_before_it_is_accepted_delays_no_other() {
        let began = Instant::now();
        let attempts = attempts_in_a_second(|attempts| {
            (attempts <= 100).then(|| io::ErrorKind::ConnectionAborted.into())
        })
        .await;
        assert_eq!(attempts, 101);
        assert_eq!(began.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn once_stopped_what_waits_in_the_kernel_is_accepted_and_no_more() {
        let (waiting, stop) = (Cell::new(3), CancellationToken::new());
        stop.cancel();
        until(&stop, || {
            let is_there = waiting.get() > 0;
            waiting.set(waiting.get() - i32::from(is_there));
            async move { if is_there { Ok(()) } else { pending().await } }
        })
        .await;
        assert_eq!(waiting.get(), 0);
    }
}
