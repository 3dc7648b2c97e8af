use super::super::fixture::{invite, ms, response_to, tcp, udp};
use super::*;
use crate::sip::build_cancel;

/// Every input there is, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    R1xx,
    R2xx,
    R486,
    A,
    B,
    D,
    M,
    Cancelled,
    /// A timer of another machine.
    OtherTimer,
    CancelWish,
    TransportError,
    ConnectionLost,
}

const ALL: [On; 12] = [
    On::R1xx,
    On::R2xx,
    On::R486,
    On::A,
    On::B,
    On::D,
    On::M,
    On::Cancelled,
    On::OtherTimer,
    On::CancelWish,
    On::TransportError,
    On::ConnectionLost,
];

fn response(code: u16) -> Response {
    response_to(&invite(), code)
}

fn cancel() -> Request {
    build_cancel(&invite()).unwrap()
}

fn ack() -> Bytes {
    build_ack(&invite(), &response(486)).unwrap().as_bytes().clone()
}

fn put(state: ClientInvite, on: On, timing: &Timing) -> (ClientInvite, Effects) {
    let responses = [response(180), response(200), response(486)];
    state.step(
        match on {
            On::R1xx => Input::Response(&responses[0]),
            On::R2xx => Input::Response(&responses[1]),
            On::R486 => Input::Response(&responses[2]),
            On::A => Input::Timer(Timer::A),
            On::B => Input::Timer(Timer::B),
            On::D => Input::Timer(Timer::D),
            On::M => Input::Timer(Timer::M),
            On::Cancelled => Input::Timer(Timer::Cancelled),
            On::OtherTimer => Input::Timer(Timer::G),
            On::CancelWish => Input::Cancel(cancel()),
            On::TransportError => Input::TransportError,
            On::ConnectionLost => Input::ConnectionLost,
        },
        timing,
    )
}

fn calling(every: u64) -> ClientInvite {
    ClientInvite::Calling { request: invite(), every: ms(every), cancel: None }
}

fn calling_cancelled() -> ClientInvite {
    ClientInvite::Calling { request: invite(), every: ms(500), cancel: Some(cancel()) }
}

fn proceeding(cancelled: bool) -> ClientInvite {
    ClientInvite::Proceeding { request: invite(), cancelled }
}

fn completed() -> ClientInvite {
    ClientInvite::Completed { ack: ack() }
}

use ClientInvite::{Accepted, Terminated};

fn none() -> Effects {
    Effects::none()
}

fn up() -> Effects {
    none().tell(Tell::Response)
}

/// A final refusal: acknowledged, handed up, then D on UDP and the end on TCP.
fn refused(timing: &Timing) -> (ClientInvite, Effects) {
    let effects = up().send(&ack()).stop_retransmission();
    if timing.reliable {
        (Terminated, effects.stop_deadline())
    } else {
        (completed(), effects.set(Timer::D, ms(32_000)))
    }
}

fn accepted() -> (ClientInvite, Effects) {
    (Accepted, up().stop_retransmission().set(Timer::M, ms(32_000)))
}

type Row = (On, (ClientInvite, Effects));

/// Checks that the rows cover every input once, and that each leads where it says. Inputs that are left out are
/// unexpected: they move nothing.
fn check(state: &ClientInvite, timing: &Timing, rows: &[Row]) {
    for on in ALL {
        let mut found = rows.iter().filter(|row| row.0 == on);
        let expected = match found.next() {
            Some((_, expected)) => expected.clone(),
            None => (state.clone(), Effects::unexpected()),
        };
        assert!(found.next().is_none(), "{on:?} stands twice in the table");
        assert_eq!(put(state.clone(), on, timing), expected, "{state:?} on {on:?}");
    }
}

#[test]
fn calling_on_every_input() {
    for timing in [udp(), tcp()] {
        check(
            &calling(500),
            &timing,
            &[
                (On::R1xx, (proceeding(false), up().stop_retransmission().stop_deadline())),
                (On::R2xx, accepted()),
                (On::R486, refused(&timing)),
                (On::A, (calling(1000), none().send(invite().as_bytes()).set(Timer::A, ms(1000)))),
                (On::B, (Terminated, none().tell(Tell::Timeout))),
                (On::CancelWish, (calling_cancelled(), none())),
                (On::TransportError, (Terminated, none().tell(Tell::Transport))),
                (On::ConnectionLost, (calling(500), none().send(invite().as_bytes()))),
            ],
        );
    }
}

#[test]
fn calling_with_a_cancel_that_waits_on_every_input() {
    let again = ClientInvite::Calling { request: invite(), every: ms(1000), cancel: Some(cancel()) };
    let cancelled = up().stop_retransmission().cancel(cancel()).set(Timer::Cancelled, ms(32_000));
    for timing in [udp(), tcp()] {
        check(
            &calling_cancelled(),
            &timing,
            &[
                (On::R1xx, (proceeding(true), cancelled.clone())),
                (On::R2xx, accepted()),
                (On::R486, refused(&timing)),
                (On::A, (again.clone(), none().send(invite().as_bytes()).set(Timer::A, ms(1000)))),
                (On::B, (Terminated, none().tell(Tell::Timeout))),
                (On::TransportError, (Terminated, none().tell(Tell::Transport))),
                (On::ConnectionLost, (calling_cancelled(), none().send(invite().as_bytes()))),
            ],
        );
    }
}

#[test]
fn proceeding_on_every_input() {
    for timing in [udp(), tcp()] {
        let cancelled = none().cancel(cancel()).set(Timer::Cancelled, ms(32_000));
        check(
            &proceeding(false),
            &timing,
            &[
                (On::R1xx, (proceeding(false), up())),
                (On::R2xx, accepted()),
                (On::R486, refused(&timing)),
                (On::CancelWish, (proceeding(true), cancelled)),
                (On::TransportError, (proceeding(false), none())),
                (On::ConnectionLost, (proceeding(false), none())),
            ],
        );
    }
}

#[test]
fn proceeding_after_a_cancel_on_every_input() {
    for timing in [udp(), tcp()] {
        check(
            &proceeding(true),
            &timing,
            &[
                (On::R1xx, (proceeding(true), up())),
                (On::R2xx, accepted()),
                (On::R486, refused(&timing)),
                (On::Cancelled, (Terminated, none().tell(Tell::Cancelled))),
                (On::TransportError, (proceeding(true), none())),
                (On::ConnectionLost, (proceeding(true), none())),
            ],
        );
    }
}

#[test]
fn completed_on_every_input() {
    for timing in [udp(), tcp()] {
        check(
            &completed(),
            &timing,
            &[
                (On::R486, (completed(), none().send(&ack()).tell(Tell::Repeat))),
                (On::D, (Terminated, none())),
                (On::TransportError, (Terminated, none())),
                (On::ConnectionLost, (completed(), none())),
            ],
        );
    }
}

#[test]
fn accepted_on_every_input() {
    for timing in [udp(), tcp()] {
        check(
            &Accepted,
            &timing,
            &[
                (On::R2xx, (Accepted, up())),
                (On::M, (Terminated, none())),
                (On::TransportError, (Accepted, none())),
                (On::ConnectionLost, (Accepted, none())),
            ],
        );
    }
}

#[test]
fn after_the_end_everything_is_unexpected() {
    for timing in [udp(), tcp()] {
        check(&Terminated, &timing, &[]);
    }
}

#[test]
fn an_invite_starts_a_and_b_on_udp_and_b_alone_on_tcp() {
    let sent = none().send(invite().as_bytes()).set(Timer::B, ms(32_000));
    assert_eq!(ClientInvite::start(invite(), &udp()), (calling(500), sent.clone().set(Timer::A, ms(500))));
    assert_eq!(ClientInvite::start(invite(), &tcp()), (calling(500), sent));
}

#[test]
fn timer_a_doubles_without_a_bound_of_its_own() {
    let (mut state, _) = ClientInvite::start(invite(), &udp());
    for every in [1000, 2000, 4000, 8000, 16_000] {
        let (next, effects) = state.step(Input::Timer(Timer::A), &udp());
        assert_eq!(effects.retransmission, super::super::step::Change::Set(Timer::A, ms(every)));
        state = next;
    }
}

#[test]
fn a_cancel_is_wanted_once_and_before_the_final_response() {
    assert_eq!(calling(500).cancelling(), Ok(Cancelling::AfterProvisional));
    assert_eq!(proceeding(false).cancelling(), Ok(Cancelling::Sent));
    assert_eq!(calling_cancelled().cancelling(), Err(CancelError::AlreadyCancelled));
    assert_eq!(proceeding(true).cancelling(), Err(CancelError::AlreadyCancelled));
    for state in [completed(), Accepted, Terminated] {
        assert_eq!(state.cancelling(), Err(CancelError::AlreadyFinal));
    }
}

#[test]
fn the_ack_to_a_refusal_has_the_invites_branch_and_the_responses_to() {
    let request = super::super::fixture::as_request(std::str::from_utf8(&ack()).unwrap());
    let headers = request.headers();
    assert_eq!(headers.top_via().unwrap().branch, Some("z9hG4bK-i"));
    assert_eq!(headers.vias().count(), 1);
    assert_eq!(headers.to().unwrap().tag(), Some("b1"));
    assert_eq!(headers.from().unwrap().tag(), Some("a1"));
    assert_eq!(headers.cseq().unwrap().to_string(), "1 ACK");
}

#[test]
fn a_refusal_without_a_to_is_acknowledged_with_the_invites() {
    let bad = response(486).edit().remove(crate::sip::HeaderName::To).build().unwrap();
    for state in [calling(500), proceeding(false)] {
        let (state, effects) = state.step(Input::Response(&bad), &udp());
        let ack = String::from_utf8(effects.send.unwrap().to_vec()).unwrap();
        assert!(ack.starts_with("ACK ") && ack.contains("\r\nTo: <sip:bob@example.com>\r\n"), "{ack}");
        assert!(matches!(state, ClientInvite::Completed { .. }));
        assert_eq!(effects.tell, Tell::Response);
    }
}
