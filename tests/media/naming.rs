//! Phones whose descriptions name a host.

use callplane::proto::media::v1::reply::Result as Outcome;
use callplane::proto::media::v1::{BridgeMode, Direction};

use crate::harness::{Studio, add_member, answer_offer, commit, create_bridge, play_tone, settings, until};
use crate::phone::Phone;

/// The phone's offer, with a host name for its address.
fn offer_at(phone: &Phone, host: &str) -> String {
    phone.description("").replace("c=IN IP4 127.0.0.1", &format!("c=IN IP4 {host}"))
}

/// A phone at a host that was answered and has not sent anything.
async fn called(studio: &mut Studio, host: &str) -> Phone {
    let mut phone = Phone::new("a");
    let asked = studio.control.ask(answer_offer("a", 1, &offer_at(&phone, host), Direction::Sendrecv)).await;
    let Outcome::Negotiated(negotiated) = asked else { panic!("{asked:?}") };
    let facts = negotiated.facts.unwrap();
    assert!(facts.remote_address.starts_with(&format!("{host}:")), "{}", facts.remote_address);
    phone.peer = Some(facts.local_address.parse().unwrap());
    studio.control.done(commit("a", 1)).await;
    phone
}

#[tokio::test]
async fn a_phone_at_a_host_name_hears_without_having_said_anything() {
    let mut studio = Studio::start(&settings(24_500, 4)).await;
    let phone = called(&mut studio, "localhost").await;
    studio.control.done(play_tone("a", "tone", 440.0, None)).await;
    until("the tone comes", || phone.count() >= 25).await;
    assert!(phone.hears(440.0) > 0.9);
    let lookups = studio.node.snapshot().lookups;
    assert_eq!((lookups.found, lookups.under_way, lookups.unneeded), (1, 0, 0));
    // A re-INVITE with the same host goes on without another look-up.
    let again = offer_at(&phone, "localhost");
    studio.control.ask(answer_offer("a", 2, &again, Direction::Sendrecv)).await;
    studio.control.done(commit("a", 2)).await;
    let heard = phone.count();
    until("the tone goes on", || phone.count() >= heard + 10).await;
    assert_eq!(studio.node.snapshot().lookups.found, 1);
}

#[tokio::test]
async fn a_phone_whose_host_is_not_found_is_learned_from_what_it_sends() {
    let mut studio = Studio::start(&settings(24_520, 4)).await;
    let mut phone = called(&mut studio, "phone.invalid").await;
    studio.control.done(create_bridge("echo", BridgeMode::Echo)).await;
    studio.control.done(add_member("echo", "a")).await;
    phone.talk(440.0);
    until("it hears itself", || phone.count() >= 25).await;
    assert!(phone.hears(440.0) > 0.9);
    studio.control.close("a").await;
    assert_eq!(studio.node.snapshot().lookups.found, 0);
}

#[tokio::test]
async fn a_host_is_found_for_an_endpoint_that_moves_meanwhile() {
    let mut settings = settings(24_540, 8);
    settings.workers = 2;
    settings.port_rest_ms = 0;
    let mut studio = Studio::start(&settings).await;
    let other = studio.phone("other", None).await;
    studio.bridge("there", BridgeMode::Mix, &[&other]).await;
    for round in 1..=10 {
        let phone = Phone::new("a");
        let operations = vec![
            answer_offer("a", 1, &offer_at(&phone, "localhost"), Direction::Sendrecv),
            commit("a", 1),
            add_member("there", "a"),
            play_tone("a", "tone", 440.0, None),
        ];
        for id in studio.control.send(operations).await {
            let outcome = studio.control.reply(id).await;
            assert!(!matches!(outcome, Outcome::Failure(_)), "{outcome:?}");
        }
        until("the tone comes", || phone.count() >= 2).await;
        assert_eq!(studio.node.snapshot().lookups.found, round);
        studio.control.close("a").await;
    }
    assert_eq!(studio.node.snapshot().lookups.unneeded, 0);
}

#[tokio::test]
async fn an_endpoint_that_closes_while_its_host_is_looked_up_leaves_nothing() {
    let mut studio = Studio::start(&settings(24_560, 4)).await;
    let phone = Phone::new("a");
    let operations = vec![
        answer_offer("a", 1, &offer_at(&phone, "localhost"), Direction::Sendrecv),
        commit("a", 1),
        crate::harness::close("a"),
    ];
    for id in studio.control.send(operations).await {
        let outcome = studio.control.reply(id).await;
        assert!(!matches!(outcome, Outcome::Failure(_)), "{outcome:?}");
    }
    until("the look-up is over", || studio.node.snapshot().lookups.under_way == 0).await;
    let snapshot = studio.node.snapshot();
    assert_eq!((snapshot.lookups.found, snapshot.endpoints, snapshot.sockets), (1, 0, 0));
}
