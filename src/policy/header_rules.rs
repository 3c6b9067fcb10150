//! Headers with values that the operator has written: in requests for the upstream, and in answers
//! for the client. Compiled once for each route, of its own and of those for all.

use http::{HeaderMap, HeaderName};

use super::settings::{HeaderLine, HeaderSettings};
use crate::identity::are_one_header;

/// What is set in a request, once the client's headers are clean.
#[derive(Debug)]
pub struct RequestHeaderRules {
    set: Vec<HeaderLine>,
    add: Vec<HeaderLine>,
}

/// What is removed from an answer, and set in it.
#[derive(Debug)]
pub struct AnswerHeaderRules {
    remove: Vec<HeaderName>,
    set: Vec<HeaderLine>,
}

impl RequestHeaderRules {
    /// Of those for all routes and those of one; `None`: there is none. What a route sets counts
    /// instead of what is set or added for all.
    pub fn compile(general: &HeaderSettings, own: &HeaderSettings) -> Option<Box<Self>> {
        let left = |lines: &[HeaderLine]| not_among(lines, |name| sets(&own.set, name));
        let set = [left(&general.set), own.set.clone()].concat();
        let add = [left(&general.add), own.add.clone()].concat();
        let is_any = !(set.is_empty() && add.is_empty());
        is_any.then(|| Box::new(Self { set, add }))
    }

    /// Sets them. What the client has sent in one that is set is gone, in every spelling that a
    /// service could take for it; beside one that is added it stays.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.set {
            let is_other = |sent: &&HeaderName| *sent != name && are_one_header(sent, name);
            let others: Vec<_> = headers.keys().filter(is_other).cloned().collect();
            for other in others {
                headers.remove(other);
            }
            headers.insert(name.clone(), value.clone());
        }
        for (name, value) in &self.add {
            headers.append(name.clone(), value.clone());
        }
    }
}

impl AnswerHeaderRules {
    /// Of those for all routes and those of one; `None`: there is none. What a route says of a
    /// header counts.
    pub fn compile(general: &HeaderSettings, own: &HeaderSettings) -> Option<Box<Self>> {
        let is_own =
            |name: &HeaderName| own.answer_remove.contains(name) || sets(&own.answer_set, name);
        let general_remove = general.answer_remove.iter().filter(|name| !is_own(name));
        let remove: Vec<_> = general_remove.chain(&own.answer_remove).cloned().collect();
        let set = [not_among(&general.answer_set, is_own), own.answer_set.clone()].concat();
        let is_any = !(remove.is_empty() && set.is_empty());
        is_any.then(|| Box::new(Self { remove, set }))
    }

    /// Applies them to an answer of the service.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// Applies them to an answer of the proxy's own, which says nothing that it does not need.
    pub fn apply_to_own(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.set {
            headers.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

fn sets(lines: &[HeaderLine], name: &HeaderName) -> bool {
    lines.iter().any(|(set, _)| are_one_header(set, name))
}

fn not_among(lines: &[HeaderLine], is_own: impl Fn(&HeaderName) -> bool) -> Vec<HeaderLine> {
    lines.iter().filter(|(name, _)| !is_own(name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn line(name: &'static str, value: &'static str) -> HeaderLine {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    }

    fn names(names: &[&'static str]) -> Vec<HeaderName> {
        names.iter().map(|name| HeaderName::from_static(name)).collect()
    }

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn h15_what_is_set_replaces_every_spelling_and_what_is_added_none() {
        let settings = HeaderSettings {
            set: vec![line("x-set", "ours")],
            add: vec![line("x-add", "ours")],
            ..HeaderSettings::default()
        };
        let mut headers = map(&[
            ("x-set", "a"),
            ("x-set", "b"),
            ("x_set", "c"),
            ("x.set", "d"),
            ("x-add", "a"),
            ("x-other", "a"),
        ]);
        let rules = RequestHeaderRules::compile(&HeaderSettings::default(), &settings).unwrap();
        rules.apply(&mut headers);
        let expected =
            map(&[("x-set", "ours"), ("x-add", "a"), ("x-add", "ours"), ("x-other", "a")]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn what_a_route_says_comes_before_what_is_said_for_all() {
        let general = HeaderSettings {
            set: vec![line("x-a", "all"), line("x-b", "all")],
            add: vec![line("x-c", "all"), line("x-d", "all")],
            answer_remove: names(&["server", "x-kept"]),
            answer_set: vec![line("x-e", "all"), line("x-f", "all"), line("x-g", "all")],
        };
        let own = HeaderSettings {
            set: vec![line("x-a", "own"), line("x-c", "own")],
            add: vec![line("x-d", "own")],
            answer_remove: names(&["x-f"]),
            answer_set: vec![line("x-e", "own"), line("x-kept", "own")],
        };
        let mut request = HeaderMap::new();
        RequestHeaderRules::compile(&general, &own).unwrap().apply(&mut request);
        let expected =
            [("x-a", "own"), ("x-b", "all"), ("x-c", "own"), ("x-d", "all"), ("x-d", "own")];
        assert_eq!(request, map(&expected));
        let rules = AnswerHeaderRules::compile(&general, &own).unwrap();
        let mut answer = map(&[("server", "s"), ("x-f", "f"), ("x-kept", "s")]);
        rules.apply(&mut answer);
        assert_eq!(answer, map(&[("x-e", "own"), ("x-kept", "own"), ("x-g", "all")]));
        let mut refusal = map(&[("x-e", "ours"), ("x-f", "ours")]);
        rules.apply_to_own(&mut refusal);
        let expected = [("x-e", "ours"), ("x-f", "ours"), ("x-kept", "own"), ("x-g", "all")];
        assert_eq!(refusal, map(&expected));
    }

    #[test]
    fn a_route_without_rules_has_none() {
        let none = HeaderSettings::default();
        assert!(RequestHeaderRules::compile(&none, &none).is_none());
        assert!(AnswerHeaderRules::compile(&none, &none).is_none());
    }
}
