//! All settings, by section.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::address;
use crate::callengine::CallEngineSettings;
use crate::ground::setting::or_none;
use crate::ground::{ID_BYTES_MAX, SessionId};
use crate::media::MediaSettings;
use crate::signaling::SignalingSettings;
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
    /// Whether the kernel may give the process transparent huge pages.
    pub huge_pages: bool,
}

impl Default for AdminSettings {
    fn default() -> Self {
        Self { listen: None, drain_ms: 10_000, huge_pages: false }
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
    ///
    /// # Errors
    /// The first key that cannot be used, and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), (String, String)> {
        if self.admin.drain_ms > DRAIN_MS_MAX {
            return Err(("admin.drain_ms".into(), format!("has to be at most {DRAIN_MS_MAX}")));
        }
        self.signaling.check().map_err(|bad| (format!("signaling.{}", bad.key), bad.problem))?;
        self.media.check().map_err(|bad| (format!("media.{}", bad.key), bad.what))?;
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        let rows: [(&str, Option<String>, Check); 6] = [
            ("signaling.media_address", self.signaling.media_address.clone(), address::host_and_port),
            ("engine.api", given(&self.engine.api), address::api),
            ("engine.group", given(&self.engine.group), name),
            ("engine.engine_id", given(&self.engine.engine_id), name),
            ("engine.trunk", given(&self.engine.trunk), address::trunk),
            ("telemetry.otlp_endpoint", self.telemetry.otlp_endpoint.clone(), address::api),
        ];
        for (key, value, check) in rows {
            if let Some(what) = value.and_then(|value| check(&value).err()) {
                return Err((key.to_owned(), what));
            }
        }
        self.telemetry.filter().map(|_| ()).map_err(|what| ("telemetry.log".into(), what))
    }
}

/// What the API takes for the name of an engine or a group: the engine in the box would be refused with another for ever.
fn name(text: &str) -> Result<(), String> {
    SessionId::parse(text).map(|_| ()).map_err(|_| {
        format!("{text:?} is no name: it has 1 to {ID_BYTES_MAX} letters, digits and characters of -_.~")
    })
}

/// Whether a text can be used; if not, what is wrong with it.
type Check = fn(&str) -> Result<(), String>;

/// The longest drain, milliseconds.
const DRAIN_MS_MAX: u64 = 3_600_000;
