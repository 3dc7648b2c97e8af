//! Legs over real transactions and virtual time, against a peer that says exactly what a test wants it to say.

mod bench;
mod cancel;
mod connections;
mod elsewhere;
mod late;
mod lookups;
mod matrix;
mod moved;
mod network;
mod outside;
mod passing;
mod random;
mod rebound;
mod reinvite_forked;
mod reinvite_ours;
mod reinvite_theirs;
mod two_agents;
mod uac;
mod uas;
mod unavailable;
mod within;
