//! What an unused connection is known to be, and how it ends.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream as Served};

use super::*;
use crate::tls::{
    settings::Http2Offer,
    upstream_testing::{HOST, TestAuthority, loaded},
};

/// Both ends of a connection on which nothing was read yet: the tickets are still on their way.
async fn connected(
    acceptor: &TlsAcceptor,
    authority: &TestAuthority,
) -> (TlsSocket, Served<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tls, _) = loaded(&authority.trusting());
    let accept = async {
        let (socket, _) = listener.accept().await.unwrap();
        acceptor.accept(socket).await.unwrap()
    };
    let connect = async {
        let socket = TcpStream::connect(address).await.unwrap();
        tls.connect(HOST, Http2Offer::Never, socket).await.unwrap()
    };
    let (served, stream) = tokio::join!(accept, connect);
    (TlsSocket::new(stream), served)
}

/// The kernel hands over what was written at once, but not before it was written.
async fn until_there_are_news(socket: &mut TlsSocket) {
    let news = async {
        while !socket.has_news() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), news).await.unwrap();
}

#[tokio::test]
async fn u4_tickets_are_no_news_and_an_end_or_an_answer_is() {
    let authority = TestAuthority::new();
    let acceptor = authority.shown().usual();
    let (mut quiet, mut served) = connected(&acceptor, &authority).await;
    // In the buffer of the socket by now, as the handshake has ended on both sides.
    served.flush().await.unwrap();
    let peeked = quiet.0.get_ref().0.peek(&mut [0; 1]).await.unwrap();
    assert_eq!(peeked, 1, "a ticket");
    assert!(!quiet.has_news());
    served.write_all(b"HTTP/1.1 408 Request Timeout\r\n").await.unwrap();
    until_there_are_news(&mut quiet).await;

    let (mut closed, mut served) = connected(&acceptor, &authority).await;
    served.shutdown().await.unwrap();
    until_there_are_news(&mut closed).await;
    let (mut cut_off, served) = connected(&acceptor, &authority).await;
    drop(served);
    until_there_are_news(&mut cut_off).await;
    let (mut broken, mut served) = connected(&acceptor, &authority).await;
    served.get_mut().0.write_all(&[0xff; 64]).await.unwrap();
    until_there_are_news(&mut broken).await;
}

#[tokio::test]
async fn a_connection_goes_on_after_it_was_looked_at() {
    let authority = TestAuthority::new();
    let (mut socket, mut served) = connected(&authority.shown().usual(), &authority).await;
    for _ in 0..3 {
        assert!(!socket.has_news());
        socket.write_all(b"ping").await.unwrap();
        socket.flush().await.unwrap();
        let mut four = [0; 4];
        served.read_exact(&mut four).await.unwrap();
        served.write_all(b"pong").await.unwrap();
        served.flush().await.unwrap();
        socket.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"pong");
    }
}

#[tokio::test]
async fn a_dropped_connection_says_that_nothing_was_cut_off() {
    let authority = TestAuthority::new();
    let (socket, mut served) = connected(&authority.shown().usual(), &authority).await;
    drop(socket);
    assert_eq!(served.read(&mut [0]).await.unwrap(), 0, "and no unexpected end");
}

#[tokio::test]
async fn an_end_without_a_word_is_an_error() {
    let authority = TestAuthority::new();
    let (mut socket, mut served) = connected(&authority.shown().usual(), &authority).await;
    served.write_all(b"half").await.unwrap();
    served.flush().await.unwrap();
    let (tcp, _) = served.into_inner();
    drop(tcp);
    let mut bytes = Vec::new();
    let error = socket.read_to_end(&mut bytes).await.unwrap_err();
    assert_eq!((error.kind(), &*bytes), (io::ErrorKind::UnexpectedEof, &b"half"[..]));
}
