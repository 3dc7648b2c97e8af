//! What was sent to the 2xx of one INVITE of ours, by the dialog that each made: to be sent again when its 2xx comes
//! again (RFC 3261 §13.2.2.4).
//!
//! A callee can make up To tags without end and name anybody in Contact. So there are at most
//! [`DialogSettings::forks_max`](super::super::DialogSettings::forks_max) of them, and they are served so many times only: the
//! dialog that the INVITE was for by itself, all forks that are not wanted together.

use bytes::Bytes;

use crate::ground::Flow;

use super::super::index::DialogKey;

/// How often one 2xx is acknowledged again, and how often those of all forks that are not wanted. A server repeats it
/// about ten times (RFC 3261 §13.3.1.4).
pub(in crate::dialog) const REPEATS_MAX: u8 = 32;

/// The answers to the 2xx of one INVITE.
#[derive(Debug, Default)]
pub(in crate::dialog) struct Acks {
    answered: Vec<Answered>,
    /// How often forks that are not wanted were served again.
    fork_repeats: u8,
}

/// What one 2xx got.
#[derive(Debug)]
struct Answered {
    dialog: DialogKey,
    /// Empty while the target is looked up. The ACK, and the BYE that has no transaction to repeat it.
    messages: Vec<(Bytes, Flow)>,
    /// Whether it is a fork that is not wanted.
    is_fork: bool,
    /// How often it was served again, if it is not.
    repeats: u8,
}

/// What is known of a 2xx that came.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::dialog) enum Known {
    /// It is the first of its dialog.
    No,
    /// Its ACK is on the way: the target is looked up.
    Waiting,
    /// It came too often.
    Spent,
    /// These were sent, and are to be sent again.
    Sent(Vec<(Bytes, Flow)>),
}

impl Acks {
    /// How many 2xx were answered, of different dialogs.
    pub fn len(&self) -> usize {
        self.answered.len()
    }

    /// How many of them are of forks that are not wanted.
    pub fn forks(&self) -> usize {
        self.answered.iter().filter(|answered| answered.is_fork).count()
    }

    /// A 2xx of the dialog that the INVITE was for is to be answered.
    pub fn begin(&mut self, dialog: DialogKey) {
        self.enter(dialog, false);
    }

    /// A 2xx of a fork that is not wanted is to be answered.
    pub fn begin_fork(&mut self, dialog: DialogKey) {
        self.enter(dialog, true);
    }

    fn enter(&mut self, dialog: DialogKey, is_fork: bool) {
        if !self.answered.iter().any(|answered| answered.dialog == dialog) {
            self.answered.push(Answered { dialog, messages: Vec::new(), is_fork, repeats: 0 });
        }
    }

    /// Keeps what was sent.
    pub fn sent(&mut self, dialog: DialogKey, message: Bytes, flow: Flow) {
        self.begin(dialog);
        if let Some(answered) = self.answered.iter_mut().find(|answered| answered.dialog == dialog) {
            answered.messages.push((message, flow));
        }
    }

    /// A 2xx of this dialog came.
    pub fn again(&mut self, dialog: DialogKey) -> Known {
        let Some(answered) = self.answered.iter_mut().find(|answered| answered.dialog == dialog) else {
            return Known::No;
        };
        if answered.messages.is_empty() {
            return Known::Waiting;
        }
        let repeats = if answered.is_fork { &mut self.fork_repeats } else { &mut answered.repeats };
        if *repeats >= REPEATS_MAX {
            return Known::Spent;
        }
        *repeats += 1;
        Known::Sent(answered.messages.clone())
    }
}
