//! Every key that is read is written back, under the same name and with the same meaning.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
    KeyIdMethod, KeyPair, date_time_ymd,
};
use toml::{Table, Value};

use super::*;
use crate::config::values::first_duplicate;

/// Texts that set every key; alternatives of one section are split between them.
pub(super) fn documents(workspace: &Workspace) -> [Table; 3] {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["api.test".to_owned()]).unwrap();
    let mut authority = CertificateParams::new(vec!["other.test".to_owned()]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    workspace.write("other.crt", authority.self_signed(&key).unwrap().pem());
    workspace.write("revoked.crl", revocation_list(&Issuer::new(authority, &key)));
    let signing = SigningKey::generate(Algorithm::Es256, Some("before")).unwrap();
    workspace.write("tls.crt", certificate.self_signed(&key).unwrap().pem());
    workspace.write("tls.key", key.serialize_pem());
    workspace.write("private.pem", KeyPair::generate().unwrap().serialize_pem());
    workspace.write("private.jwk", private_jwk(Algorithm::Es256));
    workspace.write("public.jwk", signing.public_jwk().unwrap().to_text());
    workspace.write("public.pem", signing.public_pem().unwrap());
    workspace.write("secret", "correct-horse-battery-staple-0123456789");
    workspace.write("proxy", "countersign:pw");
    workspace.write("headers", "authorization: Bearer abc");
    workspace.write("revoked.json", "{}");
    let others = format!(
        "{MINIMAL}\n[server.tls]\ncertificates = [\
         {{ certificate = \"DIR/tls.crt\", private_key = \"DIR/tls.key\" }}, \
         {{ certificate = \"DIR/other.crt\", private_key = \"DIR/tls.key\" }}]\n\
         [revocation]\nfile = \"DIR/revoked.json\"\n\
         [shared]\nurl = \"redis+sentinel://127.0.0.1/m\"\nintegrity = \"none\"\n\
         sentinel_password_file = \"DIR/secret\"\n\
         limits = {{ on_failure = \"refuse\" }}\n\
         [cors]\norigins = \"any\"\nall_routes = true\npreflights = \"pass\"\n\
         [log]\naccess_log = true\nsubject = \"plain\""
    );
    let proxied = format!(
        "{MINIMAL}\n[revocation]\nurl = \"https://lists.example.com/\"\n\
         proxy = \"http://proxy.example.com:3128\"\nproxy_credentials_file = \"DIR/proxy\""
    );
    let folder = workspace.path().to_str().unwrap();
    [include_str!("round_trip/every_key.toml"), &others, &proxied]
        .map(|text| text.replace("DIR", folder).parse().unwrap())
}

fn revocation_list(authority: &Issuer<'_, &KeyPair>) -> String {
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(2090, 1, 1),
        crl_number: 1.into(),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(authority).unwrap().pem().unwrap()
}

fn written(workspace: &Workspace, document: &Table) -> Result<String, ConfigErrors> {
    workspace.load(&document.to_string()).map(|settings| settings.to_toml())
}

/// One step from a table or list to a value in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Position(usize),
}

/// Every way to a value in a table, the tables and lists in it included.
fn ways(value: &Value, way: &[Step], found: &mut Vec<Vec<Step>>) {
    let steps: Vec<(Step, &Value)> = match value {
        Value::Table(table) => {
            table.iter().map(|(name, value)| (Step::Name(name.clone()), value)).collect()
        }
        Value::Array(list) => {
            list.iter().enumerate().map(|(index, value)| (Step::Position(index), value)).collect()
        }
        _ => Vec::new(),
    };
    for (step, value) in steps {
        let way = [way, &[step]].concat();
        ways(value, &way, found);
        found.push(way);
    }
}

pub(super) fn all_ways(document: &Table) -> Vec<Vec<Step>> {
    let mut found = vec![Vec::new()];
    ways(&document.clone().into(), &[], &mut found);
    found
}

pub(super) fn at<'v>(value: &'v mut Value, way: &[Step]) -> &'v mut Value {
    way.iter().fold(value, |value, step| match step {
        Step::Name(name) => &mut value[name.as_str()],
        Step::Position(position) => &mut value[*position],
    })
}

/// What is left of a document without the value at the end of that way.
fn without(document: &Table, way: &[Step]) -> Table {
    let mut root = Value::from(document.clone());
    let (last, around) = way.split_last().unwrap();
    match (at(&mut root, around), last) {
        (Value::Table(table), Step::Name(name)) => drop(table.remove(name)),
        (Value::Array(list), Step::Position(position)) => drop(list.remove(*position)),
        _ => panic!("{way:?}"),
    }
    root.as_table().unwrap().clone()
}

/// The section that a way leads to, with `*` where the user chooses the name.
fn section(way: &[Step]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for step in way {
        let is_chosen = match names.as_slice() {
            ["upstreams" | "upstream_credentials" | "issuers" | "signatures" | "resources"]
            | [_, "profiles"]
            | [_, "profiles", _] => true,
            _ => matches!(step, Step::Position(_)),
        };
        names.push(match step {
            Step::Name(name) if !is_chosen => name,
            _ => "*",
        });
    }
    names.join(".")
}

/// The known keys of the table at that path, taken from the reader's error about an unknown one;
/// none where the names are the operator's.
fn known_keys(workspace: &Workspace, document: &Table, way: &[Step]) -> BTreeSet<String> {
    let mut root = Value::from(document.clone());
    let Value::Table(table) = at(&mut root, way) else {
        return BTreeSet::new();
    };
    table.insert("not_known_at_all".to_owned(), 1.into());
    let mistakes = workspace.mistakes(&root.as_table().unwrap().to_string());
    let known = mistakes.iter().find_map(|mistake| mistake.split_once("known here: "));
    known.into_iter().flat_map(|(_, known)| known.split(", ").map(str::to_owned)).collect()
}

type Keys = BTreeMap<String, BTreeSet<String>>;

/// Adds the keys of every table of a document.
fn add_keys(document: &Table, keys: &mut Keys) {
    for way in all_ways(document) {
        if let Value::Table(table) = at(&mut document.clone().into(), &way) {
            keys.entry(section(&way)).or_default().extend(table.iter().map(|(key, _)| key.clone()));
        }
    }
}

#[test]
fn what_is_written_loads_again_and_is_the_same() {
    let workspace = Workspace::new();
    for document in documents(&workspace) {
        let text = document.to_string();
        let first = workspace.load(&text).unwrap_or_else(|errors| panic!("{errors}"));
        let again = workspace.load(&first.to_toml()).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(format!("{again:?}"), format!("{first:?}"));
        assert_eq!(again.to_toml(), first.to_toml());
    }
}

#[test]
fn every_key_that_the_reader_knows_is_written_back() {
    let workspace = Workspace::new();
    let (mut known, mut given, mut back) = (Keys::new(), Keys::new(), Keys::new());
    for document in documents(&workspace) {
        for way in all_ways(&document) {
            let keys = known_keys(&workspace, &document, &way);
            if !keys.is_empty() {
                known.entry(section(&way)).or_default().extend(keys);
            }
        }
        add_keys(&document, &mut given);
        add_keys(&written(&workspace, &document).unwrap().parse().unwrap(), &mut back);
    }
    assert!(known.len() > 30, "{known:?}");
    for (section, known) in known {
        assert_eq!(given[&section], known, "every_key.toml sets every key of [{section}]");
        let mut back = back.remove(&section).unwrap_or_default();
        if section == "signatures.*" {
            // With all its defaults written out, a profile is no longer needed.
            assert!(back.insert("profile".to_owned()));
        }
        if section == "log" {
            // It is `access` in earlier versions.
            assert!(back.insert("access_log".to_owned()));
        }
        assert_eq!(back, known, "what is written back of [{section}]");
    }
}

/// A key without a value of its own could be left out where it is read or written, unseen.
#[test]
fn every_value_makes_a_difference_to_what_is_written_back() {
    let workspace = Workspace::new();
    for document in documents(&workspace) {
        let complete = written(&workspace, &document).unwrap();
        for way in all_ways(&document).iter().filter(|way| !way.is_empty()) {
            if let Ok(less) = written(&workspace, &without(&document, way)) {
                assert!(less != complete, "{way:?}");
            }
        }
    }
}

/// What a section is read and written with, before the key.
const READERS_AND_WRITERS: &[&str] = &[
    ".or(",
    ".optional(",
    ".required(",
    ".list(",
    ".section(",
    ".tables(",
    ".node(",
    ".peek(",
    ".has_taken(",
    ".mistake(",
    ".key_of(",
    ".member(",
    ".value(",
    ".optional_value(",
    ".text(",
    ".path(",
    ".optional_path(",
    ".switch(",
    ".count(",
    ".size(",
    ".duration(",
    ".any_or_list(",
    ".word(",
    ".optional_members(",
];

/// Every file below a folder that defines how a section is read, written or checked.
fn settings_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = path.to_str().unwrap();
        if path.is_dir() {
            settings_files(&path, found);
        } else if text.contains("settings") && !text.contains("tests") {
            found.push(path);
        }
    }
}

#[test]
fn a_key_is_a_constant_wherever_it_is_read_or_written() {
    let mut files = Vec::new();
    settings_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files.len() > 50, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for call in READERS_AND_WRITERS {
            let arguments = text.split(call).skip(1).map(str::trim_start);
            // A flag is spelled where it is read.
            let literal = |it: &&str| it.starts_with('"') && !it.starts_with("\"--");
            let spelled = arguments.filter(literal).find_map(|it| it.lines().next());
            assert_eq!(spelled, None, "{}: {call}", file.display());
        }
        let keys = text.split_once("mod key {").and_then(|(_, keys)| keys.split_once('}'));
        let names: Vec<&str> =
            keys.map_or("", |(keys, _)| keys).split('"').skip(1).step_by(2).collect();
        assert_eq!(first_duplicate(&names), None, "{}", file.display());
    }
}
