//! What can be set about signaling: the section `signaling` of the configuration. Lengths of time are whole
//! milliseconds or seconds, as the key says.

mod check;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use super::grpc::ApiLimits;
use crate::dialog::EarlyAnswers;
use crate::engine::EngineLimits;
use crate::ground::Transport;
use crate::ground::setting::or_none;

/// The section `signaling`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalingSettings {
    /// This node's name towards media, stable over restarts. Empty: the host's name.
    pub node: String,
    /// Where engines and tools reach the API. Port 0 lets the system choose.
    pub grpc_listen: SocketAddr,
    /// The media service as `host:port`. Absent: media runs in this process.
    #[serde(deserialize_with = "or_none")]
    pub media_address: Option<String>,
    /// Threads that carry calls. With 1, all of signaling runs on one thread; with more, the API and the sockets have a
    /// thread besides.
    pub shards: u16,
    /// Sessions at a time, over all shards; at least one for each. Calls fall to shards by hash, and each shard has its
    /// part of this. At the bound new calls are refused with 503.
    pub sessions_max: usize,
    /// User-Agent and Server. Empty: none is written.
    pub product: String,
    /// Media types that an INVITE's body may have besides a session description and multipart, as `text/plain`: what
    /// engines take. Others are refused with 415.
    pub accept: Vec<String>,
    /// Who calls where an engine does not say: a SIP URI.
    pub identity_uri: String,
    /// The display name beside it.
    pub identity_display_name: String,
    /// How long media may take for a reply, milliseconds.
    pub media_timeout_ms: u64,
    /// The SIP listeners.
    pub listeners: Vec<SipListener>,
    /// What differs from group to group, by name. A group that is not named has the default policy.
    pub groups: BTreeMap<String, GroupSettings>,
    /// Engines and their event logs.
    pub engines: EngineSettings,
    /// Time-outs of calls.
    pub calls: CallSettings,
    /// Timers of SIP.
    pub sip: SipSettings,
    /// Bounds of sockets.
    pub sockets: SocketSettings,
    /// Bounds of the API.
    pub api: ApiLimits,
}

impl Default for SignalingSettings {
    fn default() -> Self {
        Self {
            node: String::new(),
            grpc_listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            media_address: None,
            shards: 1,
            sessions_max: 20_000,
            product: concat!("Callplane/", env!("CARGO_PKG_VERSION")).into(),
            accept: Vec::new(),
            identity_uri: "sip:callplane@callplane.invalid".into(),
            identity_display_name: String::new(),
            media_timeout_ms: 2_000,
            listeners: vec![
                SipListener::on(SipTransport::Udp, SocketAddr::from(([0, 0, 0, 0], 5060))),
                SipListener::on(SipTransport::Tcp, SocketAddr::from(([0, 0, 0, 0], 5060))),
            ],
            groups: BTreeMap::new(),
            engines: EngineSettings::default(),
            calls: CallSettings::default(),
            sip: SipSettings::default(),
            sockets: SocketSettings::default(),
            api: ApiLimits::default(),
        }
    }
}

/// A transport that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SipTransport {
    /// Datagrams.
    Udp,
    /// A byte stream.
    Tcp,
}

impl From<SipTransport> for Transport {
    fn from(transport: SipTransport) -> Self {
        match transport {
            SipTransport::Udp => Self::Udp,
            SipTransport::Tcp => Self::Tcp,
        }
    }
}

/// One SIP listener.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipListener {
    /// Which transport.
    pub transport: SipTransport,
    /// The local address. An IPv6 address takes IPv6 only.
    pub bind: SocketAddr,
    /// What Via and Contact say, where it is not the bound address: a name or an address, IPv6 without brackets.
    #[serde(default, deserialize_with = "or_none")]
    pub advertised_host: Option<String>,
    /// The port beside it. Absent: the bound one.
    #[serde(default)]
    pub advertised_port: Option<u16>,
    /// The group of engines that decide about calls that come in here.
    #[serde(default = "default_group")]
    pub group: String,
    /// Who may send the audio of calls that come in here, where no engine says. Absent: `calls.rtp_sources`.
    #[serde(default)]
    pub rtp_sources: Option<RtpSources>,
}

/// Which addresses may send a call's audio besides the one that the peer announces, where that one can be believed: where it
/// is public, or the one that the peer signals from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RtpSources {
    /// None.
    #[default]
    Exact,
    /// Those of the same /24 (IPv4) or /64 (IPv6).
    Subnet,
    /// All.
    Any,
}

impl From<RtpSources> for crate::session::media::RtpSources {
    fn from(sources: RtpSources) -> Self {
        match sources {
            RtpSources::Exact => Self::Exact,
            RtpSources::Subnet => Self::Subnet,
            RtpSources::Any => Self::Any,
        }
    }
}

fn default_group() -> String {
    crate::shard::DEFAULT_GROUP.to_owned()
}

impl SipListener {
    /// A listener whose bound address is what peers are told.
    #[must_use]
    pub fn on(transport: SipTransport, bind: SocketAddr) -> Self {
        Self {
            transport,
            bind,
            advertised_host: None,
            advertised_port: None,
            group: default_group(),
            rtp_sources: None,
        }
    }
}

/// What differs from group to group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupSettings {
    /// The status that callers get when no engine of the group is attached or has room, or none decided in time. 400 to
    /// 699.
    pub refusal_status: u16,
    /// Retry-After beside it, seconds; 0: none.
    pub retry_after_seconds: u32,
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self { refusal_status: 503, retry_after_seconds: 5 }
    }
}

/// Engines and their event logs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// How long an engine that went away may stay away before its calls are ended, milliseconds.
    pub grace_ms: u64,
    /// The heartbeat of an engine that does not ask for one, milliseconds.
    pub heartbeat_ms: u64,
    /// The shortest heartbeat, milliseconds.
    pub heartbeat_min_ms: u64,
    /// Most events that may be under way to one engine.
    pub unacked_events_max: u32,
    /// Most events kept for one engine. Past it what is worth least is dropped, of the session that has most of it, and the
    /// engine told of the gap.
    pub retention_events: u32,
    /// Most bytes of events kept for one engine. Past it as above.
    pub retention_bytes: u64,
    /// Most bytes of events kept for all engines together. Past it the engine for which most is kept loses as above.
    pub total_bytes: u64,
    /// Most engines, attached and away.
    pub engines_max: u32,
    /// Most sessions that one engine may have made at a time, in percent of what signaling and media can carry: so that
    /// room is left for others.
    pub made_percent: u8,
}

impl Default for EngineSettings {
    fn default() -> Self {
        let limits = EngineLimits::default();
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            grace_ms: millis(limits.grace),
            heartbeat_ms: millis(limits.heartbeat_default),
            heartbeat_min_ms: millis(limits.heartbeat_min),
            unacked_events_max: limits.unacked_events_max,
            retention_events: limits.retention_events,
            retention_bytes: limits.retention_bytes,
            total_bytes: limits.total_bytes,
            engines_max: limits.engines_max,
            made_percent: 75,
        }
    }
}

impl EngineSettings {
    /// As the engines' floor has them.
    #[must_use]
    pub fn limits(&self) -> EngineLimits {
        EngineLimits {
            grace: Duration::from_millis(self.grace_ms),
            heartbeat_default: Duration::from_millis(self.heartbeat_ms),
            heartbeat_min: Duration::from_millis(self.heartbeat_min_ms),
            unacked_events_max: self.unacked_events_max,
            retention_events: self.retention_events,
            retention_bytes: self.retention_bytes,
            total_bytes: self.total_bytes,
            engines_max: self.engines_max,
            ..EngineLimits::default()
        }
    }
}

/// Time-outs of calls.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallSettings {
    /// How long an incoming call waits for its engine's first decision, milliseconds.
    pub decision_timeout_ms: u64,
    /// How long an incoming call may then stay unanswered, seconds.
    pub alerting_timeout_seconds: u64,
    /// How long an outbound call may ring where its engine does not say, seconds.
    pub ring_timeout_seconds: u64,
    /// How long a call may last after its answer where its engine does not say, seconds; 0: as long as it likes.
    pub max_duration_seconds: u64,
    /// Whether a call ends when no RTP came for media's configured time.
    pub end_on_rtp_silence: bool,
    /// What the answer in an unreliable provisional response is: `preview` of the one in the 200, or `binding`.
    pub early_answers: EarlyAnswers,
    /// Who may send a call's audio, where neither its engine nor its listener says.
    pub rtp_sources: RtpSources,
    /// Incoming calls at a time whose caller has not yet acknowledged that they are up, over all shards; at least one for
    /// each. Each source has a share: one that never completed a call a third of it alone, all such together half, others
    /// up to four fifths. At the bound or the share new calls are refused with 503.
    pub unconfirmed_max: usize,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            decision_timeout_ms: 10_000,
            alerting_timeout_seconds: 600,
            ring_timeout_seconds: 180,
            max_duration_seconds: 4 * 3600,
            end_on_rtp_silence: true,
            early_answers: EarlyAnswers::default(),
            rtp_sources: RtpSources::default(),
            unconfirmed_max: 4_000,
        }
    }
}

/// Timers of SIP (RFC 3261 §17.1.1.1), milliseconds. The defaults are the RFC's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SipSettings {
    /// T1, the round-trip time estimate.
    pub t1_ms: u64,
    /// T2, the longest interval between repetitions.
    pub t2_ms: u64,
    /// T4, how long a message stays in the network.
    pub t4_ms: u64,
    /// Timer D, how long repeats of a refused INVITE's final response are acknowledged.
    pub timer_d_ms: u64,
}

impl Default for SipSettings {
    fn default() -> Self {
        Self { t1_ms: 500, t2_ms: 4_000, t4_ms: 5_000, timer_d_ms: 32_000 }
    }
}

/// Bounds of sockets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SocketSettings {
    /// Receive buffer of each UDP listener, bytes.
    pub udp_receive_buffer_bytes: usize,
    /// Send buffer of each UDP listener, bytes.
    pub udp_send_buffer_bytes: usize,
    /// Stream connections at once.
    pub connections_max: usize,
    /// Accepted stream connections at once from one address (IPv6: one /64), and never more than are left free of all.
    pub connections_per_source_max: usize,
    /// A stream connection on which nothing came and nothing went for this long is closed, seconds.
    pub idle_seconds: u64,
    /// The same for one that has served no call, seconds: on which nothing of ours went but refusals and answers to OPTIONS.
    /// A keep-alive counts as something that came.
    pub idle_without_call_seconds: u64,
    /// An accepted stream connection that brought no complete message for this long is closed, milliseconds.
    pub half_open_ms: u64,
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self {
            udp_receive_buffer_bytes: 4 << 20,
            udp_send_buffer_bytes: 4 << 20,
            connections_max: 20_000,
            connections_per_source_max: 2_000,
            idle_seconds: 1_800,
            idle_without_call_seconds: 180,
            half_open_ms: 10_000,
        }
    }
}

/// A value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct BadSetting {
    /// The key within the section.
    pub key: String,
    /// What is wrong.
    pub problem: String,
}
