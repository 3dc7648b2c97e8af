//! Packet-loss concealment for G.711, after ITU-T G.711 Appendix I.

/// Placeholder for the state of one receiving stream.
#[derive(Clone, Debug, Default)]
pub struct Concealment {}
