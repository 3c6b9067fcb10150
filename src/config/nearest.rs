//! "Did you mean …?"

/// The known name that is most likely meant, if any is close enough to suggest.
pub(crate) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // A third of the letters may differ: `lissten`, `jwks_uri`; not `listen` for `workers`.
    let tolerance = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The end of a message about an unknown name: the nearest known one, or all of them.
pub(crate) fn suggestion(name: &str, known: &[&str]) -> String {
    match (nearest(name, known.iter().copied()), known) {
        (Some(near), _) => format!("did you mean {near:?}?"),
        (None, []) => "none is known here".to_owned(),
        (None, known) => format!("known here: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_name() {
        let known = ["listen", "workers", "jwks_url", "jwks_file"];
        assert_eq!(nearest("lissten", known), Some("listen"));
        assert_eq!(nearest("jwks_uri", known), Some("jwks_url"));
        assert_eq!(nearest("woerkrs", known), Some("workers"));
    }

    #[test]
    fn a_wild_guess_finds_none() {
        assert_eq!(nearest("threads", ["listen", "workers"]), None);
    }
}
