//! Inputs in any order, legal or not: nothing panics, and what engines rely on holds.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::event::Operation;
use super::super::matrix::VERBS;
use super::super::media::{MediaError, PlaybackCause};
use super::*;

#[derive(Clone, Debug)]
enum Input {
    Verb(usize),
    /// It is kept for the bridge that the verbs name.
    Reserve,
    /// That is given up.
    Release,
    Leg(u8),
    /// Media answers the n-th request waiting.
    Served(usize),
    Refused(usize, bool),
    Media(u8),
    Timer(u8),
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        5 => (0..VERBS.len()).prop_map(Input::Verb),
        1 => Just(Input::Reserve),
        1 => Just(Input::Release),
        5 => (0..19_u8).prop_map(Input::Leg),
        8 => (0..4_usize).prop_map(Input::Served),
        1 => (0..4_usize, any::<bool>()).prop_map(|(n, silent)| Input::Refused(n, silent)),
        2 => (0..7_u8).prop_map(Input::Media),
        1 => (0..3_u8).prop_map(Input::Timer),
    ]
}

fn leg_event(n: u8) -> LegEvent {
    let answer = || Some(sdp("answer"));
    match n {
        0 => LegEvent::Confirmed { answer: None },
        1 => LegEvent::Confirmed { answer: answer() },
        2 => provisional("t1", 180, None),
        3 => provisional("t1", 183, Some("answer")),
        4 => provisional("t2", 183, Some("answer")),
        5 => accepted("t1", None, None),
        6 => accepted("t2", Some("answer"), None),
        7 => accepted("t2", None, Some("offer")),
        8 => LegEvent::Reoffered { offer: Some(sdp("offer")) },
        9 => LegEvent::Reoffered { offer: None },
        10 => LegEvent::ReofferConfirmed { answer: None },
        11 => LegEvent::ReofferConfirmed { answer: answer() },
        12 => LegEvent::ReofferAbandoned,
        13 => LegEvent::ReofferAccepted { answer: answer(), offer: None },
        14 => LegEvent::ReofferRefused(farewell(491)),
        15 => LegEvent::ReofferFailed(unanswered(LegFailure::Transport, "")),
        16 => LegEvent::RequestDone { key: 1, outcome: Ok(farewell(200)) },
        17 => LegEvent::HungUp(farewell(0)),
        _ => failed(LegFailure::DialogLost),
    }
}

fn media_event(n: u8) -> MediaEvent {
    let played = Duration::ZERO;
    match n {
        0 => MediaEvent::PlayStarted { key: 1 },
        1 => MediaEvent::PlayEnded { key: 1, cause: PlaybackCause::Finished, reason: String::new(), played },
        2 => MediaEvent::DtmfSent { key: 1 },
        3 => MediaEvent::LeftBridge(bridge("b1")),
        4 => MediaEvent::RtpSilent { silent_for: Duration::from_secs(30) },
        5 => MediaEvent::RtpBack { silent_for: Duration::from_secs(3) },
        _ => MediaEvent::Lost("gone".into()),
    }
}

/// How often each operation was begun and how often it was told to be over.
#[derive(Debug, Default)]
struct Ledger(BTreeMap<String, (usize, usize)>);

impl Ledger {
    fn begun(&mut self, name: &str) {
        self.0.entry(name.into()).or_default().0 += 1;
    }

    fn read(&mut self, event: &SessionEvent) {
        let name = match &event.payload {
            EventPayload::OperationCompleted { operation, .. } => match operation {
                Operation::BridgeJoin => "JoinBridge".into(),
                Operation::BridgeLeave => "LeaveBridge".into(),
                operation => format!("{operation:?}"),
            },
            EventPayload::PlaybackEnded { .. } => "Play".into(),
            _ => return,
        };
        self.0.entry(name).or_default().1 += 1;
    }
}

const ENDING_WITH_AN_EVENT: [&str; 11] = [
    "EarlyMedia",
    "Hold",
    "Resume",
    "UpdateMedia",
    "SendInfo",
    "SendMessage",
    "SendDtmf",
    "Mute",
    "JoinBridge",
    "LeaveBridge",
    "Play",
];

fn walk(mut bench: Bench, inputs: Vec<Input>) {
    let mut ledger = Ledger::default();
    let mut closes = 0;
    for input in inputs {
        if bench.over {
            break;
        }
        let asked = bench.closes();
        give(&mut bench, input, &mut ledger);
        closes += bench.closes().saturating_sub(asked);
        assert!(closes <= 1, "an endpoint is closed once");
    }
    if !bench.session.is_ending() {
        bench.step(|session, cx| session.give_up(event::EndCause::Shutdown, cx));
    }
    if !bench.over {
        bench.media_does_all();
    }
    if !bench.over {
        bench.leg(LegEvent::Ended);
    }
    // Whoever keeps a session says what came of it.
    if !bench.over {
        release(&mut bench);
    }
    assert!(bench.over, "{:?}", bench.session);
    assert!(!bench.session.has_endpoint(), "no endpoint is left");
    bench.events.iter().for_each(|event| ledger.read(event));
    for (name, (begun, over)) in &ledger.0 {
        assert_eq!(begun, over, "{name} begun and told as over: {:?}", bench.events);
    }
    let ends = bench.events.iter().filter(|event| matches!(event.payload, EventPayload::Ended(_)));
    assert_eq!(ends.count(), 1);
}

fn release(bench: &mut Bench) {
    bench.command(Verb::ReleaseJoin { bridge: bridge("b1") }).expect("in every state");
}

fn give(bench: &mut Bench, input: Input, ledger: &mut Ledger) {
    match input {
        Input::Verb(n) => {
            let name = VERBS[n];
            if bench.command(verb(name)).is_ok() && ENDING_WITH_AN_EVENT.contains(&name) {
                ledger.begun(name);
            }
        }
        Input::Reserve => {
            let _refused = bench.command(Verb::ReserveJoin { bridge: bridge("b1"), mode: BridgeMode::Mix });
        }
        Input::Release => release(bench),
        Input::Leg(n) => bench.leg(leg_event(n)),
        Input::Media(n) => bench.event(media_event(n)),
        Input::Timer(n) => {
            let timers = [SessionTimer::Decision, SessionTimer::Ring, SessionTimer::Duration];
            bench.timer(timers[usize::from(n)]);
        }
        Input::Served(n) if n < bench.asked.len() => {
            let (asked, body) = bench.asked.remove(n);
            bench.reply(asked, Ok(right_answer(&body)));
        }
        Input::Refused(n, silent) if n < bench.asked.len() => {
            let (asked, _) = bench.asked.remove(n);
            let fault =
                if silent { MediaFault::TimedOut } else { MediaFault::Refused(MediaError::NoEndpoint) };
            bench.reply(asked, Err(fault));
        }
        Input::Served(_) | Input::Refused(..) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn whatever_comes_every_operation_ends_once_and_the_session_can_be_ended(
        kind in 0..4_u8,
        inputs in prop::collection::vec(input(), 0..60),
    ) {
        let bench = match kind {
            0 => Bench::incoming(true),
            1 => Bench::incoming(false),
            2 => Bench::outgoing(false),
            _ => Bench::outgoing(true),
        };
        walk(bench, inputs);
    }
}
