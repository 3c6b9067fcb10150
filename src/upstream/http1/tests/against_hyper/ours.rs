//! Our connection, driven as the pool drives it.

use std::{future::poll_fn, rc::Rc, task::Poll, time::Duration};

use http::{Response, StatusCode};
use tokio::{io::AsyncReadExt, time::timeout};

use crate::upstream::http1::{
    ExchangeFailure, Http1Body, Http1Connection, Http1Exchange, IdleConnections, OutgoingRequest,
    socket::Peeked,
};

use super::{
    PATIENCE,
    peer::Peer,
    requests::CorpusRequest,
    session::{Answered, End, Exchange, Session, fields_of},
};

/// How much is read at once.
const READ: usize = 8 * 1024;

impl Peeked for Peer {
    fn has_news(&mut self) -> bool {
        self.has_something_to_read()
    }
}

/// Sends the requests one after the other, as long as the connection is used again.
pub(super) async fn session(peer: &Peer, requests: &[CorpusRequest]) -> Session {
    let home = Rc::new(IdleConnections::new(1, Duration::from_mins(1)));
    let mut connection = Some(Http1Connection::new(peer.clone()));
    let mut session = Session::new();
    for (place, request) in requests.iter().enumerate() {
        let exchange = match connection.take() {
            Some(connection) => exchange(connection, request, &home).await,
            None => Exchange::NotSent,
        };
        let exchange = if peer.has_begun(place) { exchange } else { Exchange::NotSent };
        let has_ended = exchange.has_ended();
        session.push(exchange);
        if !has_ended {
            break;
        }
        peer.deliver_afterwards();
        connection = home.take(true);
    }
    session
}

async fn exchange(
    connection: Http1Connection<Peer>,
    request: &CorpusRequest,
    home: &Rc<IdleConnections<Peer>>,
) -> Exchange {
    let mut outgoing = OutgoingRequest::of(request.head().map(|()| request.body.clone()));
    let mut exchange = Http1Exchange::new(connection, &mut outgoing);
    let home = Rc::downgrade(home);
    match timeout(PATIENCE, poll_fn(|cx| exchange.poll(cx, &home))).await {
        Err(_) => Exchange::Waits,
        Ok(Err(ExchangeFailure::Unsent)) => Exchange::NotSent,
        Ok(Err(ExchangeFailure::Failed { .. })) => Exchange::Failed,
        Ok(Ok(response)) => read(response).await,
    }
}

async fn read(response: Response<Http1Body<Peer>>) -> Exchange {
    let (head, body) = response.into_parts();
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        let (mut socket, received) = body.into_tunnel().unwrap();
        let mut tunnel = received.to_vec();
        while let Ok(Ok(1..)) = timeout(PATIENCE, socket.read_buf(&mut tunnel)).await {}
        let fields = fields_of(&head.headers);
        return Exchange::Switched { status: head.status.as_u16(), fields, tunnel };
    }
    let mut answer = Answered::new(head.status, &head.headers);
    answer.end = read_body(body, &mut answer).await;
    Exchange::Answered(answer)
}

async fn read_body(mut body: Http1Body<Peer>, answer: &mut Answered) -> End {
    loop {
        while let Poll::Ready(frame) = body.received() {
            match frame {
                None => return End::Whole,
                Some(Ok(frame)) => answer.take(frame),
                Some(Err(_)) => return End::Broken,
            }
        }
        match timeout(PATIENCE, poll_fn(|cx| body.poll_receive(cx, READ))).await {
            Err(_) => return End::Waits,
            Ok(Err(_)) => return End::Broken,
            Ok(Ok(_)) => {}
        }
    }
}
