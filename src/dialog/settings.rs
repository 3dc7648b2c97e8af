//! What a shard's dialogs are told once: listeners, names, timers, and every bound of this floor.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ground::{IpVersion, ListenerId, Transport};

/// The text that a dialog keeps (tags, addresses, target, route set), in bytes. A message that would make a longer one
/// is refused with 513.
pub const DIALOG_TEXT_BYTES_MAX: usize = 8 * 1024;

/// Header fields handed up from one message. More are dropped and counted.
pub const FIELDS_MAX: usize = 64;

/// Bytes of names and values of the header fields handed up from one message. More are dropped and counted.
pub const FIELDS_BYTES_MAX: usize = 8 * 1024;

/// Retries of a re-INVITE that met 491 before it counts as refused.
pub const GLARE_RETRIES_MAX: u8 = 5;

/// How long a look-up may take before it counts as failed, whatever the resolver says.
pub const LOOKUP_TIME: Duration = Duration::from_secs(32);

/// Forks of one INVITE of ours, besides the one that won, to which a BYE is repeated like any other although they are not
/// at the address that was called: what a proxy is likely to have asked. To further ones it is sent once.
pub const REPEATED_FORKS_MAX: usize = 2;

/// How many of these a shard has in a second.
pub const REPEATED_FORKS_PER_SECOND: u32 = 20;

/// 2xx without their INVITE that a shard answers at once and in a second, with ACK and BYE. Further ones are dropped and
/// counted; whoever means it repeats them.
pub const STRAYS_PER_SECOND: u32 = 50;

/// Provisional responses to one INVITE of ours that are told at once. Further ones are told at [`PROVISIONALS_PER_SECOND`]
/// and else dropped and counted.
pub const PROVISIONALS_BURST: u32 = 32;

/// See [`PROVISIONALS_BURST`].
pub const PROVISIONALS_PER_SECOND: u32 = 1;

/// How far a request from somewhere else than the dialog's peer may be ahead of the CSeq before it. Further ones are
/// refused with 500.
pub const FOREIGN_CSEQ_AHEAD_MAX: u32 = 65_535;

/// A provisional response is repeated this often, so that proxies do not give up (RFC 3261 §13.3.1.1).
pub const PROVISIONAL_INTERVAL: Duration = Duration::from_secs(60);

/// Settings of the dialog floor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogSettings {
    /// The listeners, in order of preference.
    pub listeners: Vec<Listener>,
    /// User-Agent of requests and Server of responses, where the session gives none. Empty: none is written.
    pub product: String,
    /// Media types that an INVITE's body may have besides `application/sdp` and `multipart/*`: what engines take.
    pub accept: Vec<String>,
    /// T1 (RFC 3261 §17.1.1.1).
    pub t1: Duration,
    /// T2: the longest interval between two repetitions of a 2xx.
    pub t2: Duration,
    /// Legs, lingering ones included. Over it INVITEs are refused with 503, and [`super::Legs::open`] refuses.
    pub legs_max: usize,
    /// Early dialogs of one INVITE of ours. Provisional responses of further forks are dropped and counted; a 2xx of
    /// theirs is still taken, if it is the first. It is also how many 2xx of different forks are answered: further ones
    /// are dropped and counted.
    pub forks_max: usize,
    /// What counts when a fork's 2xx brings another answer than its unreliable provisional response.
    pub early_answers: EarlyAnswers,
    /// Requests of one leg that wait for their responses: INFO and MESSAGE.
    pub requests_max: usize,
    /// Look-ups under way. Over it a target counts as not to be located.
    pub lookups_max: usize,
    /// A request of more bytes goes by TCP where there is a listener for it (RFC 3261 §18.1.1).
    pub datagram_bytes_max: usize,
}

impl Default for DialogSettings {
    fn default() -> Self {
        Self {
            listeners: Vec::new(),
            product: String::new(),
            accept: Vec::new(),
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            legs_max: 100_000,
            forks_max: 16,
            early_answers: EarlyAnswers::default(),
            requests_max: 16,
            lookups_max: 10_000,
            datagram_bytes_max: 1300,
        }
    }
}

/// What the answer in an unreliable provisional response is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyAnswers {
    /// A preview of the one in the 2xx, which counts where they differ (RFC 6337 §3.1.1). Gateways that ring by one port
    /// and speak by another are heard.
    #[default]
    Preview,
    /// The answer, by the letter of RFC 3261 §13.2.1: what the 2xx brings is ignored.
    Binding,
}

/// A listener as far as dialogs care: where from, and what peers are told about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Its id.
    pub id: ListenerId,
    /// The transport spoken there.
    pub transport: Transport,
    /// The advertised host for Via and Contact: a name, an IPv4 address, or an IPv6 address in brackets.
    pub host: String,
    /// The advertised port.
    pub port: u16,
    /// Whether its socket reaches IPv6 addresses; otherwise IPv4 ones.
    pub ipv6: bool,
}

impl DialogSettings {
    /// 64·T1: how long an ACK is waited for.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// The listener with this id.
    #[must_use]
    pub fn listener(&self, id: ListenerId) -> Option<&Listener> {
        self.listeners.iter().find(|listener| listener.id == id)
    }

    /// Whether there is a listener for this transport.
    #[must_use]
    pub fn speaks(&self, transport: Transport) -> bool {
        self.listeners.iter().any(|listener| listener.transport == transport)
    }

    /// The listener from which this address is reached by this transport; `preferred` if it is one of them.
    #[must_use]
    pub fn listener_towards(
        &self,
        transport: Transport,
        address: IpAddr,
        preferred: Option<ListenerId>,
    ) -> Option<&Listener> {
        let mut fitting = self
            .listeners
            .iter()
            .filter(|listener| listener.transport == transport && listener.ipv6 == address.is_ipv6());
        let first = fitting.clone().next();
        fitting.find(|listener| Some(listener.id) == preferred).or(first)
    }

    /// The IP version of all listeners for this transport; `None` when there are both.
    #[must_use]
    pub fn only_version(&self, transport: Transport) -> Option<IpVersion> {
        let of = |ipv6| self.listeners.iter().any(|l| l.transport == transport && l.ipv6 == ipv6);
        match (of(false), of(true)) {
            (true, true) => None,
            (_, true) => Some(IpVersion::V6),
            (_, false) => Some(IpVersion::V4),
        }
    }
}
