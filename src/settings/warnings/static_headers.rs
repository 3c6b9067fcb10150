//! Fixed headers whose name sounds like a secret.

use super::{Settings, warning};
use crate::{
    config::key_path,
    policy::settings::{HeaderSettings, key as of_route},
    settings::whole::key,
};

/// What names of headers with secrets have in them.
const SECRET_WORDS: [&str; 4] = ["key", "token", "secret", "password"];

impl Settings {
    pub(super) fn static_header_warnings(&self) -> Vec<String> {
        let of_routes = self.routes.all().iter_with_ids().map(|(id, route)| {
            (format!("{}[{}]", of_route::ROUTES, id.position()), &route.headers)
        });
        let all = [(key::HEADERS.to_owned(), &self.headers)].into_iter().chain(of_routes);
        all.flat_map(|(place, headers)| secrets(headers).map(move |list| (place.clone(), list)))
            .filter(|(place, (list, name))| {
                // What comes from a variable or a file is not in the configuration, nor shown.
                let setting = key_path::member(&format!("{place}.{list}"), name);
                !self.provenance.has_reference(&setting)
            })
            .map(|(place, (list, name))| {
                let text = "is no place for a secret: it is in the configuration, and check and \
                            /config show it; credentials for the service are read from files";
                warning(&[&place, list, &name], text)
            })
            .collect()
    }
}

fn secrets(headers: &HeaderSettings) -> impl Iterator<Item = (&'static str, String)> {
    let set = headers.set.iter().map(|line| (of_route::SET_HEADERS, line));
    let add = headers.add.iter().map(|line| (of_route::ADD_HEADERS, line));
    let sounds_secret = |name: &str| SECRET_WORDS.iter().any(|word| name.contains(word));
    set.chain(add)
        .filter(move |(_, (name, _))| sounds_secret(name.as_str()))
        .map(|(list, (name, _))| (list, name.to_string()))
}
