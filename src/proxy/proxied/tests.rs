//! Reading the header from a connection.

use tokio::io::{AsyncWriteExt, duplex};

use super::*;

const CLIENT: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n";

async fn read_from(chunks: &[&[u8]]) -> Result<(ProxiedClient, Bytes), ProxyHeaderError> {
    let (mut balancer, mut ours) = duplex(64);
    let (read, ()) = tokio::join!(read(&mut ours), async {
        for chunk in chunks {
            let _ = balancer.write_all(chunk).await;
            tokio::task::yield_now().await;
        }
        drop(balancer);
    });
    read
}

#[tokio::test]
async fn a_header_is_read_however_it_arrives_and_what_follows_is_kept() {
    let whole = [CLIENT, b"GET / HTTP/1.1\r\n"].concat();
    let client = ProxiedClient::At([192, 0, 2, 7].into());
    for at in 1..whole.len() {
        let (first, second) = whole.split_at(at);
        let (found, rest) = read_from(&[first, second]).await.unwrap();
        assert_eq!(found, client);
        assert!(b"GET / HTTP/1.1\r\n".starts_with(&rest), "{at}: {rest:?}");
    }
    let single: Vec<&[u8]> = CLIENT.chunks(1).collect();
    assert_eq!(read_from(&single).await.unwrap(), (client, Bytes::new()));
}

#[tokio::test]
async fn a_connection_that_ends_within_the_header_has_none() {
    assert_eq!(read_from(&[]).await, Err(ProxyHeaderError::Nothing));
    for at in 1..CLIENT.len() {
        assert_eq!(read_from(&[&CLIENT[..at]]).await, Err(ProxyHeaderError::Closed), "{at}");
    }
}
