//! What is written is what is read, and no two requests share an entry.

use std::collections::HashSet;

use super::*;
use crate::{
    introspection::memory::Memory,
    settings::{Sources, load},
};

const NOW: UnixTime = UnixTime(1_900_000_000);

pub(in crate::introspection) fn settings(lines: &str) -> IntrospectionSettings {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s").unwrap();
    let file = folder.path().join("countersign.toml");
    let text = format!(
        "[upstreams.app]\nurl = \"http://127.0.0.1:1\"\n[issuers.corp]\n\
         issuer = \"https://idp.test\"\naudiences = \"any\"\n[issuers.corp.introspection]\n\
         client_secret_file = \"{}\"\n{lines}\n[[routes]]\npath = \"/**\"",
        secret.display()
    );
    std::fs::write(&file, text).unwrap();
    let settings = load(&Sources { file: Some(file), ..Sources::default() });
    let settings = settings.unwrap_or_else(|errors| panic!("{errors}"));
    settings.issuers.iter().next().unwrap().introspection.clone().unwrap()
}

const ASKED: &str = "url = \"https://idp.test/introspect\"\nclient_id = \"api\"";

fn statement(response: IntrospectionAnswer) -> (Statement, UnixTime) {
    let kept =
        Memory::new([0; 32], &settings(ASKED)).keep(&[1; 32], response, UnixTime(i64::MAX), NOW);
    (kept.statement, kept.until)
}

#[test]
fn what_one_replica_writes_another_reads() {
    let claims = Object::parse(br#"{"sub":"al\"ice","exp":1900000010,"scope":["a",1.5]}"#).unwrap();
    for said in [IntrospectionAnswer::Active(claims), IntrospectionAnswer::Inactive] {
        let (statement, until) = statement(said.clone());
        let text = write(&statement, until);
        assert_eq!(
            SharedAnswer::read(text.as_bytes()),
            Some(SharedAnswer { response: said, until }),
            "{text}"
        );
    }
}

#[test]
fn i1_what_is_no_answer_of_this_version_is_a_miss() {
    let (statement, until) = statement(IntrospectionAnswer::Inactive);
    let text = write(&statement, until);
    for (found, instead) in [
        (r#""v":2"#, r#""v":1"#),
        (r#""v":2,"#, ""),
        (r#""until":1900000005"#, r#""until":"1900000005""#),
        (r#""until":1900000005,"#, ""),
        (r#""claims":false"#, r#""claims":true"#),
        (r#""claims":false"#, r#""claims":null"#),
        (r#","claims":false"#, ""),
        ("}", "}}"),
    ] {
        let changed = text.replace(found, instead);
        assert_ne!(changed, text, "{found}");
        assert_eq!(SharedAnswer::read(changed.as_bytes()), None, "{changed}");
    }
}

#[test]
fn i6_an_answer_belongs_to_one_endpoint_asked_by_one_client_in_one_way() {
    let url = "url = \"https://idp.test/introspect\"";
    let asked = [
        ASKED.to_owned(),
        "client_id = \"api\"".to_owned(),
        "url = \"https://idp.test/other\"\nclient_id = \"api\"".to_owned(),
        format!("{url}\nclient_id = \"web\""),
        format!("{url}\nauth = \"client_secret_post\"\nclient_id = \"api\""),
        format!("{ASKED}\nsigned = true"),
        format!("{ASKED}\ntoken_type_hint = \"access_token\""),
        format!("{ASKED}\nparameters = {{ strict = true }}"),
        format!("{ASKED}\nparameters = {{ strict = false }}"),
    ];
    let scopes: HashSet<_> =
        asked.iter().map(|lines| scope("https://idp.test", &settings(lines))).collect();
    assert_eq!(scopes.len(), asked.len());
    assert!(!scopes.contains(&scope("https://other.test", &settings(ASKED))));
    assert!(scopes.contains(&scope("https://idp.test", &settings(ASKED))));
}

#[test]
fn i7_an_answer_of_another_replica_counts_no_longer_than_it_says() {
    let memory = Memory::new([0; 32], &settings(&format!("{ASKED}\nstale_if_error = \"5m\"")));
    let claims = Object::parse(br#"{"sub":"alice","exp":1900000020}"#).unwrap();
    for (at_most, until) in [(5, 5), (25, 20), (100, 20)] {
        let at_most = UnixTime(NOW.0 + at_most);
        let kept = memory.keep(&[1; 32], IntrospectionAnswer::Active(claims.clone()), at_most, NOW);
        assert_eq!(kept.until, UnixTime(NOW.0 + until));
    }
    let kept = memory.keep(&[2; 32], IntrospectionAnswer::Inactive, UnixTime(NOW.0 + 2), NOW);
    assert_eq!(kept.until, UnixTime(NOW.0 + 2));
    assert!(memory.find(&[2; 32], UnixTime(NOW.0 + 1)).is_some());
    assert!(memory.find(&[2; 32], UnixTime(NOW.0 + 2)).is_none());
}
