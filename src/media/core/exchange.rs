//! Offer/answer exchanges of one endpoint, by generation: what pends, what comes into force, what is dropped.
//!
//! ```text
//!              offer g                     answer g, remote r (any number)
//!   Stable ──────────────► Offered ───────┐  commit g, r: r's answer comes into force, others may follow
//!     │ ▲                   │  ▲──────────┘
//!     │ └── rollback g, select
//!     │ answered g
//!     └──────────────► Answered ── commit g ─► Stable (in force)
//!                           └────── rollback g ─► Stable
//! ```
//!
//! An offer or an answer of a higher generation replaces what pends, in any state. The content is
//! [`crate::sdp`]'s; whose turn it is (RFC 3264 §4) is the dialog's: this only keeps late requests from acting.

use super::Failure;

/// Dialogs that may answer one offer, and remotes that an endpoint may have.
pub const REMOTES_MAX: usize = 16;

/// An answer that pends, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending<S> {
    /// The dialog's remote tag.
    pub remote: String,
    /// What the exchange settles once it is in force.
    pub settled: S,
}

/// What pends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State<O, S> {
    /// Nothing.
    Stable,
    /// Our offer is out, and has these answers. They stay few: forked dialogs.
    Offered { offer: O, answers: Vec<Pending<S>> },
    /// We answered the peer's offer.
    Answered(Pending<S>),
}

impl<O, S> State<O, S> {
    fn into_offer(self) -> Option<O> {
        match self {
            Self::Offered { offer, .. } => Some(offer),
            Self::Stable | Self::Answered(_) => None,
        }
    }
}

/// The exchanges of one endpoint: `O` is an offer of ours, `S` what an exchange settles.
#[derive(Clone, Debug)]
pub struct Exchange<O, S> {
    seen: Option<u64>,
    state: State<O, S>,
}

impl<O, S> Default for Exchange<O, S> {
    fn default() -> Self {
        Self { seen: None, state: State::Stable }
    }
}

impl<O, S> Exchange<O, S> {
    fn stale(&self, asked: u64) -> Failure {
        Failure::StaleGeneration { asked, seen: self.seen.unwrap_or_default() }
    }

    /// Whether a new exchange may have this generation.
    ///
    /// # Errors
    /// [`Failure::StaleGeneration`] when one as high was seen.
    pub fn check_new(&self, generation: u64) -> Result<(), Failure> {
        match self.seen {
            Some(seen) if seen >= generation => Err(self.stale(generation)),
            _ => Ok(()),
        }
    }

    fn check_current(&self, generation: u64) -> Result<(), Failure> {
        if self.seen == Some(generation) { Ok(()) } else { Err(self.stale(generation)) }
    }

    /// Our offer goes out. Gives the offer that it replaces, if one pended.
    ///
    /// # Errors
    /// As [`Exchange::check_new`].
    pub fn offered(&mut self, generation: u64, offer: O) -> Result<Option<O>, Failure> {
        self.begin(generation, State::Offered { offer, answers: Vec::new() })
    }

    /// The peer's offer is answered. Gives the offer of ours that it replaces, if one pended.
    ///
    /// # Errors
    /// As [`Exchange::check_new`].
    pub fn answered(&mut self, generation: u64, remote: String, settled: S) -> Result<Option<O>, Failure> {
        self.begin(generation, State::Answered(Pending { remote, settled }))
    }

    fn begin(&mut self, generation: u64, state: State<O, S>) -> Result<Option<O>, Failure> {
        self.check_new(generation)?;
        self.seen = Some(generation);
        Ok(std::mem::replace(&mut self.state, state).into_offer())
    }

    /// The offer that an answer of this generation belongs to.
    ///
    /// # Errors
    /// [`Failure::StaleGeneration`] when it does not pend.
    pub fn offer(&self, generation: u64) -> Result<&O, Failure> {
        self.check_current(generation)?;
        match &self.state {
            State::Offered { offer, .. } => Ok(offer),
            State::Stable | State::Answered(_) => Err(self.stale(generation)),
        }
    }

    /// A dialog answers our offer. Its earlier answer, if any, is replaced.
    ///
    /// # Errors
    /// [`Failure::StaleGeneration`] when no offer of this generation pends, [`Failure::Limit`] when
    /// [`REMOTES_MAX`] dialogs answered it.
    pub fn answer_applied(&mut self, generation: u64, remote: String, settled: S) -> Result<(), Failure> {
        self.offer(generation)?;
        let State::Offered { answers, .. } = &mut self.state else { return Err(self.stale(generation)) };
        if let Some(answer) = answers.iter_mut().find(|answer| answer.remote == remote) {
            answer.settled = settled;
            return Ok(());
        }
        if answers.len() >= REMOTES_MAX {
            return Err(Failure::Limit { what: "remotes", limit: REMOTES_MAX });
        }
        answers.push(Pending { remote, settled });
        Ok(())
    }

    /// Takes what is to come into force for a remote; an empty tag means the only one there is.
    ///
    /// # Errors
    /// [`Failure::StaleGeneration`] when nothing of that generation and remote pends.
    pub fn commit(&mut self, generation: u64, remote: &str) -> Result<Pending<S>, Failure> {
        self.check_current(generation)?;
        match std::mem::replace(&mut self.state, State::Stable) {
            State::Offered { offer, mut answers } => {
                let place = match remote {
                    "" if answers.len() == 1 => Some(0),
                    tag => answers.iter().position(|answer| answer.remote == tag),
                };
                let taken = place.map(|place| answers.swap_remove(place));
                self.state = State::Offered { offer, answers };
                taken.ok_or_else(|| self.stale(generation))
            }
            State::Answered(pending) if remote.is_empty() || pending.remote == remote => Ok(pending),
            other => {
                self.state = other;
                Err(self.stale(generation))
            }
        }
    }

    /// Drops what pends. Gives the offer of ours that came to nothing, if it was one.
    ///
    /// # Errors
    /// [`Failure::StaleGeneration`] when nothing of that generation pends.
    pub fn rollback(&mut self, generation: u64) -> Result<Option<O>, Failure> {
        self.check_current(generation)?;
        match std::mem::replace(&mut self.state, State::Stable) {
            State::Stable => Err(self.stale(generation)),
            dropped @ (State::Offered { .. } | State::Answered(_)) => Ok(dropped.into_offer()),
        }
    }

    /// One remote is selected: no other may answer our offer any more.
    pub fn selected(&mut self) {
        if matches!(self.state, State::Offered { .. }) {
            self.state = State::Stable;
        }
    }

    /// What pends as an answer of ours, or the first answer to an offer of ours.
    pub fn pending(&self) -> Option<&S> {
        match &self.state {
            State::Stable => None,
            State::Offered { answers, .. } => answers.first().map(|answer| &answer.settled),
            State::Answered(pending) => Some(&pending.settled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Machine = Exchange<&'static str, &'static str>;

    #[derive(Clone, Copy, Debug)]
    enum Input {
        Offer(u64),
        Answer(u64, &'static str),
        Apply(u64, &'static str),
        Commit(u64, &'static str),
        Rollback(u64),
        Select,
    }
    use Input::{Answer, Apply, Commit, Offer, Rollback, Select};

    /// What a step gives: `ok`, `stale`, or what came into force.
    fn step(machine: &mut Machine, input: Input) -> &'static str {
        let outcome = match input {
            Offer(g) => machine.offered(g, "offer").map(|_| "ok"),
            Answer(g, tag) => machine.answered(g, tag.into(), tag).map(|_| "ok"),
            Apply(g, tag) => machine.answer_applied(g, tag.into(), tag).map(|()| "ok"),
            Commit(g, tag) => machine.commit(g, tag).map(|pending| pending.settled),
            Rollback(g) => machine.rollback(g).map(|_| "ok"),
            Select => {
                machine.selected();
                Ok("ok")
            }
        };
        match outcome {
            Ok(what) => what,
            Err(Failure::StaleGeneration { .. }) => "stale",
            Err(other) => panic!("{other}"),
        }
    }

    /// State reached by the inputs before, input, outcome, name of the state after.
    type Row = (&'static [Input], Input, &'static str, &'static str);

    const STABLE: &[Input] = &[];
    const OFFERED: &[Input] = &[Offer(5)];
    const OFFERED_WITH_ANSWERS: &[Input] = &[Offer(5), Apply(5, "a"), Apply(5, "b")];
    const ANSWERED: &[Input] = &[Answer(5, "a")];
    const DONE: &[Input] = &[Answer(5, "a"), Commit(5, "a")];

    #[test]
    fn every_state_takes_every_input_as_the_table_says() {
        let rows: &[Row] = &[
            (STABLE, Offer(1), "ok", "Offered"),
            (STABLE, Answer(0, "a"), "ok", "Answered"),
            (STABLE, Apply(1, "a"), "stale", "Stable"),
            (STABLE, Commit(1, ""), "stale", "Stable"),
            (STABLE, Rollback(1), "stale", "Stable"),
            (STABLE, Select, "ok", "Stable"),
            (OFFERED, Offer(5), "stale", "Offered"),
            (OFFERED, Offer(6), "ok", "Offered"),
            (OFFERED, Answer(5, "a"), "stale", "Offered"),
            (OFFERED, Answer(6, "a"), "ok", "Answered"),
            (OFFERED, Apply(4, "a"), "stale", "Offered"),
            (OFFERED, Apply(5, "a"), "ok", "Offered"),
            (OFFERED, Apply(6, "a"), "stale", "Offered"),
            (OFFERED, Commit(5, "a"), "stale", "Offered"),
            (OFFERED, Commit(5, ""), "stale", "Offered"),
            (OFFERED, Rollback(4), "stale", "Offered"),
            (OFFERED, Rollback(5), "ok", "Stable"),
            (OFFERED, Select, "ok", "Stable"),
            (OFFERED_WITH_ANSWERS, Commit(5, "b"), "b", "Offered"),
            (OFFERED_WITH_ANSWERS, Commit(5, "c"), "stale", "Offered"),
            (OFFERED_WITH_ANSWERS, Commit(5, ""), "stale", "Offered"),
            (OFFERED_WITH_ANSWERS, Commit(4, "a"), "stale", "Offered"),
            (OFFERED_WITH_ANSWERS, Rollback(5), "ok", "Stable"),
            (OFFERED_WITH_ANSWERS, Select, "ok", "Stable"),
            (ANSWERED, Offer(5), "stale", "Answered"),
            (ANSWERED, Offer(6), "ok", "Offered"),
            (ANSWERED, Answer(6, "a"), "ok", "Answered"),
            (ANSWERED, Apply(5, "a"), "stale", "Answered"),
            (ANSWERED, Commit(5, "a"), "a", "Stable"),
            (ANSWERED, Commit(5, ""), "a", "Stable"),
            (ANSWERED, Commit(5, "b"), "stale", "Answered"),
            (ANSWERED, Commit(6, "a"), "stale", "Answered"),
            (ANSWERED, Rollback(5), "ok", "Stable"),
            (ANSWERED, Rollback(4), "stale", "Answered"),
            (ANSWERED, Select, "ok", "Answered"),
            (DONE, Commit(5, "a"), "stale", "Stable"),
            (DONE, Rollback(5), "stale", "Stable"),
            (DONE, Answer(5, "a"), "stale", "Stable"),
            (DONE, Answer(6, "a"), "ok", "Answered"),
        ];
        for &(before, input, outcome, after) in rows {
            let mut machine = Machine::default();
            for &input in before {
                step(&mut machine, input);
            }
            assert_eq!(step(&mut machine, input), outcome, "{input:?} after {before:?}");
            let state = match machine.state {
                State::Stable => "Stable",
                State::Offered { .. } => "Offered",
                State::Answered(_) => "Answered",
            };
            assert_eq!(state, after, "{input:?} after {before:?}");
        }
    }

    #[test]
    fn forked_dialogs_come_into_force_one_by_one() {
        let mut machine = Machine::default();
        let inputs = [Offer(1), Apply(1, "a"), Commit(1, ""), Apply(1, "b"), Commit(1, "b"), Commit(1, "a")];
        assert_eq!(inputs.map(|input| step(&mut machine, input)), ["ok", "ok", "a", "ok", "b", "stale"]);
    }

    #[test]
    fn an_offer_that_comes_to_nothing_is_given_back() {
        let mut machine = Machine::default();
        assert_eq!(machine.offered(1, "first"), Ok(None));
        assert_eq!(machine.offered(2, "second"), Ok(Some("first")));
        assert_eq!(machine.answered(3, "a".into(), "settled"), Ok(Some("second")));
        assert_eq!(machine.rollback(3), Ok(None));
        assert_eq!(machine.offered(4, "third"), Ok(None));
        assert_eq!(machine.rollback(4), Ok(Some("third")));
    }

    #[test]
    fn a_seventeenth_fork_is_refused() {
        let mut machine = Machine::default();
        machine.offered(1, "offer").unwrap();
        for tag in 0..REMOTES_MAX {
            machine.answer_applied(1, tag.to_string(), "answer").unwrap();
        }
        assert!(matches!(machine.answer_applied(1, "x".into(), "answer"), Err(Failure::Limit { .. })));
    }
}
