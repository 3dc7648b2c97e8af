//! How logs and traces are written.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::ground::setting::or_none;

/// How logs and traces are written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// Which log lines: a level, or directives such as `info,callplane::media=debug`.
    pub log: String,
    /// How a line is written.
    pub log_format: LogFormat,
    /// An OTLP collector over gRPC, for example `http://127.0.0.1:4317`. Absent: no traces.
    #[serde(deserialize_with = "or_none")]
    pub otlp_endpoint: Option<String>,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { log: "info".into(), log_format: LogFormat::Text, otlp_endpoint: None }
    }
}

impl TelemetrySettings {
    /// The filter of log lines.
    ///
    /// # Errors
    /// What cannot be used in `log`, in words. A word alone has to be a level: one misspelt would be taken for a module
    /// and silence all others.
    pub fn filter(&self) -> Result<EnvFilter, String> {
        for directive in self.log.split(',') {
            let is_level = || directive.parse::<LevelFilter>().is_ok();
            if !directive.contains(['=', '[']) && (directive.is_empty() || !is_level()) {
                return Err(format!("{directive:?} is neither a level nor module=level"));
            }
        }
        EnvFilter::try_new(&self.log).map_err(|error| format!("{:?}: {error}", self.log))
    }
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For collectors: one JSON object a line.
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(log: &str) -> Result<EnvFilter, String> {
        TelemetrySettings { log: log.into(), ..TelemetrySettings::default() }.filter()
    }

    #[test]
    fn levels_and_directives_are_taken() {
        for log in ["info", "OFF", "info,callplane::media=debug", "warn,callplane[span]=trace"] {
            assert!(filter(log).is_ok(), "{log}");
        }
    }

    #[test]
    fn what_is_none_is_refused_by_its_words() {
        for log in
            ["", "debgu", "info,", "info, warn", "info,callplane::media", "callplane=loud", "callplane=[x"]
        {
            assert!(filter(log).is_err(), "{log}");
        }
    }
}
