use std::collections::VecDeque;

use http::{HeaderName, HeaderValue, Request};
use http_body::{Frame, SizeHint};

use super::*;

/// A body of these frames, of which it is known when the last is taken or only behind it.
struct Frames {
    left: VecDeque<&'static [u8]>,
    knows_its_end: bool,
    /// Says first that nothing is there yet.
    is_late: bool,
    /// Does not end.
    ends_late: bool,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if std::mem::take(&mut self.is_late) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.ends_late && self.left.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(self.left.pop_front().map(|data| match data {
            b"broken" => Err(io::Error::other("broken")),
            data => Ok(Frame::data(Bytes::from_static(data))),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.knows_its_end && self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// A socket that takes so many bytes at once, and notes them.
#[derive(Default)]
struct Taker {
    calls: Vec<Vec<u8>>,
    at_most: usize,
}

impl AsyncWrite for Taker {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        assert!(!bytes.is_empty());
        let taken = self.at_most.min(bytes.len());
        self.calls.push(bytes[..taken].to_vec());
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl<B> OutgoingRequest<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    pub(in crate::upstream::http1) fn of(request: Request<B>) -> Self {
        let (mut head, body) = request.into_parts();
        Self::new(&mut head, body, |_| ())
    }
}

fn request(
    framing: Option<(&'static str, &'static str)>,
    frames: &[&'static [u8]],
    (knows_its_end, is_late): (bool, bool),
) -> OutgoingRequest<Frames> {
    let left = frames.iter().copied().collect();
    let mut request =
        Request::put("/x").body(Frames { left, knows_its_end, is_late, ends_late: false }).unwrap();
    if let Some((name, value)) = framing {
        let value = HeaderValue::from_static(value);
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    OutgoingRequest::of(request)
}

async fn written(
    request: &mut OutgoingRequest<Frames>,
    at_most: usize,
) -> (Result<(), BrokenUpload>, Vec<Vec<u8>>) {
    let mut socket = Taker { at_most, ..Taker::default() };
    let outcome = std::future::poll_fn(|cx| request.poll(cx, &mut socket)).await;
    (outcome, socket.calls)
}

const WAYS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

#[tokio::test]
async fn a_request_is_the_same_bytes_however_its_body_comes_and_is_taken() {
    const HEAD: &str = "PUT /x HTTP/1.1\r\n";
    const CHUNKED: &str = "transfer-encoding: chunked\r\n\r\n";
    for (framing, frames, bytes) in [
        (Some(("content-length", "0")), &[][..], format!("{HEAD}content-length: 0\r\n\r\n")),
        (
            Some(("content-length", "5")),
            &[&b"ab"[..], b"", b"cde"],
            format!("{HEAD}content-length: 5\r\n\r\nabcde"),
        ),
        (
            None,
            &[b"ab", b"", b"0123456789abcdef!"],
            format!("{HEAD}{CHUNKED}2\r\nab\r\n11\r\n0123456789abcdef!\r\n0\r\n\r\n"),
        ),
        (Some(("transfer-encoding", "chunked")), &[b""], format!("{HEAD}{CHUNKED}0\r\n\r\n")),
    ] {
        for way in WAYS {
            if way.0 && frames.is_empty() {
                continue;
            }
            for at_most in [1, 2, 3, 7, 1000] {
                let mut request = request(framing, frames, way);
                let (outcome, calls) = written(&mut request, at_most).await;
                assert!(outcome.is_ok() && request.is_written(), "{bytes} {way:?} {at_most}");
                let found = String::from_utf8(calls.concat()).unwrap();
                assert_eq!(found, bytes, "{way:?} by {at_most}");
            }
        }
    }
}

#[tokio::test]
async fn a_small_body_that_is_there_is_written_with_the_head() {
    let mut there = request(Some(("content-length", "2")), &[b"ab"], (true, false));
    let (_, calls) = written(&mut there, 1000).await;
    assert_eq!(calls.len(), 1);
    // The head does not wait for one that is not.
    let mut late = request(Some(("content-length", "2")), &[b"ab"], (true, true));
    let (_, calls) = written(&mut late, 1000).await;
    assert_eq!(calls.len(), 2);
}

#[tokio::test]
async fn f3_a_body_of_another_length_than_announced_does_not_end() {
    let length = Some(("content-length", "3"));
    for (frames, bytes) in [(&[&b"ab"[..]][..], 2), (&[b"ab", b"cd"], 2), (&[b"abcd"], 0), (&[], 0)]
    {
        let mut request = request(length, frames, (false, false));
        let (outcome, calls) = written(&mut request, 1000).await;
        assert!(matches!(outcome, Err(BrokenUpload::Length)), "{frames:?}: {outcome:?}");
        let calls = calls.concat();
        let body = calls.windows(4).position(|end| end == b"\r\n\r\n");
        assert!(body.is_none_or(|end| calls.len() - end - 4 <= bytes), "{frames:?}");
    }
}

#[tokio::test]
async fn a_request_is_written_with_its_last_byte_though_its_body_has_not_ended() {
    let mut request = request(Some(("content-length", "2")), &[b"ab"], (false, false));
    let mut socket = Taker { at_most: 1000, ..Taker::default() };
    request.body.as_mut().unwrap().ends_late = true;
    std::future::poll_fn(|cx| {
        assert!(request.poll(cx, &mut socket).is_pending());
        Poll::Ready(())
    })
    .await;
    assert!(request.is_written() && request.body.is_some());
}

#[tokio::test]
async fn f13_a_request_is_sent_again_only_if_nothing_of_its_body_was_taken() {
    let mut untouched =
        OutgoingRequest::of(Request::get("/").body(http_body_util::Empty::new()).unwrap());
    let mut socket = Taker { at_most: 1000, ..Taker::default() };
    for _ in 0..2 {
        std::future::poll_fn(|cx| untouched.poll(cx, &mut socket)).await.unwrap();
        assert!(untouched.rewind());
    }
    assert_eq!(socket.calls[0], socket.calls[1]);

    let mut touched = request(None, &[b"ab"], (true, false));
    written(&mut touched, 1000).await.0.unwrap();
    assert!(!touched.rewind());
    let mut broken = request(None, &[b"broken"], (true, false));
    let (outcome, calls) = written(&mut broken, 1000).await;
    assert!(matches!(outcome, Err(BrokenUpload::Body(_))) && calls.is_empty());
    assert!(!broken.rewind());
}
