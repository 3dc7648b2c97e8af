//! The ground floor: time, randomness, flows and the plain words that several floors share.
//!
//! Everything here is pure and serialisable. No module below this one.

mod asker;
mod audio_path;
mod by_host;
mod causes;
mod chunks;
mod flow;
pub mod hash;
mod id;
mod ip_version;
pub mod leg;
mod mismatch;
pub mod network;
mod pace;
mod placement;
mod random;
mod reason;
pub mod setting;
mod text;
mod time;
pub mod timer;

pub use asker::Asker;
pub use audio_path::is_audio_path;
pub use by_host::ByHost;
pub use causes::with_causes;
pub use chunks::Chunks;
pub use flow::{ConnectionId, Flow, ListenerId, Transport};
pub use id::{BridgeId, ID_BYTES_MAX, IdError, NODE_NAME_BYTES_MAX, PlaybackId, SessionId};
pub use ip_version::IpVersion;
pub use mismatch::Mismatch;
pub use pace::{Pace, Rate};
pub use placement::Placement;
pub use random::Random;
pub use reason::Reason;
pub use text::{Body, DESCRIPTION_BYTES_MAX, Description, HeaderField};
pub use time::{Instant, Now, WallTime};
pub use timer::TimerWheel;
