//! The transition matrix: which verb is legal in which phase. It checks every command, and it names what would be legal
//! when one is refused.
//!
//! `Y`: legal. `B`: another operation must end first, refused with `OperationRunning`. `o`: refused with `WrongState`.
//! Verbs on media are refused with `NoMedia` where a phase allows them and nothing is negotiated yet.

use super::command::Verb;
use super::phase::Phase;

/// What the matrix says about a verb in a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legality {
    /// Legal.
    Legal,
    /// Another operation is under way.
    Busy,
    /// Not in this phase.
    Wrong,
}

use Legality::{Busy as B, Legal as Y, Wrong as o};

/// The columns.
pub const VERBS: [&str; 17] = [
    "Ring",
    "EarlyMedia",
    "Answer",
    "Reject",
    "Redirect",
    "Hold",
    "Resume",
    "UpdateMedia",
    "SendInfo",
    "SendMessage",
    "Terminate",
    "Mute",
    "SendDtmf",
    "JoinBridge",
    "LeaveBridge",
    "Play",
    "StopPlay",
];

/// The columns, as engines call them: by their RPCs.
pub const RPCS: [&str; 17] = [
    "RingSession",
    "StartEarlyMedia",
    "AnswerSession",
    "RejectSession",
    "RedirectSession",
    "HoldSession",
    "ResumeSession",
    "UpdateMedia",
    "SendInfo",
    "SendMessage",
    "TerminateSession",
    "MuteSession",
    "SendDtmf",
    "AddBridgeMember",
    "RemoveBridgeMember",
    "StartPlayback",
    "StopPlayback",
];

#[rustfmt::skip]
const MATRIX: [(Phase, [Legality; 17]); 22] = {
    use Phase::*;
    [
    //                      deciding            offer/answer in-dialog     media
    //                      Rin Ear Ans Rej Red Hol Res Upd  Inf Msg  Ter  Mut Dtm Joi Lea Pla Sto
    (Incoming,            [ Y,  Y,  Y,  Y,  Y,  o,  o,  o,   o,  o,   Y,   o,  o,  o,  o,  o,  o ]),
    (Alerting,            [ Y,  Y,  Y,  Y,  Y,  o,  o,  o,   o,  o,   Y,   o,  o,  o,  o,  o,  o ]),
    (AwaitingEarlyMedia,  [ B,  B,  B,  B,  B,  o,  o,  o,   o,  o,   Y,   o,  o,  o,  o,  o,  o ]),
    (EarlyMedia,          [ Y,  o,  Y,  Y,  Y,  o,  o,  o,   o,  o,   Y,   Y,  Y,  Y,  Y,  Y,  Y ]),
    (AwaitingAnswerMedia, [ B,  B,  B,  B,  B,  o,  o,  o,   o,  o,   Y,   o,  o,  o,  o,  o,  o ]),
    (AwaitingAck,         [ o,  o,  o,  o,  o,  B,  o,  B,   B,  B,   Y,   Y,  Y,  Y,  Y,  Y,  Y ]),
    (ApplyingAckAnswer,   [ o,  o,  o,  o,  o,  B,  o,  B,   B,  B,   Y,   o,  o,  o,  o,  o,  o ]),
    (AwaitingOfferMedia,  [ o,  o,  o,  o,  o,  o,  o,  o,   o,  o,   Y,   o,  o,  o,  o,  o,  o ]),
    (Calling,             [ o,  o,  o,  o,  o,  o,  o,  o,   o,  o,   Y,   Y,  Y,  Y,  Y,  Y,  Y ]),
    (ApplyingAnswer,      [ o,  o,  o,  o,  o,  B,  o,  B,   B,  B,   Y,   Y,  Y,  Y,  Y,  Y,  Y ]),
    (AnsweringOffer,      [ o,  o,  o,  o,  o,  B,  o,  B,   B,  B,   Y,   o,  o,  o,  o,  o,  o ]),
    (Connected,           [ o,  o,  o,  o,  o,  Y,  o,  Y,   Y,  Y,   Y,   Y,  Y,  Y,  Y,  Y,  Y ]),
    (Holding,             [ o,  o,  o,  o,  o,  o,  Y,  Y,   Y,  Y,   Y,   Y,  Y,  Y,  Y,  Y,  Y ]),
    (Held,                [ o,  o,  o,  o,  o,  Y,  o,  Y,   Y,  Y,   Y,   Y,  Y,  Y,  Y,  Y,  Y ]),
    (MakingReoffer,       [ o,  o,  o,  o,  o,  B,  B,  B,   Y,  Y,   Y,   Y,  Y,  Y,  Y,  Y,  Y ]),
    (ReofferSent,         [ o,  o,  o,  o,  o,  B,  B,  B,   Y,  Y,   Y,   Y,  Y,  Y,  Y,  Y,  Y ]),
    (ApplyingReoffer,     [ o,  o,  o,  o,  o,  B,  B,  B,   Y,  Y,   Y,   Y,  Y,  Y,  Y,  Y,  Y ]),
    (AnsweringPeer,       [ o,  o,  o,  o,  o,  B,  B,  B,   Y,  Y,   Y,   Y,  Y,  Y,  Y,  Y,  Y ]),
    (AwaitingReofferAck,  [ o,  o,  o,  o,  o,  B,  B,  B,   Y,  Y,   Y,   Y,  Y,  Y,  Y,  Y,  Y ]),
    (ApplyingPeerAnswer,  [ o,  o,  o,  o,  o,  B,  B,  B,   Y,  Y,   Y,   Y,  Y,  Y,  Y,  Y,  Y ]),
    (Ending,              [ o,  o,  o,  o,  o,  o,  o,  o,   o,  o,   o,   o,  o,  o,  o,  o,  o ]),
    (Over,                [ o,  o,  o,  o,  o,  o,  o,  o,   o,  o,   o,   o,  o,  o,  o,  o,  o ]),
    ]
};

/// The verb's column. `None` for Create: it makes a session, no phase has a say.
#[must_use]
pub const fn column(verb: &Verb) -> Option<usize> {
    Some(match verb {
        Verb::Create(_) => return None,
        Verb::Ring { .. } => 0,
        Verb::EarlyMedia { .. } => 1,
        Verb::Answer { .. } => 2,
        Verb::Reject { .. } => 3,
        Verb::Redirect { .. } => 4,
        Verb::Hold => 5,
        Verb::Resume => 6,
        Verb::UpdateMedia { .. } => 7,
        Verb::SendInfo { .. } => 8,
        Verb::SendMessage { .. } => 9,
        Verb::Terminate { .. } => 10,
        Verb::Mute { .. } => 11,
        Verb::SendDtmf { .. } => 12,
        Verb::JoinBridge { .. } | Verb::ReserveJoin { .. } | Verb::ReleaseJoin { .. } => 13,
        Verb::LeaveBridge { .. } => 14,
        Verb::Play { .. } => 15,
        Verb::StopPlay { .. } => 16,
    })
}

/// The first column of those that need media.
const FIRST_ON_MEDIA: usize = 11;

/// What the matrix says about a column in a phase.
#[must_use]
pub const fn legality(phase: Phase, column: usize) -> Legality {
    MATRIX[phase as usize].1[column]
}

/// Whether the verb of this column needs media that is negotiated.
#[must_use]
pub const fn needs_media(column: usize) -> bool {
    column >= FIRST_ON_MEDIA
}

/// The RPCs that are legal in a phase, for a session that has negotiated media or has not.
#[must_use]
pub fn legal(phase: Phase, has_media: bool) -> Vec<&'static str> {
    let row = MATRIX[phase as usize].1.into_iter().enumerate();
    let legal = row.filter(|&(column, legality)| legality == Y && (has_media || !needs_media(column)));
    legal.map(|(column, _)| RPCS[column]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_stand_in_the_order_of_the_phases() {
        for (index, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!((phase as usize, MATRIX[index].0), (index, phase));
        }
    }

    #[test]
    fn a_session_can_be_ended_wherever_it_is_not_ending_already() {
        let terminate = VERBS.iter().position(|verb| *verb == "Terminate").unwrap_or_default();
        for phase in Phase::ALL {
            let expected = if matches!(phase, Phase::Ending | Phase::Over) { o } else { Y };
            assert_eq!(legality(phase, terminate), expected, "{phase}");
        }
    }

    #[test]
    fn what_is_legal_can_be_told() {
        assert_eq!(
            legal(Phase::Alerting, false),
            [
                "RingSession",
                "StartEarlyMedia",
                "AnswerSession",
                "RejectSession",
                "RedirectSession",
                "TerminateSession"
            ]
        );
        assert!(legal(Phase::Over, true).is_empty());
    }

    #[test]
    fn verbs_on_media_are_told_as_legal_once_there_is_media() {
        assert_eq!(legal(Phase::Calling, false), ["TerminateSession"]);
        assert_eq!(legal(Phase::Calling, true)[..3], ["TerminateSession", "MuteSession", "SendDtmf"]);
    }
}
