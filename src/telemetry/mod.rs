//! Logs and traces. Logs go to standard error, one line each, as text or JSON; traces go to an OTLP collector when one
//! is configured.

mod call_trace;
mod settings;

use std::io::IsTerminal as _;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use call_trace::{SPANS_MAX, Spans, remote_context};
pub use settings::{LogFormat, TelemetrySettings};

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

/// Keeps the exporter; what is not yet sent is sent when [`Telemetry::shutdown`] is called.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Installs the subscriber of the process. `service` names it in traces.
    ///
    /// # Errors
    /// When a setting cannot be used, or a subscriber is installed already.
    pub fn install(settings: &TelemetrySettings, service: &'static str) -> Result<Self, TelemetryError> {
        let filter = settings.filter().map_err(TelemetryError::Filter)?;
        let colours = std::io::stderr().is_terminal();
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
        let lines = match settings.log_format {
            LogFormat::Text => lines.boxed(),
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
        };
        let provider = settings.otlp_endpoint.as_deref().map(|to| provider(to, service)).transpose()?;
        let spans = provider
            .as_ref()
            .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("callplane")));
        if let Some(provider) = &provider {
            opentelemetry::global::set_tracer_provider(provider.clone());
        }
        tracing_subscriber::registry()
            .with(spans.with_filter(tracing_subscriber::filter::LevelFilter::INFO))
            .with(lines.with_filter(filter))
            .try_init()
            .map_err(|_| TelemetryError::Installed)?;
        Ok(Self { provider })
    }

    /// Whether traces are sent.
    #[must_use]
    pub const fn is_tracing(&self) -> bool {
        self.provider.is_some()
    }

    /// Sends what is left. Blocks for at most five seconds.
    pub fn shutdown(self) {
        if let Some(provider) = self.provider {
            let patience = std::time::Duration::from_secs(5);
            if let Err(error) = provider.shutdown_with_timeout(patience) {
                eprintln!("callplane: traces could not be sent: {error}");
            }
        }
    }
}

fn provider(endpoint: &str, service: &'static str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| TelemetryError::Exporter(endpoint.to_owned(), error))?;
    let resource = Resource::builder().with_service_name(service).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
