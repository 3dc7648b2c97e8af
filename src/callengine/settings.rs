//! The engine's settings.

use serde::Deserialize;

/// How the engine in the box attaches, and where it calls.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallEngineSettings {
    /// Where the session API is, for example `http://192.0.2.7:7070`. Empty: in `serve` the process's own, and else
    /// `http://127.0.0.1:7070`.
    pub api: String,
    /// The group it serves.
    pub group: String,
    /// Its name within the group. Empty: the host's name and the process id.
    pub engine_id: String,
    /// `host:port` that `dial-<user>` calls. Empty: `dial` refuses with 404.
    pub trunk: String,
    /// How many sessions it takes at a time, at least one for each shard of the service; 0: no limit of its own.
    pub sessions_max: u32,
}

impl Default for CallEngineSettings {
    fn default() -> Self {
        Self {
            api: String::new(),
            group: "default".into(),
            engine_id: String::new(),
            trunk: String::new(),
            sessions_max: 0,
        }
    }
}

impl CallEngineSettings {
    /// The engine's name: the one set, or one made of host name and process id.
    #[must_use]
    pub fn name(&self) -> String {
        if !self.engine_id.is_empty() {
            return self.engine_id.clone();
        }
        process_name()
    }
}

/// A name that no other process has: the host's name and the process id.
#[must_use]
pub fn process_name() -> String {
    let host = rustix::system::uname();
    let host: String = host
        .nodename()
        .to_string_lossy()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-.~".contains(c) { c } else { '_' })
        .take(48)
        .collect();
    format!("{host}-{}", std::process::id())
}
