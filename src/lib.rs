//! Callplane: a programmable call plane.
//!
//! A **signaling** service speaks SIP and owns transactions, dialogs and sessions. A **media** service owns RTP
//! endpoints and bridges. They talk gRPC. A **call engine**, the user's own program in any language, attaches to a
//! stream of session events and drives every call.
//!
//! The modules are the floors of one house; a module imports only those below it. Everything from [`shard`] down
//! to [`sip`], and [`media::core`] down to [`codec`], is pure: it knows no socket, no clock and no runtime. See
//! `docs/architecture.md`.

pub mod ground;

pub mod dialog;
pub mod engine;
pub mod session;
pub mod shard;
pub mod sip;
pub mod transaction;

pub mod codec;
pub mod media;
pub mod rtp;
pub mod sdp;

pub mod listening;
pub mod names;
pub mod signaling;
pub mod transport;

pub mod proto;

pub mod callengine;

pub mod app;
pub mod cli;
pub mod config;
pub mod telemetry;
