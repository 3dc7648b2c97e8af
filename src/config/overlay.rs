//! Laying the environment and the command line over the file.

use toml::{Table, Value};

/// What the environment's keys begin with.
pub const ENVIRONMENT_PREFIX: &str = "CALLPLANE_";
/// Variables of that beginning that are no settings: which file is read, and where tests find their data, which a
/// process that they start inherits.
const NOT_SETTINGS: [&str; 2] = ["CALLPLANE_CONFIG", "CALLPLANE_CORPORA"];

/// Why a key cannot be placed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverlayError {
    /// No `=` in an assignment.
    #[error("--set {0}: write section.key=value")]
    NoValue(String),
    /// A key goes through something that is no section.
    #[error("{0}: {1} is no section")]
    NoSection(String, String),
    /// A variable without `__` between section and key.
    #[error("{0}: write {ENVIRONMENT_PREFIX}SECTION__KEY")]
    NoKey(String),
}

/// Lays `CALLPLANE_SECTION__KEY=value` over the table.
pub fn environment(
    table: &mut Table,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<(), OverlayError> {
    for (name, value) in variables {
        let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
        if NOT_SETTINGS.contains(&name.as_str()) {
            continue;
        }
        if !key.contains("__") {
            return Err(OverlayError::NoKey(name));
        }
        let key = key.to_ascii_lowercase().replace("__", ".");
        place(table, &name, &key, value_of(&value))?;
    }
    Ok(())
}

/// Lays `section.key=value` over the table.
pub fn assignments(table: &mut Table, assignments: &[String]) -> Result<(), OverlayError> {
    for assignment in assignments {
        let Some((key, value)) = assignment.split_once('=') else {
            return Err(OverlayError::NoValue(assignment.clone()));
        };
        place(table, assignment, key.trim(), value_of(value))?;
    }
    Ok(())
}

fn place(table: &mut Table, named: &str, key: &str, value: Value) -> Result<(), OverlayError> {
    let mut sections: Vec<&str> = key.split('.').collect();
    let last = sections.pop().unwrap_or_default();
    let mut at = table;
    for section in sections {
        let entry = at.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new()));
        at = entry
            .as_table_mut()
            .ok_or_else(|| OverlayError::NoSection(named.to_owned(), section.to_owned()))?;
    }
    at.insert(last.to_owned(), value);
    Ok(())
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
