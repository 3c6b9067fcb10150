//! `proxy` of what is fetched, wherever there is one.

use super::*;

const PROXY: &str = "proxy = \"http://proxy.test:3128\"";
const NAMELESS: &str = "auth = \"none\"\nclient_id = \"api\"";

/// Every section that has it, with an https URL of its own.
fn sections() -> [(&'static str, String); 5] {
    [
        ("issuers.corp.keys", "jwks_url = \"https://idp.test/jwks\"".to_owned()),
        (
            "issuers.corp.introspection",
            format!("url = \"https://idp.test/introspect\"\n{NAMELESS}"),
        ),
        ("signatures.partner.keys", "jwks_url = \"https://idp.test/jwks\"".to_owned()),
        ("signatures.partner.keys.registry", "url = \"https://idp.test/{signer}\"".to_owned()),
        ("revocation", "url = \"https://idp.test/list\"".to_owned()),
    ]
}

fn with(section: &str, lines: &str) -> String {
    let signature = if section.starts_with("signatures") {
        "[signatures.partner]\nsigner = { header = \"iss\" }\ncaller = \"unrelated\"\n"
    } else {
        ""
    };
    format!("{MINIMAL}\n{signature}[{section}]\n{lines}")
}

/// What is said of that section, without what a signature lacks besides.
fn about(section: &str, lines: &str) -> Vec<String> {
    let found = mistakes(&with(section, lines));
    let start = format!("countersign.toml: {section}.");
    found.iter().filter_map(|line| line.strip_prefix(&start)).map(str::to_owned).collect()
}

#[test]
fn k11_through_a_proxy_only_https_is_requested() {
    let plain = "is plain http, and a proxy is used for https only; expected https";
    for (section, url) in sections() {
        assert_eq!(about(section, &format!("{url}\n{PROXY}")), Vec::<String>::new(), "{section}");
        // To this machine, plain http is permitted otherwise.
        let http = url.replace("https://idp.test", "http://localhost:1");
        assert_eq!(about(section, &http), Vec::<String>::new(), "{section}");
        let key = url.split(' ').next().unwrap();
        let found = about(section, &format!("{http}\n{PROXY}"));
        assert_eq!(found, [format!("{key}: {plain}")], "{section}");
        let found = about(section, &format!("{url}\n{PROXY}\nallow_http = true"));
        let expected = "allow_http: has no effect with proxy, which is used for https only";
        assert_eq!(found, [expected], "{section}");
    }
    let local = MINIMAL.replace("https://idp.example.com", "http://localhost:1");
    let found = mistakes(&format!("{local}[issuers.corp.keys]\n{PROXY}"));
    assert_eq!(found, [format!("countersign.toml: issuers.corp.keys.discovery: {plain}")]);
    let token =
        "auth = \"bearer\"\nurl = \"https://idp.test/\"\ntoken_url = \"http://localhost:1\"";
    let found = about("issuers.corp.introspection", &format!("{token}\n{PROXY}"));
    assert!(found.contains(&format!("token_url: {plain}")), "{found:?}");
}

#[test]
fn x8_a_proxy_without_effect_is_a_mistake() {
    for (section, url) in sections() {
        let found = about(section, &format!("{url}\nproxy_credentials_file = \"/etc/hostname\""));
        assert!(
            found.contains(&"proxy_credentials_file: has no effect without proxy".to_owned()),
            "{section}: {found:?}"
        );
    }
    let hex = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let found = about("issuers.corp.keys", &format!("hex = \"{hex}\"\n{PROXY}"));
    assert!(
        found[0].starts_with("proxy: has no effect on a key that is written here"),
        "{found:?}"
    );
    let found = mistakes_with(&format!("[revocation]\n{PROXY}"));
    assert_eq!(found, ["countersign.toml: revocation.proxy: has no effect without url"]);
}

#[test]
fn o2_the_url_of_a_proxy_is_a_host_and_a_port_and_shows_no_password() {
    let (section, url) = &sections()[0];
    let form = "expected the URL of an HTTP proxy with its port, such as \
                \"http://proxy.example.com:3128\"";
    for proxy in [
        "proxy.test:3128",
        "http://proxy.test",
        "https://proxy.test:3128",
        "socks5://proxy.test:1080",
        "http://proxy.test:3128/path",
        "http://proxy.test:3128?x",
        "http://proxy.test:0",
        "http://:3128",
    ] {
        let found = about(section, &format!("{url}\nproxy = \"{proxy}\""));
        assert_eq!(found, [format!("proxy: found {proxy:?}, {form}")], "{proxy}");
    }
    let found = about(section, &format!("{url}\nproxy = \"http://me:hunter2@proxy.test:3128\""));
    assert_eq!(
        found,
        ["proxy: the URL holds a user name or password; expected one without, and \
          proxy_credentials_file"]
    );
}

#[test]
fn o2_the_credentials_of_a_proxy_are_checked_and_not_shown() {
    let workspace = Workspace::new();
    for (content, problem) in [
        ("hunter2", "has no colon"),
        (":hunter2", "has no user name"),
        ("me:hunter2\nhunter2", "has a control character"),
    ] {
        let file = workspace.write("proxy", content);
        for (section, url) in sections() {
            let text =
                with(section, &format!("{url}\n{PROXY}\nproxy_credentials_file = \"{file}\""));
            let found = workspace.mistakes(&text);
            let expected = format!(
                "{section}.proxy_credentials_file: the file proxy {problem}; expected user:password"
            );
            assert!(found.iter().any(|line| line.ends_with(&expected)), "{found:?}");
            assert!(found.iter().all(|line| !line.contains("hunter2")), "{found:?}");
        }
    }
    let file = workspace.write("proxy", "me:with:colons\n");
    let (section, url) = &sections()[0];
    let text = with(section, &format!("{url}\n{PROXY}\nproxy_credentials_file = \"{file}\""));
    let warnings = workspace.load(&text).unwrap().warnings();
    assert!(warnings.iter().any(|line| line.contains("proxy_credentials_file")), "{warnings:?}");
}
