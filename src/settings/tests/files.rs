//! Several files: `include`, and what relative paths are relative to.

use std::{os::unix::fs::PermissionsExt, path::PathBuf};

use super::*;
use crate::settings::{ConfigReading, read};

/// A directory with `countersign.toml` and others.
fn workspace(files: &[(&str, &str)]) -> Workspace {
    let workspace = Workspace::new();
    for (name, text) in files {
        let path = workspace.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    workspace
}

fn read_main(workspace: &Workspace) -> ConfigReading {
    let file = workspace.path().join("countersign.toml");
    read(&Sources { file: Some(file), ..Sources::default() })
}

fn loaded(workspace: &Workspace) -> Settings {
    read_main(workspace).settings.unwrap_or_else(|errors| panic!("{errors}")).unwrap()
}

fn found(workspace: &Workspace) -> Vec<String> {
    match read_main(workspace).settings {
        Ok(_) => Vec::new(),
        Err(errors) => workspace.placed_lines(&errors),
    }
}

const UPSTREAM: &str = "[upstreams.app]\nurl = \"http://127.0.0.1:3000\"\n";
const ISSUER: &str = "issuers:\n  corp:\n    issuer: https://idp.example.com\n    audiences: [https://api.example.com]\n";

#[test]
fn included_files_add_tables_and_routes_by_name() {
    let workspace = workspace(&[
        (
            "countersign.toml",
            "include = [\"issuer.yaml\", \"conf.d/*.toml\"]\n[[routes]]\npath = \"/z\"\n",
        ),
        ("issuer.yaml", ISSUER),
        ("conf.d/20-b.toml", "[[routes]]\npath = \"/b\"\n"),
        (
            "conf.d/10-a.toml",
            "[[routes]]\npath = \"/a\"\n[upstreams.app]\nurl = \"http://127.0.0.1:3000\"\n",
        ),
        ("conf.d/.hidden.toml", "not TOML"),
        ("conf.d/a.toml~", "not TOML"),
    ]);
    let settings = loaded(&workspace);
    let paths: Vec<_> = settings.routes.all().iter().map(|route| route.path.as_str()).collect();
    assert_eq!(paths, ["/z", "/a", "/b"]);
    let names = |paths: &[PathBuf]| -> Vec<String> {
        let of =
            |path: &PathBuf| path.strip_prefix(workspace.path()).unwrap().display().to_string();
        paths.iter().map(of).collect()
    };
    assert_eq!(
        names(&settings.files().files),
        ["countersign.toml", "issuer.yaml", "conf.d/10-a.toml", "conf.d/20-b.toml"]
    );
    assert_eq!(names(&settings.files().folders), ["conf.d"]);
}

#[test]
fn a_mistake_in_an_included_file_names_that_file() {
    let workspace = workspace(&[
        ("countersign.toml", "include = [\"conf.d/*.toml\"]\n[[routes]]\npath = \"/**\"\n"),
        ("conf.d/a.toml", UPSTREAM),
        (
            "conf.d/b.toml",
            "[issuers.corp]\nissuer = \"https://idp\"\naudiences = \"any\"\n\
                           [[routes]]\npath = \"/b\"\nacces = \"public\"\n",
        ),
    ]);
    assert_eq!(
        found(&workspace),
        ["conf.d/b.toml:6:1: routes[1].acces: unknown key; did you mean \"access\"?"]
    );
}

#[test]
fn a_key_in_two_files_names_both() {
    let workspace = workspace(&[
        ("countersign.toml", "include = [\"b.toml\"]\n[server]\nworkers = 1\n"),
        ("b.toml", "[server]\n\nworkers = 2\n"),
    ]);
    assert_eq!(
        found(&workspace),
        ["b.toml:3:1: server.workers: is set in two files; expected it in one of them \
          (server.workers: countersign.toml:3:1)"]
    );
}

#[test]
fn x13_cycles_doubles_and_depth_are_refused() {
    let cycle = workspace(&[
        ("countersign.toml", "include = [\"b.toml\"]\n"),
        ("b.toml", "include = [\"./../WORKSPACE/countersign.toml\"]\n"),
    ]);
    let own = cycle.path().file_name().unwrap().to_str().unwrap().to_owned();
    let text = fs::read_to_string(cycle.path().join("b.toml")).unwrap();
    cycle.write("b.toml", text.replace("WORKSPACE", &own));
    assert!(found(&cycle)[0].ends_with("countersign.toml includes itself"), "{:?}", found(&cycle));
    let itself = workspace(&[
        ("countersign.toml", "include = [\"b.toml\"]\n"),
        ("b.toml", "include = [\"*.toml\"]\n"),
    ]);
    assert_eq!(found(&itself).len(), 2, "{:?}", found(&itself));
    let twice = workspace(&[
        ("countersign.toml", "include = [\"b.toml\", \"b.*\"]\n"),
        ("b.toml", UPSTREAM),
    ]);
    assert_eq!(
        found(&twice),
        ["countersign.toml:1:22: include[1]: the file b.toml is included twice"]
    );
    let mut deep = vec![("countersign.toml".to_owned(), "include = [\"1.toml\"]".to_owned())];
    for level in 1..6 {
        deep.push((format!("{level}.toml"), format!("include = [\"{}.toml\"]", level + 1)));
    }
    let deep: Vec<_> = deep.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(
        found(&workspace(&deep)),
        ["4.toml:1:12: include[0]: the file 5.toml is included over more than 4 files"]
    );
}

#[test]
fn x13_an_included_file_that_every_user_can_write_is_refused() {
    let workspace =
        workspace(&[("countersign.toml", "include = [\"b.toml\"]\n"), ("b.toml", UPSTREAM)]);
    let file = workspace.path().join("b.toml");
    fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(
        found(&workspace),
        ["countersign.toml:1:12: include[0]: the file b.toml can be written by every user (mode \
          666); expected a file that only its owner changes"]
    );
}

#[test]
fn other_mistakes_of_include() {
    for (include, expected) in [
        ("5", ":1:1: include: found 5, expected a list of files, such as [\"conf.d/*.toml\"]"),
        ("[5]", ":1:12: include[0]: found 5, expected the path of a file"),
        (
            "[\"*/a.toml\"]",
            ":1:12: include[0]: expected \"*\" and \"?\" in the name of the file only",
        ),
        ("[\"/dev/null\"]", ":1:12: include[0]: the file /dev/null is not a file"),
        (
            "[\"none.toml\"]",
            "none.toml: cannot be read: No such file or directory (os error 2) (include[0]: \
          countersign.toml:1:12)",
        ),
        ("[\"countersign.*\"]", ":1:12: include[0]: the file countersign.toml includes itself"),
    ] {
        let workspace = workspace(&[("countersign.toml", &format!("include = {include}\n"))]);
        let found = found(&workspace);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with(expected), "{found:?}");
    }
    // A directory without files is as good as one with some.
    let text = format!("include = [\"none.d/*.toml\"]\n{MINIMAL}");
    loaded(&workspace(&[("countersign.toml", &text)]));
}

#[test]
fn a_broken_include_is_still_among_the_files_to_watch() {
    let workspace =
        workspace(&[("countersign.toml", "include = [\"b.toml\"]\n"), ("b.toml", "[broken")]);
    let reading = read_main(&workspace);
    assert!(reading.settings.is_err());
    assert!(reading.files.files.contains(&workspace.path().join("b.toml")));
}

#[test]
fn relative_paths_are_relative_to_the_file_that_says_them() {
    let issuer = "[issuers.corp]\nissuer = \"https://idp.example.com\"\naudiences = \"any\"\n\
                  [issuers.corp.keys]\njwks_file = \"jwks.json\"\n";
    let workspace = workspace(&[
        ("countersign.toml", "include = [\"team/*.toml\"]\n[[routes]]\npath = \"/**\"\n"),
        ("team/issuer.toml", issuer),
        ("upstream.toml", UPSTREAM),
        ("team/upstream.toml", UPSTREAM),
    ]);
    fs::write(workspace.path().join("team/jwks.json"), public_jwk(Algorithm::Es256)).unwrap();
    let settings = loaded(&workspace);
    let file = workspace.path().join("team/jwks.json");
    assert!(settings.to_toml().contains(&format!("jwks_file = {:?}", file.display().to_string())));
    assert!(settings.provenance.notes.is_empty());
}

/// Tests run in the project's directory.
#[test]
fn a_path_that_exists_in_the_working_directory_only_is_used_with_a_warning() {
    let settings = settings(&format!("{MINIMAL}\n[issuers.corp.keys]\nsnapshot = \"config\""));
    assert!(settings.to_toml().contains("snapshot = \"config\""));
    let warnings = settings.warnings();
    assert!(
        warnings.iter().any(|warning| warning.contains(
            "countersign.toml: the path config was found relative to the working directory only"
        )),
        "{warnings:?}"
    );
}
