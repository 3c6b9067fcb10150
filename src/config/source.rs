//! Where a configuration comes from: file, environment and flags, merged key by key.
//!
//! The only module that uses figment. It merges the layers and keeps the layer of every single
//! value; it returns a plain tree of [`Node`]s.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use figment::{
    Error, Figment, Metadata, Profile, Provider,
    providers::{Format, Json, Toml},
    value::{Dict, Map, Num, Value as FigmentValue},
};

use super::{
    byte_order_mark, environment,
    error::ConfigError,
    node::{Node, Value},
};
use crate::{
    bounded::input::read_path,
    json::{self, JsonError},
};

/// The largest accepted configuration file, in bytes: far beyond any maintained by hand, and small
/// enough that a device or a log given by mistake does not fill the memory.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// More values than a file of that size holds in practice.
const MAX_JSON_NODES: usize = 1_000_000;

/// Every layer is nested below this one key, so that the merged root can be extracted by name.
const ROOT: &str = "configuration";

/// The merged tree of file, environment variables (those that do not start with `COUNTERSIGN_` are
/// ignored), and what `assign` adds on top of these two, given both.
///
/// # Errors
/// Every layer that can't be read at all. What is wrong *inside* of the layers is found later.
pub(crate) fn read(
    file: Option<&Path>,
    environment: &[(String, String)],
    assign: impl FnOnce(&Node) -> Result<Vec<Assignment>, Vec<ConfigError>>,
) -> Result<Node, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let mut layers = Vec::new();
    if let Some(path) = file {
        match read_file(path) {
            Ok(dict) => layers.push(Layer::whole(path.display().to_string(), dict)),
            Err(error) => errors.push(error),
        }
    }
    for variable in environment::variables(environment) {
        layers.push(Layer::from_variable(&variable));
    }
    match assign(&merge(&layers)) {
        Ok(assignments) => layers.extend(assignments.into_iter().map(Layer::from_assignment)),
        Err(mut mistakes) => errors.append(&mut mistakes),
    }
    if errors.is_empty() {
        let mut root = merge(&layers);
        // A missing value has the file as its origin, or none.
        root.origin = file.map(|path| Arc::from(path.display().to_string()));
        Ok(root)
    } else {
        Err(errors)
    }
}

/// A value that overrides all layers.
#[derive(Debug)]
pub(crate) struct Assignment {
    /// Its origin, as shown to the operator.
    pub(crate) origin: String,
    /// The way to the key.
    pub(crate) path: Vec<String>,
    /// The value.
    pub(crate) value: AssignedValue,
}

/// What can be assigned.
#[derive(Debug)]
pub(crate) enum AssignedValue {
    /// One text.
    Text(String),
    /// One number.
    Number(usize),
    /// A list of texts, instead of what was there.
    List(Vec<String>),
    /// A table of texts, added to the end of the list that is there.
    Appended(Vec<(&'static str, String)>),
}

/// One origin with its values: what figment calls a provider.
struct Layer {
    origin: String,
    values: Dict,
    /// Lists are added to, not replaced.
    append: bool,
}

impl Layer {
    fn whole(origin: String, values: Dict) -> Self {
        Self { origin, values, append: false }
    }

    fn from_variable(variable: &environment::Variable<'_>) -> Self {
        // Infallible: whatever is no number, truth value, list or table is a text.
        let value =
            variable.value.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
        let origin = format!("environment variable {}", variable.name);
        Self::whole(origin, nested(&variable.path, value))
    }

    fn from_assignment(assignment: Assignment) -> Self {
        let append = matches!(assignment.value, AssignedValue::Appended(_));
        let value = match assignment.value {
            AssignedValue::Text(text) => FigmentValue::from(text),
            AssignedValue::Number(number) => FigmentValue::from(number),
            AssignedValue::List(list) => FigmentValue::from(list),
            AssignedValue::Appended(pairs) => {
                let table: Dict = pairs
                    .into_iter()
                    .map(|(name, text)| (name.to_owned(), FigmentValue::from(text)))
                    .collect();
                FigmentValue::from(vec![FigmentValue::from(table)])
            }
        };
        Self { origin: assignment.origin, values: nested(&assignment.path, value), append }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let root = Dict::from([(ROOT.to_owned(), FigmentValue::from(self.values.clone()))]);
        Ok(Profile::Default.collect(root))
    }
}

fn nested(path: &[String], value: FigmentValue) -> Dict {
    let Some((first, rest)) = path.split_first() else {
        return Dict::new();
    };
    let inner = match rest {
        [] => value,
        rest => FigmentValue::from(nested(rest, value)),
    };
    Dict::from([(first.clone(), inner)])
}

fn merge(layers: &[Layer]) -> Node {
    let figment = layers.iter().fold(Figment::new(), |figment, layer| {
        if layer.append { figment.admerge(layer) } else { figment.merge(layer) }
    });
    let Ok(root) = figment.find_value(ROOT) else {
        return Node::empty_table();
    };
    Translation { figment, layers }.node(root)
}

/// From figment's values to ours.
struct Translation<'l> {
    figment: Figment,
    layers: &'l [Layer],
}

impl Translation<'_> {
    fn node(&self, value: FigmentValue) -> Node {
        let origin = self
            .figment
            .get_metadata(value.tag())
            .map(|metadata| Arc::from(metadata.name.as_ref()));
        let value = match value {
            FigmentValue::Bool(_, truth) => Value::Bool(truth),
            FigmentValue::Char(_, char) => Value::Text(char.to_string()),
            FigmentValue::String(_, text) => Value::Text(text),
            FigmentValue::Num(_, number) => number_of(number),
            FigmentValue::Empty(..) => Value::Null,
            FigmentValue::Array(_, list) => {
                Value::List(list.into_iter().map(|element| self.node(element)).collect())
            }
            FigmentValue::Dict(_, dict) => return self.table(dict, origin),
        };
        Node { origin, value }
    }

    /// A table that several layers define belongs to the least important one: a key that is missing
    /// in it is missing in the file, not in the variable that changed another key.
    fn table(&self, dict: Dict, last: Option<Arc<str>>) -> Node {
        let members: BTreeMap<String, Node> =
            dict.into_iter().map(|(name, value)| (name, self.node(value))).collect();
        let first = members
            .values()
            .filter_map(|member| member.origin.clone())
            .min_by_key(|origin| self.rank(origin));
        Node { origin: first.or(last), value: Value::Table(members) }
    }

    fn rank(&self, origin: &str) -> Option<usize> {
        self.layers.iter().position(|layer| layer.origin == origin)
    }
}

fn number_of(number: Num) -> Value {
    let unsigned = |number: u128| i128::try_from(number).unwrap_or(i128::MAX);
    match number.to_i128().or_else(|| number.to_u128().map(unsigned)) {
        Some(integer) => Value::Integer(integer),
        None => Value::Float(number.to_f64().unwrap_or(f64::NAN)),
    }
}

fn read_file(path: &Path) -> Result<Dict, ConfigError> {
    let mistake = |message: String| ConfigError {
        key: String::new(),
        origin: Some(path.display().to_string()),
        message,
    };
    let extension = path.extension().and_then(|extension| extension.to_str());
    let text = read_text(path).map_err(|error| mistake(format!("cannot be read: {error}")))?;
    match extension {
        Some("toml") => Toml::from_str(&text)
            .map_err(|error| mistake(format!("is not valid TOML: {}", error.to_string().trim()))),
        Some("yaml" | "yml") => serde_saphyr::from_str(&text)
            .map_err(|error| mistake(format!("is not valid YAML: {error}"))),
        Some("json") => parse_json(&text).map_err(mistake),
        _ => Err(mistake(
            "its name must end in .toml, .yaml, .yml or .json, which tells the format".to_owned(),
        )),
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let bytes = read_path(path, MAX_FILE_BYTES).map_err(|error| error.to_string())?;
    byte_order_mark::refuse(&bytes).map_err(|mark| mark.to_string())?;
    let text = str::from_utf8(&bytes).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// JSON, with member names that are unique: of two equal names, serde would silently take the
/// last one (threats X-1).
fn parse_json(text: &str) -> Result<Dict, String> {
    let dict = Json::from_str(text).map_err(|error| format!("is not valid JSON: {error}"))?;
    match json::Json::parse_large(text.as_bytes(), MAX_JSON_NODES) {
        Err(JsonError::DuplicateMember) => {
            Err("is ambiguous: an object in it has two members of the same name".to_owned())
        }
        Err(error) => Err(format!("is not acceptable JSON: it is {error}")),
        Ok(_) => Ok(dict),
    }
}
