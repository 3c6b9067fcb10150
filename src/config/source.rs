//! Where a configuration comes from: files, environment and flags, merged key by key.
//!
//! The only module that uses figment. It merges the layers and keeps the layer of every single
//! value; it returns a plain tree of [`Node`]s.

use std::{collections::BTreeMap, sync::Arc};

use figment::{
    Error, Figment, Metadata, Profile, Provider,
    value::{Dict, Empty, Map, Num, Tag, Value as FigmentValue},
};

use super::{
    documents::{ConfigDocuments, ConfigInput, ReadFiles},
    environment,
    error::ConfigError,
    node::{Node, Value},
    origin::{OriginSource, ReadContext, ValueOrigin},
};

/// Every layer is nested below this one key, so that the merged root can be extracted by name.
const ROOT: &str = "configuration";

/// The layer of all files together: each value in it has an origin of its own.
const FILES: &str = "files";

/// What reading the layers came to.
pub(crate) struct ReadLayers {
    /// The merged tree.
    pub(crate) tree: Result<Node, Vec<ConfigError>>,
    /// What was read for it.
    pub(crate) files: ReadFiles,
}

/// Merges the files, the environment (variables that do not start with `COUNTERSIGN_` only stand
/// for `${NAME}` in files), and what `assign` adds on top of these two, given both.
///
/// Fails for every layer that can't be read at all. What is wrong *inside* of the layers is found
/// later.
pub(crate) fn read(
    input: Option<&ConfigInput>,
    environment: &[(String, String)],
    context: &Arc<ReadContext>,
    assign: impl FnOnce(&Node) -> Result<Vec<Assignment>, Vec<ConfigError>>,
) -> ReadLayers {
    let mut documents = ConfigDocuments::new(context, environment);
    let tree = input.and_then(|input| documents.read(input));
    let (files, mut errors) = documents.finish();
    let mut layers = Layers { files: tree.unwrap_or_else(Node::empty_table), others: Vec::new() };
    for variable in environment::variables(environment) {
        layers.others.push(Layer::from_variable(&variable));
    }
    match assign(&layers.merge(context)) {
        Ok(assignments) => {
            layers.others.extend(assignments.into_iter().map(Layer::from_assignment));
        }
        Err(mut mistakes) => errors.append(&mut mistakes),
    }
    let tree = if errors.is_empty() { Ok(layers.merge(context)) } else { Err(errors) };
    ReadLayers { tree, files }
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

/// All layers, the least important one first.
struct Layers {
    files: Node,
    others: Vec<Layer>,
}

impl Layers {
    fn merge(&self, context: &Arc<ReadContext>) -> Node {
        let files = match figment_value(&self.files) {
            FigmentValue::Dict(_, values) => Layer::whole(FILES.to_owned(), values),
            _ => Layer::whole(FILES.to_owned(), Dict::new()),
        };
        let figment = self.others.iter().fold(Figment::from(files), |figment, layer| {
            if layer.append { figment.admerge(layer) } else { figment.merge(layer) }
        });
        let Ok(root) = figment.find_value(ROOT) else {
            return Node::empty_table();
        };
        let sources =
            self.others.iter().map(|layer| OriginSource::named(layer.origin.clone(), context));
        let mut merged =
            Translation { figment, sources: sources.collect() }.node(root, Some(&self.files));
        // A missing value has the file as its origin, or none.
        merged.origin = self.files.origin();
        merged
    }
}

fn figment_value(node: &Node) -> FigmentValue {
    match &node.value {
        Value::Null => FigmentValue::Empty(Tag::Default, Empty::None),
        Value::Bool(truth) => FigmentValue::from(*truth),
        Value::Integer(integer) => FigmentValue::from(*integer),
        Value::Float(float) => FigmentValue::from(*float),
        Value::Text(text) => FigmentValue::from(text.clone()),
        Value::List(list) => FigmentValue::from(list.iter().map(figment_value).collect::<Vec<_>>()),
        Value::Table(members) => {
            let members = members.iter().map(|(name, node)| (name.clone(), figment_value(node)));
            FigmentValue::from(members.collect::<Dict>())
        }
    }
}

/// From figment's values to ours.
struct Translation {
    figment: Figment,
    /// Of all layers but the files, the least important one first.
    sources: Vec<Arc<OriginSource>>,
}

impl Translation {
    /// `file` is what the files have in this place.
    fn node(&self, value: FigmentValue, file: Option<&Node>) -> Node {
        let layer = self.figment.get_metadata(value.tag()).map(|metadata| metadata.name.clone());
        let origin = match layer.as_deref() {
            Some(FILES) => file.and_then(Node::origin),
            Some(name) => self.source(name),
            None => None,
        };
        let value = match value {
            FigmentValue::Bool(_, truth) => Value::Bool(truth),
            FigmentValue::Char(_, char) => Value::Text(char.to_string()),
            FigmentValue::String(_, text) => Value::Text(text),
            FigmentValue::Num(_, number) => number_of(number),
            FigmentValue::Empty(..) => Value::Null,
            FigmentValue::Array(_, list) => Value::List(self.list(list, file)),
            FigmentValue::Dict(_, dict) => return self.table(dict, file, origin),
        };
        Node { origin, value }
    }

    /// A list of the files comes first: other layers replace it, or add to its end.
    fn list(&self, list: Vec<FigmentValue>, file: Option<&Node>) -> Vec<Node> {
        let of_file = match file.map(|node| &node.value) {
            Some(Value::List(list)) => list.as_slice(),
            _ => &[],
        };
        let elements = list.into_iter().enumerate();
        elements.map(|(position, element)| self.node(element, of_file.get(position))).collect()
    }

    /// A table that several layers define belongs to the least important one: a key that is missing
    /// in it is missing in the file, not in the variable that changed another key.
    fn table(&self, dict: Dict, file: Option<&Node>, last: Option<ValueOrigin>) -> Node {
        let of_file = file.filter(|node| node.as_table().is_some());
        let members: BTreeMap<String, Node> = dict
            .into_iter()
            .map(|(name, value)| {
                let file = of_file.and_then(|table| table.member(&name));
                let node = self.node(value, file);
                (name, node)
            })
            .collect();
        let first = of_file.and_then(Node::origin).or_else(|| {
            let origins = members.values().filter_map(|member| member.origin.clone());
            origins.min_by_key(|origin| self.rank(origin))
        });
        Node { origin: first.or(last), value: Value::Table(members) }
    }

    fn source(&self, name: &str) -> Option<ValueOrigin> {
        let source = self.sources.iter().find(|source| source.name == name)?;
        Some(ValueOrigin::new(source, None))
    }

    fn rank(&self, origin: &ValueOrigin) -> Option<usize> {
        self.sources.iter().position(|source| source.name == origin.source.name)
    }
}

fn number_of(number: Num) -> Value {
    let unsigned = |number: u128| i128::try_from(number).unwrap_or(i128::MAX);
    match number.to_i128().or_else(|| number.to_u128().map(unsigned)) {
        Some(integer) => Value::Integer(integer),
        None => Value::Float(number.to_f64().unwrap_or(f64::NAN)),
    }
}
