use std::sync::mpsc;

use super::shares::{OF_ONE_MAX, OF_ONE_WAITING_MAX};
use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

fn query(host: &str, ipv4: bool) -> Query {
    Query { host: host.into(), port: 4000, ipv4, by: None }
}

/// A name that a caller at this address tells.
fn told_by(last: u8, host: &str) -> Query {
    Query { by: Some([192, 0, 2, last].into()), ..query(host, true) }
}

/// A resolver whose hosts have the addresses that their names list.
fn listed() -> Arc<Resolve> {
    Arc::new(|host: String| {
        let addresses: Vec<IpAddr> = host.split(' ').map(|ip| ip.parse().unwrap()).collect();
        std::future::ready(Ok(addresses.into())).boxed()
    })
}

/// A resolver that never answers.
fn silent() -> Arc<Resolve> {
    Arc::new(|_| std::future::pending().boxed())
}

fn serving(at_once: usize, resolve: Arc<Resolve>) -> Lookups {
    let (lookups, serving) = Lookups::with(at_once, resolve);
    tokio::spawn(serving);
    lookups
}

async fn answer(lookups: &Lookups, query: Query) -> Result<SocketAddr, LookupError> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    lookups.look_up(query, move |answer| sender.send(answer).unwrap()).unwrap();
    receiver.await.unwrap()
}

#[test]
fn the_system_knows_localhost_and_not_what_does_not_exist() {
    let lookups = Lookups::new().unwrap();
    let ask = |host: &str| {
        let (sender, receiver) = mpsc::channel();
        lookups.look_up(query(host, true), move |answer| sender.send(answer).unwrap()).unwrap();
        receiver.recv_timeout(PATIENCE).unwrap()
    };
    assert_eq!(ask("localhost"), Ok("127.0.0.1:4000".parse().unwrap()));
    assert_eq!(ask("no such name"), Err(LookupError::NotFound));
    let counts = lookups.counts();
    assert_eq!((counts.found, counts.failed, counts.late, counts.under_way), (1, 1, 0, 0));
}

#[tokio::test]
async fn the_first_address_of_the_version_that_can_be_sent_to_is_taken() {
    let lookups = serving(1, listed());
    let rows = [
        ("192.0.2.1 192.0.2.2", true, Some("192.0.2.1:4000")),
        ("2001:db8::1 192.0.2.2", true, Some("192.0.2.2:4000")),
        ("192.0.2.2 2001:db8::1", false, Some("[2001:db8::1]:4000")),
        ("0.0.0.0 224.0.0.1 255.255.255.255 192.0.2.2", true, Some("192.0.2.2:4000")),
        ("2001:db8::1", true, None),
        (":: ff02::1 192.0.2.1", false, None),
    ];
    for (host, ipv4, found) in rows {
        let found = found.map(|address| address.parse().unwrap()).ok_or(LookupError::NotFound);
        assert_eq!(answer(&lookups, query(host, ipv4)).await, found, "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_not_answered_in_time_is_late_whether_he_had_his_turn_or_not() {
    let lookups = serving(1, silent());
    let begun = Instant::now();
    let (first, second) =
        tokio::join!(answer(&lookups, query("a", true)), answer(&lookups, query("b", true)));
    assert_eq!((first, second), (Err(LookupError::Late), Err(LookupError::Late)));
    assert_eq!(begun.elapsed().as_secs(), LOOKUP_TIME_MAX.as_secs());
    assert_eq!((lookups.counts().late, lookups.counts().under_way), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn as_many_as_may_are_asked_at_once_and_past_the_waiting_ones_none() {
    let lookups = serving(2, silent());
    let (sender, answers) = mpsc::channel();
    let ask = || {
        let sender = sender.clone();
        lookups.look_up(query("a", true), move |answer| sender.send(answer).unwrap())
    };
    assert_eq!((ask(), ask()), (Ok(()), Ok(())));
    let asked = (0..LOOKUPS_WAITING_MAX).filter(|_| ask().is_ok()).count();
    assert_eq!((asked, ask()), (LOOKUPS_WAITING_MAX, Err(LookupError::Refused)));
    let counts = lookups.counts();
    assert_eq!((counts.under_way, counts.refused), (LOOKUPS_WAITING_MAX + 2, 1));
    tokio::time::sleep(LOOKUP_TIME_MAX + Duration::from_millis(1)).await;
    assert_eq!(answers.try_iter().filter(|answer| *answer == Err(LookupError::Late)).count(), asked + 2);
    assert_eq!(lookups.counts().under_way, 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_the_slow_names_of_one_caller_but_himself() {
    let some_slow: Arc<Resolve> = Arc::new(|host: String| match host.as_str() {
        "slow" => std::future::pending().boxed(),
        ip => {
            let found: Vec<IpAddr> = vec![ip.parse().unwrap()];
            std::future::ready(Ok(found.into())).boxed()
        }
    });
    let lookups = serving(OF_ONE_MAX + 1, some_slow);
    let ask = || lookups.look_up(told_by(66, "slow"), |_| ());
    assert_eq!((0..OF_ONE_MAX + OF_ONE_WAITING_MAX + 5).filter(|_| ask().is_ok()).count(), 40);
    assert_eq!(lookups.counts().refused, 5);
    let begun = Instant::now();
    for other in [1, 2] {
        let found = answer(&lookups, told_by(other, "192.0.2.7")).await;
        assert_eq!(found, Ok("192.0.2.7:4000".parse().unwrap()));
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(answer(&lookups, query("192.0.2.7", true)).await, Ok("192.0.2.7:4000".parse().unwrap()));
    tokio::time::sleep(LOOKUP_TIME_MAX + Duration::from_millis(1)).await;
    assert_eq!((lookups.counts().late, lookups.counts().under_way), (40, 0));
    let found = answer(&lookups, told_by(66, "192.0.2.8")).await;
    assert_eq!(found, Ok("192.0.2.8:4000".parse().unwrap()), "his share is free again");
}
