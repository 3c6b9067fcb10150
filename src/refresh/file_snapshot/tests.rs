use std::os::unix::fs::symlink;

use super::*;

/// A folder, and what was seen in it of one file.
struct Watched {
    folder: tempfile::TempDir,
    base: FileSnapshot,
    last: FileSnapshot,
}

impl Watched {
    fn new(prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let path = folder.path().join("file");
        let base = FileSnapshot::take([path], &FileSnapshot::default());
        Self { folder, last: base.clone(), base }
    }

    fn of(text: &str) -> Self {
        Self::new(|folder| fs::write(folder.join("file"), text).unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn look(&mut self) -> FileChange {
        let now = FileSnapshot::take(self.base.paths().cloned(), &self.last);
        let change = self.base.change_until(&self.last, &now);
        self.last = now;
        change
    }
}

/// What is written within one tick of the file system's clock has one time.
fn next_tick(path: &Path) {
    let before = fs::metadata(path).unwrap().ctime_nsec();
    let probe = path.with_extension("tick");
    loop {
        fs::write(&probe, "").unwrap();
        if fs::metadata(&probe).unwrap().ctime_nsec() != before {
            return fs::remove_file(probe).unwrap();
        }
    }
}

#[test]
fn x10_what_is_written_in_place_counts_when_two_looks_agree() {
    let mut watched = Watched::of("whole and strict");
    assert_eq!(watched.look(), FileChange::None);
    fs::write(watched.path("file"), "half").unwrap();
    assert_eq!(watched.look(), FileChange::Unsettled);
    next_tick(&watched.path("file"));
    fs::write(watched.path("file"), "half and half").unwrap();
    assert_eq!(watched.look(), FileChange::Unsettled);
    assert_eq!(watched.look(), FileChange::Settled);
    fs::write(watched.path("file"), "whole and strict").unwrap();
    assert_eq!(watched.look(), FileChange::None, "it is what it was");
}

#[test]
fn x10_a_file_that_was_renamed_there_counts_at_once() {
    let mut watched = Watched::of("old");
    fs::write(watched.path("new"), "new").unwrap();
    next_tick(&watched.path("new"));
    fs::rename(watched.path("new"), watched.path("file")).unwrap();
    assert_eq!(watched.look(), FileChange::Settled);
}

#[test]
fn x10_a_file_that_is_deleted_and_written_again_is_not_taken_for_one_that_was_renamed() {
    let mut watched = Watched::of("old");
    // Its inode must not be used again.
    fs::hard_link(watched.path("file"), watched.path("kept")).unwrap();
    fs::remove_file(watched.path("file")).unwrap();
    assert_eq!(watched.look(), FileChange::Unsettled);
    fs::write(watched.path("file"), "ne").unwrap();
    assert_eq!(watched.look(), FileChange::Unsettled);
    assert_eq!(watched.look(), FileChange::Settled);
}

/// `file` → `..data/file`, `..data` → a folder for each version, as kubelet has it.
#[test]
fn x10_a_config_map_counts_with_its_link() {
    let mut watched = Watched::new(|folder| {
        for (version, text) in [("..1", "old"), ("..2", "new"), ("..3", "new")] {
            fs::create_dir(folder.join(version)).unwrap();
            fs::write(folder.join(version).join("file"), text).unwrap();
        }
        symlink("..1", folder.join("..data")).unwrap();
        symlink("..data/file", folder.join("file")).unwrap();
    });
    let mut swap = |version: &str| {
        symlink(version, watched.path("..data_tmp")).unwrap();
        fs::rename(watched.path("..data_tmp"), watched.path("..data")).unwrap();
        watched.look()
    };
    assert_eq!(swap("..2"), FileChange::Settled);
    assert_eq!(swap("..3"), FileChange::Settled);
    assert_eq!(swap("..1"), FileChange::None);
}

#[test]
fn x10_no_file_counts_while_another_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["a", "b"] {
        fs::write(path(name), "old").unwrap();
    }
    let look = |last: &FileSnapshot| FileSnapshot::take([path("a"), path("b")], last);
    let base = look(&FileSnapshot::default());
    fs::write(path("new"), "new").unwrap();
    next_tick(&path("new"));
    fs::rename(path("new"), path("a")).unwrap();
    fs::write(path("b"), "half").unwrap();
    let now = look(&base);
    assert_eq!(base.change_until(&base, &now), FileChange::Unsettled);
    let later = look(&now);
    assert_eq!(base.change_until(&now, &later), FileChange::Settled);
    assert!(now.agrees_with(&later) && !base.agrees_with(&later));
}

#[test]
fn a_file_that_was_not_known_counts_as_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "text").unwrap();
    let nothing = FileSnapshot::default();
    let now = FileSnapshot::take([path.clone()], &nothing);
    assert!(!nothing.covers(&[path]));
    assert_eq!(nothing.change_until(&nothing, &now), FileChange::Unsettled);
    assert_eq!(nothing.change_until(&now, &now), FileChange::Settled);
    assert!(now.has_all_of(&now) && !nothing.has_all_of(&now));
}

#[test]
fn of_a_folder_the_names_count_but_for_hidden_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let look = |last: &FileSnapshot| FileSnapshot::take([path.clone()], last);
    let base = look(&FileSnapshot::default());
    fs::write(path.join("..data"), "").unwrap();
    assert_eq!(base.change_until(&base, &look(&base)), FileChange::None);
    fs::write(path.join("routes.toml"), "").unwrap();
    let now = look(&base);
    assert_eq!(base.change_until(&base, &now), FileChange::Unsettled);
    assert_eq!(base.change_until(&now, &look(&now)), FileChange::Settled);
}
