//! How logs and traces are written.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::CALLS_TARGET;
use crate::ground::setting::or_none;

/// How logs and traces are written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// Which log lines: a level, or directives such as `info,callplane::media=debug`. A level alone is meant for
    /// Callplane's own lines: those of the libraries that it is built on stop at `info`, unless a directive names them.
    pub log: String,
    /// How a line is written.
    pub log_format: LogFormat,
    /// Whether each call writes a line at its beginning and one at its end, at `info`.
    pub calls: bool,
    /// An OTLP collector over gRPC, for example `http://127.0.0.1:4317`. Absent: no traces.
    #[serde(deserialize_with = "or_none")]
    pub otlp_endpoint: Option<String>,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self { log: "info".into(), log_format: LogFormat::Text, calls: true, otlp_endpoint: None }
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
        EnvFilter::try_new(self.directives()).map_err(|error| format!("{:?}: {error}", self.log))
    }

    /// What is asked for, in the filter's words. What stands later holds.
    fn directives(&self) -> String {
        let (levels, modules): (Vec<&str>, Vec<&str>) =
            self.log.split(',').partition(|directive| !directive.contains(['=', '[']));
        let mut directives = Vec::new();
        if let Some(level) = levels.last() {
            let is_quiet = level.parse::<LevelFilter>().is_ok_and(|level| level <= LevelFilter::INFO);
            directives.push(if is_quiet { (*level).to_owned() } else { format!("info,callplane={level}") });
        }
        directives.extend(modules.into_iter().map(str::to_owned));
        if !self.calls {
            directives.push(format!("{CALLS_TARGET}=off"));
        }
        directives.join(",")
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
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::telemetry::tests::Written;

    fn settings(log: &str, calls: bool) -> TelemetrySettings {
        TelemetrySettings { log: log.into(), calls, ..TelemetrySettings::default() }
    }

    #[test]
    fn levels_and_directives_are_taken() {
        for log in ["info", "OFF", "info,callplane::media=debug", "warn,callplane[span]=trace"] {
            assert!(settings(log, true).filter().is_ok(), "{log}");
        }
    }

    #[test]
    fn what_is_none_is_refused_by_its_words() {
        for log in
            ["", "debgu", "info,", "info, warn", "info,callplane::media", "callplane=loud", "callplane=[x"]
        {
            assert!(settings(log, true).filter().is_err(), "{log}");
        }
    }

    /// Which of four lines a filter lets through: a library's and our own at `debug`, a library's at `info`, a call's.
    fn let_through(log: &str, calls: bool) -> [bool; 4] {
        let written = Written::default();
        let filter = settings(log, calls).filter().expect(log);
        let lines = tracing_subscriber::fmt::layer().with_writer(written.clone()).with_filter(filter);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::debug!(target: "h2::codec::framed_read", "frames");
            tracing::debug!(target: "callplane::media", "closed");
            tracing::info!(target: "tonic::transport", "listens");
            tracing::info!(target: CALLS_TARGET, "call ended");
        });
        ["frames", "closed", "listens", "call ended"].map(|words| written.text().contains(words))
    }

    #[test]
    fn debug_is_callplane_s_own_unless_a_library_is_named_and_calls_have_a_switch() {
        let rows = [
            ("info", true, [false, false, true, true]),
            ("info", false, [false, false, true, false]),
            ("debug", true, [false, true, true, true]),
            ("debug", false, [false, true, true, false]),
            ("debug,h2=debug", true, [true, true, true, true]),
            ("warn", true, [false, false, false, false]),
            ("warn,callplane::calls=info", true, [false, false, false, true]),
            ("callplane=debug", true, [false, true, false, true]),
        ];
        for (log, calls, through) in rows {
            assert_eq!(let_through(log, calls), through, "{log} {calls}");
        }
    }
}
