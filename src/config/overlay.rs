//! Laying the environment and the command line over the file.

use toml::{Table, Value};

use super::fault::Fault;
use super::names;
use super::origin::{Origin, Origins};

/// What the environment's keys begin with.
pub const ENVIRONMENT_PREFIX: &str = "CALLPLANE_";

/// Variables of that beginning that are no settings: which file is read, where `callplane call` finds the API, and where
/// tests find their data, which a process that they start inherits.
const NOT_SETTINGS: [&str; 3] = ["CALLPLANE_CONFIG", "CALLPLANE_API", "CALLPLANE_CORPORA"];

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
    pub fn environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in variables {
            let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
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
            self.place(&key, value_of(&value), Origin::Variable(name));
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
