//! How often a peer's doings are told.

use super::super::event::Suppressed;
use super::*;
use crate::ground::leg::InDialogMethod;

fn key() -> MediaEvent {
    MediaEvent::Dtmf { digit: '1', duration: Duration::from_millis(80) }
}

impl Bench {
    fn pass(&mut self, time: Duration) {
        self.now = self.now.advanced(time);
    }

    /// What was left away, as told: how often, and how much of it in all.
    fn suppressions(&self) -> (usize, Suppressed) {
        let mut all = Suppressed::default();
        let told = self.events.iter().filter_map(|event| match event.payload {
            EventPayload::Suppressed(told) => Some(told),
            _ => None,
        });
        let count = told
            .map(|told| {
                all.dtmf += told.dtmf;
                all.info += told.info;
                all.progress += told.progress;
            })
            .count();
        (count, all)
    }

    fn told(&self, is: impl Fn(&EventPayload) -> bool) -> u32 {
        self.events.iter().filter(|event| is(&event.payload)).count() as u32
    }
}

#[test]
fn a_flood_of_keys_is_told_in_part_and_its_rest_once_a_second_by_number() {
    let mut bench = Bench::at(Phase::Connected);
    // 10 s of 1,000 keys a second.
    for _ in 0..10_000 {
        bench.event(key());
        bench.pass(Duration::from_millis(1));
    }
    let keys = bench.told(|payload| matches!(payload, EventPayload::DtmfReceived { .. }));
    assert!((590..=610).contains(&keys), "{keys}");
    let (times, left_away) = bench.suppressions();
    assert!((9..=11).contains(&times), "{times}");
    assert!(left_away.dtmf <= 10_000 - keys);
    bench.leg(LegEvent::HungUp(farewell(0)));
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    let (_, left_away) = bench.suppressions();
    assert_eq!(left_away.dtmf + keys, 10_000, "none is lost without a word");
    assert_eq!(bench.suppressed as u32, left_away.dtmf);
    assert!(matches!(bench.events.last().map(|event| &event.payload), Some(EventPayload::Ended(_))));
}

#[test]
fn what_people_do_is_always_told() {
    let mut bench = Bench::at(Phase::Connected);
    for _ in 0..3_000 {
        bench.event(key());
        bench.pass(Duration::from_millis(40));
    }
    assert_eq!((bench.suppressed, bench.suppressions().0), (0, 0));
}

#[test]
fn ringing_without_end_and_info_are_bounded_as_keys_are_and_an_answer_is_told_all_the_same() {
    let mut bench = Bench::at(Phase::Calling);
    for _ in 0..1_000 {
        bench.leg(provisional("t1", 180, None));
    }
    assert_eq!(bench.told(|payload| matches!(payload, EventPayload::Progress { .. })), 100);
    bench.leg(accepted("t1", Some("answer"), None));
    bench.media_does_all();
    assert_eq!(bench.told(|payload| matches!(payload, EventPayload::Connected { .. })), 1);
    for _ in 0..100 {
        bench.leg(LegEvent::Received { method: InDialogMethod::Info, body: None, fields: Vec::new() });
    }
    bench.leg(LegEvent::HungUp(farewell(0)));
    bench.leg(LegEvent::Ended);
    bench.media_does_all();
    let (_, left_away) = bench.suppressions();
    assert_eq!((left_away.progress, left_away.info), (900, 100));
}
