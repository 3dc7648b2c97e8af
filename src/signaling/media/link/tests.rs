//! When what waits goes.

use super::*;

/// Asks for something that nobody waits for, and says until when it waits for company at most.
fn ask(link: &MediaLink, millis: u64) -> Option<ground::Instant> {
    link.unflushed.store(true, Ordering::Release);
    link.flush(ground::Instant::from_millis(millis))
}

#[test]
fn what_waits_for_company_has_its_time_also_behind_a_hurry() {
    let link = MediaLink::new("node".into(), 1, Arc::new([]), Arc::default());
    while ask(&link, 0).is_none() {}
    link.hurry();
    let due = ground::Instant::from_millis(5);
    assert_eq!(ask(&link, 1), Some(due));
    assert_eq!(ask(&link, 2), Some(due), "it goes along");
    assert_eq!(link.flush(due), None);
    assert_eq!(ask(&link, 6), Some(ground::Instant::from_millis(10)));
}
