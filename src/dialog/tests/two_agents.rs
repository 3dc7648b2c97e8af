//! UAC against UAS, both ours, over a network: the same call seen from both sides.

use std::time::Duration;

use super::bench::{field, invite_to, sdp};
use super::network::{FAIR, FORK, Weather, World};
use crate::ground::leg::{InDialogMethod, Invite, LegEvent, LegId, LegIntent};

fn call(world: &mut World, target: &str) -> LegId {
    let leg = world.agents[0].legs.open().unwrap();
    let invite = Invite { offer: Some(sdp("offer")), ..invite_to(&format!("sip:bob@{target}")) };
    assert_eq!(world.intent(0, leg, LegIntent::Invite(Box::new(invite))), Ok(()));
    leg
}

fn accept(answer: &str) -> LegIntent {
    LegIntent::Accept { description: Some(sdp(answer)), fields: Vec::new(), body: None }
}

/// A call from the first agent to the second, up on both sides.
fn up(world: &mut World) -> (LegId, LegId) {
    let ours = call(world, "198.51.100.2");
    world.advance(Duration::from_secs(5));
    let theirs = world.told(1)[0].0;
    assert_eq!(world.intent(1, theirs, accept("answer")), Ok(()));
    world.advance(Duration::from_secs(20));
    assert!(matches!(world.told(0)[..], [(_, LegEvent::Accepted { .. })]));
    assert!(matches!(world.told(1)[..], [(_, LegEvent::Confirmed { .. })]));
    (ours, theirs)
}

#[test]
fn both_sides_keep_the_same_dialog() {
    let mut world = World::new(1, FAIR);
    let (ours, theirs) = up(&mut world);
    let (a, b) =
        (world.agents[0].legs.dialogs(ours).remove(0), world.agents[1].legs.dialogs(theirs).remove(0));
    assert_eq!((&a.local_tag, &a.remote_tag), (&b.remote_tag, &b.local_tag));
    assert_eq!((&a.local_uri, &a.remote_uri), (&b.remote_uri, &b.local_uri));
    assert_eq!(a.call_id, b.call_id);
    assert_eq!(a.remote_target, format!("sip:{}@198.51.100.2:5060", b.local_tag));
    assert_eq!(b.remote_target, format!("sip:{}@198.51.100.1:5060", a.local_tag));
    assert_eq!((a.local_sequence, b.remote_sequence), (1, Some(1)));
    assert!(a.memory_bytes < 1024, "{} bytes", a.memory_bytes);
    world.hang_up_all();
    world.assert_empty(1);
}

#[test]
fn two_re_invites_that_cross_both_get_through_one_after_the_other() {
    for seed in 0..20 {
        let mut world = World::new(seed, Weather { delay_ms_max: 50, ..FAIR });
        let (ours, theirs) = up(&mut world);
        assert_eq!(world.intent(0, ours, LegIntent::Reoffer { offer: Some(sdp("a")) }), Ok(()));
        assert_eq!(world.intent(1, theirs, LegIntent::Reoffer { offer: Some(sdp("b")) }), Ok(()));
        let mut done = Vec::new();
        for _ in 0..120 {
            world.advance(Duration::from_millis(100));
            for (agent, leg) in [(0, ours), (1, theirs)] {
                for (_, event) in world.told(agent) {
                    match event {
                        LegEvent::Reoffered { .. } => {
                            let answer = LegIntent::AnswerReoffer { description: sdp("answer") };
                            assert_eq!(world.intent(agent, leg, answer), Ok(()));
                        }
                        LegEvent::ReofferAccepted { answer, .. } => {
                            assert_eq!(answer, Some(sdp("answer")));
                            done.push(agent);
                        }
                        // The peer's came while ours backed off, and took its place: once more.
                        LegEvent::ReofferConfirmed { .. } if !done.contains(&agent) => {
                            let again = LegIntent::Reoffer { offer: Some(sdp("again")) };
                            let pending = Err(crate::dialog::LegIntentError::Pending);
                            assert!([Ok(()), pending].contains(&world.intent(agent, leg, again)));
                        }
                        LegEvent::ReofferConfirmed { .. } => {}
                        other => panic!("seed {seed}: {other:?}"),
                    }
                }
            }
        }
        done.sort_unstable();
        assert_eq!(done, [0, 1], "seed {seed}");
        let met = |agent: usize| world.agents[agent].legs.counters().glare_met;
        assert!(met(0) + met(1) > 0, "seed {seed}");
        world.hang_up_all();
        world.assert_empty(seed);
    }
}

#[test]
fn a_call_survives_a_network_that_loses_a_third() {
    let weather = Weather { lost_percent: 33, doubled_percent: 10, delay_ms_max: 300, ..FAIR };
    let mut carried = 0;
    for seed in 0..30 {
        let mut world = World::new(seed, weather);
        let ours = call(&mut world, "198.51.100.2");
        world.advance(Duration::from_secs(20));
        let Some((theirs, LegEvent::Invited(invited))) = world.told(1).pop() else { continue };
        assert_eq!(invited.offer, Some(sdp("offer")));
        assert_eq!(world.intent(1, theirs, accept("answer")), Ok(()));
        world.advance(Duration::from_secs(40));
        let told = world.told(0);
        assert!(
            matches!(&told[..], [(_, LegEvent::Accepted { answer: Some(answer), .. })] if *answer == sdp("answer"))
        );
        assert!(matches!(world.told(1)[..], [(_, LegEvent::Confirmed { .. })]));
        let info = LegIntent::Request {
            key: 7,
            method: InDialogMethod::Info,
            fields: vec![field("X-Seed", "7")],
            body: None,
        };
        assert_eq!(world.intent(0, ours, info), Ok(()));
        world.advance(Duration::from_secs(33));
        if !matches!(world.told(0)[..], [(_, LegEvent::RequestDone { key: 7, outcome: Ok(_) })]) {
            continue;
        }
        let received = world.told(1);
        assert!(
            matches!(received[..], [(_, LegEvent::Received { .. })]),
            "once, whatever was doubled: {received:?}"
        );
        assert_eq!(world.intent(1, theirs, LegIntent::HangUp { fields: Vec::new(), body: None }), Ok(()));
        world.advance(Duration::from_secs(33));
        carried += usize::from(matches!(world.told(0)[..], [(_, LegEvent::HungUp(_)), (_, LegEvent::Ended)]));
        assert!(matches!(world.told(1)[..], [(_, LegEvent::Ended)]));
        world.hang_up_all();
        world.assert_empty(seed);
    }
    assert!(carried >= 28, "only {carried} of 30 calls were carried");
}

#[test]
fn of_two_forks_that_answer_one_is_kept_and_the_other_ended() {
    for seed in 0..20 {
        let mut world = World::new(seed, Weather { delay_ms_max: 20, ..FAIR });
        call(&mut world, FORK);
        world.advance(Duration::from_millis(100));
        for agent in [1, 2] {
            let leg = world.told(agent)[0].0;
            assert_eq!(world.intent(agent, leg, accept(&format!("answer {agent}"))), Ok(()));
        }
        world.advance(Duration::from_secs(1));
        let told = world.told(0);
        let [(_, LegEvent::Accepted { answer: Some(answer), .. })] = &told[..] else { panic!("{told:?}") };
        let winner = if *answer == sdp("answer 1") { 1 } else { 2 };
        assert!(matches!(world.told(winner)[..], [(_, LegEvent::Confirmed { .. })]));
        let loser = world.told(3 - winner);
        assert!(
            matches!(
                loser[..],
                [(_, LegEvent::Confirmed { .. }), (_, LegEvent::HungUp(_)), (_, LegEvent::Ended)]
            ) || matches!(loser[..], [(_, LegEvent::HungUp(_)), (_, LegEvent::Ended)]),
            "seed {seed}: {loser:?}"
        );
        world.hang_up_all();
        world.assert_empty(seed);
    }
}

#[test]
fn a_cancelled_fork_is_cancelled_everywhere() {
    let mut world = World::new(3, FAIR);
    let leg = call(&mut world, FORK);
    world.advance(Duration::from_millis(100));
    for agent in [1, 2] {
        let leg = world.told(agent)[0].0;
        let ring = LegIntent::Provisional { status: 180, description: None, fields: Vec::new() };
        assert_eq!(world.intent(agent, leg, ring), Ok(()));
    }
    world.advance(Duration::from_millis(100));
    assert_eq!(world.told(0).len(), 2);
    assert_eq!(world.intent(0, leg, LegIntent::HangUp { fields: Vec::new(), body: None }), Ok(()));
    world.advance(Duration::from_millis(100));
    assert!(matches!(world.told(0)[..], [(_, LegEvent::Rejected(_)), (_, LegEvent::Ended)]));
    for agent in [1, 2] {
        assert!(matches!(world.told(agent)[..], [(_, LegEvent::Cancelled(_)), (_, LegEvent::Ended)]));
    }
    world.assert_empty(3);
}
