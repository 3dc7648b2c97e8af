//! Media: RTP endpoints, the bridges between them, and what is played into them.
//!
//! [`core`] decides, as pure functions of packets, requests and time. Media knows nothing of SIP.

pub mod core;
