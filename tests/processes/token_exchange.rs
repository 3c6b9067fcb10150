//! Credentials towards the service from real providers: Keycloak's standard token exchange, and all
//! of RFC 8693 by a server on Authlib. The service is Node, and verifies what it receives by
//! itself, with npm `jose`.

mod authlib;
mod keycloak;
mod scene;
