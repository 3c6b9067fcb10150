//! Kubernetes: the projected tokens of service accounts.

use serde_json::{Value, json};

use crate::{
    support::{NOW, client::Request, issuer::Issuer, key_server::Page},
    systems::scene::{Scene, header, rs256},
};

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

fn start() -> (Scene, Issuer) {
    let issuer = Issuer::usual().named(ISSUER);
    let scene = Scene::start("kubernetes-serviceaccount.toml", |shipped, key_server, _| {
        key_server.serve("/openid/v1/jwks", Page::json(&issuer.jwks()));
        shipped.with(
            "https://kubernetes.default.svc/openid/v1/jwks",
            &key_server.url("/openid/v1/jwks"),
        )
    });
    (scene, issuer)
}

/// What the kubelet mounts into a pod.
fn projected(issuer: &Issuer, namespace: &str, changes: Value) -> String {
    let mut claims = json!({
        "aud": ["my-service"],
        "exp": NOW + 3_607,
        "iat": NOW,
        "nbf": NOW,
        "jti": "0e1f",
        "sub": format!("system:serviceaccount:{namespace}:billing"),
        "kubernetes.io": {
            "namespace": namespace,
            "node": { "name": "node-1", "uid": "1" },
            "pod": { "name": "billing-7d9c", "uid": "2" },
            "serviceaccount": { "name": "billing", "uid": "3" },
            "warnafter": NOW + 3_600,
        },
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    rs256(issuer, json!({}), claims)
}

#[test]
fn a_pod_of_a_known_namespace_passes_under_its_own_name() {
    let (scene, issuer) = start();
    let received = scene.admits("team-a", &projected(&issuer, "team-a", json!({})));
    assert_eq!(header(&received, "x-auth-subject"), Some("system:serviceaccount:team-a:billing"));
    assert_eq!(header(&received, "x-auth-namespace"), Some("team-a"));
    assert_eq!(header(&received, "x-auth-account"), Some("billing"));
    assert_eq!(header(&received, "x-auth-pod"), Some("billing-7d9c"));
    let other = Request::get("/").bearer(&projected(&issuer, "team-c", json!({})));
    scene.refuses("another namespace", &other, 403);
}

#[test]
fn tokens_for_the_api_server_and_tokens_without_end_are_refused() {
    let (scene, issuer) = start();
    for (case, changes) in [
        ("for the API server", json!({ "aud": [ISSUER] })),
        ("without an end", json!({ "exp": null })),
        ("for a year", json!({ "exp": NOW + 31_536_000 })),
        ("without the cluster's claims", json!({ "kubernetes.io": null })),
    ] {
        let request = Request::get("/").bearer(&projected(&issuer, "team-a", changes));
        scene.refuses(case, &request, 401);
    }
}
