//! Peers that name somebody else's address: what he gets of them is little, and less than they send.

use std::time::Duration;

use super::bench::{Bench, answer_to, sdp};
use crate::dialog::settings::REPEATED_FORKS_MAX;
use crate::sip::{HeaderName, Message, Method, Request};

const VICTIM: &str = "203.0.113.9";

/// What was sent: all to the victim, and those of them and of all others with this method.
fn counted(bench: &mut Bench, method: &Method) -> (usize, usize, usize) {
    let (mut to_victim, mut of_method, mut others) = (0, 0, 0);
    for (flow, message) in bench.sent.drain(..) {
        let is_of_method = message.as_request().is_some_and(|request| request.method() == method);
        if flow.remote.ip().to_string() == VICTIM {
            to_victim += 1;
            of_method += usize::from(is_of_method);
        } else {
            others += usize::from(is_of_method);
        }
    }
    (to_victim, of_method, others)
}

fn accepted_elsewhere(invite: &Request, tag: &str) -> Message {
    let response = answer_to(invite, 200, tag, Some(&sdp("answer")));
    response.edit().set(HeaderName::Contact, "<sip:v@203.0.113.9>").build().expect("a response").into()
}

/// As many forks as are answered, each of which repeats its 2xx for ever.
#[test]
fn forks_that_repeat_their_2xx_bring_their_victim_a_bounded_number_of_messages() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.calling(Some(sdp("offer")));
    bench.answer(&invite, 200, "bob-0", Some(&sdp("answer")));
    bench.request(&Method::Ack);
    for _ in 0..100 {
        for fork in 0..15 {
            bench.receive(&accepted_elsewhere(&invite, &format!("x{fork}")));
        }
    }
    let (all, byes, _) = counted(&mut bench, &Method::Bye);
    // ACK and BYE to each, and to two the BYE is repeated by a transaction instead of with its ACK.
    assert!((15 + 15 + 32..=2 * 15 + 2 * 32).contains(&all), "{all}");
    assert!((15..=15 + 32).contains(&byes), "{byes}");
    bench.advance(Duration::from_secs(31));
    let (all, byes, _) = counted(&mut bench, &Method::Bye);
    assert_eq!(all, byes);
    assert!(byes <= 10 * REPEATED_FORKS_MAX, "{byes}");
    // The dialog that the INVITE was for has its own measure.
    bench.answer(&invite, 200, "bob-0", Some(&sdp("answer")));
    bench.request(&Method::Ack);
    bench.hang_up(leg);
    bench.assert_empty();
}
