//! Media: RTP endpoints, the bridges between them, and what is played into them.
//!
//! [`core`] decides, as pure functions of packets, requests and time. [`worker`] owns sockets, threads and the 20 ms
//! clock. [`grpc`] serves `callplane.media.v1`. [`service::start`] puts them together. Media knows nothing of SIP.

pub mod core;
pub mod grpc;
pub mod service;
pub mod worker;

mod counters;
mod settings;

pub use counters::MediaSnapshot;
pub use settings::{MediaSettings, MediaSettingsError};
