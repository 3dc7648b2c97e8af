//! Settings: a TOML file, over it the environment, over that the command line.
//!
//! A key is written `section.key`. In the file it stands in its section; in the environment it is
//! `CALLPLANE_SECTION__KEY`; on the command line `--set section.key=value`. An unknown key or a bad value stops the
//! start with a message that names it.

mod overlay;
mod settings;

use std::path::{Path, PathBuf};

use toml::Table;

pub use overlay::{ENVIRONMENT_PREFIX, OverlayError};
pub use settings::{AdminSettings, Settings};

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {cause}", path = .0.display(), cause = .1)]
    File(PathBuf, std::io::Error),
    /// The file is no TOML.
    #[error("{path}: {cause}", path = .0.display(), cause = .1)]
    Syntax(PathBuf, Box<toml::de::Error>),
    /// A key of the environment or the command line cannot be placed.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A key is unknown or its value cannot be used.
    #[error("{key}: {what}")]
    Value {
        /// Which key.
        key: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Reads the settings: defaults, the file if one is given, the environment, the assignments of the command line.
///
/// # Errors
/// When the file cannot be read, or a key is unknown, or a value cannot be used; the message names it.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    assignments: &[String],
) -> Result<Settings, ConfigError> {
    let mut table = match file {
        Some(path) => read(path)?,
        None => Table::new(),
    };
    overlay::environment(&mut table, environment)?;
    overlay::assignments(&mut table, assignments)?;
    let settings: Settings = serde_path_to_error::deserialize(table).map_err(|error| {
        let key = error.path().to_string();
        ConfigError::Value { key, what: error.into_inner().message().to_owned() }
    })?;
    settings.check()?;
    Ok(settings)
}

fn read(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::File(path.to_owned(), error))?;
    text.parse().map_err(|error| ConfigError::Syntax(path.to_owned(), Box::new(error)))
}

#[cfg(test)]
mod tests;
