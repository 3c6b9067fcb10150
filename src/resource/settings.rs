//! `[resources]`: services that clients can discover (RFC 9728).

use crate::{
    config::{
        node::Node,
        reader::{Parsed, Section},
        urls::check_fetchable,
        values::{any_or_list, check_name, first_duplicate, parsed, text},
        writer::{Writer, Written},
    },
    policy::{self, ids::PerResource},
};

use super::ResourceUrl;

pub(crate) mod key {
    pub(crate) const ID: &str = "id";
    pub(crate) const AUDIENCES: &str = "audiences";
    pub(crate) const SCOPES: &str = "scopes";
    pub(crate) const AUTHORIZATION_SERVERS: &str = "authorization_servers";
    pub(crate) const TITLE: &str = "title";
    pub(crate) const DOCUMENTATION: &str = "documentation";
    pub(crate) const POLICY: &str = "policy";
    pub(crate) const TERMS: &str = "terms";
}

/// `[resources.NAME]`
#[derive(Debug, Clone)]
pub struct ResourceSettings {
    /// Its name in this configuration.
    pub name: String,
    /// Its identifier.
    pub id: ResourceUrl,
    /// Accepted `aud` values of its tokens; `None` only by an explicit `audiences = "any"`.
    pub audiences: Option<Vec<String>>,
    /// The scopes that its metadata lists; `None`: those that its routes require.
    pub scopes: Option<Vec<String>>,
    /// Where its tokens are issued; `None`: by the issuers of its routes.
    pub authorization_servers: Option<Vec<String>>,
    /// What people call it.
    pub title: Option<String>,
    /// Where developers read about it.
    pub documentation: Option<String>,
    /// Where it says how its data may be used.
    pub policy: Option<String>,
    /// Where its terms of service are.
    pub terms: Option<String>,
}

/// Each is looked at for every request of a document.
const MAX_RESOURCES: usize = 64;

const EXPECTED_ID: &str = "the resource's URL such as \"https://api.example.com/mcp\"";
const EXPECTED_AUDIENCES: &str = "a list such as [\"https://api.example.com\"], or \"any\" to \
                                  accept tokens made for any service";

/// Reads `[resources]`.
pub(crate) fn read(section: &mut Section<'_>) -> PerResource<ResourceSettings> {
    let resources = section.each_table(|name, resource| {
        if let Err(message) = check_name(name) {
            resource.own_mistake(message);
        }
        let settings = ResourceSettings::read(name, resource);
        settings.map(|settings| (settings, resource.key_of(key::ID)))
    });
    if resources.len() > MAX_RESOURCES {
        section.own_mistake(format!("expected at most {MAX_RESOURCES} resources"));
    }
    let resources: Vec<_> = resources.into_iter().flatten().collect();
    for (position, (settings, key)) in resources.iter().enumerate() {
        let mut earlier = resources.iter().take(position);
        if let Some((other, at)) = earlier.find(|(other, _)| other.id.collides_with(&settings.id)) {
            let (found, other) = (&settings.id, &other.name);
            let message = format!(
                "the metadata of {:?} would be at the same place as that of the resource {other:?}",
                found.as_str()
            );
            section.contradiction(key.clone(), at, message);
        }
    }
    resources.into_iter().map(|(settings, ..)| settings).collect()
}

/// Writes the members of `[resources]`.
pub(crate) fn write(
    resources: &PerResource<ResourceSettings>,
) -> impl Iterator<Item = (String, Written)> + use<'_> {
    resources.iter().map(|resource| (resource.name.clone(), resource.write()))
}

impl ResourceSettings {
    fn read(name: &str, section: &mut Section<'_>) -> Option<Self> {
        let id = section.required(key::ID, EXPECTED_ID, parsed(EXPECTED_ID, ResourceUrl::parse));
        let audiences = section.optional(key::AUDIENCES, any_or_list(EXPECTED_AUDIENCES));
        let scopes = "a list of scopes such as [\"files:read\"]";
        let scopes = section.list(key::SCOPES, scopes, policy::settings::scope);
        check_once(section, key::SCOPES, scopes.as_deref());
        let servers = "a list of issuers such as [\"https://idp.example.com\"]";
        let servers = section.list(key::AUTHORIZATION_SERVERS, servers, page);
        check_once(section, key::AUTHORIZATION_SERVERS, servers.as_deref());
        let title = section.optional(key::TITLE, text);
        let [documentation, policy, terms] =
            [key::DOCUMENTATION, key::POLICY, key::TERMS].map(|name| section.optional(name, page));
        let id = id?;
        Some(Self {
            name: name.to_owned(),
            audiences: audiences.unwrap_or_else(|| Some(id.spellings())),
            id,
            scopes,
            authorization_servers: servers,
            title,
            documentation,
            policy,
            terms,
        })
    }

    fn write(&self) -> Written {
        Writer::default()
            .text(key::ID, self.id.as_str())
            .any_or_list(key::AUDIENCES, self.audiences.as_deref())
            .list(key::SCOPES, self.scopes.iter().flatten())
            .list(key::AUTHORIZATION_SERVERS, self.authorization_servers.iter().flatten())
            .optional(key::TITLE, self.title.as_ref())
            .optional(key::DOCUMENTATION, self.documentation.as_ref())
            .optional(key::POLICY, self.policy.as_ref())
            .optional(key::TERMS, self.terms.as_ref())
            .table()
    }
}

/// A URL that clients and people open.
fn page(node: &Node) -> Parsed<String> {
    let text = text(node)?;
    match check_fetchable(&text, false) {
        Ok(_) => Ok(text),
        Err(_) => Err(node.mismatch("an https URL such as \"https://api.example.com/docs\"")),
    }
}

fn check_once(section: &Section<'_>, key: &str, list: Option<&[String]>) {
    if let Some(twice) = list.and_then(first_duplicate) {
        section.mistake(key, format!("lists {twice} twice"));
    }
}
