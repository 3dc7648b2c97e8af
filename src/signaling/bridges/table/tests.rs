//! Who is in, who may come, and when a bridge is over.

use super::*;

fn bridge(text: &str) -> BridgeId {
    BridgeId::parse(text).unwrap()
}

fn session(text: &str) -> SessionId {
    SessionId::parse(text).unwrap()
}

fn engine() -> EngineRef {
    EngineRef { group: "g".into(), id: "e".into() }
}

fn table(ids: &[&str], mode: BridgeMode, keep_when_empty: bool) -> Table {
    let record = |id: &str| {
        let new =
            NewBridge { id: bridge(id), mode, group: "g".into(), owner: Some(engine()), keep_when_empty };
        let id = new.id.clone();
        let mut record = Record::new(new);
        record.make().unwrap();
        (id, record)
    };
    Table(ids.iter().map(|id| record(id)).collect())
}

#[test]
fn a_bridge_ends_when_its_last_member_leaves_unless_it_is_kept() {
    for (keep, last) in [(false, Left::BridgeOver), (true, Left::BridgeStays)] {
        let mut table = table(&["b"], BridgeMode::Mix, keep);
        table.0.get_mut(&bridge("b")).unwrap().join(&session("x"));
        table.0.get_mut(&bridge("b")).unwrap().join(&session("y"));
        assert_eq!(table.leave(&bridge("b"), &session("x")), Left::BridgeStays);
        assert_eq!(table.leave(&bridge("b"), &session("x")), Left::BridgeStays, "it has left before");
        assert_eq!(table.leave(&bridge("b"), &session("y")), last);
        assert_eq!(table.0.is_empty(), !keep);
    }
}

#[test]
fn a_bridge_that_its_first_member_does_not_come_to_ends() {
    let mut table = table(&["b"], BridgeMode::Mix, false);
    table.0.get_mut(&bridge("b")).unwrap().name(&session("x"));
    assert_eq!(table.not_joined(&bridge("b"), &session("x")), Left::BridgeOver);
}

#[test]
fn a_bridge_stays_for_whoever_is_still_to_come() {
    let mut table = table(&["b"], BridgeMode::Mix, false);
    let record = table.0.get_mut(&bridge("b")).unwrap();
    record.name(&session("x"));
    record.expect(&session("y"));
    record.expect(&session("y"));
    assert_eq!(table.not_joined(&bridge("b"), &session("x")), Left::BridgeStays);
    assert_eq!(table.not_joined(&bridge("b"), &session("y")), Left::BridgeStays, "told twice");
    table.0.get_mut(&bridge("b")).unwrap().join(&session("y"));
    assert_eq!(table.leave(&bridge("b"), &session("y")), Left::BridgeOver);
}

#[test]
fn a_bridge_is_open_to_its_maker_and_its_group_and_ended_by_its_maker() {
    let of = |group: &str, id: &str| EngineRef { group: group.into(), id: id.into() };
    let mut table = table(&["b"], BridgeMode::Mix, true);
    let record = table.0.get_mut(&bridge("b")).unwrap();
    record.owner = Some(of("other", "maker"));
    record.join(&session("x"));
    let rights = |table: &Table, engine| {
        let record = &table.0[&bridge("b")];
        (record.is_open_to(&engine), record.is_ended_by(&engine))
    };
    assert_eq!(rights(&table, of("other", "maker")), (true, true));
    assert_eq!(rights(&table, of("g", "e")), (true, false), "of the bridge's group");
    assert_eq!(rights(&table, of("other", "e")), (false, false));
    assert_eq!(table.owner_gone(&of("other", "maker")), []);
    assert_eq!(rights(&table, of("g", "e")), (true, true), "its maker is gone");
}

#[test]
fn a_bridge_made_empty_waits_for_its_first_member() {
    let mut table = table(&["b"], BridgeMode::Mix, false);
    table.0.get_mut(&bridge("b")).unwrap().expect(&session("x"));
    assert_eq!(table.not_joined(&bridge("b"), &session("x")), Left::BridgeStays);
}

#[test]
fn whoever_was_told_to_come_has_its_place_in_a_relay() {
    let mut table = table(&["b"], BridgeMode::Relay, false);
    let record = table.0.get_mut(&bridge("b")).unwrap();
    record.join(&session("x"));
    record.expect(&session("y"));
    assert_eq!(record.full_for(&session("z")), Some(Bound::RelayMembers));
    assert_eq!(record.full_for(&session("y")), None);
}

#[test]
fn a_relay_takes_two_and_either_of_them_again() {
    let mut table = table(&["b"], BridgeMode::Relay, false);
    let record = table.0.get_mut(&bridge("b")).unwrap();
    record.join(&session("x"));
    assert_eq!(record.full_for(&session("y")), None);
    record.join(&session("y"));
    assert_eq!(record.full_for(&session("z")), Some(Bound::RelayMembers));
    assert_eq!(record.full_for(&session("x")), None);
}

#[test]
fn bridges_of_a_gone_engine_end_when_nobody_is_in_them() {
    let mut table = table(&["full", "empty"], BridgeMode::Mix, true);
    table.0.get_mut(&bridge("full")).unwrap().join(&session("x"));
    assert_eq!(table.owner_gone(&engine()), [bridge("empty")]);
    assert_eq!(table.leave(&bridge("full"), &session("x")), Left::BridgeOver);
}

#[test]
fn pages_follow_one_another_by_id() {
    let table = table(&["a", "b", "c"], BridgeMode::Mix, true);
    let ids = |page: Vec<BridgeView>| page.into_iter().map(|view| view.id).collect::<Vec<_>>();
    assert_eq!(ids(table.page("g", "", 2)), [bridge("a"), bridge("b")]);
    assert_eq!(ids(table.page("", "b", 2)), [bridge("c")]);
    assert_eq!(ids(table.page("h", "", 2)), []);
}

#[test]
fn a_mesh_takes_thirty_two_and_a_conference_two_hundred_and_fifty_six() {
    for (mode, max, bound) in [
        (BridgeMode::Mesh, 32, Bound::MeshMembers),
        (BridgeMode::Mix, 256, Bound::BridgeMembers),
        (BridgeMode::Echo, 256, Bound::BridgeMembers),
    ] {
        let mut table = table(&["b"], mode, false);
        let record = table.0.get_mut(&bridge("b")).unwrap();
        for n in 0..max {
            let member = session(&format!("s{n}"));
            assert_eq!(record.full_for(&member), None);
            if n % 2 == 0 { record.join(&member) } else { record.expect(&member) }
        }
        assert_eq!(record.full_for(&session("one-more")), Some(bound));
    }
}

fn making(keep_when_empty: bool) -> Table {
    let owner = Some(engine());
    let new = NewBridge { id: bridge("b"), mode: BridgeMode::Mix, group: "g".into(), owner, keep_when_empty };
    let mut record = Record::new(new);
    record.name(&session("x"));
    Table(BTreeMap::from([(bridge("b"), record)]))
}

fn make(table: &mut Table) -> Result<(), Refusal> {
    table.0.get_mut(&bridge("b")).expect("only who makes it ends it").make()
}

#[test]
fn a_bridge_in_the_making_is_seen_by_nobody_and_fails_with_what_comes_between() {
    let mut table = making(false);
    assert_eq!(table.page("", "", 9), []);
    assert_eq!(table.not_joined(&bridge("b"), &session("x")), Left::BridgeStays);
    let gone = CommandError::SessionNotFound(session("x"));
    assert_eq!(make(&mut table), Err(Refusal::Command(gone)));

    let mut table = making(true);
    table.lost();
    assert_eq!(make(&mut table), Err(Refusal::Media(MediaError::Unavailable)));

    let mut table = making(true);
    assert_eq!(table.owner_gone(&engine()), []);
    assert_eq!(make(&mut table), Err(Refusal::EngineNotAttached(engine())));

    let mut table = making(false);
    assert_eq!(make(&mut table), Ok(()));
    assert_eq!(table.page("", "", 9).len(), 1);
    assert_eq!(table.not_joined(&bridge("b"), &session("x")), Left::BridgeOver);
}
