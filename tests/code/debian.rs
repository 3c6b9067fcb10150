//! The Debian package: what `Cargo.toml` says of it agrees with the files in `deploy/`. What it does
//! on a Debian is shown by `deploy/tests/debian/run`.

use std::{fs, path::Path};

use countersign::settings::{self, Sources};
use toml::{Table, Value};

/// What `deploy/debian/build` puts together.
const BUILT: &str = "target/package-debian/";

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn package() -> Value {
    let manifest: Table = read("Cargo.toml").parse().unwrap();
    manifest["package"]["metadata"]["deb"].clone()
}

/// Source, place and mode of every file of the package.
fn assets() -> Vec<[String; 3]> {
    let text = |asset: &Value, at: usize| asset[at].as_str().unwrap().to_owned();
    let package = package();
    let assets = package["assets"].as_array().unwrap().iter();
    assets.map(|asset| [0, 1, 2].map(|at| text(asset, at))).collect()
}

#[test]
fn every_file_of_the_package_is_there_or_built() {
    let build = read("deploy/debian/build");
    for [source, ..] in assets() {
        let name = source.rsplit('/').next().unwrap();
        if let Some(built) = source.strip_prefix(BUILT) {
            let stem = built.split(['/', '.']).next().unwrap();
            assert!(build.contains(&format!("$parts/{stem}")), "{source}");
        } else if !name.contains('*') {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&source).is_file(), "{source}");
        }
    }
    assert!(build.contains(&format!("parts={}\n", BUILT.trim_end_matches('/'))));
}

#[test]
fn the_packaged_configuration_loads_and_is_not_for_other_users() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().display().to_string();
    let toml = read("deploy/debian/countersign.toml").replace("/var/lib/countersign", &state);
    let file = folder.path().join("countersign.toml");
    fs::write(&file, toml).unwrap();
    let sources = Sources { file: Some(file), ..Sources::default() };
    let settings = settings::load(&sources).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(settings.warnings(), Vec::<String>::new());

    let asset = assets().into_iter().find(|asset| asset[0] == "deploy/debian/countersign.toml");
    let [_, place, mode] = asset.unwrap();
    assert_eq!((place.as_str(), mode.as_str()), ("etc/countersign/", "640"));
    let conffiles = package()["conf-files"].clone();
    assert_eq!(conffiles[0].as_str(), Some("/etc/countersign/countersign.toml"));
}

#[test]
fn the_user_of_the_unit_is_the_one_that_the_package_makes() {
    let unit = read("deploy/systemd/countersign.service");
    let users = read("deploy/systemd/countersign.sysusers");
    let user = unit.lines().find_map(|line| line.strip_prefix("User=")).unwrap();
    assert!(users.lines().any(|line| line.starts_with(&format!("u {user} "))), "{users}");
    assert!(unit.lines().any(|line| line == format!("Group={user}")));
    assert!(read("deploy/debian/postinst").contains(&format!("chown root:{user} ")));
}
