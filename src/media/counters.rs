//! What a media node carries at one moment: for tests that look for leaks, for operators.

use crate::media::core::ConsentCounts;
use crate::media::worker::net::PortCounts;
use crate::media::worker::{AudioCounts, LookupCounts, WorkerSnapshot};

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
    /// Host names of peers' descriptions.
    pub lookups: LookupCounts,
    /// Hosts of peers, and what they were not sent.
    pub consent: ConsentCounts,
    /// Decoded audio files.
    pub audio: AudioCounts,
    /// Negotiations that failed, as for an offer of nothing that is spoken here. A total.
    pub negotiations_failed: u64,
    /// Each worker.
    pub workers: Vec<WorkerSnapshot>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_table_of_bounds_says_is_counted_is_counted() {
        const TABLE: &str = include_str!("../../docs/bounds.md");
        let counters = serde_json::to_value(MediaSnapshot::default()).unwrap();
        let mut seen = 0;
        for word in TABLE.split('`') {
            let Some((part, name)) = word.strip_prefix("media.").and_then(|path| path.split_once('.')) else {
                continue;
            };
            if part != "workers[n]" {
                assert!(counters[part][name].is_u64(), "{word} is not in /counters");
                seen += 1;
            }
        }
        assert!(seen >= 6, "{seen} names");
    }
}
