//! `[evidence]`.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::jose::{Algorithm, SigningKey};

const UNUSED: &str = "evidence: no route asks for a signature, so nothing is kept";

fn checkpoint_key() -> String {
    SigningKey::generate(Algorithm::Es256, Some("k")).unwrap().private_jwk().to_text()
}

#[test]
fn what_is_printed_of_it_loads_again_and_means_the_same() {
    let workspace = Workspace::new();
    let key = workspace.write("key.jwk", checkpoint_key());
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
    let key = workspace.write("key.jwk", checkpoint_key());
    let folder = workspace.path().display();
    let text = format!("{MINIMAL}\n[evidence]\nfolder = \"{folder}\"\n");
    assert_eq!(
        settings(&text).warnings(),
        [
            UNUSED,
            "evidence.key_file: absent; the journal has no checkpoints, and can be forged as a whole \
          by anyone who can write to its folder"
        ]
    );
    let text = format!("{text}key_file = \"{key}\"");
    let warnings = |mode: u32| {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        settings(&text).warnings()
    };
    assert_eq!(warnings(0o600), [UNUSED]);
    let exposed = "evidence.key_file: every user of the machine can get at the file";
    assert_eq!(warnings(0o644), [UNUSED, exposed]);
}

#[test]
fn a_key_that_signs_no_checkpoint_is_a_mistake() {
    let workspace = Workspace::new();
    let folder = workspace.path().display();
    let secret =
        r#"{"kty":"oct","alg":"HS256","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}"#;
    for (content, problem) in [
        ("{}", "holds no usable key"),
        ("PEM", "holds no JSON object"),
        (secret, "holds a shared secret"),
    ] {
        let key = workspace.write("key.jwk", content);
        let text = format!("{MINIMAL}\n[evidence]\nfolder = \"{folder}\"\nkey_file = \"{key}\"");
        let found = mistakes(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(&format!("key.jwk {problem}")), "{found:?}");
        assert!(!found[0].contains("c2VjcmV0"), "{found:?}");
    }
}
