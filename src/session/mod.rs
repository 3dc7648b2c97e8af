//! Sessions: one call leg's life, as engines see it.

pub mod command;
pub mod event;
pub mod media;
