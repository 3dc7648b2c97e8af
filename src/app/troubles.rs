//! Troubles that are counted where they happen, because a peer can cause as many as it likes, told in the log: the first at
//! once, then how many more there were, at most every ten seconds for each kind.

use std::time::Duration;

use serde_json::Value;

/// How often counters are looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a kind that was told is silent.
pub(super) const SILENT_FOR: Duration = Duration::from_secs(10);

/// A total of `/counters` that grows with a kind of trouble, and what is told of it.
struct Kind {
    /// Where it stands in `/counters`.
    total: &'static str,
    what: &'static str,
}

const fn kind(total: &'static str, what: &'static str) -> Kind {
    Kind { total, what }
}

const KINDS: [Kind; 22] = [
    kind(
        "/signaling/shards/refused_no_engine",
        "calls refused: no engine of the group is attached or has room",
    ),
    kind("/signaling/shards/refused_full", "calls refused: there are signaling.sessions_max sessions"),
    kind("/signaling/shards/refused_draining", "requests refused: the process is to end"),
    kind(
        "/signaling/shards/refused_unconfirmed",
        "calls refused: a source has its share of unacknowledged ones",
    ),
    kind("/signaling/shards/refused_rate", "calls refused: more come than are served"),
    kind("/signaling/shards/refused_overdue", "calls refused: they had waited for too long"),
    kind(
        "/signaling/shards/calls_passed_on",
        "calls passed on to another engine: theirs did not decide in time, was silent, behind or gone",
    ),
    kind("/signaling/shards/events_suppressed", "events of sessions suppressed: their peers cause too many"),
    kind("/signaling/transport/lookups_refused", "look-ups of names refused: too many are under way"),
    kind("/signaling/shards/media_timed_out", "media did not answer within signaling.media_timeout_ms"),
    kind("/signaling/shards/media_refused", "requests to media refused: too many wait for an answer"),
    kind(
        "/signaling/transactions/refused_at_limit",
        "requests refused: as many transactions as there may be",
    ),
    kind("/signaling/dialogs/refused_at_limit", "calls refused: as many legs as there may be"),
    kind("/signaling/transport/refused_new_requests", "new requests dropped: a shard does not keep up"),
    kind("/signaling/transport/refused_ongoing", "messages of calls dropped: a shard does not keep up"),
    kind(
        "/signaling/transport/connections_refused_total",
        "SIP connections refused: as many as there may be",
    ),
    kind(
        "/signaling/transport/connections_refused_source",
        "SIP connections refused: too many from one address",
    ),
    kind("/signaling/transport/accept_errors", "SIP connections could not be accepted"),
    kind("/signaling/engines/events_dropped", "events dropped: an engine does not keep up"),
    kind("/signaling/media_events_dropped", "media's events dropped"),
    kind(
        "/signaling/datagrams_dropped_by_kernel",
        "datagrams dropped by the kernel: nobody read them in time",
    ),
    kind(
        "/media/ports/unbound",
        "RTP ports could not be opened: the system has no descriptors or memory left",
    ),
];

/// What was told of each kind.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    told: [u64; KINDS.len()],
    silent_until: [Duration; KINDS.len()],
}

impl Troubles {
    /// What is to be told now, and how often it happened since it was told last. `now` counts from any beginning.
    pub fn new_ones(&mut self, counters: &Value, now: Duration) -> Vec<(&'static str, u64)> {
        let kept = self.told.iter_mut().zip(&mut self.silent_until);
        let mut new = Vec::new();
        for (kind, (told, silent_until)) in KINDS.iter().zip(kept) {
            let total = counters.pointer(kind.total).and_then(Value::as_u64).unwrap_or(*told);
            if total > *told && now >= *silent_until {
                new.push((kind.what, total - *told));
                *told = total;
                *silent_until = now + SILENT_FOR;
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::media::MediaSettings;
    use crate::signaling::counters::SignalingCounters;

    #[test]
    fn the_first_is_told_at_once_and_others_with_their_number_later() {
        let mut troubles = Troubles::default();
        let counted = |refused: u64| json!({ "signaling": { "shards": { "refused_full": refused } } });
        let (second, none) = (Duration::from_secs, Vec::<u64>::new());
        let numbers = |told: Vec<(&str, u64)>| told.into_iter().map(|(_, number)| number).collect::<Vec<_>>();
        assert_eq!(numbers(troubles.new_ones(&counted(0), second(0))), none);
        assert_eq!(numbers(troubles.new_ones(&counted(1), second(1))), [1]);
        assert_eq!(numbers(troubles.new_ones(&counted(500), second(2))), none);
        assert_eq!(numbers(troubles.new_ones(&counted(700), second(11))), [699]);
        assert_eq!(numbers(troubles.new_ones(&counted(700), second(30))), none);
    }

    #[test]
    fn every_kind_is_counted() {
        let media = crate::media::service::start(&MediaSettings {
            rtp_port_min: 29_760,
            rtp_port_max: 29_769,
            bind_ipv4: Some(std::net::Ipv4Addr::LOCALHOST),
            ..MediaSettings::default()
        });
        let media = media.expect("media");
        let mut signaling = serde_json::to_value(SignalingCounters::default()).expect("counters");
        let transport = crate::transport::CountersSnapshot::default().named();
        signaling["transport"] =
            transport.into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect();
        let counters = json!({ "signaling": signaling, "media": media.snapshot() });
        for kind in &KINDS {
            assert!(counters.pointer(kind.total).is_some_and(Value::is_u64), "{}", kind.total);
        }
        media.shutdown();
    }
}
