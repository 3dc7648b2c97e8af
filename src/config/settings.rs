//! All settings, by section.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;
use crate::callengine::CallEngineSettings;
use crate::ground::setting::or_none;
use crate::media::MediaSettings;
use crate::signaling::SignalingSettings;
use crate::sip::Uri;
use crate::telemetry::TelemetrySettings;

/// All settings, by section. A process reads the sections of the services it runs; the others may be there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// SIP, sessions and the API.
    pub signaling: SignalingSettings,
    /// RTP.
    pub media: MediaSettings,
    /// The call engine in the box.
    pub engine: CallEngineSettings,
    /// Logs and traces.
    pub telemetry: TelemetrySettings,
    /// The operator's endpoint, and the end of the process.
    pub admin: AdminSettings,
}

/// The operator's endpoint, and the end of the process.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminSettings {
    /// Where health, readiness and gauges are served over HTTP. Absent: nowhere.
    #[serde(deserialize_with = "or_none")]
    pub listen: Option<SocketAddr>,
    /// How long calls, and endpoints of media that runs apart, may go on after SIGTERM, milliseconds. Then they are ended.
    pub drain_ms: u64,
}

impl Default for AdminSettings {
    fn default() -> Self {
        Self { listen: None, drain_ms: 10_000 }
    }
}

impl AdminSettings {
    /// How long calls may go on after SIGTERM.
    #[must_use]
    pub const fn drain(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }
}

impl Settings {
    /// Checks what the types alone cannot.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.admin.drain_ms > 3_600_000 {
            return Err(ConfigError::Value { key: "admin.drain_ms".into(), what: "at most 3600000".into() });
        }
        let value = |key: String, what: String| ConfigError::Value { key, what };
        self.signaling.check().map_err(|bad| value(format!("signaling.{}", bad.key), bad.problem))?;
        self.media.check().map_err(|bad| value(format!("media.{}", bad.key), bad.what))?;
        if !self.engine.trunk.is_empty() && !is_host(&self.engine.trunk) {
            return Err(value("engine.trunk".into(), format!("{:?} is no host:port", self.engine.trunk)));
        }
        self.telemetry.filter().map(|_| ()).map_err(|what| value("telemetry.log".into(), what))
    }
}

/// Whether a SIP URI's host, with or without a port, can be written so.
fn is_host(text: &str) -> bool {
    let uri = format!("sip:{text}");
    let is_bare = |uri: Uri<'_>| {
        uri.user().is_none()
            && uri.params().as_str().is_empty()
            && uri.headers().is_empty()
            && uri.port() != Some(0)
    };
    Uri::parse(&uri).is_ok_and(is_bare)
}
