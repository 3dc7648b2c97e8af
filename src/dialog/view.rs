//! A look at one dialog, for listing and for whoever asks how it stands.

use crate::ground::WallTime;
use crate::ground::leg::LegId;

use super::error::LegState;
use super::state::{Dialog, Role};

/// How a dialog stands (RFC 3261 §12, with the words of RFC 4235 §3.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DialogState {
    /// The INVITE is on its way; the peer has no tag yet.
    Trying,
    /// Made by a provisional response, or about to be.
    Early,
    /// Made by a 2xx.
    Confirmed,
    /// Ended by BYE of ours, which waits for its answer.
    Terminated,
}

/// One dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogView {
    /// The leg it belongs to.
    pub leg: LegId,
    /// Where that leg stands.
    pub leg_state: LegState,
    /// How the dialog stands.
    pub state: DialogState,
    /// Who sent the INVITE.
    pub role: Role,
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty when it has none (yet).
    pub remote_tag: String,
    /// Our URI, as in From or To.
    pub local_uri: String,
    /// The peer's URI, as in From or To.
    pub remote_uri: String,
    /// Where requests go: the peer's Contact.
    pub remote_target: String,
    /// The route set in the order to be visited.
    pub route_set: Vec<String>,
    /// The sequence number of our last request; 0 before the first.
    pub local_sequence: u32,
    /// The highest sequence number of the peer's requests.
    pub remote_sequence: Option<u32>,
    /// Whether only `sips:` will do.
    pub secure: bool,
    /// When it was made.
    pub created_at: WallTime,
    /// When the last message in it came or went.
    pub last_activity: WallTime,
    /// Bytes of memory that it holds.
    pub memory_bytes: usize,
}

impl DialogView {
    pub(super) fn of(leg: LegId, leg_state: LegState, dialog: &Dialog) -> Self {
        let state = match leg_state {
            LegState::Opened | LegState::Locating => DialogState::Trying,
            LegState::Calling if dialog.remote_tag().is_empty() => DialogState::Trying,
            LegState::Calling | LegState::Proceeding => DialogState::Early,
            LegState::Answering | LegState::Accepted | LegState::Confirmed => DialogState::Confirmed,
            LegState::Closing | LegState::Over => DialogState::Terminated,
        };
        Self {
            leg,
            leg_state,
            state,
            role: dialog.role,
            call_id: dialog.call_id().to_owned(),
            local_tag: dialog.local_tag().to_owned(),
            remote_tag: dialog.remote_tag().to_owned(),
            local_uri: dialog.local_uri().to_owned(),
            remote_uri: dialog.remote_uri().to_owned(),
            remote_target: dialog.target().to_owned(),
            route_set: dialog.routes().map(ToOwned::to_owned).collect(),
            local_sequence: dialog.local_sequence,
            remote_sequence: dialog.remote_sequence,
            secure: dialog.secure,
            created_at: dialog.created,
            last_activity: dialog.active,
            memory_bytes: dialog.memory(),
        }
    }
}
