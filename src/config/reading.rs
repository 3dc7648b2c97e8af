//! The settings out of a table, or everything in it that cannot be used.
//!
//! A deserializer stops at the first fault. So what is at fault is taken out and the rest is read again, until nothing is.

use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::names;
use super::origin::Origins;
use super::plain::{names_expected, plain};
use super::settings::Settings;

/// Faults that are told at once. Whoever has more will start again anyway.
const FAULTS_MAX: usize = 50;

/// Keys of which each is checked by the other: what is at fault with one says nothing against the other.
const PAIRS: [(&str, &str); 5] = [
    ("signaling.shards", "signaling.sessions_max"),
    ("signaling.shards", "signaling.calls.unconfirmed_max"),
    ("signaling.sip.t1_ms", "signaling.sip.t2_ms"),
    ("media.rtp_port_min", "media.rtp_port_max"),
    ("media.bind_ipv4", "media.bind_ipv6"),
];

/// One step of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
}

/// A table that is read again and again.
pub(super) struct Reading {
    table: Table,
    /// What was taken out, by its key as it was written.
    removed: Vec<String>,
    /// Each key that cannot be used, with what is wrong with it.
    pub faults: Vec<(String, String)>,
}

/// Reads a table. `partly` is given where there is a file that cannot be read: then only what was laid over it is known,
/// by its origins. The settings are those without what is at fault, if that can be taken out; without faults they are there.
pub(super) fn read(table: Table, partly: Option<&Origins>) -> (Option<Settings>, Reading) {
    let mut reading = Reading { table, removed: Vec::new(), faults: Vec::new() };
    let is_given = |key: &str| partly.is_none_or(|given| given.of(key).is_some());
    let mut settings = reading.deserialized();
    while let Some(found) = &settings
        && let Err((key, what)) = found.check()
        && reading.faults.len() < FAULTS_MAX
    {
        let written = reading.written(&steps_of(&key));
        let partner = partner_of(&key);
        // A fault that another key has a part in names it.
        let needs = partner.filter(|partner| what.contains(last_name(partner)));
        let is_news = !reading.is_at_fault(&written) && !needs.is_some_and(|key| reading.is_at_fault(key));
        if is_news && is_given(&written) && needs.is_none_or(is_given) {
            reading.faults.push((written, what));
        }
        let removed =
            reading.remove(&steps_of(&key)) || partner.is_some_and(|key| reading.remove(&steps_of(key)));
        settings = if removed { reading.deserialized() } else { None };
    }
    (settings, reading)
}

impl Reading {
    /// The settings without what is at fault.
    fn deserialized(&mut self) -> Option<Settings> {
        while self.faults.len() < FAULTS_MAX {
            let error = match serde_path_to_error::deserialize::<_, Settings>(self.table.clone()) {
                Ok(settings) => return Some(settings),
                Err(error) => error,
            };
            let steps: Vec<Step> = error.path().iter().map_while(step_of).collect();
            let key = self.written(&steps);
            let message = error.inner().message();
            if !self.is_left_over(&key, message) {
                self.faults.push((key, told(&steps, message)));
            }
            if !self.remove(&steps) {
                return None;
            }
        }
        None
    }

    /// Whether something is missing only because it was taken out here.
    fn is_left_over(&self, key: &str, message: &str) -> bool {
        let field = message.strip_prefix("missing field `").map(|field| field.trim_end_matches('`'));
        field.is_some_and(|field| self.removed.contains(&format!("{key}.{field}")))
    }

    /// Whether this key was told already. It may come again by its default, where another key has a part in it.
    fn is_at_fault(&self, key: &str) -> bool {
        self.faults.iter().any(|(faulty, _)| faulty == key)
    }

    /// The key as it was written by which the settings have this value: see [`Reading::written`].
    pub fn key(&self, key: &str) -> String {
        self.written(&steps_of(key))
    }

    /// Takes a value out. Whether it was there.
    fn remove(&mut self, steps: &[Step]) -> bool {
        let key = self.written(steps);
        let removed = removed_from(&mut self.table, steps);
        if removed {
            self.removed.push(key);
        }
        removed
    }

    /// A key as it was written: in lists, what was taken out counts.
    fn written(&self, steps: &[Step]) -> String {
        let mut key = String::new();
        for step in steps {
            match step {
                Step::Name(name) if key.is_empty() => key.push_str(name),
                Step::Name(name) => key = format!("{key}.{name}"),
                Step::Index(index) => {
                    let is_there = |at: &String| !self.removed.contains(at);
                    let written = (0..).map(|at| format!("{key}[{at}]")).filter(is_there).nth(*index);
                    key = written.unwrap_or_default();
                }
            }
        }
        key
    }
}

fn step_of(segment: &Segment) -> Option<Step> {
    match segment {
        Segment::Map { key } => Some(Step::Name(key.clone())),
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// The steps of a key such as `signaling.listeners[0].bind`.
fn steps_of(key: &str) -> Vec<Step> {
    let step = |part: &str| match part.strip_suffix(']').and_then(|index| index.parse().ok()) {
        Some(index) => Step::Index(index),
        None => Step::Name(part.to_owned()),
    };
    key.split(['.', '[']).map(step).collect()
}

fn removed_from(table: &mut Table, steps: &[Step]) -> bool {
    match steps {
        [Step::Name(name)] => table.remove(name).is_some(),
        [Step::Name(name), rest @ ..] => table.get_mut(name).is_some_and(|value| removed_within(value, rest)),
        _ => false,
    }
}

fn removed_within(value: &mut Value, steps: &[Step]) -> bool {
    match (value, steps) {
        (Value::Table(table), steps) => removed_from(table, steps),
        (Value::Array(list), [Step::Index(index)]) if *index < list.len() => {
            list.remove(*index);
            true
        }
        (Value::Array(list), [Step::Index(index), rest @ ..]) => {
            list.get_mut(*index).is_some_and(|value| removed_within(value, rest))
        }
        _ => false,
    }
}

fn partner_of(key: &str) -> Option<&'static str> {
    PAIRS.iter().find_map(|(one, other)| match key {
        _ if key == *one => Some(*other),
        _ if key == *other => Some(*one),
        _ => None,
    })
}

fn last_name(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// What is told of a key: of an unknown one, which may have been meant.
fn told(steps: &[Step], message: &str) -> String {
    let Some(names) = names_expected(message) else { return plain(message) };
    let Some(Step::Name(written)) = steps.last() else { return plain(message) };
    let kind = if steps.len() == 1 { "section" } else { "setting" };
    match names::meant(written, names.iter().copied()) {
        Some(meant) => format!("is no {kind}; {meant} is one"),
        None => format!("is no {kind}; there are {}", names.join(", ")),
    }
}
