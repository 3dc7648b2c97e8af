//! What a shard is told once. Part of a recording: with the same settings, key and inputs a run is the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dialog::DialogSettings;
use crate::ground::leg::Party;
use crate::ground::{ListenerId, Placement};
use crate::session::media::RtpSources;
use crate::session::{Refusal, SessionSettings};
use crate::sip::Limits;
use crate::transaction::TransactionSettings;

/// The group of calls that come in on a listener without a group of its own, and of commands that name none.
pub const DEFAULT_GROUP: &str = "default";

/// What a shard is told once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShardSettings {
    /// Which shard this is, counted from 0.
    pub index: u16,
    /// How calls are placed on shards.
    pub placement: Placement,
    /// Limits of messages.
    pub sip: Limits,
    /// Timers and bounds of transactions.
    pub transactions: TransactionSettings,
    /// Listeners, and bounds of dialogs.
    pub dialogs: DialogSettings,
    /// Time-outs of sessions.
    pub sessions: SessionSettings,
    /// How many sessions the shard may have. At the bound INVITEs are refused with a stateless 503, and Create with
    /// `LimitReached`. Default 20,000.
    pub sessions_max: usize,
    /// How much of what the shard and media can carry one engine may have made at a time, percent, so that room is left for
    /// others. At it Create is refused with `LimitReached`. Default 100.
    pub made_percent: u8,
    /// How many incoming calls may be there whose caller has not acknowledged that they are up; each source has a share
    /// (see `sources.rs`). Past it INVITEs are refused as at the bound above. Default 4,000.
    pub unconfirmed_max: usize,
    /// Retry-After of the 503 at that bound and while draining, seconds. Default 5.
    pub retry_after: u32,
    /// How long media may take for a reply. Default 2 s.
    pub media_timeout: Duration,
    /// How many requests may wait for media's reply. At the bound a request is refused at once as media would refuse
    /// it. Default 65,536.
    pub media_requests_max: usize,
    /// Who calls where an engine does not say.
    pub identity: Party,
    /// What differs from group to group. A group that is not named has the default policy.
    pub groups: BTreeMap<Arc<str>, GroupPolicy>,
    /// The groups of listeners. A listener that is not named belongs to [`DEFAULT_GROUP`].
    pub listener_groups: BTreeMap<ListenerId, Arc<str>>,
    /// Who may send audio, where no engine says, to calls that come in on a listener that is named here.
    pub listener_sources: BTreeMap<ListenerId, RtpSources>,
    /// The same for all other calls. Default: [`RtpSources::Exact`].
    pub rtp_sources: RtpSources,
}

/// What differs from group to group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPolicy {
    /// What callers get when no engine of the group is attached or has room, or none decided in time. Default 503 with
    /// Retry-After 5.
    pub refusal: Refusal,
}

impl Default for ShardSettings {
    fn default() -> Self {
        Self {
            index: 0,
            placement: Placement::new([0, 0], 1),
            sip: Limits::default(),
            transactions: TransactionSettings::default(),
            dialogs: DialogSettings::default(),
            sessions: SessionSettings::default(),
            sessions_max: 20_000,
            made_percent: 100,
            unconfirmed_max: 4_000,
            retry_after: 5,
            media_timeout: Duration::from_secs(2),
            media_requests_max: 65_536,
            identity: Party { uri: "sip:callplane@callplane.invalid".into(), display_name: String::new() },
            groups: BTreeMap::new(),
            listener_groups: BTreeMap::new(),
            listener_sources: BTreeMap::new(),
            rtp_sources: RtpSources::default(),
        }
    }
}

impl ShardSettings {
    /// A group's policy.
    #[must_use]
    pub fn policy(&self, group: &str) -> GroupPolicy {
        self.groups.get(group).copied().unwrap_or_default()
    }
}
