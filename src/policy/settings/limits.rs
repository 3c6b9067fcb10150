//! `limit`: the name of one limit, or a list of them.

use crate::{
    config::{
        node::{Node, Value},
        reader::Parsed,
        values::{Names, first_duplicate, name_of, reference},
        writer::Writer,
    },
    policy::{ids::LimitId, settings::key},
};

pub(super) fn limits(names: &Names<LimitId>) -> impl Fn(&Node) -> Parsed<Vec<LimitId>> {
    let limit = reference("a limit", names);
    move |node| {
        let limits = match &node.value {
            Value::List(list) if !list.is_empty() => {
                list.iter().map(&limit).collect::<Parsed<Vec<_>>>()?
            }
            Value::List(_) => return Err(node.mismatch("the name of a limit, or a list of them")),
            _ => vec![limit(node)?],
        };
        match first_duplicate(&limits) {
            Some(twice) => {
                Err(format!("lists {} twice", name_of(names, *twice).unwrap_or_default()))
            }
            None => Ok(limits),
        }
    }
}

pub(super) fn write(writer: Writer, names: &Names<LimitId>, limits: &[LimitId]) -> Writer {
    let found = limits.iter().filter_map(|limit| name_of(names, *limit));
    match limits {
        [only] => writer.reference(key::LIMIT, names, *only),
        _ => writer.list(key::LIMIT, found),
    }
}
