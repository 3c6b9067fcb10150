//! Answers around every limit of what is read: just within it, at it, and just beyond.

use super::AnswerCase;

const HEAD: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// Few, since they are long.
pub(in super::super) fn limits() -> Vec<AnswerCase> {
    let mut cases = Vec::new();
    for off in 0..5 {
        cases.push(AnswerCase::raw("bytes of a head", head(256 * 1024 - 2 + off)));
        cases.push(AnswerCase::raw("lines of a head", lines(1_000 - 2 + off)));
        cases.push(AnswerCase::raw("bytes of trailers", trailer(256 * 1024 - 4 + off)));
        cases.push(AnswerCase::raw("lines of trailers", trailers(1_000 - 2 + off)));
        cases.push(AnswerCase::raw("bytes of extensions", extension(16 * 1024 - 2 + off)));
        cases.push(AnswerCase::raw("interim answers", interim(100 - 2 + off)));
    }
    cases
}

/// A head of so many bytes.
fn head(bytes: usize) -> String {
    const REST: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-a: \r\n\r\n";
    let value = "a".repeat(bytes - REST.len());
    format!("{HEAD}content-length: 0\r\nx-a: {value}\r\n\r\n")
}

/// A head of so many lines.
fn lines(number: usize) -> String {
    format!("{HEAD}{}content-length: 0\r\n\r\n", "x-a: 1\r\n".repeat(number - 1))
}

/// A trailer that takes so many bytes.
fn trailer(bytes: usize) -> String {
    let value = "a".repeat(bytes - "x-t: \r\n".len());
    format!("{CHUNKED}0\r\nx-t: {value}\r\n\r\n")
}

fn trailers(number: usize) -> String {
    format!("{CHUNKED}0\r\n{}\r\n", "x-t: 1\r\n".repeat(number))
}

/// Extensions of so many bytes, in two chunks.
fn extension(bytes: usize) -> String {
    format!("{CHUNKED}5;{}\r\nhello\r\n0;a\r\n\r\n", "a".repeat(bytes - 1))
}

fn interim(number: usize) -> String {
    let interim = "HTTP/1.1 102 Processing\r\n\r\n".repeat(number);
    format!("{interim}{HEAD}content-length: 0\r\n\r\n")
}
