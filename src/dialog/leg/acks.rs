//! What was sent to the 2xx of one INVITE of ours, by the dialog that each made: to be sent again when its 2xx comes
//! again (RFC 3261 §13.2.2.4).
//!
//! A callee can make up To tags without end and name anybody in Contact. So there are at most
//! [`DialogSettings::forks_max`](super::super::DialogSettings::forks_max) of them, and each is served so many times only.

use bytes::Bytes;

use crate::ground::Flow;

use super::super::index::DialogKey;

/// How often one 2xx is acknowledged again. A server repeats it about ten times (RFC 3261 §13.3.1.4).
pub(in crate::dialog) const REPEATS_MAX: u8 = 32;

/// The answers to the 2xx of one INVITE.
#[derive(Debug, Default)]
pub(in crate::dialog) struct Acks(Vec<Answered>);

/// What one 2xx got.
#[derive(Debug)]
struct Answered {
    dialog: DialogKey,
    /// Empty while the target is looked up. The ACK, and the BYE that has no transaction to repeat it.
    messages: Vec<(Bytes, Flow)>,
    repeats_left: u8,
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
        self.0.len()
    }

    /// A 2xx of this dialog is to be answered.
    pub fn begin(&mut self, dialog: DialogKey) {
        if !self.0.iter().any(|answered| answered.dialog == dialog) {
            self.0.push(Answered { dialog, messages: Vec::new(), repeats_left: REPEATS_MAX });
        }
    }

    /// Keeps what was sent.
    pub fn sent(&mut self, dialog: DialogKey, message: Bytes, flow: Flow) {
        self.begin(dialog);
        if let Some(answered) = self.0.iter_mut().find(|answered| answered.dialog == dialog) {
            answered.messages.push((message, flow));
        }
    }

    /// A 2xx of this dialog came.
    pub fn again(&mut self, dialog: DialogKey) -> Known {
        match self.0.iter_mut().find(|answered| answered.dialog == dialog) {
            None => Known::No,
            Some(answered) if answered.messages.is_empty() => Known::Waiting,
            Some(Answered { repeats_left: 0, .. }) => Known::Spent,
            Some(answered) => {
                answered.repeats_left -= 1;
                Known::Sent(answered.messages.clone())
            }
        }
    }
}
