//! Settings: a TOML file, over it the environment, over that the command line.
//!
//! A key is written `section.key`. In the file it stands in its section; in the environment it is
//! `CALLPLANE_SECTION__KEY`; on the command line `--set section.key=value`. An unknown key or a bad value stops the
//! start: everything that cannot be used is told at once, each by its key and where it comes from.
//!
//! ```text
//!   overlay.rs   the layers, one over the other
//!   origin.rs    where each value comes from
//!   reading.rs   the settings out of the layers, or all faults
//!   plain.rs     faults in plain words
//!   names.rs     which keys there are, and which one was meant
//!   address.rs   addresses of other services
//!   settings.rs  the settings
//! ```

mod address;
mod fault;
mod names;
mod origin;
mod overlay;
mod plain;
mod reading;
mod settings;

use std::ffi::OsString;
use std::path::Path;

use toml::Table;

use origin::{Origins, is_below};
use overlay::{FILE_VARIABLE, Layers};

pub use address::api as check_api;
pub use fault::{ConfigError, Fault};
pub use origin::Origin;
pub use overlay::ENVIRONMENT_PREFIX;
pub use settings::{AdminSettings, Settings};

/// The settings of a process.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What is odd and harms nothing.
    pub warnings: Vec<String>,
    origins: Origins,
}

impl Loaded {
    /// A fault of a value that only a start can find.
    #[must_use]
    pub fn fault(&self, key: &str, what: String) -> Fault {
        Fault { key: key.to_owned(), what, origin: self.origins.of(key).cloned() }
    }
}

/// The key as it was written of one of the settings that can be used; nothing where its value is not known, since what was
/// written cannot be used.
pub type Meant<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the settings: defaults, the file if one is given here or by the environment, the environment, the assignments of
/// the command line. `look` finds what is wrong with the settings by what they are for: each key and what is wrong with it.
/// It looks at what can be used, whatever else is at fault.
///
/// # Errors
/// When the file cannot be read, or a key is unknown, or a value cannot be used: all of these, by name.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    assignments: &[String],
    look: impl FnOnce(&Settings, Meant<'_>) -> Vec<(String, String)>,
) -> Result<Loaded, ConfigError> {
    let environment: Vec<_> = environment.into_iter().collect();
    let (mut layers, unread) = match file_layer(file, &environment) {
        Ok(layers) => (layers, None),
        Err(fault) => (Layers::default(), Some(fault)),
    };
    layers.environment(environment);
    layers.assignments(assignments);
    let Layers { table, origins, faults: of_layers, warnings } = layers;
    let is_whole = unread.is_none();
    let (settings, reading) = reading::read(table, (!is_whole).then_some(&origins));
    let placed = |(key, what): (String, String)| {
        let origin = origins.of(&key).cloned();
        Fault { key, what, origin }
    };
    let mut faults: Vec<Fault> = unread.into_iter().chain(of_layers).collect();
    faults.extend(reading.faults.iter().cloned().map(placed));
    if let Some(settings) = &settings {
        let meant = |key: &str| {
            let key = reading.key(key);
            let is_at_fault = faults.iter().any(|fault| fault.key == key || is_below(&key, &fault.key));
            let is_given = is_whole || origins.of(&key).is_some();
            (is_given && !is_at_fault).then_some(key)
        };
        let found = look(settings, &meant);
        faults.extend(found.into_iter().map(placed));
    }
    match settings {
        Some(settings) if faults.is_empty() => Ok(Loaded { settings, warnings, origins }),
        _ => Err(ConfigError(faults)),
    }
}

/// What the file has that is given, or else that the environment names.
fn file_layer(file: Option<&Path>, environment: &[(OsString, OsString)]) -> Result<Layers, Fault> {
    let variable =
        environment.iter().find(|(name, _)| name == FILE_VARIABLE).map(|(_, path)| Path::new(path));
    match file.or(variable) {
        Some(path) if path.as_os_str().is_empty() => {
            let what = "is empty: it names the file with settings".to_owned();
            Err(Fault { key: FILE_VARIABLE.to_owned(), what, origin: None })
        }
        Some(path) => layer_of(path),
        None => Ok(Layers::default()),
    }
}

fn layer_of(path: &Path) -> Result<Layers, Fault> {
    let fault = |what: String| Fault { key: path.display().to_string(), what, origin: None };
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.get(..start).map_or(1, |before| before.matches('\n').count() + 1);
        let key = format!("{}:{line}", path.display());
        Fault { key, what: format!("is no TOML: {}", error.message().replace('\n', ", ")), origin: None }
    })?;
    Ok(Layers { origins: Origins::of_file(path, &text), table, ..Layers::default() })
}

#[cfg(test)]
mod tests;
