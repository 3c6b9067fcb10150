//! Services that clients can discover (RFC 9728), and step-up authentication (RFC 9470).

mod audiences;
mod challenges;
mod documents;
mod step_up;

use serde_json::Value;

use crate::support::{client::Answer, setup::Setup, world::World};

const FILES: &str = "https://api.test/mcp";
const METADATA: &str = "https://api.test/.well-known/oauth-protected-resource/mcp";

const RESOURCES: &str = "[resources.files]\nid = \"https://api.test/mcp\"";

const ROUTES: &str = r#"
[[routes]]
path = "/mcp/**"
resource = "files"
scopes = ["files:read"]

[[routes]]
path = "/plain/**"

[[routes]]
path = "/**"
access = "public"
"#;

fn setup(setup: Setup) -> Setup {
    setup.with(RESOURCES).routes(ROUTES)
}

fn world() -> World {
    World::with_setup(setup)
}

/// The document in an answer.
#[track_caller]
fn document(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!answer.is_from_upstream(), "{answer:?}");
    assert_eq!(answer.field("content-type"), Some("application/json"));
    serde_json::from_slice(&answer.body.bytes).unwrap()
}
