//! What a media node carries at one moment: for tests that look for leaks, for operators.

use crate::media::worker::WorkerSnapshot;
use crate::media::worker::net::PortCounts;

/// One node at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct MediaSnapshot {
    /// Endpoints, also those that are just being made.
    pub endpoints: usize,
    /// Bridges, also those without members that are on no worker yet.
    pub bridges: usize,
    /// Playbacks that run.
    pub playbacks: usize,
    /// Sockets that are open: one for each endpoint.
    pub sockets: usize,
    /// Port pairs.
    pub ports: PortCounts,
    /// Owners that are known.
    pub owners: usize,
    /// Each worker.
    pub workers: Vec<WorkerSnapshot>,
}
