//! How logs and traces are written.

use serde::Deserialize;

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
