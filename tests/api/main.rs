//! The session API over real TCP, with the generated Rust client.
//!
//! Most of it stands before a scripted shard, so that every answer of a shard can be had when it is wanted; [`calls`] runs
//! the real one, with SIP over UDP on loopback. Media is a stub of the contract, in this process or over TCP.

mod atomic_bridges;
mod attach;
mod bridges;
mod calls;
mod commands;
mod errors;
mod fields;
mod flow;
mod http2;
mod lists;
mod media_link;
mod passing;
mod service;
mod support;
