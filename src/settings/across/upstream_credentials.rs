//! What upstreams receive as credential: what routes, and other headers, have to say to that.

use crate::{
    config::{node::Node, reader::Section},
    policy::{
        settings::{AccessSettings, AuthorizationHeader, RouteSettings, key as of_route},
        upstream_credential::CredentialChoice,
    },
    settings::{Settings, whole::key},
    upstream_credential::settings::{
        UpstreamCredentialSettings, UpstreamCredentialSource, key as of_credential,
    },
};

use super::{
    header_uses::{HeaderPurpose, header_use},
    of_one_route,
};

/// What else may be done with a header.
const OTHER_USES: [HeaderPurpose; 5] = [
    HeaderPurpose::Claim,
    HeaderPurpose::Assertion,
    HeaderPurpose::SignatureFact,
    HeaderPurpose::Signature,
    HeaderPurpose::Kept,
];

/// What the upstream receives in a header must come from one place only (threats H-2).
pub(super) fn credential_header_uses(settings: &Settings, root: &Section<'_>) {
    let origin = || root.peek(key::UPSTREAM_CREDENTIALS).and_then(Node::origin);
    for credential in &settings.upstream_credentials {
        let of_one = |name| [key::UPSTREAM_CREDENTIALS, &credential.name, name].join(".");
        let header = &credential.header.name;
        let used = header_use(settings, header, &OTHER_USES);
        if let Some(used) = used.filter(|_| !credential.header.is_authorization()) {
            let message = format!("the header {:?} {}", header.as_str(), used.purpose.conflict());
            used.contradict(root, of_one(of_credential::HEADER), message);
        }
        if credential.source == UpstreamCredentialSource::Assertion
            && settings.identity.assertion.is_none()
        {
            let message = "\"assertion\" needs [identity.assertion]".to_owned();
            root.mistake_at(of_one(of_credential::KIND), origin(), message);
        }
    }
}

/// Reports what routes and their credentials don't agree on.
pub(super) fn route_credentials(settings: &Settings, root: &Section<'_>) {
    for (id, route) in settings.routes.all().iter_with_ids() {
        let choice = settings.credential_choice(route);
        if let Some((name, other, message)) = problem(settings, route, choice) {
            let other = match other {
                OtherSetting::Access => of_one_route(id, of_route::ACCESS),
                OtherSetting::Credential(name) => [key::UPSTREAM_CREDENTIALS, name].join("."),
            };
            root.contradiction(of_one_route(id, name), &other, message);
        }
    }
}

/// What a setting of a route contradicts.
enum OtherSetting<'s> {
    /// Its `access`.
    Access,
    /// The upstream credential of that name.
    Credential(&'s str),
}

fn problem<'s>(
    settings: &'s Settings,
    route: &RouteSettings,
    choice: CredentialChoice,
) -> Option<(&'static str, OtherSetting<'s>, String)> {
    let is_public = matches!(route.access, AccessSettings::Public);
    let credential = match choice {
        CredentialChoice::Own(id) => settings.upstream_credentials.get(id),
        CredentialChoice::Forward
            if is_public && route.upstream_credential == Some(CredentialChoice::Forward) =>
        {
            let message = "\"forward\" has no effect with access = \"public\", where no token is \
                           verified; expected it to be absent, or authorization = \"keep\"";
            return Some((of_route::UPSTREAM_CREDENTIAL, OtherSetting::Access, message.to_owned()));
        }
        CredentialChoice::None | CredentialChoice::Forward => return None,
    };
    if is_public && credential.needs_caller() {
        let message = without_caller(credential);
        return Some((of_route::UPSTREAM_CREDENTIAL, OtherSetting::Access, message));
    }
    if route.authorization == AuthorizationHeader::Keep && credential.header.is_authorization() {
        let message = format!(
            "\"keep\" has no effect, since the upstream credential {:?} is put into the same header",
            credential.name
        );
        return Some((
            of_route::AUTHORIZATION,
            OtherSetting::Credential(&credential.name),
            message,
        ));
    }
    None
}

fn without_caller(credential: &UpstreamCredentialSettings) -> String {
    format!(
        "{:?} depends on the caller's token, and with access = \"public\" none is verified; expected \
         \"none\" or another credential",
        credential.name
    )
}
