//! The media service over its real sockets on loopback: phones that send tones, asked by the generated client.

mod audio;
mod harness;
mod moving;
mod naming;
mod owners;
mod phone;
mod ports;
mod refusals;
mod trust;
mod versions;
