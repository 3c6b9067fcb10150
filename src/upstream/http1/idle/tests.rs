use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex},
    task::{LocalSet, yield_now},
    time::advance,
};

use super::*;

const MAX_AGE: Duration = Duration::from_secs(30);

impl Peeked for DuplexStream {
    fn has_news(&mut self) -> bool {
        false
    }
}

fn pool() -> Rc<IdleConnections<DuplexStream>> {
    Rc::new(IdleConnections::new(2, MAX_AGE))
}

/// A connection that has become idle now, and the upstream's end of it.
fn keep(pool: &IdleConnections<DuplexStream>) -> DuplexStream {
    let (near, far) = duplex(64);
    pool.saw(Instant::now());
    pool.keep(Http1Connection::new(near));
    far
}

fn count(pool: &IdleConnections<DuplexStream>) -> usize {
    pool.connections.borrow().len()
}

/// Lets that much time pass for the watching task.
async fn pass(time: Duration) {
    for _ in 0..3 {
        yield_now().await;
    }
    advance(time).await;
    for _ in 0..3 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn f13_a_connection_that_the_upstream_closed_or_wrote_to_is_closed_without_a_request() {
    let watched = async {
        let pool = pool();
        pool.watch();
        for unasked in ["", "HTTP/1.1 408 Request Timeout\r\n\r\n"] {
            let mut far = keep(&pool);
            let _other = keep(&pool);
            pass(LOOK_AFTER).await;
            assert_eq!(count(&pool), 2, "both are open");
            far.write_all(unasked.as_bytes()).await.unwrap();
            drop(far);
            pass(LOOK_AFTER).await;
            assert_eq!(count(&pool), 1, "{unasked:?}");
            assert!(pool.take(true).is_some());
        }
    };
    LocalSet::new().run_until(watched).await;
}

#[tokio::test(start_paused = true)]
async fn d9_an_unused_connection_is_closed_after_its_time_though_there_is_no_request() {
    let watched = async {
        let pool = pool();
        pool.watch();
        let _far = keep(&pool);
        pass(LOOK_AFTER).await;
        pass(MAX_AGE.saturating_sub(2 * LOOK_AFTER)).await;
        assert_eq!(count(&pool), 1);
        pass(2 * LOOK_AFTER).await;
        pass(LOOK_AFTER).await;
        assert_eq!(count(&pool), 0);
    };
    LocalSet::new().run_until(watched).await;
}

#[tokio::test(start_paused = true)]
async fn the_task_that_watches_ends_with_its_pool() {
    let watched = async {
        let pool = pool();
        let watching = tokio::task::spawn_local(watch(Rc::downgrade(&pool)));
        let _far = keep(&pool);
        pass(LOOK_AFTER).await;
        drop(pool);
        pass(LOOK_AFTER).await;
        assert!(watching.is_finished());
    };
    LocalSet::new().run_until(watched).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_twice_takes_no_connection_that_may_be_at_its_end() {
    let pool = pool();
    let _far = keep(&pool);
    advance(SAFE_IDLE).await;
    pool.saw(Instant::now());
    assert!(pool.take(false).is_none());
    assert!(pool.take(true).is_some());
}

#[tokio::test(start_paused = true)]
async fn no_more_are_kept_than_allowed_and_none_that_is_to_be_replaced() {
    let pool = pool();
    let _far: Vec<_> = (0..3).map(|_| keep(&pool)).collect();
    assert_eq!(count(&pool), 2);
    let connection = pool.take(true).unwrap();
    advance(Duration::from_mins(5)).await;
    pool.saw(Instant::now());
    pool.keep(connection);
    assert_eq!(count(&pool), 0);
}
