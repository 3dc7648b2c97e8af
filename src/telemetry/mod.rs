//! Logs and traces. Logs go to standard error, one line each, as text or JSON; traces go to an OTLP collector when one
//! is configured.
//!
//! ```text
//!   settings.rs    which lines, and how they are written
//!   limit.rs       how many lines one place of the code may write
//!   output.rs      the queue between those who log and standard error
//!   last_words.rs  panics, and the line that a process ends with
//!   call_trace.rs  the spans of calls
//! ```

pub mod call_trace;
mod last_words;
mod limit;
mod output;
mod settings;

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use opentelemetry::KeyValue;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::Serialize;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use limit::{Limit, Limited};
use output::Fate;

pub use last_words::last_words;
pub use limit::{LINE_EVERY, LINES_AT_ONCE};
pub use output::{LINE_BYTES_MAX, LINES_WAITING_MAX};
pub use settings::{LogFormat, TelemetrySettings};

/// The target of the line that each call writes at its end.
pub const CALLS_TARGET: &str = "callplane::calls";

/// Why telemetry could not begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("telemetry.log: {0}")]
    Filter(String),
    /// The collector's address cannot be used.
    #[error("telemetry.otlp_endpoint {0:?}: {1}")]
    Exporter(String, opentelemetry_otlp::ExporterBuildError),
    /// A subscriber is there already.
    #[error("a log subscriber is installed already")]
    Installed,
}

/// What became of the log's lines, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogCounts {
    /// Written.
    pub lines: u64,
    /// Lost: their reader did not keep up, or they could not be written.
    pub lines_lost: u64,
    /// Not written because one place wrote too many.
    pub lines_left_out: u64,
}

/// The process's log.
#[derive(Debug)]
struct Log {
    fate: Arc<Fate>,
    limit: Arc<Limit>,
    /// Lines lost and written when it was told last how many were lost.
    told: (AtomicU64, AtomicU64),
}

static LOG: OnceLock<Log> = OnceLock::new();

/// What became of the log's lines; zero where there is no log.
#[must_use]
pub fn log_counts() -> LogCounts {
    LOG.get().map_or_else(LogCounts::default, |log| LogCounts {
        lines: log.fate.written(),
        lines_lost: log.fate.lost(),
        lines_left_out: log.limit.left_out(),
    })
}

/// Tells in the log what it did not write. To be called now and then.
pub fn tell_what_is_missing() {
    let Some(log) = LOG.get() else { return };
    log.limit.tell();
    let (lost, written) = (log.fate.lost(), log.fate.written());
    let (told_lost, told_written) = &log.told;
    // While nothing is written, this would be lost as well.
    if lost > told_lost.load(Ordering::Relaxed) && written > told_written.load(Ordering::Relaxed) {
        let lines = lost - told_lost.swap(lost, Ordering::Relaxed);
        tracing::warn!(lines, "log lines were lost: whoever reads them does not keep up");
    }
    told_written.store(written, Ordering::Relaxed);
}

/// Keeps what is not yet written or sent; that is done when [`Telemetry::shutdown`] is called.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
    /// Dropped last.
    lines: WorkerGuard,
}

impl Telemetry {
    /// Installs the subscriber of the process. `service` names it in traces.
    ///
    /// # Errors
    /// When a setting cannot be used, or a subscriber is installed already.
    pub fn install(settings: &TelemetrySettings, service: &'static str) -> Result<Self, TelemetryError> {
        let filter = settings.filter().map_err(TelemetryError::Filter)?;
        let provider = settings.otlp_endpoint.as_deref().map(|to| provider(to, service)).transpose()?;
        let colours = std::io::stderr().is_terminal();
        let (fate, limit) = (Arc::default(), Arc::new(Limit::new()));
        let (queue, guard) = output::lines_to(output::standard_error(), &fate);
        let lines = tracing_subscriber::fmt::layer().with_writer(queue).with_ansi(colours);
        let lines = match settings.log_format {
            LogFormat::Text => lines.boxed(),
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
        };
        if let Some(provider) = &provider {
            opentelemetry::global::set_tracer_provider(provider.clone());
            call_trace::trace_from_now_on();
        }
        tracing_subscriber::registry()
            .with(lines.with_filter(filter.and(Limited(Arc::clone(&limit)))))
            .try_init()
            .map_err(|_| TelemetryError::Installed)?;
        // Nobody else has one: the subscriber was not there.
        let _ = LOG.set(Log { fate, limit, told: Default::default() });
        last_words::log_panics();
        Ok(Self { provider, lines: guard })
    }

    /// Whether traces are sent.
    #[must_use]
    pub const fn is_tracing(&self) -> bool {
        self.provider.is_some()
    }

    /// Sends and writes what is left. Blocks for at most about six seconds: five for traces, one for lines.
    pub fn shutdown(self) {
        if let Some(provider) = self.provider {
            let patience = std::time::Duration::from_secs(5);
            if let Err(error) = provider.shutdown_with_timeout(patience) {
                tracing::warn!(%error, "traces could not be sent");
            }
        }
        tell_what_is_missing();
        drop(self.lines);
    }
}

fn provider(endpoint: &str, service: &'static str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| TelemetryError::Exporter(endpoint.to_owned(), error))?;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let instance = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", format!("{host}-{}", std::process::id())),
        KeyValue::new("host.name", host),
    ];
    let resource = Resource::builder().with_service_name(service).with_attributes(instance).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io;
    use std::sync::Mutex;

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    /// What a layer wrote, for tests to read.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }
}
