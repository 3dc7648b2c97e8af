use super::super::fixture::{ms, options, response_to, tcp, udp};
use super::super::step::Change;
use super::*;

/// Every input there is, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    R1xx,
    R2xx,
    R404,
    E,
    F,
    K,
    /// A timer of another machine.
    OtherTimer,
    TransportError,
    ConnectionLost,
}

const ALL: [On; 9] = [
    On::R1xx,
    On::R2xx,
    On::R404,
    On::E,
    On::F,
    On::K,
    On::OtherTimer,
    On::TransportError,
    On::ConnectionLost,
];

use ClientNonInvite::{Completed, Terminated};

fn put(state: ClientNonInvite, on: On, timing: &Timing) -> (ClientNonInvite, Effects) {
    let responses = [100, 200, 404].map(|code| response_to(&options(), code));
    let input = match on {
        On::R1xx => Input::Response(&responses[0]),
        On::R2xx => Input::Response(&responses[1]),
        On::R404 => Input::Response(&responses[2]),
        On::E => Input::Timer(Timer::E),
        On::F => Input::Timer(Timer::F),
        On::K => Input::Timer(Timer::K),
        On::OtherTimer => Input::Timer(Timer::A),
        On::TransportError => Input::TransportError,
        On::ConnectionLost => Input::ConnectionLost,
    };
    state.step(input, timing)
}

fn trying(every: u64) -> ClientNonInvite {
    ClientNonInvite::Trying { request: options(), every: ms(every) }
}

fn proceeding() -> ClientNonInvite {
    ClientNonInvite::Proceeding { request: options() }
}

fn none() -> Effects {
    Effects::none()
}

fn up() -> Effects {
    none().tell(Tell::Response)
}

fn answered(timing: &Timing) -> (ClientNonInvite, Effects) {
    let effects = up().stop_retransmission();
    if timing.reliable {
        (Terminated, effects.stop_deadline())
    } else {
        (Completed, effects.set(Timer::K, ms(5000)))
    }
}

/// Checks every input; one that has no row is unexpected and moves nothing.
fn check(state: &ClientNonInvite, timing: &Timing, rows: &[(On, (ClientNonInvite, Effects))]) {
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
            &trying(500),
            &timing,
            &[
                (On::R1xx, (proceeding(), up())),
                (On::R2xx, answered(&timing)),
                (On::R404, answered(&timing)),
                (On::E, (trying(1000), none().send(options().as_bytes()).set(Timer::E, ms(1000)))),
                (On::F, (Terminated, none().tell(Tell::Timeout))),
                (On::TransportError, (Terminated, none().tell(Tell::Transport))),
                (On::ConnectionLost, (trying(500), none().send(options().as_bytes()))),
            ],
        );
    }
}

#[test]
fn proceeding_on_every_input() {
    let failed = (Terminated, none().tell(Tell::Transport));
    for (timing, unsent) in [(udp(), failed), (tcp(), (proceeding(), none()))] {
        check(
            &proceeding(),
            &timing,
            &[
                (On::R1xx, (proceeding(), up())),
                (On::R2xx, answered(&timing)),
                (On::R404, answered(&timing)),
                (On::E, (proceeding(), none().send(options().as_bytes()).set(Timer::E, ms(4000)))),
                (On::F, (Terminated, none().tell(Tell::Timeout))),
                (On::TransportError, unsent),
                (On::ConnectionLost, (proceeding(), none())),
            ],
        );
    }
}

#[test]
fn completed_on_every_input() {
    let absorbed = (Completed, none().tell(Tell::Repeat));
    for timing in [udp(), tcp()] {
        check(
            &Completed,
            &timing,
            &[
                (On::R1xx, absorbed.clone()),
                (On::R2xx, absorbed.clone()),
                (On::R404, absorbed.clone()),
                (On::K, (Terminated, none())),
                (On::TransportError, (Completed, none())),
                (On::ConnectionLost, (Completed, none())),
            ],
        );
    }
}

#[test]
fn after_the_end_everything_is_unexpected() {
    check(&Terminated, &udp(), &[]);
    check(&Terminated, &tcp(), &[]);
}

#[test]
fn a_request_starts_e_and_f_on_udp_and_f_alone_on_tcp() {
    let sent = none().send(options().as_bytes()).set(Timer::F, ms(32_000));
    let on_udp = ClientNonInvite::start(options(), &udp());
    assert_eq!(on_udp, (trying(500), sent.clone().set(Timer::E, ms(500))));
    assert_eq!(ClientNonInvite::start(options(), &tcp()), (trying(500), sent));
}

#[test]
fn timer_e_doubles_up_to_t2() {
    let (mut state, _) = ClientNonInvite::start(options(), &udp());
    for every in [1000, 2000, 4000, 4000, 4000] {
        let (next, effects) = state.step(Input::Timer(Timer::E), &udp());
        assert_eq!(effects.retransmission, Change::Set(Timer::E, ms(every)));
        state = next;
    }
}
