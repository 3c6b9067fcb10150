//! `COUNTERSIGN_SERVER__LISTEN` → `server.listen`.

/// What the names of our variables start with.
const PREFIX: &str = "COUNTERSIGN_";

/// Ours, but no setting: it names the configuration file (see `--config`).
const CONFIG_FILE: &str = "COUNTERSIGN_CONFIG";

/// One variable that sets a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Variable<'e> {
    /// Its whole name.
    pub(crate) name: &'e str,
    /// The way to the key, lower case.
    pub(crate) path: Vec<String>,
    /// Its value. Numbers, truth values, `[lists]` and `{tables=…}` are read as such.
    pub(crate) value: &'e str,
}

/// The variables that set a key, in the order of their names, so that the outcome does not depend
/// on the order of the environment.
pub(crate) fn variables(environment: &[(String, String)]) -> Vec<Variable<'_>> {
    let mut variables: Vec<_> = environment
        .iter()
        .filter(|(name, _)| name != CONFIG_FILE)
        .filter_map(|(name, value)| {
            let rest = name.strip_prefix(PREFIX)?;
            let path = (!is_service_link(rest)).then(|| path(rest))?;
            Some(Variable { name, path, value })
        })
        .collect();
    variables.sort_by_key(|variable| variable.name);
    variables
}

fn path(rest: &str) -> Vec<String> {
    rest.split("__").map(str::to_ascii_lowercase).collect()
}

/// Whether Kubernetes made the variable: every pod gets `COUNTERSIGN_SERVICE_HOST`,
/// `COUNTERSIGN_PORT_8080_TCP` and so on as soon as its namespace has a service named
/// `countersign` or `countersign-…`. Refusing to start for them would be an outage of our making.
fn is_service_link(rest: &str) -> bool {
    const ENDS: &[&str] = &["SERVICE_HOST", "SERVICE_PORT", "PORT"];
    !rest.contains("__") && (ENDS.iter().any(|end| rest.ends_with(end)) || rest.contains("PORT_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<String> {
        let environment: Vec<_> =
            names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        variables(&environment).into_iter().map(|variable| variable.path.join(".")).collect()
    }

    #[test]
    fn two_underscores_separate_and_one_does_not() {
        assert_eq!(
            paths(&["COUNTERSIGN_SERVER__LIMITS__HEADER_BYTES"]),
            ["server.limits.header_bytes"]
        );
    }

    #[test]
    fn foreign_variables_and_the_file_name_are_no_settings() {
        assert!(paths(&["PATH", "countersign_x", "COUNTERSIGN_CONFIG"]).is_empty());
    }

    #[test]
    fn kubernetes_service_links_are_no_settings() {
        let links = [
            "COUNTERSIGN_PORT",
            "COUNTERSIGN_PORT_8080_TCP",
            "COUNTERSIGN_PORT_8080_TCP_ADDR",
            "COUNTERSIGN_SERVICE_HOST",
            "COUNTERSIGN_SERVICE_PORT",
            "COUNTERSIGN_SERVICE_PORT_ADMIN",
            "COUNTERSIGN_EDGE_SERVICE_HOST",
        ];
        assert!(paths(&links).is_empty());
    }
}
