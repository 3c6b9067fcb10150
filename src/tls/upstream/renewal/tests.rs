//! What files that change become in use.

use tokio::time::sleep;

use super::*;
use crate::{
    tasks::{RunningTasks, Tasks},
    tls::upstream::{
        testing::{TestAuthority, loaded},
        tests::meet,
    },
};

fn kept(tls: &Arc<UpstreamTls>) -> RunningTasks {
    let in_use = Arc::clone(tls);
    Tasks::from_iter([keep_upstreams_renewed(move || vec![Arc::clone(&in_use)])]).spawn()
}

/// Lets the files be read once more.
async fn a_minute() {
    sleep(INTERVAL + Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn authorities_change_with_their_file_and_a_broken_file_changes_nothing() {
    let (old, new) = (TestAuthority::new(), TestAuthority::new());
    let (tls, _) = loaded(&old.trusting());
    let _task = kept(&tls);
    let first = tls.in_use.load_full();
    a_minute().await;
    // With the configuration its sessions would go, too.
    assert!(Arc::ptr_eq(&first, &tls.in_use.load()));
    std::fs::write(old.ca_file(), "broken").unwrap();
    a_minute().await;
    assert!(Arc::ptr_eq(&first, &tls.in_use.load()));

    old.publish(&[&old, &new]);
    a_minute().await;
    let (of_old, of_new) = (old.shown().usual(), new.shown().usual());
    meet(&tls, "app.test", &of_old).await.unwrap();
    meet(&tls, "app.test", &of_new).await.unwrap();
    old.publish(&[&new]);
    a_minute().await;
    assert!(meet(&tls, "app.test", &of_old).await.is_err(), "not by an earlier session either");
    meet(&tls, "app.test", &of_new).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn u1_sessions_are_forgotten_after_an_hour() {
    let trusted = TestAuthority::new();
    let (tls, metrics) = loaded(&trusted.trusting());
    let _task = kept(&tls);
    let server = trusted.shown().usual();
    let resumed = || metrics.render().contains("outcome=\"resumed\",upstream=\"app\"} 1\n");
    meet(&tls, "app.test", &server).await.unwrap();
    meet(&tls, "app.test", &server).await.unwrap();
    assert!(resumed());
    sleep(SESSION_LIFETIME + INTERVAL).await;
    meet(&tls, "app.test", &server).await.unwrap();
    assert!(resumed(), "but no second time");
}
