//! The systems that Countersign works in front of from a configuration file alone: each shipped
//! file, filled in, before an emulation of that system's endpoints. docs/systems.md tells the rest.

mod genauth;
mod keycloak;
mod kubernetes;
mod ocen;
mod oidc;
mod openbanking;
mod pages;
mod rebit;
mod scene;
mod ubirch;
mod wso2;

use std::process::Command;

use crate::support::shipped::Shipped;

/// Every file that stands for a system.
const FILES: [&str; 9] = [
    "genauth.toml",
    "keycloak.toml",
    "kubernetes-serviceaccount.toml",
    "ocen.toml",
    "openbanking-uk.toml",
    "rebit.toml",
    "oidc.toml",
    "ubirch.toml",
    "wso2.toml",
];

#[test]
fn every_file_passes_check_as_soon_as_its_secrets_are_there() {
    for name in FILES {
        let shipped = Shipped::load(name);
        let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .args(["check", "--config"])
            .arg(shipped.write())
            .env_clear()
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{name}: {said}");
    }
}

#[test]
fn every_table_that_is_commented_out_loads_too() {
    for (name, table) in [
        ("ocen.toml", "[issuers.ocen.introspection]"),
        ("keycloak.toml", "[issuers.keycloak.introspection]"),
        ("oidc.toml", "[issuers.idp.introspection]"),
    ] {
        let settings = Shipped::load(name).with_table(table).settings();
        assert!(settings.unwrap().issuers.iter().next().unwrap().introspection.is_some(), "{name}");
    }
}
