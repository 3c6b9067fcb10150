//! A configuration file: TOML, JSON where it starts with a brace, YAML where it starts with `---`.

use std::{cell::OnceCell, fs};

use countersign::{
    config::ConfigErrors,
    settings::{Settings, Sources, load},
};
use tempfile::TempDir;

/// Settings that load are written back as a configuration that loads and says the same. What does
/// not load has a mistake with a message.
pub fn check(input: &[u8]) -> bool {
    let format = match input {
        [b'{', ..] => "json",
        [b'-', b'-', b'-', ..] => "yaml",
        _ => "toml",
    };
    match load_text(input, format) {
        Ok(settings) => {
            let written = settings.to_toml();
            let again = load_text(written.as_bytes(), "toml");
            let again = again.unwrap_or_else(|errors| panic!("{errors}\n{written}"));
            assert_eq!(again.to_toml(), written);
            assert_eq!(format!("{again:?}"), format!("{settings:?}"), "{written}");
            true
        }
        Err(errors) => {
            assert!(!errors.0.is_empty());
            assert!(errors.0.iter().all(|error| !error.message.is_empty()), "{errors}");
            false
        }
    }
}

pub(super) fn load_text(text: &[u8], format: &str) -> Result<Settings, ConfigErrors> {
    thread_local! {
        static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
    }
    let file = FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a folder"));
        folder.path().join(format!("countersign.{format}"))
    });
    fs::write(&file, text).expect("a file");
    load(&Sources { file: Some(file), ..Sources::default() })
}
