//! Every mistake with its file and line.

use super::*;

fn placed(name: &str, text: &str) -> Vec<String> {
    let workspace = Workspace::new();
    let file = workspace.write(name, text);
    match load(&Sources { file: Some(file.into()), ..Sources::default() }) {
        Ok(_) => Vec::new(),
        Err(errors) => workspace.placed_lines(&errors),
    }
}

/// The place and the key of each mistake.
fn heads(lines: &[String]) -> Vec<String> {
    let head = |line: &String| line.split(": ").take(2).collect::<Vec<_>>().join(" ");
    lines.iter().map(head).collect()
}

#[test]
fn every_kind_of_mistake_has_a_line() {
    let found = placed(
        "c.toml",
        "[upstreams.app]\nurl = \"http://127.0.0.1:1\"\nulr = 1\n[issuers.corp]\n\
         issuer = \"https://idp\"\nalgorithms = [\n  \"ES256\",\n  \"RS265\",\n]\n\
         [server.limits]\nidle_timeout = \"2 parsecs\"\n[[routes]]\npath = \"/a\"\n[[routes]]\n\
         path = 5\nissuers = [\"crop\"]\n",
    );
    let expected = [
        "c.toml:11:1 server.limits.idle_timeout",
        "c.toml:3:1 upstreams.app.ulr",
        "c.toml:4:1 issuers.corp.audiences",
        "c.toml:8:3 issuers.corp.algorithms[1]",
        "c.toml:15:1 routes[1].path",
        "c.toml:16:12 routes[1].issuers[0]",
    ];
    let mut heads = heads(&found);
    heads.sort();
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(heads, expected);
}

#[test]
fn yaml_and_json_have_lines_too() {
    let yaml = "upstreams: {app: {url: \"http://127.0.0.1:1\"}}\nissuers:\n  corp:\n    \
                issuer: https://idp\n    audiences: any\nroutes:\n  - path: /**\n    acess: public\n";
    assert_eq!(heads(&placed("c.yaml", yaml)), ["c.yaml:8:5 routes[0].acess"]);
    let json = "{\n\"upstreams\": {\"app\": {\"url\": \"http://127.0.0.1:1\"}},\n\
                \"issuers\": {\"corp\": {\"issuer\": \"https://idp\",\n   \"audiences\": 5}},\n\
                \"routes\": [{\"path\": \"/**\"}]}";
    assert_eq!(heads(&placed("c.json", json)), ["c.json:4:4 issuers.corp.audiences"]);
}

#[test]
fn a_rule_across_sections_has_the_line_of_the_key_and_of_what_it_contradicts() {
    let text = format!(
        "{MINIMAL}\n[server.limits]\nheader_bytes = \"8KiB\"\n[credential]\nmax_bytes = \"8KiB\"\n"
    );
    let found = placed("c.toml", &text);
    assert_eq!(
        found,
        ["c.toml:15:1: credential.max_bytes: a token of credential.max_bytes (8192) does not fit \
          into server.limits.header_bytes (8192) (server.limits.header_bytes: c.toml:13:1)"]
    );
}

#[test]
fn a_header_that_two_settings_use_has_the_lines_of_both() {
    let text = format!(
        "{MINIMAL}\n[claims]\nx-corp-user = \"sub\"\n[identity.client_certificate]\n\
         subject = \"x-corp-user\"\n[credential]\nsources = [{{ header = \"x-t\" }}]\n\
         [headers]\nset_headers = {{ x_corp_user = \"a\", x-t = \"b\" }}\n"
    );
    let found = placed("c.toml", &text);
    for (key, other) in [
        ("identity.client_certificate.subject", "claims.x-corp-user: c.toml:13:1"),
        ("headers.set_headers: x_corp_user", "claims.x-corp-user: c.toml:13:1"),
        ("headers.set_headers: x-t", "credential.sources: c.toml:17:1"),
    ] {
        let is_it = |line: &&String| line.contains(key) && line.ends_with(&format!("({other})"));
        assert!(found.iter().any(|line| is_it(&line)), "{key}: {found:?}");
    }
}
