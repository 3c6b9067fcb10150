//! The flags of `countersign run`, as one more layer over file and environment.
//!
//! A flag sets *the* upstream and *the* issuer: the only one that is configured, or a new one named
//! [`FLAG_NAME`] if there is none.

use super::whole::key;
use crate::{
    admin::settings::key as of_admin,
    config::{
        ConfigError,
        node::Node,
        source::{AssignedValue, Assignment},
    },
    keys::settings::key as of_keys,
    policy::settings::{self as routes, key as of_route},
    proxy::settings::key as of_server,
    telemetry::settings::key as of_log,
    token::issuer::settings::key as of_issuer,
    upstream::settings::key as of_upstream,
};

/// The name of an upstream or issuer that only flags define.
pub const FLAG_NAME: &str = "default";

/// Values given on the command line, as texts: they are checked like any other.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--listen`
    pub listen: Option<String>,
    /// `--admin`
    pub admin: Option<String>,
    /// `--upstream`
    pub upstream: Option<String>,
    /// `--issuer`
    pub issuer: Option<String>,
    /// `--audience`, any number of times. A single `any` accepts tokens for every service.
    pub audiences: Vec<String>,
    /// `--jwks-url`
    pub jwks_url: Option<String>,
    /// `--jwks-file`
    pub jwks_file: Option<String>,
    /// `--claim-header NAME=CLAIM`, any number of times.
    pub claim_headers: Vec<String>,
    /// `--public PATH`, any number of times: added to the routes.
    pub public: Vec<String>,
    /// `--workers`
    pub workers: Option<usize>,
    /// `--log-format`
    pub log_format: Option<String>,
}

impl Flags {
    /// What the flags set. `below` is the tree of the other layers. Without a file (`without_file`)
    /// and without any route in the environment, every path that is not `--public` requires a
    /// token.
    pub(super) fn assignments(
        &self,
        below: &Node,
        without_file: bool,
    ) -> Result<Vec<Assignment>, Vec<ConfigError>> {
        let mut writer = FlagAssignments::default();
        writer.text("--listen", &[key::SERVER, of_server::LISTEN], self.listen.as_ref());
        writer.text("--admin", &[key::ADMIN, of_admin::LISTEN], self.admin.as_ref());
        writer.number("--workers", &[key::SERVER, of_server::WORKERS], self.workers);
        writer.text("--log-format", &[key::LOG, of_log::FORMAT], self.log_format.as_ref());
        self.assign_upstream(&mut writer, below);
        self.assign_issuer(&mut writer, below);
        self.assign_claim_headers(&mut writer);
        self.assign_routes(&mut writer, without_file && below.member(of_route::ROUTES).is_none());
        writer.finish()
    }

    fn assign_upstream(&self, writer: &mut FlagAssignments, below: &Node) {
        if self.upstream.is_some()
            && let Some(name) = writer.only_one(below, key::UPSTREAMS, "--upstream")
        {
            let path = [key::UPSTREAMS, &name, of_upstream::URL];
            writer.text("--upstream", &path, self.upstream.as_ref());
        }
    }

    fn assign_issuer(&self, writer: &mut FlagAssignments, below: &Node) {
        let given = [
            ("--issuer", self.issuer.is_some()),
            ("--audience", !self.audiences.is_empty()),
            ("--jwks-url", self.jwks_url.is_some()),
            ("--jwks-file", self.jwks_file.is_some()),
        ];
        let Some((first, _)) = given.iter().find(|(_, given)| *given) else {
            return;
        };
        let Some(name) = writer.only_one(below, key::ISSUERS, first) else {
            return;
        };
        let own = |setting| [key::ISSUERS, &name, setting];
        let of_its_keys = |setting| [key::ISSUERS, &name, of_issuer::KEYS, setting];
        writer.text("--issuer", &own(of_issuer::ISSUER), self.issuer.as_ref());
        writer.text("--jwks-url", &of_its_keys(of_keys::JWKS_URL), self.jwks_url.as_ref());
        writer.text("--jwks-file", &of_its_keys(of_keys::JWKS_FILE), self.jwks_file.as_ref());
        match self.audiences.as_slice() {
            [] => {}
            [any] if any == "any" => {
                writer.text("--audience", &own(of_issuer::AUDIENCES), Some(any));
            }
            list => {
                let list = AssignedValue::List(list.to_vec());
                writer.assign("--audience", &own(of_issuer::AUDIENCES), list);
            }
        }
    }

    fn assign_claim_headers(&self, writer: &mut FlagAssignments) {
        for pair in &self.claim_headers {
            match pair.split_once('=') {
                Some((header, claim)) => {
                    let claim = claim.to_owned();
                    writer.text("--claim-header", &[key::CLAIMS, header], Some(&claim));
                }
                None => writer.mistake(
                    "--claim-header",
                    key::CLAIMS,
                    format!("found {pair:?}, expected NAME=CLAIM such as x-auth-subject=sub"),
                ),
            }
        }
    }

    fn assign_routes(&self, writer: &mut FlagAssignments, implied: bool) {
        for path in &self.public {
            let route =
                vec![(of_route::PATH, path.clone()), (of_route::ACCESS, routes::PUBLIC.to_owned())];
            writer.assign("--public", &[of_route::ROUTES], AssignedValue::Appended(route));
        }
        if implied {
            writer.assignments.push(Assignment {
                origin: "default route without --config".to_owned(),
                path: vec![of_route::ROUTES.to_owned()],
                value: AssignedValue::Appended(vec![(of_route::PATH, "/**".to_owned())]),
            });
        }
    }
}

#[derive(Default)]
struct FlagAssignments {
    assignments: Vec<Assignment>,
    mistakes: Vec<ConfigError>,
}

impl FlagAssignments {
    fn text(&mut self, flag: &str, path: &[&str], value: Option<&String>) {
        if let Some(value) = value {
            self.assign(flag, path, AssignedValue::Text(value.clone()));
        }
    }

    fn number(&mut self, flag: &str, path: &[&str], value: Option<usize>) {
        if let Some(value) = value {
            self.assign(flag, path, AssignedValue::Number(value));
        }
    }

    fn assign(&mut self, flag: &str, path: &[&str], value: AssignedValue) {
        self.assignments.push(Assignment {
            origin: format!("flag {flag}"),
            path: path.iter().map(|&name| name.to_owned()).collect(),
            value,
        });
    }

    /// The name of *the* upstream or *the* issuer that a flag sets.
    fn only_one(&mut self, below: &Node, section: &str, flag: &str) -> Option<String> {
        let names: Vec<&String> = below
            .member(section)
            .and_then(Node::as_table)
            .map(|table| table.keys().collect())
            .unwrap_or_default();
        match names.as_slice() {
            [] => Some(FLAG_NAME.to_owned()),
            [name] => Some((*name).clone()),
            names => {
                let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                self.mistake(
                    flag,
                    section,
                    format!(
                        "the flag can't tell which one is meant: {} are configured",
                        names.join(", ")
                    ),
                );
                None
            }
        }
    }

    fn mistake(&mut self, flag: &str, key: &str, message: String) {
        self.mistakes.push(ConfigError::of_source(key, format!("flag {flag}"), message));
    }

    fn finish(self) -> Result<Vec<Assignment>, Vec<ConfigError>> {
        if self.mistakes.is_empty() { Ok(self.assignments) } else { Err(self.mistakes) }
    }
}
