//! `OTEL_*`: what the environment says where `[otel]` leaves something out.
//!
//! Only with that section: a variable that is set for another program of the pod must not make this
//! one send anything.

use std::{collections::BTreeMap, sync::Arc};

use percent_encoding::percent_decode_str;

use super::settings::key;
use crate::config::{
    node::{Node, Value},
    origin::{OriginSource, ReadContext, ValueOrigin},
};

/// What the reader takes, of the text of a variable.
type ValueForm = fn(&str) -> Value;

/// A variable that stands for one key, and how its value is written there.
const VARIABLES: &[(&str, &str, ValueForm)] = &[
    ("OTEL_EXPORTER_OTLP_ENDPOINT", key::ENDPOINT, text),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", key::PROTOCOL, text),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", key::TIMEOUT, milliseconds),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", key::CA_FILE, text),
    ("OTEL_BSP_MAX_QUEUE_SIZE", key::QUEUE, number),
    ("OTEL_SERVICE_NAME", key::SERVICE_NAME, text),
];

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SERVICE_NAME_ATTRIBUTE: &str = "service.name";

/// Fills what the section leaves out.
pub(crate) fn fill(
    section: &mut Node,
    environment: &[(String, String)],
    context: &Arc<ReadContext>,
) {
    let Value::Table(members) = &mut section.value else { return };
    let mut filling = Filling { members, environment, context };
    for (variable, key, form) in VARIABLES {
        if let Some(value) = filling.variable(variable) {
            filling.set(key, variable, form(value));
        }
    }
    filling.resource();
    filling.sampler();
}

struct Filling<'f> {
    members: &'f mut BTreeMap<String, Node>,
    environment: &'f [(String, String)],
    context: &'f Arc<ReadContext>,
}

impl<'f> Filling<'f> {
    /// An empty variable is one that is not set (OpenTelemetry's specification of them).
    fn variable(&self, name: &str) -> Option<&'f str> {
        let found = self.environment.iter().find(|(variable, _)| variable == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    fn set(&mut self, key: &str, variable: &str, value: Value) {
        let node = self.node(variable, value);
        self.members.entry(key.to_owned()).or_insert(node);
    }

    fn node(&self, variable: &str, value: Value) -> Node {
        let source = format!("environment variable {variable}");
        let origin = ValueOrigin::new(&OriginSource::named(source, self.context), None);
        Node { origin: Some(origin), value }
    }

    /// `name=value,name=value`, percent-encoded.
    fn resource(&mut self) {
        let Some(list) = self.variable(ATTRIBUTES) else { return };
        let mut attributes = BTreeMap::new();
        for (name, value) in list.split(',').filter_map(|member| member.split_once('=')) {
            let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8_lossy().into();
            let node = self.node(ATTRIBUTES, Value::Text(decoded(value)));
            attributes.insert(decoded(name), node);
        }
        if let Some(name) = attributes.remove(SERVICE_NAME_ATTRIBUTE) {
            self.members.entry(key::SERVICE_NAME.to_owned()).or_insert(name);
        }
        if !attributes.is_empty() {
            self.set(key::RESOURCE, ATTRIBUTES, Value::Table(attributes));
        }
    }

    /// A share in the file is whole in itself.
    fn sampler(&mut self) {
        let Some(sampler) = self.variable(SAMPLER) else { return };
        if self.members.contains_key(key::SAMPLE) {
            return;
        }
        let alone = sampler.strip_prefix("parentbased_");
        let share = match alone.unwrap_or(sampler) {
            "always_on" => Value::Float(1.0),
            "always_off" => Value::Float(0.0),
            "traceidratio" => self.variable(SAMPLER_ARGUMENT).map_or(Value::Float(1.0), fraction),
            // Which the reader refuses, naming the variable.
            _ => text(sampler),
        };
        self.set(key::SAMPLE, SAMPLER, share);
        self.set(key::PARENT_BASED, SAMPLER, Value::Bool(alone.is_some()));
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn milliseconds(value: &str) -> Value {
    Value::Text(format!("{value}ms"))
}

fn number(value: &str) -> Value {
    value.parse().map_or_else(|_| text(value), Value::Integer)
}

fn fraction(value: &str) -> Value {
    value.parse().map_or_else(|_| text(value), Value::Float)
}
