//! Offer/answer state of one INVITE transaction (RFC 3264, RFC 3261 §13.2.1 and §14, RFC 6337 §2): which message may
//! carry a session description, and whether it is an offer or an answer.
//!
//! What stands in a description is media's business. That two INVITEs do not overlap is seen to where re-INVITEs are
//! sent and received.

/// How far the exchange of one INVITE has come. The same for both sides.
///
/// ```text
///               INVITE with offer                 INVITE without
///                      │                                │
///                      ▼                                ▼
///                 ┌─────────┐                      ┌─────────┐
///                 │ Offered │                      │  Asked  │
///                 └─┬─────┬─┘                      └────┬────┘
///        1xx+answer │     │ 2xx+answer                  │ 2xx+offer
///                   ▼     │                             ▼
///            ┌──────────┐ │                        ┌─────────┐
///            │ Answered │ │                        │ Turned  │
///            └─────┬────┘ │                        └────┬────┘
///          2xx, ±  │      │                             │ ACK+answer
///                  ▼      ▼                             ▼
///                 ┌───────────────────────────────────────┐
///                 │                Settled                │
///                 └───────────────────────────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exchange {
    /// The INVITE carried the offer.
    Offered,
    /// The INVITE carried none: the 2xx is to.
    Asked,
    /// A provisional response has given the answer; the 2xx may repeat it.
    Answered,
    /// The 2xx carried the offer: the ACK is to answer.
    Turned,
    /// Offer and answer are both there.
    Settled,
}

/// The messages of an INVITE transaction after the INVITE. Provisional responses are unreliable ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// 101 to 199.
    Provisional,
    /// 2xx.
    Success,
    /// ACK to a 2xx.
    Ack,
}

/// What a description is, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// No description, and none is needed.
    Nothing,
    /// An offer.
    Offer,
    /// The answer.
    Answer,
    /// A repetition of the answer given before: to be ignored (RFC 3261 §13.2.1).
    Repetition,
}

/// How a message breaks the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Breach {
    /// It had to carry an offer or an answer.
    #[error("a description is missing")]
    Missing,
    /// It may not carry one. What it carries is to be ignored.
    #[error("a description may not stand here")]
    Misplaced,
    /// The message does not belong here at all.
    #[error("the message is out of order")]
    Disorder,
}

impl Exchange {
    /// The exchange that an INVITE begins.
    #[must_use]
    pub const fn begin(with_offer: bool) -> Self {
        if with_offer { Self::Offered } else { Self::Asked }
    }

    /// One more message, with or without a description: where the exchange stands after it, and what the description is.
    ///
    /// # Errors
    /// When the message breaks the rules; the exchange then stays where it was.
    pub const fn step(self, carrier: Carrier, described: bool) -> Result<(Self, Meaning), Breach> {
        use Carrier::{Ack, Provisional, Success};
        use Exchange::{Answered, Asked, Offered, Settled, Turned};
        match (self, carrier, described) {
            (Offered, Provisional, true) => Ok((Answered, Meaning::Answer)),
            (Offered | Answered | Asked, Provisional, false) => Ok((self, Meaning::Nothing)),
            (Answered, Provisional, true) => Ok((Answered, Meaning::Repetition)),
            // An offer may stand in the first *reliable* response only.
            (Asked, Provisional, true) => Err(Breach::Misplaced),

            (Offered, Success, true) => Ok((Settled, Meaning::Answer)),
            (Answered, Success, true) => Ok((Settled, Meaning::Repetition)),
            (Answered, Success, false) => Ok((Settled, Meaning::Nothing)),
            (Asked, Success, true) => Ok((Turned, Meaning::Offer)),
            (Offered | Asked, Success, false) => Err(Breach::Missing),

            (Turned, Ack, true) => Ok((Settled, Meaning::Answer)),
            (Turned, Ack, false) => Err(Breach::Missing),
            (Settled, Ack, false) => Ok((Settled, Meaning::Nothing)),
            (Settled, Ack, true) => Err(Breach::Misplaced),

            (Turned | Settled, Provisional | Success, _) | (Offered | Asked | Answered, Ack, _) => {
                Err(Breach::Disorder)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Breach::{Disorder, Misplaced, Missing};
    use super::Carrier::{Ack, Provisional, Success};
    use super::Exchange::{Answered, Asked, Offered, Settled, Turned};
    use super::Meaning::{Answer, Nothing, Offer, Repetition};
    use super::*;

    type Row = (Exchange, Carrier, bool, Result<(Exchange, Meaning), Breach>);

    const TABLE: [Row; 30] = [
        (Offered, Provisional, false, Ok((Offered, Nothing))),
        (Offered, Provisional, true, Ok((Answered, Answer))),
        (Offered, Success, false, Err(Missing)),
        (Offered, Success, true, Ok((Settled, Answer))),
        (Offered, Ack, false, Err(Disorder)),
        (Offered, Ack, true, Err(Disorder)),
        (Asked, Provisional, false, Ok((Asked, Nothing))),
        (Asked, Provisional, true, Err(Misplaced)),
        (Asked, Success, false, Err(Missing)),
        (Asked, Success, true, Ok((Turned, Offer))),
        (Asked, Ack, false, Err(Disorder)),
        (Asked, Ack, true, Err(Disorder)),
        (Answered, Provisional, false, Ok((Answered, Nothing))),
        (Answered, Provisional, true, Ok((Answered, Repetition))),
        (Answered, Success, false, Ok((Settled, Nothing))),
        (Answered, Success, true, Ok((Settled, Repetition))),
        (Answered, Ack, false, Err(Disorder)),
        (Answered, Ack, true, Err(Disorder)),
        (Turned, Provisional, false, Err(Disorder)),
        (Turned, Provisional, true, Err(Disorder)),
        (Turned, Success, false, Err(Disorder)),
        (Turned, Success, true, Err(Disorder)),
        (Turned, Ack, false, Err(Missing)),
        (Turned, Ack, true, Ok((Settled, Answer))),
        (Settled, Provisional, false, Err(Disorder)),
        (Settled, Provisional, true, Err(Disorder)),
        (Settled, Success, false, Err(Disorder)),
        (Settled, Success, true, Err(Disorder)),
        (Settled, Ack, false, Ok((Settled, Nothing))),
        (Settled, Ack, true, Err(Misplaced)),
    ];

    #[test]
    fn every_message_at_every_point_of_an_exchange_has_one_meaning() {
        for (exchange, carrier, described, expected) in TABLE {
            assert_eq!(exchange.step(carrier, described), expected, "{exchange:?} {carrier:?} {described}");
        }
    }

    #[test]
    fn an_invite_offers_or_asks() {
        assert_eq!(Exchange::begin(true), Offered);
        assert_eq!(Exchange::begin(false), Asked);
    }
}
