use super::super::fixture::{ms, options, response_to, tcp, udp};
use super::*;

/// Every input there is, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Request,
    Give100,
    Give200,
    Give404,
    J,
    Unanswered,
    /// A timer of another machine.
    OtherTimer,
    TransportError,
}

const ALL: [On; 8] = [
    On::Request,
    On::Give100,
    On::Give200,
    On::Give404,
    On::J,
    On::Unanswered,
    On::OtherTimer,
    On::TransportError,
];

use ServerNonInvite::Terminated;

fn bytes(code: u16) -> Bytes {
    response_to(&options(), code).as_bytes().clone()
}

fn put(state: ServerNonInvite, on: On, timing: &Timing) -> (ServerNonInvite, Effects) {
    let responses = [100, 200, 404].map(|code| response_to(&options(), code));
    let input = match on {
        On::Request => Input::Request,
        On::Give100 => Input::Respond(&responses[0]),
        On::Give200 => Input::Respond(&responses[1]),
        On::Give404 => Input::Respond(&responses[2]),
        On::J => Input::Timer(Timer::J),
        On::Unanswered => Input::Timer(Timer::Unanswered),
        On::OtherTimer => Input::Timer(Timer::L),
        On::TransportError => Input::TransportError,
    };
    state.step(input, timing)
}

fn trying() -> ServerNonInvite {
    ServerNonInvite::Trying { request: options() }
}

fn proceeding() -> ServerNonInvite {
    ServerNonInvite::Proceeding { request: options(), last: bytes(100) }
}

fn completed(code: u16) -> ServerNonInvite {
    ServerNonInvite::Completed { response: bytes(code) }
}

fn none() -> Effects {
    Effects::none()
}

fn answered(code: u16, timing: &Timing) -> (ServerNonInvite, Effects) {
    let effects = none().send(&bytes(code));
    if timing.reliable {
        (Terminated, effects.stop_deadline())
    } else {
        (completed(code), effects.set(Timer::J, ms(32_000)))
    }
}

/// Checks every input; one that has no row is unexpected and moves nothing.
fn check(state: &ServerNonInvite, timing: &Timing, rows: &[(On, (ServerNonInvite, Effects))]) {
    for on in ALL {
        let mut found = rows.iter().filter(|row| row.0 == on);
        let expected = found.next().map_or((state.clone(), Effects::unexpected()), |row| row.1.clone());
        assert!(found.next().is_none(), "{on:?} stands twice in the table");
        assert_eq!(put(state.clone(), on, timing), expected, "{state:?} on {on:?}");
    }
}

#[test]
fn trying_on_every_input() {
    for timing in [udp(), tcp()] {
        check(
            &trying(),
            &timing,
            &[
                (On::Request, (trying(), none().tell(Tell::Repeat))),
                (On::Give100, (proceeding(), none().send(&bytes(100)))),
                (On::Give200, answered(200, &timing)),
                (On::Give404, answered(404, &timing)),
                (On::Unanswered, (Terminated, none().tell(Tell::Unanswered))),
                (On::TransportError, (trying(), none())),
            ],
        );
    }
}

#[test]
fn proceeding_on_every_input() {
    for timing in [udp(), tcp()] {
        check(
            &proceeding(),
            &timing,
            &[
                (On::Request, (proceeding(), none().send(&bytes(100)).tell(Tell::Repeat))),
                (On::Give100, (proceeding(), none().send(&bytes(100)))),
                (On::Give200, answered(200, &timing)),
                (On::Give404, answered(404, &timing)),
                (On::Unanswered, (Terminated, none().tell(Tell::Unanswered))),
                (On::TransportError, (proceeding(), none().tell(Tell::Transport))),
            ],
        );
    }
}

#[test]
fn completed_on_every_input() {
    let late = (completed(200), none().tell(Tell::AlreadyFinal));
    for timing in [udp(), tcp()] {
        check(
            &completed(200),
            &timing,
            &[
                (On::Request, (completed(200), none().send(&bytes(200)).tell(Tell::Repeat))),
                (On::Give100, late.clone()),
                (On::Give200, late.clone()),
                (On::Give404, late.clone()),
                (On::J, (Terminated, none())),
                (On::TransportError, (completed(200), none().tell(Tell::Transport))),
            ],
        );
    }
}

#[test]
fn after_the_end_a_response_is_too_late_and_the_rest_unexpected() {
    let late = (Terminated, none().tell(Tell::AlreadyFinal));
    let rows = [On::Give100, On::Give200, On::Give404].map(|on| (on, late.clone()));
    check(&Terminated, &udp(), &rows);
    check(&Terminated, &tcp(), &rows);
}

#[test]
fn a_request_may_stay_unanswered_for_64_t1() {
    for timing in [udp(), tcp()] {
        let started = ServerNonInvite::start(options(), &timing);
        assert_eq!(started, (trying(), none().set(Timer::Unanswered, ms(32_000))));
    }
}
