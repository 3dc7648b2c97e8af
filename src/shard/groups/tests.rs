use super::*;

fn engine(group: &str, id: &str) -> EngineRef {
    EngineRef { group: group.into(), id: id.into() }
}

fn attached(group: &str, id: &str, sessions_max: Option<u32>) -> AttachedEngine {
    AttachedEngine { engine: engine(group, id), sessions_max, ready: true, still: false }
}

fn round(groups: &mut Groups, group: &str, calls: usize) -> Vec<String> {
    let chosen = (0..calls).filter_map(|_| {
        let engine = groups.choose(group)?;
        groups.begun(&engine, false);
        Some(engine.id.to_string())
    });
    chosen.collect()
}

#[test]
fn calls_go_round_the_engines_of_their_group() {
    let mut groups = Groups::default();
    assert!(!groups.has_room("a") && groups.choose("a").is_none());
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
