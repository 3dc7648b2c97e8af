//! What the runs have met: a simulator that never gets anywhere proves nothing.

use std::collections::BTreeMap;

/// What a run has met.
#[derive(Debug, Default)]
pub struct Coverage {
    pub connected: u32,
    /// Calls whose ends were compared.
    pub agreed: u32,
    pub succeeded: BTreeMap<&'static str, u32>,
    pub causes: BTreeMap<String, u32>,
}

impl Coverage {
    pub fn add(&mut self, other: &Self) {
        self.connected += other.connected;
        self.agreed += other.agreed;
        for (kind, count) in &other.succeeded {
            *self.succeeded.entry(kind).or_default() += count;
        }
        for (cause, count) in &other.causes {
            *self.causes.entry(cause.clone()).or_default() += count;
        }
    }

    /// Everything that there is was met.
    pub fn assert_wide(&self) {
        println!("{self:?}");
        assert!(self.connected > 200 && self.agreed > 50, "{self:?}");
        for kind in [
            "EarlyMedia",
            "Hold",
            "Resume",
            "UpdateMedia",
            "SendDtmf",
            "Mute",
            "SendInfo",
            "SendMessage",
            "BridgeJoin",
        ] {
            assert!(self.succeeded.get(kind).is_some_and(|count| *count >= 5), "too few {kind}: {self:?}");
        }
        for cause in [
            "RemoteHangup",
            "LocalHangup",
            "Cancelled",
            "Busy",
            "Redirected",
            "Rejected",
            "Timeout",
            "NoEngine",
            "MediaFailure",
        ] {
            assert!(self.causes.contains_key(cause), "no {cause}: {self:?}");
        }
    }
}
