//! A run, written down: with the same settings and key it can be run again, step by step.

use serde::{Deserialize, Serialize};

use super::Shard;
use super::io::{Input, Output};
use crate::ground::Now;

/// One step of a shard as its driver made it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// When.
    pub now: Now,
    /// What came; `None`: the time was up.
    pub input: Option<Input>,
}

impl Recorded {
    /// Makes the step again, and takes out what it leads to.
    pub fn run(self, shard: &mut Shard) -> Vec<Output> {
        match self.input {
            Some(input) => shard.handle(input, self.now),
            None => shard.handle_timeout(self.now),
        }
        std::iter::from_fn(|| shard.poll_output()).collect()
    }
}
