//! The pure part of media: endpoints, bridges, mixing, playing. No socket, no clock, no thread.
//!
//! A [`Fabric`] is what one worker carries. It takes requests, packets and the passing of time, writes packets to a
//! [`Wire`] and gives out [`Output`]s. Negotiation content is [`crate::sdp`]'s, packets are [`crate::rtp`]'s, samples
//! [`crate::codec`]'s; names and owners of things are the worker's.
//!
//! All audio that is made here, not only passed on, is linear 16 bit at [`SAMPLE_RATE_HZ`] in frames of [`FRAME_MS`].

mod bridge;
mod consent;
mod deadlines;
mod digits;
mod endpoint;
mod exchange;
mod fabric;
mod failure;
mod hairpins;
mod lock_in;
mod mix;
mod negotiation;
mod packetizer;
mod playback;
mod rate;
mod remote;
mod safeguards;
mod slab;
mod source;
mod taken_bytes;
mod talker;
mod wheel;

#[cfg(test)]
mod tests;

pub use bridge::{BRIDGE_MEMBERS_MAX, Bridge, BridgeKey, BridgeMode, MESH_MEMBERS_MAX};
pub use consent::{
    ConsentCounts, FAMILIAR_PACKETS_MAX, HOSTS_MAX, REACHED_PACKETS_MAX, STRANGER_PACKETS_MAX,
    UNASKED_PER_SECOND,
};
pub use digits::{DIGITS_MAX, DigitPlan};
pub use endpoint::{Dropped, Endpoint, EndpointKey, EndpointSettings, Statistics};
pub use exchange::REMOTES_MAX;
pub use fabric::{Event, Fabric, FabricCounters, FabricSettings, Output, PACKET_BYTES_MAX, Wire};
pub use failure::Failure;
pub use hairpins::HAIRPINS_MAX;
pub use lock_in::{
    ANNOUNCED_SILENCE, LEARNED_SILENCE, LockIn, MOVE_SILENCE, OWN_HOST_SILENCE, PROBATION_PACKETS,
    RENEGOTIATION_WINDOW, SourceRules, Verdict,
};
pub use negotiation::{Agreed, Ask, DESCRIPTOR_BYTES_MAX, Described, Intent, Step};
pub use playback::{Clip, PlayEnd, PlayOrder, PlaySource, Playback};
pub use rate::{PACKETS_AT_ONCE_MAX, PACKETS_PER_SECOND_MAX};
pub use remote::NamedHost;
pub use safeguards::Safeguards;
pub use slab::{Key, Slab};
pub use source::{Announced, Signaled, Site, SourcePolicy, Standpoint};
pub use taken_bytes::TakenBytes;
pub use wheel::{CATCH_UP_MS, Lateness};

use std::time::Duration;

/// The rate at which audio is mixed and played, in hertz.
pub const SAMPLE_RATE_HZ: u32 = 8000;

/// Milliseconds of audio in a frame.
pub const FRAME_MS: u32 = 20;

/// The duration of a frame.
pub const FRAME: Duration = Duration::from_millis(FRAME_MS as u64);

/// Samples in a frame.
pub const FRAME_SAMPLES: usize = (SAMPLE_RATE_HZ / 1000 * FRAME_MS) as usize;

/// Samples over which a signal goes over into another, or into silence: 10 ms.
pub const RAMP_SAMPLES: usize = FRAME_SAMPLES / 2;

/// One frame of audio.
pub type Frame = [i16; FRAME_SAMPLES];
