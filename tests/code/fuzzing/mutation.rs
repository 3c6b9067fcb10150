//! Good inputs, a little wrong.

use std::{fmt, ops::Range, sync::Arc};

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::{Index, select},
};

use super::seeds::Seed;

/// An input; shown as it can be written into a file.
pub(crate) struct Input(pub(crate) Vec<u8>);

/// One change to an input: so many bytes of it, which may be none, are replaced.
#[derive(Debug, Clone)]
struct Mutation {
    at: Index,
    length: usize,
    by: Replacement,
}

#[derive(Debug, Clone)]
enum Replacement {
    Nothing,
    Byte(u8),
    Text(&'static str),
    /// The same, with a bit of each byte flipped.
    Flipped(u8),
    /// The same, so many times.
    Repeated(usize),
    /// As many bytes of another seed.
    OfSeed(Index, Index),
}

/// What the grammars of the targets turn on.
const TOKENS: [&str; 40] = [
    "\"", "\\", "{", "}", "[", "]", ":", ",", "null", "true", "0", "-", "1e999", "\\u0000", ".",
    "..", "/", "//", ";", "%", "%2e", "%2F", "%25", "%252e", "%3B", "%00", "?", "#", "*", "=", " ",
    "\t", "\n", "\r\n", "@", "::1", "é", "~0", "http://", "Bearer ",
];
const LONGER_TOKENS: [&str; 5] =
    ["18446744073709551616", "\\ud800\\ud800", "\"alg\":\"none\",", "\"crit\":[],", "\u{feff}"];

/// One to six changes to one of the seeds.
pub(crate) fn mutated(seeds: Vec<Seed>) -> impl Strategy<Value = Input> {
    let seeds: Arc<[_]> = seeds.into_iter().map(|seed| seed.bytes).collect();
    (any::<Index>(), vec(mutation(), 1..=6)).prop_map(move |(seed, mutations)| {
        let mut bytes = seed.get(&seeds).clone();
        for mutation in mutations {
            mutation.apply(&mut bytes, &seeds);
        }
        Input(bytes)
    })
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let replaced = prop_oneof![0..2_usize, 1..64_usize];
    (any::<Index>(), replaced, replacement()).prop_map(|(at, length, by)| Mutation {
        at,
        length,
        by,
    })
}

fn replacement() -> impl Strategy<Value = Replacement> {
    prop_oneof![
        Just(Replacement::Nothing),
        any::<u8>().prop_map(Replacement::Byte),
        select(&TOKENS[..]).prop_map(Replacement::Text),
        select(&LONGER_TOKENS[..]).prop_map(Replacement::Text),
        (0..8_u8).prop_map(Replacement::Flipped),
        (2..40_usize).prop_map(Replacement::Repeated),
        any::<(Index, Index)>().prop_map(|(seed, from)| Replacement::OfSeed(seed, from)),
    ]
}

impl Mutation {
    fn apply(self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let range = range(self.at, self.length, bytes);
        let old = &bytes[range.clone()];
        let new = match self.by {
            Replacement::Nothing => Vec::new(),
            Replacement::Byte(byte) => vec![byte],
            Replacement::Text(text) => text.into(),
            Replacement::Flipped(bit) => old.iter().map(|byte| byte ^ (1 << bit)).collect(),
            Replacement::Repeated(times) => old.repeat(times),
            Replacement::OfSeed(seed, from) => piece(seed.get::<Vec<u8>>(seeds), from, self.length),
        };
        bytes.splice(range, new);
    }
}

fn piece(seed: &[u8], from: Index, length: usize) -> Vec<u8> {
    seed[range(from, length, seed)].to_vec()
}

/// So many bytes from a place on, or as many as there are. The place may be the end.
fn range(at: Index, length: usize, bytes: &[u8]) -> Range<usize> {
    let start = at.index(bytes.len() + 1);
    start..bytes.len().min(start + length)
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}
