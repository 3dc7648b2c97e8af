//! Laying the environment and the command line over the file.

use std::ffi::OsString;

use toml::{Table, Value};

use super::fault::Fault;
use super::names;
use super::origin::{Origin, Origins};

/// What the environment's keys begin with.
pub const ENVIRONMENT_PREFIX: &str = "CALLPLANE_";

/// The variable that names the file where the command line does not.
pub(super) const FILE_VARIABLE: &str = "CALLPLANE_CONFIG";

/// Variables of that beginning that are no settings: which file is read, where `callplane call` finds the API, and where
/// tests find their data, which a process that they start inherits.
const NOT_SETTINGS: [&str; 3] = [FILE_VARIABLE, "CALLPLANE_API", "CALLPLANE_CORPORA"];

/// Variables of `docker-compose.yml`, which a shell may have beside a process, and the setting that one may mean by them.
const OF_COMPOSE: [(&str, &str); 3] = [
    (
        "CALLPLANE_PUBLIC_ADDRESS",
        "CALLPLANE_MEDIA__ADVERTISED_IPV4 and advertised_host of signaling.listeners",
    ),
    ("CALLPLANE_TRUNK", "CALLPLANE_ENGINE__TRUNK"),
    ("CALLPLANE_BUILD_TARGET", "none"),
];

/// What the settings are put together from.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub table: Table,
    pub origins: Origins,
    pub faults: Vec<Fault>,
    pub warnings: Vec<String>,
}

impl Layers {
    /// Lays `CALLPLANE_SECTION__KEY=value` over the table.
    pub fn environment(&mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) {
        for (name, value) in variables {
            if !name.as_encoded_bytes().starts_with(ENVIRONMENT_PREFIX.as_bytes()) {
                continue;
            }
            let name = match name.into_string() {
                Ok(name) => name,
                Err(name) => {
                    let what = "is no setting: its name is no Unicode".to_owned();
                    self.faults.push(Fault { key: name.to_string_lossy().into_owned(), what, origin: None });
                    continue;
                }
            };
            let key = name.strip_prefix(ENVIRONMENT_PREFIX).unwrap_or_default();
            if NOT_SETTINGS.contains(&name.as_str()) {
                continue;
            }
            if let Some((_, setting)) = OF_COMPOSE.iter().find(|(of_compose, _)| *of_compose == name) {
                self.warnings.push(format!(
                    "{name} is of docker-compose.yml and sets nothing here; the setting is {setting}"
                ));
                continue;
            }
            if !key.contains("__") {
                self.faults.push(no_setting(name));
                continue;
            }
            let key = key.to_ascii_lowercase().replace("__", ".");
            let origin = Origin::Variable(name);
            match value.into_string() {
                Ok(value) => self.place(&key, value_of(&value), origin),
                Err(value) => {
                    let what = format!("has to be Unicode, not {value:?}");
                    self.faults.push(Fault { key, what, origin: Some(origin) });
                }
            }
        }
    }

    /// Lays `section.key=value` over the table.
    pub fn assignments(&mut self, assignments: &[String]) {
        for assignment in assignments {
            match assignment.split_once('=') {
                Some((key, value)) => self.place(key.trim(), value_of(value), Origin::Flag),
                None => {
                    let what = "write section.key=value".to_owned();
                    self.faults.push(Fault { key: format!("--set {assignment}"), what, origin: None });
                }
            }
        }
    }

    fn place(&mut self, key: &str, value: Value, origin: Origin) {
        let mut sections: Vec<&str> = key.split('.').collect();
        let last = sections.pop().unwrap_or_default();
        let mut at = &mut self.table;
        for section in sections {
            let entry = at.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            let Some(table) = entry.as_table_mut() else {
                let what = format!("{section} is no section");
                self.faults.push(Fault { key: key.to_owned(), what, origin: Some(origin) });
                return;
            };
            at = table;
        }
        at.insert(last.to_owned(), value);
        self.origins.lay_over(key, origin);
    }
}

/// A variable without `__` between section and key.
fn no_setting(name: String) -> Fault {
    let variable_of =
        |key: &String| format!("{ENVIRONMENT_PREFIX}{}", key.replace('.', "__").to_ascii_uppercase());
    let variables: Vec<String> = names::all().iter().map(variable_of).collect();
    let meant = names::meant(&name, variables.iter().map(String::as_str));
    let meant = meant.map(|meant| format!("; {meant} is one")).unwrap_or_default();
    let what = format!("is no setting: they are written {ENVIRONMENT_PREFIX}SECTION__KEY{meant}");
    Fault { key: name, what, origin: None }
}

/// A value as TOML would read it (number, boolean, list, table, quoted string); anything else is a string.
fn value_of(text: &str) -> Value {
    format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("v"))
        .filter(|value| !matches!(value, Value::Datetime(_)))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}
