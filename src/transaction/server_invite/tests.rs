use super::super::fixture::{invite, ms, response_to, tcp, udp};
use super::super::step::Change;
use super::*;

/// Every input there is, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Invite,
    Ack,
    Give180,
    Give200,
    Give486,
    Trying,
    G,
    H,
    I,
    L,
    /// A timer of another machine.
    OtherTimer,
    TransportError,
}

const ALL: [On; 12] = [
    On::Invite,
    On::Ack,
    On::Give180,
    On::Give200,
    On::Give486,
    On::Trying,
    On::G,
    On::H,
    On::I,
    On::L,
    On::OtherTimer,
    On::TransportError,
];

use ServerInvite::{Accepted, Confirmed, Terminated};

fn bytes(code: u16) -> Bytes {
    response_to(&invite(), code).as_bytes().clone()
}

fn put(state: ServerInvite, on: On, timing: &Timing) -> (ServerInvite, Effects) {
    let responses = [180, 200, 486].map(|code| response_to(&invite(), code));
    let input = match on {
        On::Invite => Input::Invite,
        On::Ack => Input::Ack,
        On::Give180 => Input::Respond(&responses[0]),
        On::Give200 => Input::Respond(&responses[1]),
        On::Give486 => Input::Respond(&responses[2]),
        On::Trying => Input::Timer(Timer::Trying),
        On::G => Input::Timer(Timer::G),
        On::H => Input::Timer(Timer::H),
        On::I => Input::Timer(Timer::I),
        On::L => Input::Timer(Timer::L),
        On::OtherTimer => Input::Timer(Timer::B),
        On::TransportError => Input::TransportError,
    };
    state.step(input, timing)
}

fn proceeding(last: Option<u16>) -> ServerInvite {
    ServerInvite::Proceeding { request: invite(), last: last.map(bytes) }
}

fn completed(every: u64) -> ServerInvite {
    ServerInvite::Completed { response: bytes(486), every: ms(every) }
}

fn none() -> Effects {
    Effects::none()
}

fn refused(timing: &Timing) -> (ServerInvite, Effects) {
    let effects = none().send(&bytes(486)).set(Timer::H, ms(32_000));
    let effects = if timing.reliable { effects } else { effects.set(Timer::G, ms(500)) };
    (completed(500), effects)
}

/// Checks every input; one that has no row is unexpected and moves nothing.
fn check(state: &ServerInvite, timing: &Timing, rows: &[(On, (ServerInvite, Effects))]) {
    for on in ALL {
        let mut found = rows.iter().filter(|row| row.0 == on);
        let expected = found.next().map_or((state.clone(), Effects::unexpected()), |row| row.1.clone());
        assert!(found.next().is_none(), "{on:?} stands twice in the table");
        assert_eq!(put(state.clone(), on, timing), expected, "{state:?} on {on:?}");
    }
}

#[test]
fn proceeding_without_a_response_on_every_input() {
    for timing in [udp(), tcp()] {
        check(
            &proceeding(None),
            &timing,
            &[
                (On::Invite, (proceeding(None), none().tell(Tell::Repeat))),
                (On::Give180, (proceeding(Some(180)), none().send(&bytes(180)).stop_deadline())),
                (On::Give200, (Accepted, none().send(&bytes(200)).set(Timer::L, ms(32_000)))),
                (On::Give486, refused(&timing)),
                (On::Trying, (proceeding(Some(100)), none().send(&bytes(100)))),
                (On::TransportError, (proceeding(None), none().tell(Tell::Transport))),
            ],
        );
    }
}

#[test]
fn proceeding_with_a_response_on_every_input() {
    for timing in [udp(), tcp()] {
        let same = proceeding(Some(183));
        check(
            &same,
            &timing,
            &[
                (On::Invite, (same.clone(), none().send(&bytes(183)).tell(Tell::Repeat))),
                (On::Give180, (proceeding(Some(180)), none().send(&bytes(180)).stop_deadline())),
                (On::Give200, (Accepted, none().send(&bytes(200)).set(Timer::L, ms(32_000)))),
                (On::Give486, refused(&timing)),
                (On::TransportError, (same.clone(), none().tell(Tell::Transport))),
            ],
        );
    }
}

#[test]
fn completed_on_every_input() {
    for timing in [udp(), tcp()] {
        let acknowledged = if timing.reliable {
            (Terminated, none().stop_deadline())
        } else {
            (Confirmed, none().stop_retransmission().set(Timer::I, ms(5000)))
        };
        let late = (completed(500), none().tell(Tell::AlreadyFinal));
        check(
            &completed(500),
            &timing,
            &[
                (On::Invite, (completed(500), none().send(&bytes(486)).tell(Tell::Repeat))),
                (On::Ack, acknowledged),
                (On::Give180, late.clone()),
                (On::Give200, late.clone()),
                (On::Give486, late.clone()),
                (On::G, (completed(1000), none().send(&bytes(486)).set(Timer::G, ms(1000)))),
                (On::H, (Terminated, none().tell(Tell::Timeout))),
                (On::TransportError, (completed(500), none().tell(Tell::Transport))),
            ],
        );
    }
}

#[test]
fn confirmed_on_every_input() {
    let late = (Confirmed, none().tell(Tell::AlreadyFinal));
    for timing in [udp(), tcp()] {
        check(
            &Confirmed,
            &timing,
            &[
                (On::Invite, (Confirmed, none().tell(Tell::Repeat))),
                (On::Ack, (Confirmed, none().tell(Tell::Repeat))),
                (On::Give180, late.clone()),
                (On::Give200, late.clone()),
                (On::Give486, late.clone()),
                (On::I, (Terminated, none())),
                (On::TransportError, (Confirmed, none())),
            ],
        );
    }
}

#[test]
fn accepted_on_every_input() {
    let late = (Accepted, none().tell(Tell::AlreadyFinal));
    for timing in [udp(), tcp()] {
        check(
            &Accepted,
            &timing,
            &[
                (On::Invite, (Accepted, none().tell(Tell::Repeat))),
                (On::Ack, (Accepted, none().tell(Tell::Ack))),
                (On::Give180, late.clone()),
                (On::Give200, (Accepted, none().send(&bytes(200)))),
                (On::Give486, late.clone()),
                (On::L, (Terminated, none())),
                (On::TransportError, (Accepted, none().tell(Tell::Transport))),
            ],
        );
    }
}

#[test]
fn after_the_end_a_response_is_too_late_and_the_rest_unexpected() {
    let late = (Terminated, none().tell(Tell::AlreadyFinal));
    for timing in [udp(), tcp()] {
        let rows = [On::Give180, On::Give200, On::Give486].map(|on| (on, late.clone()));
        check(&Terminated, &timing, &rows);
    }
}

#[test]
fn an_invite_waits_200_ms_for_its_100_or_gets_it_at_once() {
    for timing in [udp(), tcp()] {
        let waits = ServerInvite::start(invite(), false, &timing);
        assert_eq!(waits, (proceeding(None), none().set(Timer::Trying, ms(200))));
        let at_once = ServerInvite::start(invite(), true, &timing);
        assert_eq!(at_once, (proceeding(None), none().set(Timer::Trying, ms(0))));
    }
}

#[test]
fn the_100_has_no_to_tag() {
    let (_, effects) = put(proceeding(None), On::Trying, &udp());
    let text = String::from_utf8(effects.send.unwrap().to_vec()).unwrap();
    assert!(text.starts_with("SIP/2.0 100 Trying\r\n"), "{text}");
    assert!(text.contains("To: <sip:bob@example.com>\r\n"), "{text}");
}

#[test]
fn timer_g_doubles_up_to_t2() {
    let mut state = completed(500);
    for every in [1000, 2000, 4000, 4000] {
        let (next, effects) = state.step(Input::Timer(Timer::G), &udp());
        assert_eq!(effects.retransmission, Change::Set(Timer::G, ms(every)));
        state = next;
    }
}
