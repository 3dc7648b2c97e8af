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

use std::path::Path;

use toml::Table;

use origin::Origins;
use overlay::Layers;

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
    /// A fault of a value that only a look at the system can find.
    #[must_use]
    pub fn fault(&self, key: &str, what: String) -> Fault {
        Fault { key: key.to_owned(), what, origin: self.origins.of(key).cloned() }
    }
}

/// Reads the settings: defaults, the file if one is given, the environment, the assignments of the command line.
///
/// # Errors
/// When the file cannot be read, or a key is unknown, or a value cannot be used: all of these, by name.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    assignments: &[String],
) -> Result<Loaded, ConfigError> {
    let mut layers = match file {
        Some(path) => layer_of(path)?,
        None => Layers::default(),
    };
    layers.environment(environment);
    layers.assignments(assignments);
    let Layers { table, origins, mut faults, warnings } = layers;
    let (settings, found) = reading::read(table);
    faults.extend(found.into_iter().map(|(key, what)| {
        let origin = origins.of(&key).cloned();
        Fault { key, what, origin }
    }));
    match settings {
        Some(settings) if faults.is_empty() => Ok(Loaded { settings, warnings, origins }),
        _ => Err(ConfigError(faults)),
    }
}

fn layer_of(path: &Path) -> Result<Layers, ConfigError> {
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
