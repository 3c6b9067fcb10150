//! What a detached signature is over, taken in as it comes.

use std::fmt;

use aws_lc_rs::digest::{Context, Digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{DetachedJws, Dialect};
use crate::jose::{Algorithm, VerificationKey};

/// A payload that has not ended yet.
pub struct PayloadReader {
    algorithm: Algorithm,
    signature: Vec<u8>,
    input: Input,
    encoder: Option<Encoder>,
}

/// A whole payload, and the unverified signature over it.
pub struct SignedPayload {
    algorithm: Algorithm,
    signature: Vec<u8>,
    content: PayloadContent,
}

enum Input {
    /// RSA and ECDSA sign a hash, which needs no more than its own state.
    Hash(Context),
    /// Ed25519 and ML-DSA read the message more than once.
    Whole(Vec<u8>),
}

enum PayloadContent {
    Hash(Digest),
    Whole(Vec<u8>),
}

/// Base64url of bytes that come in pieces: what does not fill three bytes waits for the next.
#[derive(Default)]
struct Encoder {
    waiting: Vec<u8>,
}

/// Bytes that are encoded at once, a multiple of three; their text fits on the stack.
const PIECE: usize = 3 * 1024;

impl PayloadReader {
    pub(super) fn new(jws: DetachedJws) -> Self {
        let DetachedJws { dialect, written_header, header, signature } = jws;
        let algorithm = header.algorithm;
        let mut reader = Self {
            algorithm,
            signature,
            input: Input::of(algorithm),
            encoder: dialect.encodes_payload().then(Encoder::default),
        };
        reader.input.update(written_header.as_bytes());
        reader.input.update(b".");
        reader
    }

    /// Whether the payload has to be kept in memory as a whole, which the caller must bound.
    pub fn needs_whole_payload(&self) -> bool {
        matches!(self.input, Input::Whole(_))
    }

    /// Takes the next bytes of the payload.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.encoder {
            Some(encoder) => encoder.update(bytes, &mut self.input),
            None => self.input.update(bytes),
        }
    }

    /// The payload is whole.
    pub fn finish(mut self) -> SignedPayload {
        if let Some(encoder) = self.encoder {
            encoder.finish(&mut self.input);
        }
        let content = match self.input {
            Input::Hash(context) => PayloadContent::Hash(context.finish()),
            Input::Whole(bytes) => PayloadContent::Whole(bytes),
        };
        SignedPayload { algorithm: self.algorithm, signature: self.signature, content }
    }
}

impl SignedPayload {
    /// The hash that is signed, if a hash is: with it, the signature can be checked again without
    /// the payload.
    pub fn digest(&self) -> Option<&Digest> {
        match &self.content {
            PayloadContent::Hash(digest) => Some(digest),
            PayloadContent::Whole(_) => None,
        }
    }

    /// Whether the signature is valid under this key. May be called for several keys.
    pub fn verifies_under(&self, key: &VerificationKey) -> bool {
        match &self.content {
            PayloadContent::Hash(digest) => {
                key.verify_digest(self.algorithm, digest, &self.signature)
            }
            PayloadContent::Whole(message) => key.verify(self.algorithm, message, &self.signature),
        }
    }
}

impl Input {
    fn of(algorithm: Algorithm) -> Self {
        match algorithm.hash() {
            Some(hash) => Self::Hash(Context::new(hash)),
            None => Self::Whole(Vec::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Hash(context) => context.update(bytes),
            Self::Whole(message) => message.extend_from_slice(bytes),
        }
    }
}

impl Encoder {
    fn update(&mut self, mut bytes: &[u8], input: &mut Input) {
        if !self.waiting.is_empty() {
            let missing = (3 - self.waiting.len()).min(bytes.len());
            let (first, rest) = bytes.split_at(missing);
            self.waiting.extend_from_slice(first);
            bytes = rest;
            if self.waiting.len() < 3 {
                return;
            }
            encode(&self.waiting, input);
            self.waiting.clear();
        }
        let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % 3);
        whole.chunks(PIECE).for_each(|piece| encode(piece, input));
        self.waiting.extend_from_slice(rest);
    }

    fn finish(self, input: &mut Input) {
        encode(&self.waiting, input);
    }
}

fn encode(piece: &[u8], input: &mut Input) {
    let mut text = [0; PIECE / 3 * 4];
    // A piece of at most PIECE bytes always fits.
    let length = BASE64_URL_SAFE_NO_PAD.encode_slice(piece, &mut text).unwrap_or_default();
    input.update(text.get(..length).unwrap_or_default());
}

impl DetachedJws {
    /// Adds a payload that is in memory.
    pub fn over(self, payload: &[u8]) -> SignedPayload {
        let mut reader = self.begin();
        reader.update(payload);
        reader.finish()
    }
}

impl Dialect {
    /// What is signed, for a header in base64url and a payload that is there.
    pub(in crate::jose) fn signing_input(self, written_header: &str, payload: &[u8]) -> Vec<u8> {
        let mut input = written_header.as_bytes().to_vec();
        input.push(b'.');
        if self.encodes_payload() {
            input.extend_from_slice(BASE64_URL_SAFE_NO_PAD.encode(payload).as_bytes());
        } else {
            input.extend_from_slice(payload);
        }
        input
    }
}

impl fmt::Debug for PayloadReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadReader").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl fmt::Debug for SignedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedPayload").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}
