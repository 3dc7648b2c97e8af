//! What media is told at its start. Every number has its unit in its name.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::core::Safeguards;
use super::worker::NodeSettings;
use super::worker::net::{Addresses, SocketSettings};
use crate::codec::Codec;
use crate::ground::setting::or_none;

/// The settings of media.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaSettings {
    /// Where `callplane.media.v1` is served over TCP. Absent: only inside this process.
    #[serde(deserialize_with = "or_none")]
    pub api: Option<SocketAddr>,
    /// The node's name, as owners are told. Empty: the host's name.
    pub node: String,
    /// The IPv4 address that RTP is bound to. Absent (the empty text or `none`): no IPv4.
    #[serde(deserialize_with = "or_none")]
    pub bind_ipv4: Option<Ipv4Addr>,
    /// The IPv4 address that descriptions tell. Absent: the bound one or, where that is 0.0.0.0, the one from which
    /// the system reaches the peer.
    #[serde(deserialize_with = "or_none")]
    pub advertised_ipv4: Option<Ipv4Addr>,
    /// The IPv6 address that RTP is bound to. Absent: no IPv6.
    #[serde(deserialize_with = "or_none")]
    pub bind_ipv6: Option<Ipv6Addr>,
    /// The IPv6 address that descriptions tell; as for IPv4.
    #[serde(deserialize_with = "or_none")]
    pub advertised_ipv6: Option<Ipv6Addr>,
    /// The lowest RTP port. Each endpoint takes an even one; the odd one above it is kept for RTCP.
    pub rtp_port_min: u16,
    /// The highest port, an RTCP one included.
    pub rtp_port_max: u16,
    /// How long a port pair rests after its release, milliseconds.
    pub port_rest_ms: u64,
    /// Worker threads. 0: one for every four processors, at least one.
    pub workers: usize,
    /// Niceness of the worker threads, -20 to 19: audio is paced by the clock and suffers first when processors are
    /// short. Where the system does not allow it the threads stay as they are.
    pub nice: i32,
    /// Endpoints that the node may have.
    pub endpoints_max: usize,
    /// Bridges that the node may have.
    pub bridges_max: usize,
    /// After how long without RTP an event is sent, milliseconds. It ends nothing by itself.
    pub rtp_timeout_ms: u64,
    /// After how long without its owner's stream an endpoint closes itself, milliseconds.
    pub orphan_timeout_ms: u64,
    /// Receive buffer of each socket, bytes. 0: the system's default.
    pub receive_buffer_bytes: usize,
    /// The DSCP of RTP, 0 to 63.
    pub dscp: u8,
    /// The codecs to offer and accept, best first: of PCMU and PCMA.
    pub codecs: Vec<String>,
    /// Folders whose WAV files may be played. Nothing outside them is read.
    pub audio_roots: Vec<PathBuf>,
    /// Bytes that decoded audio files take: those that are played, and others that are kept. A file that finds no room
    /// beside what is played is refused, and so is one that alone is longer.
    pub audio_cache_bytes: usize,
}

impl Default for MediaSettings {
    fn default() -> Self {
        Self {
            api: None,
            node: String::new(),
            bind_ipv4: Some(Ipv4Addr::UNSPECIFIED),
            advertised_ipv4: None,
            bind_ipv6: None,
            advertised_ipv6: None,
            rtp_port_min: 10_000,
            rtp_port_max: 20_000,
            port_rest_ms: 5000,
            workers: 0,
            nice: -10,
            endpoints_max: 5000,
            bridges_max: 5000,
            rtp_timeout_ms: 30_000,
            orphan_timeout_ms: 120_000,
            receive_buffer_bytes: 256 * 1024,
            dscp: 46,
            codecs: Codec::ALL.iter().map(|codec| codec.name().to_owned()).collect(),
            audio_roots: Vec::new(),
            audio_cache_bytes: 64 << 20,
        }
    }
}

/// A setting that cannot be used: whoever wrote it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}")]
pub struct MediaSettingsError {
    /// The key, without its section.
    pub key: &'static str,
    /// What is wrong with it.
    pub what: String,
}

/// The most worker threads.
const WORKERS_MAX: usize = 64;

/// The most endpoints or bridges of one node.
const TABLE_MAX: usize = 100_000;

impl MediaSettings {
    /// Checks what the types alone cannot.
    ///
    /// # Errors
    /// Names the first key that cannot be used.
    pub fn check(&self) -> Result<(), MediaSettingsError> {
        let refused = |key, what: &str| Err(MediaSettingsError { key, what: what.to_owned() });
        if self.bind_ipv4.is_none() && self.bind_ipv6.is_none() {
            return refused("bind_ipv4", "is none, and so is bind_ipv6: media needs one of them");
        }
        if self.advertised_ipv4.is_some_and(|address| address.is_unspecified()) {
            return refused("advertised_ipv4", "0.0.0.0 cannot be reached");
        }
        if self.advertised_ipv6.is_some_and(|address| address.is_unspecified()) {
            return refused("advertised_ipv6", ":: cannot be reached");
        }
        if self.rtp_port_min < 1024 {
            return refused("rtp_port_min", "at least 1024");
        }
        if self.rtp_port_max <= self.rtp_port_min.next_multiple_of(2) {
            return refused("rtp_port_max", "must leave room for a pair of ports above rtp_port_min");
        }
        if self.workers > WORKERS_MAX {
            return refused("workers", "at most 64");
        }
        if !(-20..=19).contains(&self.nice) {
            return refused("nice", "-20 to 19");
        }
        if !(1..=TABLE_MAX).contains(&self.endpoints_max) {
            return refused("endpoints_max", "1 to 100000");
        }
        if !(1..=TABLE_MAX).contains(&self.bridges_max) {
            return refused("bridges_max", "1 to 100000");
        }
        if self.rtp_timeout_ms == 0 {
            return refused("rtp_timeout_ms", "at least 1");
        }
        if self.dscp > 63 {
            return refused("dscp", "at most 63");
        }
        self.known_codecs().map(|_| ())
    }

    fn known_codecs(&self) -> Result<Vec<Codec>, MediaSettingsError> {
        if self.codecs.is_empty() {
            return Err(MediaSettingsError { key: "codecs", what: "at least one".into() });
        }
        let unknown = |name: &String| MediaSettingsError {
            key: "codecs",
            what: format!("{name:?} is not spoken here; PCMU and PCMA are"),
        };
        self.codecs.iter().map(|name| codec_named(name).ok_or_else(|| unknown(name))).collect()
    }

    /// How many threads carry media.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => (std::thread::available_parallelism().map_or(1, NonZero::get) / 4).clamp(1, WORKERS_MAX),
            workers => workers,
        }
    }

    pub(super) fn port_rest(&self) -> Duration {
        Duration::from_millis(self.port_rest_ms)
    }

    /// What the workers are told.
    pub(super) fn node_settings(&self) -> Result<NodeSettings, MediaSettingsError> {
        self.check()?;
        Ok(NodeSettings {
            endpoints_max: self.endpoints_max,
            bridges_max: self.bridges_max,
            rtp_timeout: Duration::from_millis(self.rtp_timeout_ms),
            orphan_timeout: Duration::from_millis(self.orphan_timeout_ms),
            socket: SocketSettings { receive_buffer_bytes: self.receive_buffer_bytes, dscp: self.dscp },
            addresses: Addresses::new(
                self.bind_ipv4.map(|bind| (bind, self.advertised_ipv4)),
                self.bind_ipv6.map(|bind| (bind, self.advertised_ipv6)),
            ),
            codecs: self.known_codecs()?,
            safeguards: Arc::new(Safeguards::new(self.rtp_port_min, self.rtp_port_max)),
        })
    }
}

/// The codec of an encoding name, without regard to case.
pub(super) fn codec_named(name: &str) -> Option<Codec> {
    Codec::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_used() {
        let settings = MediaSettings::default();
        assert_eq!(settings.check(), Ok(()));
        assert!(settings.worker_count() >= 1);
        assert_eq!(toml::from_str::<MediaSettings>("").unwrap(), settings);
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_its_key() {
        let rows = [
            ("rtp_port_min = 80", "rtp_port_min"),
            ("rtp_port_min = 10001\nrtp_port_max = 10002", "rtp_port_max"),
            ("codecs = []", "codecs"),
            ("codecs = [\"pcmu\", \"G729\"]", "codecs"),
            ("advertised_ipv4 = \"0.0.0.0\"", "advertised_ipv4"),
            ("advertised_ipv6 = \"::\"", "advertised_ipv6"),
            ("workers = 65", "workers"),
            ("nice = 20", "nice"),
            ("endpoints_max = 0", "endpoints_max"),
            ("bridges_max = 1000000", "bridges_max"),
            ("rtp_timeout_ms = 0", "rtp_timeout_ms"),
            ("dscp = 64", "dscp"),
        ];
        for (text, key) in rows {
            let settings: MediaSettings = toml::from_str(text).unwrap();
            assert_eq!(settings.check().unwrap_err().key, key, "{text}");
        }
        let settings = MediaSettings { bind_ipv4: None, ..MediaSettings::default() };
        assert_eq!(settings.check().unwrap_err().key, "bind_ipv4");
        for none in ["", "none"] {
            let text = format!("bind_ipv4 = {none:?}\nbind_ipv6 = \"::1\"");
            let settings: MediaSettings = toml::from_str(&text).unwrap();
            assert_eq!((settings.check(), settings.bind_ipv4), (Ok(()), None));
        }
        assert!(toml::from_str::<MediaSettings>("rtp_port = 1").is_err());
    }
}
