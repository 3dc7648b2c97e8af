use super::*;

fn engine(group: &str, id: &str) -> EngineRef {
    EngineRef { group: group.into(), id: id.into() }
}

fn attached(group: &str, id: &str, sessions_max: Option<u32>) -> AttachedEngine {
    AttachedEngine { engine: engine(group, id), sessions_max, ready: true, still: false }
}

const START: Instant = Instant::from_millis(1_000);

/// Calls that wait for whoever gets them.
fn asked(groups: &mut Groups, group: &str, calls: usize, now: Instant) -> Vec<String> {
    let chosen = (0..calls).filter_map(|_| {
        let engine = groups.choose(group, now)?;
        groups.begun(&engine, false);
        groups.waits(&engine);
        Some(engine.id.to_string())
    });
    chosen.collect()
}

/// A call of this engine is not decided in time: another's now.
fn lapse(groups: &mut Groups, id: &str, now: Instant) {
    let engine = engine("a", id);
    groups.lapsed(&engine, now);
    groups.decided(&engine);
    groups.over(&engine, false);
}

fn round(groups: &mut Groups, group: &str, calls: usize) -> Vec<String> {
    let chosen = (0..calls).filter_map(|_| {
        let engine = groups.choose(group, START)?;
        groups.begun(&engine, false);
        Some(engine.id.to_string())
    });
    chosen.collect()
}

#[test]
fn calls_go_round_the_engines_of_their_group() {
    let mut groups = Groups::default();
    assert!(!groups.has_room("a") && groups.choose("a", START).is_none());
    groups.attach(vec![attached("a", "1", None), attached("b", "9", None), attached("a", "2", None)]);
    assert_eq!(round(&mut groups, "a", 5), ["1", "2", "1", "2", "1"]);
    assert_eq!(round(&mut groups, "b", 2), ["9", "9"]);
    assert_eq!(round(&mut groups, "a", 1), ["2"]);
}

#[test]
fn an_engine_that_is_full_is_passed_over_until_a_session_of_its_own_is_over() {
    let mut groups = Groups::default();
    groups.attach(vec![attached("a", "1", Some(1)), attached("a", "2", Some(2))]);
    assert_eq!(round(&mut groups, "a", 5), ["1", "2", "2"]);
    assert!(!groups.has_room("a"));
    groups.over(&engine("a", "1"), false);
    assert!(groups.has_room("a"));
    assert_eq!(round(&mut groups, "a", 2), ["1"]);
}

#[test]
fn an_engine_that_comes_back_still_has_its_sessions() {
    let mut groups = Groups::default();
    groups.attach(vec![attached("a", "1", Some(1))]);
    assert_eq!(round(&mut groups, "a", 2), ["1"]);
    groups.attach(Vec::new());
    assert!(!groups.has_room("a"));
    groups.attach(vec![attached("a", "1", Some(1)), attached("a", "2", None)]);
    assert_eq!(round(&mut groups, "a", 2), ["2", "2"]);
}

#[test]
fn an_engine_that_does_not_keep_up_gets_a_call_only_where_no_other_can_take_it() {
    let mut groups = Groups::default();
    let behind = AttachedEngine { ready: false, ..attached("a", "1", None) };
    groups.attach(vec![behind.clone(), attached("a", "2", Some(2)), attached("b", "3", None)]);
    assert_eq!(round(&mut groups, "a", 4), ["2", "2", "1", "1"]);
    groups.attach(vec![behind]);
    assert_eq!(round(&mut groups, "a", 1), ["1"]);
}

#[test]
fn a_call_is_passed_on_to_those_who_keep_up_and_have_not_had_it() {
    let mut groups = Groups::default();
    let behind = AttachedEngine { ready: false, ..attached("a", "1", None) };
    groups.attach(vec![
        behind,
        attached("a", "2", None),
        attached("a", "3", Some(0)),
        attached("a", "4", None),
    ]);
    let mut had = vec![engine("a", "2")];
    let next = groups.choose_other("a", &had);
    assert_eq!(next, Some(engine("a", "4")));
    had.extend(next);
    assert_eq!(groups.choose_other("a", &had), None);
}

#[test]
fn calls_are_stranded_where_their_engine_is_away_or_stands_still() {
    let mut groups = Groups::default();
    groups.attach(vec![attached("a", "1", None)]);
    groups.begun(&engine("a", "1"), false);
    groups.waits(&engine("a", "1"));
    assert!(!groups.has_stranded());
    groups.attach(vec![AttachedEngine { ready: false, ..attached("a", "1", None) }]);
    assert!(!groups.has_stranded(), "it may be thinking");
    groups.attach(vec![AttachedEngine { ready: false, still: true, ..attached("a", "1", None) }]);
    assert!(groups.has_stranded());
    groups.attach(Vec::new());
    assert!(groups.has_stranded());
    groups.decided(&engine("a", "1"));
    assert!(!groups.has_stranded());
}

#[test]
fn an_engine_that_more_calls_wait_for_than_for_others_comes_later() {
    let mut groups = Groups::default();
    groups.attach(vec![attached("a", "1", None), attached("a", "2", None), attached("a", "3", None)]);
    assert_eq!(asked(&mut groups, "a", 4, START), ["1", "2", "3", "1"], "as many for each: by turns");
    groups.decided(&engine("a", "3"));
    assert_eq!(asked(&mut groups, "a", 3, START), ["3", "2", "3"], "1 has two, and comes after them");
    groups.decided(&engine("a", "3"));
    groups.decided(&engine("a", "3"));
    // What is passed on goes by the same order.
    assert_eq!(groups.choose_other("a", &[engine("a", "1")]), Some(engine("a", "3")));
    assert_eq!(
        groups.choose_other("a", &[engine("a", "3")]),
        Some(engine("a", "1")),
        "two for each, in turn"
    );
}

#[test]
fn an_engine_that_did_not_decide_in_time_gets_one_call_on_trial_after_a_pause_that_grows() {
    let mut groups = Groups::default();
    groups.attach(vec![attached("a", "1", None), attached("a", "2", None)]);
    assert_eq!(asked(&mut groups, "a", 1, START), ["1"]);
    let mut now = START;
    let mut pause = TRIAL_PAUSE;
    for _ in 0..6 {
        lapse(&mut groups, "1", now);
        now = now + pause;
        let just_before = Instant::from_nanos(now.as_nanos() - 1);
        assert_eq!(round_at(&mut groups, 3, just_before), ["2", "2", "2"], "{pause:?}");
        assert_eq!(
            groups.choose_other("a", &[engine("a", "2")]),
            Some(engine("a", "1")),
            "nobody else is left"
        );
        assert_eq!(asked(&mut groups, "a", 1, now), ["1"], "on trial, {pause:?}");
        assert_eq!(round_at(&mut groups, 3, now), ["2", "2", "2"], "one at a time");
        pause = (pause * 2).min(TRIAL_PAUSE_MAX);
    }
    groups.proved(&engine("a", "1"));
    groups.decided(&engine("a", "1"));
    assert_eq!(round_at(&mut groups, 4, now), ["1", "2", "1", "2"], "it has decided");
}

fn round_at(groups: &mut Groups, calls: usize, now: Instant) -> Vec<String> {
    (0..calls).filter_map(|_| Some(groups.choose("a", now)?.id.to_string())).collect()
}

#[test]
fn calls_that_lapse_together_are_one_lapse() {
    let mut groups = Groups::default();
    groups.attach(vec![attached("a", "1", None), attached("a", "2", Some(0))]);
    assert_eq!(asked(&mut groups, "a", 5, START).len(), 5);
    for _ in 0..5 {
        lapse(&mut groups, "1", START);
    }
    groups.attach(vec![attached("a", "1", None), attached("a", "2", None)]);
    assert_eq!(round_at(&mut groups, 1, START), ["2"]);
    assert_eq!(round_at(&mut groups, 1, START + TRIAL_PAUSE), ["1"]);
}

#[test]
fn where_nobody_decides_in_time_calls_go_as_if_nothing_were_known() {
    let mut groups = Groups::default();
    groups.attach(vec![attached("a", "1", None)]);
    lapse(&mut groups, "1", START);
    assert_eq!(round_at(&mut groups, 2, START), ["1", "1"], "it is the only one");
    let behind = AttachedEngine { ready: false, ..attached("a", "3", None) };
    groups.attach(vec![attached("a", "1", None), attached("a", "2", None), behind]);
    lapse(&mut groups, "2", START);
    assert_eq!(
        round_at(&mut groups, 4, START),
        ["2", "1", "2", "1"],
        "one that keeps up comes before one that does not"
    );
}

#[test]
fn an_engine_that_attaches_anew_is_taken_at_its_word() {
    let mut groups = Groups::default();
    groups.attach(vec![attached("a", "1", None), attached("a", "2", None)]);
    lapse(&mut groups, "1", START);
    groups.attach(vec![attached("a", "2", None)]);
    lapse(&mut groups, "1", START);
    groups.attach(vec![attached("a", "2", None), attached("a", "1", None)]);
    assert_eq!(round_at(&mut groups, 4, START), ["2", "1", "2", "1"]);
}
