//! `[evidence]`.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn what_is_printed_of_it_loads_again_and_means_the_same() {
    let workspace = Workspace::new();
    let key = workspace.write("key.jwk", "{}");
    let folder = Path::new(&key).parent().unwrap().display().to_string();
    for lines in [
        String::new(),
        format!("key_file = \"{key}\"\ncheckpoint_every = \"5m\"\nrecord = \"all\""),
        format!(
            "bodies = \"{folder}\"\nclaims = [\"sub\", \"/a/b\"]\non_failure = \"continue\"\ngather = \"3ms\""
        ),
    ] {
        let text = format!("{MINIMAL}\n[evidence]\nfolder = \"{folder}\"\n{lines}");
        let printed = settings(&text).to_toml();
        assert_eq!(settings(&printed).evidence, settings(&text).evidence, "{printed}");
        assert!(settings(&text).evidence.is_some());
    }
    assert!(settings(MINIMAL).evidence.is_none());
}

#[test]
fn a_journal_that_could_not_be_written_is_a_mistake() {
    let mistakes = mistakes(&format!(
        "{MINIMAL}\n[evidence]\nfolder = \"/nowhere/at/all\"\ncheckpoint_every = \"1m\"\nqueue = 0\n\
         gather = \"1s\""
    ));
    assert_eq!(mistakes.len(), 3, "{mistakes:?}");
    assert!(
        mistakes[0].contains("evidence.folder: the directory /nowhere/at/all cannot be opened")
    );
    assert!(mistakes[1].contains("evidence.queue: found 0, expected a whole number from 1000"));
    // An example that is itself allowed.
    assert!(mistakes[2].ends_with("expected a duration from 0s to 20ms, such as \"20ms\""));
}

#[test]
fn a_journal_without_a_key_or_with_an_exposed_one_is_a_warning() {
    let workspace = Workspace::new();
    let key = workspace.write("key.jwk", "{}");
    let folder = workspace.path().display();
    let text = format!("{MINIMAL}\n[evidence]\nfolder = \"{folder}\"\n");
    assert_eq!(
        settings(&text).warnings(),
        [
            "evidence.key_file: absent; the journal has no checkpoints, and can be forged as a whole \
          by whoever can write to its folder"
        ]
    );
    let text = format!("{text}key_file = \"{key}\"");
    let warnings = |mode: u32| {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        settings(&text).warnings()
    };
    assert_eq!(warnings(0o600), [""; 0]);
    let exposed = "evidence.key_file: every user of the machine can get at the file";
    assert_eq!(warnings(0o644), [exposed]);
}
