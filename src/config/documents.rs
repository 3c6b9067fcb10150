//! The configuration files: read, interpolated, and combined with those that they include.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    byte_order_mark,
    combine::combine,
    error::{ConfigError, OtherPlace},
    format::Format,
    include::{self, Included},
    interpolation::{Expanded, FILE_PREFIX, expand, written_file},
    key_path,
    node::{Node, Value},
    origin::{OriginSource, ReadContext, ValueOrigin},
    reference::Reference,
};
use crate::bounded::input::read_path;

/// The largest accepted configuration file, in bytes: far beyond any maintained by hand, and small
/// enough that a device or a log given by mistake does not fill the memory.
pub(crate) const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// All files together, and everything that is put into their texts, in bytes.
const MAX_TOTAL_BYTES: u64 = 16 * 1024 * 1024;

/// More than one file for every team of a gateway.
const MAX_FILES: usize = 256;

/// A file that is included may include others; deeper than that a setting is hard to find.
const MAX_DEPTH: usize = 4;

/// A value in a file of its own, in bytes: a page of a denial profile is the largest.
const MAX_VALUE_BYTES: u64 = 64 * 1024;

/// The key of files to include; it is in no tree.
const INCLUDE: &str = "include";

/// What a configuration is read from, besides the environment and flags.
#[derive(Debug, Clone)]
pub enum ConfigInput {
    /// A `.toml`, `.yaml`, `.yml` or `.json` file.
    File(PathBuf),
    /// A text, such as from standard input.
    Text {
        /// What messages call it.
        name: String,
        /// Its format; `None`: by its content.
        format: Option<Format>,
        /// The text.
        text: String,
    },
}

impl From<PathBuf> for ConfigInput {
    fn from(file: PathBuf) -> Self {
        Self::File(file)
    }
}

/// What was read, to watch for changes. Paths are absolute, in the order of reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadFiles {
    /// Configuration files, included ones, and files with a value (`file:`); those too that could
    /// not be read.
    pub files: Vec<PathBuf>,
    /// Directories in which `include` looks for files: a new one there counts, too.
    pub folders: Vec<PathBuf>,
}

/// The files that are being read.
pub(super) struct ConfigDocuments<'e> {
    context: Arc<ReadContext>,
    environment: &'e [(String, String)],
    read: ReadFiles,
    mistakes: Vec<ConfigError>,
    /// The files around the present one, the first one first.
    open: Vec<PathBuf>,
    bytes: u64,
}

impl<'e> ConfigDocuments<'e> {
    pub(super) fn new(context: &Arc<ReadContext>, environment: &'e [(String, String)]) -> Self {
        Self {
            context: Arc::clone(context),
            environment,
            read: ReadFiles::default(),
            mistakes: Vec::new(),
            open: Vec::new(),
            bytes: 0,
        }
    }

    /// The tree of everything; `None` if the first file can't be read.
    pub(super) fn read(&mut self, input: &ConfigInput) -> Option<Node> {
        match input {
            ConfigInput::File(path) => self.file(path),
            ConfigInput::Text { name, format, text } => {
                let source = OriginSource {
                    name: name.clone(),
                    folder: None,
                    context: Arc::clone(&self.context),
                };
                self.document(text, *format, &Arc::new(source))
            }
        }
    }

    pub(super) fn finish(self) -> (ReadFiles, Vec<ConfigError>) {
        (self.read, self.mistakes)
    }

    fn file(&mut self, path: &Path) -> Option<Node> {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.read.files.push(absolute.clone());
        let source = Arc::new(OriginSource {
            name: path.display().to_string(),
            folder: absolute.parent().map(Path::to_owned),
            context: Arc::clone(&self.context),
        });
        let Some(format) = Format::of_file(path) else {
            let message =
                "its name must end in .toml, .yaml, .yml or .json, which tells the format";
            self.mistake("", &ValueOrigin::new(&source, None), message.to_owned());
            return None;
        };
        match self.text(path, MAX_FILE_BYTES) {
            Ok(text) => self.document(&text, Some(format), &source),
            Err(problem) => {
                let message = format!("cannot be read: {problem}");
                self.mistake("", &ValueOrigin::new(&source, None), message);
                None
            }
        }
    }

    fn document(
        &mut self,
        text: &str,
        format: Option<Format>,
        source: &Arc<OriginSource>,
    ) -> Option<Node> {
        let format = format.unwrap_or_else(|| Format::of_content(text, source));
        match format.parse(text, source) {
            Ok(mut tree) => {
                self.interpolate("", &mut tree);
                self.include(&mut tree);
                Some(tree)
            }
            Err(error) => {
                self.mistake("", &ValueOrigin::new(source, error.place), error.message);
                None
            }
        }
    }

    /// Takes `include` out of a tree, and combines the tree with what it names.
    fn include(&mut self, tree: &mut Node) {
        let Value::Table(members) = &mut tree.value else { return };
        let Some(list) = members.remove(INCLUDE) else { return };
        let expected = "a list of files, such as [\"conf.d/*.toml\"]";
        let Value::List(patterns) = &list.value else {
            self.mistake_of(INCLUDE, &list, list.mismatch(expected));
            return;
        };
        if patterns.len() > MAX_FILES {
            self.mistake_of(
                INCLUDE,
                &list,
                format!("expected at most {MAX_FILES} files and patterns"),
            );
        }
        for (position, node) in patterns.iter().take(MAX_FILES).enumerate() {
            let key = key_path::element(INCLUDE, position);
            match node.as_text().filter(|text| !text.is_empty()) {
                Some(pattern) => self.include_pattern(&key, node, pattern, tree),
                None => self.mistake_of(&key, node, node.mismatch("the path of a file")),
            }
        }
    }

    fn include_pattern(&mut self, key: &str, node: &Node, pattern: &str, tree: &mut Node) {
        // Nothing is known of a path in a variable that is not read.
        let Some(origin) = node.origin.as_ref().filter(|origin| !origin.is_unread()) else {
            return;
        };
        let pattern = origin.source.resolve(Path::new(pattern));
        match include::find(&pattern) {
            Ok(Included::File(file)) => self.include_file(key, origin, &file, tree),
            Ok(Included::Matches { folder, files }) => {
                self.read.folders.push(folder);
                for file in files {
                    self.include_file(key, origin, &file, tree);
                }
            }
            Err(problem) => self.mistake(key, origin, problem),
        }
    }

    fn include_file(&mut self, key: &str, origin: &ValueOrigin, file: &Path, tree: &mut Node) {
        // The name by which a file is recognised; of one that is missing, its own.
        let real = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        if let Err(problem) = self.may_include(&real) {
            self.mistake(key, origin, format!("the file {} {problem}", file.display()));
            return;
        }
        self.open.push(real);
        match self.file(file) {
            Some(included) => combine(tree, included, &mut self.mistakes),
            None => {
                if let Some(unreadable) = self.mistakes.last_mut() {
                    unreadable.other = Some(OtherPlace::new(key.to_owned(), origin));
                }
            }
        }
        self.open.pop();
    }

    fn may_include(&self, real: &Path) -> Result<(), String> {
        let is_real = |file: &PathBuf| fs::canonicalize(file).is_ok_and(|file| file == real);
        if self.open.iter().any(|open| open == real) || self.read.files.first().is_some_and(is_real)
        {
            return Err("includes itself".to_owned());
        }
        if self.read.files.iter().any(is_real) {
            return Err("is included twice".to_owned());
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("is included over more than {MAX_DEPTH} files"));
        }
        if self.read.files.len() >= MAX_FILES {
            return Err(format!("is one of more than {MAX_FILES} files"));
        }
        refuse_other_than_files(real)?;
        include::refuse_writable_by_others(real)
    }

    /// Puts variables and files into every text below.
    fn interpolate(&mut self, key: &str, node: &mut Node) {
        match &mut node.value {
            Value::Table(members) => {
                for (name, member) in members {
                    self.interpolate(&key_path::member(key, name), member);
                }
            }
            Value::List(list) => {
                for (position, element) in list.iter_mut().enumerate() {
                    self.interpolate(&key_path::element(key, position), element);
                }
            }
            Value::Text(text) if text.contains('$') || text.starts_with(FILE_PREFIX) => {
                let text = std::mem::take(text);
                self.interpolate_text(key, node, &text);
            }
            _ => {}
        }
    }

    fn interpolate_text(&mut self, key: &str, node: &mut Node, text: &str) {
        let Some(origin) = node.origin.clone() else { return };
        let lookup = |name: &str| {
            let found = self.environment.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        let of_file = text.strip_prefix(FILE_PREFIX);
        let expanded = expand(of_file.unwrap_or(text), lookup, self.context.lint);
        let outcome = expanded.and_then(|expanded| match of_file {
            None => Ok(of_variables(text, expanded)),
            Some(_) => self.of_file(text, &origin.source, expanded),
        });
        match outcome {
            Ok((value, reference)) => {
                if let Err(problem) = self.spend(value.len() as u64) {
                    self.mistake(key, &origin, problem);
                }
                node.value = Value::Text(value);
                node.origin = Some(ValueOrigin { reference: reference.map(Arc::new), ..origin });
            }
            Err(problem) => {
                self.mistake(key, &origin, problem);
                node.value = Value::Text(text.to_owned());
            }
        }
    }

    /// The content of a file, or the reference itself where files are not read.
    fn of_file(
        &mut self,
        text: &str,
        source: &OriginSource,
        path: Expanded,
    ) -> Result<(String, Option<Reference>), String> {
        let (Expanded::Literal(path) | Expanded::FromVariables(path)) = path else {
            return Ok(placeholder(text));
        };
        let written = written_file(source, Path::new(&path));
        if self.context.lint {
            return Ok(placeholder(&written));
        }
        let path = source.resolve(Path::new(&path));
        self.read.files.push(path.clone());
        let content = refuse_other_than_files(&path)
            .and_then(|()| self.text(&path, MAX_VALUE_BYTES))
            .map_err(|problem| format!("the file {} cannot be read: {problem}", path.display()))?;
        let value = content.trim_end().to_owned();
        let reference = Reference::new(written, &value);
        Ok((value, Some(reference)))
    }

    fn text(&mut self, path: &Path, max_bytes: u64) -> Result<String, String> {
        let bytes = read_path(path, max_bytes).map_err(|error| error.to_string())?;
        self.spend(bytes.len() as u64)?;
        byte_order_mark::refuse(&bytes).map_err(|mark| mark.to_string())?;
        str::from_utf8(&bytes).map(str::to_owned).map_err(|error| error.to_string())
    }

    fn spend(&mut self, bytes: u64) -> Result<(), String> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= MAX_TOTAL_BYTES {
            return Ok(());
        }
        Err(format!(
            "the files and values of a configuration have more than {MAX_TOTAL_BYTES} bytes"
        ))
    }

    fn mistake_of(&mut self, key: &str, node: &Node, message: String) {
        self.mistakes.push(ConfigError::new(key.to_owned(), node.origin.as_ref(), message));
    }

    fn mistake(&mut self, key: &str, origin: &ValueOrigin, message: String) {
        self.mistakes.push(ConfigError::new(key.to_owned(), Some(origin), message));
    }
}

/// Opening a pipe would wait for its writer.
fn refuse_other_than_files(path: &Path) -> Result<(), String> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err("is not a file".to_owned()),
        // One that is missing is reported where it is read.
        _ => Ok(()),
    }
}

fn of_variables(text: &str, expanded: Expanded) -> (String, Option<Reference>) {
    match expanded {
        Expanded::Literal(value) => (value, None),
        Expanded::FromVariables(value) => {
            let reference = Reference::new(text.to_owned(), &value);
            (value, Some(reference))
        }
        Expanded::Unset => placeholder(text),
    }
}

fn placeholder(written: &str) -> (String, Option<Reference>) {
    (written.to_owned(), Some(Reference::unread(written)))
}
