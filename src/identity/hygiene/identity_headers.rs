//! The headers in which other proxies tell the services behind them who sends a request. Such a
//! service believes them, so that a client must not bring them along (threats H-14).
//!
//! Only names that are set by a proxy and by no client are here. Names that clients use as well are
//! in [`GENERIC`], which an operator switches on.

/// A product, and its headers in folded form; a `*` at the end stands for any further letters.
pub(super) struct ProductHeaders {
    /// What metrics call the product.
    pub(super) product: &'static str,
    pub(super) headers: &'static [&'static str],
}

/// What metrics call the headers of [`GENERIC`].
pub(super) const GENERIC_PRODUCT: &str = "generic";

const fn of(product: &'static str, headers: &'static [&'static str]) -> ProductHeaders {
    ProductHeaders { product, headers }
}

/// By product, each with the place where its headers are documented.
pub(super) const PRODUCTS: &[ProductHeaders] = &[
    // www.authelia.com/integration/trusted-header-sso/introduction
    of("authelia", &["remote-email", "remote-groups", "remote-name", "remote-user"]),
    // docs.goauthentik.io/add-secure-apps/providers/proxy/header_authentication
    of("authentik", &["x-authentik-*"]),
    // docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html,
    // …/mutual-authentication.html;
    // docs.aws.amazon.com/verified-access/latest/ug/user-claims-passing.html
    of("aws", &["x-amzn-ava-user-context", "x-amzn-mtls-clientcert*", "x-amzn-oidc-*"]),
    // learn.microsoft.com/azure/app-service/configure-authentication-user-identities and
    // …/app-service-web-configure-tls-mutual-auth
    of(
        "azure",
        &["x-arr-clientcert", "x-ms-client-principal", "x-ms-client-principal-*", "x-ms-token-*"],
    ),
    // docs.authcrunch.com/docs/authorize/headers
    of("caddy-security", &["x-token-subject", "x-token-user-*"]),
    // Certificates of clients: RFC 9440; Envoy's XFCC; Traefik's PassTLSClientCert; what recipes
    // for nginx, Apache and HAProxy set.
    of(
        "client-certificate",
        &[
            "client-cert",
            "client-cert-chain",
            "ssl-client-*",
            "x-client-cert",
            "x-client-cert-*",
            "x-forwarded-client-cert",
            "x-forwarded-tls-client-cert",
            "x-forwarded-tls-client-cert-info",
            "x-ssl-cert",
            "x-ssl-client-*",
        ],
    ),
    // developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie
    of("cloudflare-access", &["cf-access-authenticated-user-email", "cf-access-jwt-assertion"]),
    // cloud.google.com/iap/docs/signed-headers-howto, …/identity-howto;
    // cloud.google.com/api-gateway/docs/authenticating-users-jwt (and Endpoints, before it);
    // cloud.google.com/appengine/docs/standard/reference/request-headers
    of(
        "google",
        &[
            "x-apigateway-api-userinfo",
            "x-appengine-user-*",
            "x-endpoint-api-userinfo",
            "x-goog-authenticated-user-*",
            "x-goog-iap-jwt-assertion",
        ],
    ),
    // grafana.com/docs/grafana/latest/setup-grafana/configure-access/configure-authentication/auth-proxy;
    // Gitea, Gogs and others read the same.
    of("grafana", &["x-webauth-*"]),
    // developers.home-assistant.io/docs/apps/presentation#ingress
    of("home-assistant", &["x-remote-user-*"]),
    // www.ibm.com/docs/en/sva: "Client identity in HTTP headers (-c)" of WebSEAL
    of("ibm-webseal", &["iv-creds", "iv-groups", "iv-user", "iv-user-l"]),
    // developer.konghq.com/plugins/jwt, …/key-auth, …/oauth2: "Upstream headers"; lua-resty-openidc
    of(
        "kong",
        &[
            "x-anonymous-consumer",
            "x-authenticated-*",
            "x-consumer-*",
            "x-credential-identifier",
            "x-credential-username",
            "x-userinfo",
        ],
    ),
    // kubernetes.io/docs/reference/access-authn-authz/authentication/#authenticating-proxy
    of("kubernetes", &["x-remote-extra-*", "x-remote-group", "x-remote-groups", "x-remote-user"]),
    // github.com/OpenIDC/mod_auth_openidc, auth_openidc.conf: OIDCClaimPrefix, OIDCPassTokens
    of(
        "mod-auth-openidc",
        &["oidc-access-token", "oidc-access-token-expires", "oidc-claim-*", "oidc-id-token*"],
    ),
    // oauth2-proxy.github.io/oauth2-proxy/configuration/overview: pass_user_headers,
    // set_xauthrequest; SonarQube and Jenkins read the others of that form.
    of(
        "oauth2-proxy",
        &[
            "x-auth-request-*",
            "x-forwarded-access-token",
            "x-forwarded-email",
            "x-forwarded-groups",
            "x-forwarded-login",
            "x-forwarded-name",
            "x-forwarded-preferred-username",
            "x-forwarded-user",
        ],
    ),
    // docs.oracle.com: Access Manager, "Configuring the Policy Response Header"
    of("oracle-access-manager", &["oam-remote-user"]),
    // www.pomerium.com/docs/capabilities/getting-users-identity
    of("pomerium", &["x-pomerium-claim-*", "x-pomerium-jwt-assertion"]),
    // docs.posit.co/ide/server-pro/authenticating_users/proxied_authentication.html
    of("posit-workbench", &["x-rstudio-username"]),
    // techdocs.broadcom.com: SiteMinder, "Default HTTP Headers Used by the Product"
    of(
        "siteminder",
        &[
            "sm-authdirname",
            "sm-serversessionid",
            "sm-serversessionspec",
            "sm-universalid",
            "sm-user",
            "sm-userdn",
        ],
    ),
    // docs.snowflake.com/developer-guide/snowpark-container-services: "Ingress and SSO"
    of("snowflake", &["sf-context-current-user", "sf-context-current-user-token"]),
    // tailscale.com/kb/1312/serve#identity-headers; tailscale.com/cmd/nginx-auth
    of(
        "tailscale",
        &[
            "tailscale-app-capabilities",
            "tailscale-login",
            "tailscale-name",
            "tailscale-profile-picture",
            "tailscale-tailnet",
            "tailscale-user",
            "tailscale-user-*",
        ],
    ),
    // goteleport.com/docs/enroll-resources/application-access/jwt/introduction
    of("teleport", &["teleport-jwt-assertion"]),
    // github.com/vouch/vouch-proxy, config/config.yml_example: headers
    of("vouch", &["x-vouch-*"]),
    // apim.docs.wso2.com: "Passing Enduser Attributes to the Backend"
    of("wso2", &["x-jwt-assertion"]),
];

/// Names without a product: services trust them, and clients use them for other things. With
/// `impersonate-*` a client of Kubernetes asks for another identity, and the service decides.
pub(super) const GENERIC: &[&str] = &[
    "impersonate-*",
    "user-id",
    "username",
    "x-access-token",
    "x-account-id",
    "x-admin",
    "x-auth-email",
    "x-auth-groups",
    "x-auth-id",
    "x-auth-roles",
    "x-auth-subject",
    "x-auth-user",
    "x-auth-userid",
    "x-auth-username",
    "x-claims",
    "x-client-id",
    "x-current-user",
    "x-customer-id",
    "x-email",
    "x-group",
    "x-groups",
    "x-id-token",
    "x-identity",
    "x-impersonate-user",
    "x-is-admin",
    "x-jwt-claims",
    "x-jwt-payload",
    "x-org-id",
    "x-organization-id",
    "x-permissions",
    "x-principal",
    "x-role",
    "x-roles",
    "x-scope",
    "x-scopes",
    "x-sub",
    "x-subject",
    "x-tenant",
    "x-tenant-id",
    "x-user",
    "x-user-email",
    "x-user-groups",
    "x-user-id",
    "x-user-info",
    "x-user-name",
    "x-user-role",
    "x-user-roles",
    "x-userid",
    "x-username",
];

/// Every header, with its product.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let known = PRODUCTS.iter();
    let known = known.flat_map(|of| of.headers.iter().map(|header| (*header, of.product)));
    known.chain(GENERIC.iter().map(|header| (*header, GENERIC_PRODUCT)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::identity::fold::is_folded;

    #[test]
    fn every_header_is_listed_once_and_in_folded_form() {
        let mut seen = BTreeSet::new();
        for (header, product) in all() {
            let name = header.strip_suffix('*').unwrap_or(header);
            assert!(is_folded(name) && !name.contains('*'), "{product}: {header}");
            assert!(seen.insert(header), "{product}: {header} is listed twice");
        }
    }

    #[test]
    fn products_and_their_headers_are_in_order() {
        assert!(PRODUCTS.iter().map(|of| of.product).is_sorted());
        for list in PRODUCTS.iter().map(|of| of.headers).chain([GENERIC]) {
            assert!(list.is_sorted(), "{list:?}");
        }
    }
}
