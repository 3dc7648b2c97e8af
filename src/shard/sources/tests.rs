use super::*;

struct Rig {
    sources: Sources,
    now: Instant,
    calls: Vec<Unconfirmed>,
}

impl Rig {
    fn new(unconfirmed_max: usize) -> Self {
        let sources = Sources::new(unconfirmed_max, &mut Random::from_key([1, 2]));
        Self { sources, now: Instant::from_millis(100_000), calls: Vec::new() }
    }

    fn ask(&mut self, source: &str) -> Result<(), OverShare> {
        let standing = self.sources.standing(source.parse().unwrap(), false, self.now);
        self.sources.admits(standing, self.now)
    }

    /// Whether a call came in. It stays unconfirmed.
    fn call(&mut self, source: &str) -> bool {
        let standing = self.sources.standing(source.parse().unwrap(), false, self.now);
        let admitted = self.sources.admits(standing, self.now).is_ok();
        if admitted {
            self.calls.push(self.sources.begin(standing, self.now));
        }
        admitted
    }

    /// How many of so many calls came in.
    fn calls(&mut self, source: &str, calls: usize) -> usize {
        (0..calls).filter(|_| self.call(source)).count()
    }

    fn prove(&mut self, source: &str) {
        assert!(self.call(source));
        let call = self.calls.pop().unwrap();
        self.sources.confirmed(call, self.now);
    }

    fn pass(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
    }
}

#[test]
fn a_source_alone_has_nearly_all_once_it_is_proven_and_a_third_before() {
    let mut rig = Rig::new(1_000);
    assert_eq!(rig.calls("192.0.2.1", 2_000), 334);
    rig.calls.drain(..).for_each(|call| rig.sources.over(call));
    rig.prove("192.0.2.1");
    assert_eq!(rig.calls("192.0.2.1", 2_000), 800);
    assert_eq!(rig.sources.unconfirmed(), 800);
    assert_eq!(rig.ask("192.0.2.1"), Err(OverShare::Unconfirmed));
    let call = rig.calls.pop().unwrap();
    rig.sources.over(call);
    assert_eq!(rig.ask("192.0.2.1"), Ok(()));
}

#[test]
fn forged_sources_have_half_together_and_leave_the_rest_to_who_is_proven() {
    let mut rig = Rig::new(1_000);
    rig.prove("192.0.2.1");
    let forged = (0..5_000_u32).filter(|n| rig.call(&std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string()));
    assert_eq!(forged.count(), 500);
    assert_eq!(rig.ask("203.0.113.9"), Err(OverShare::Unconfirmed), "who cannot be told from them");
    assert_eq!(rig.calls("192.0.2.1", 1_000), 400);
}

#[test]
fn two_proven_sources_share_and_a_third_still_finds_room() {
    let mut rig = Rig::new(900);
    for source in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        rig.prove(source);
    }
    let (mut first, mut second) = (0, 0);
    for _ in 0..900 {
        first += usize::from(rig.call("192.0.2.1"));
        second += usize::from(rig.call("192.0.2.2"));
    }
    assert_eq!((first, second), (400, 400));
    assert!(rig.calls("192.0.2.3", 900) >= 75);
}

#[test]
fn a_networks_addresses_are_one_source_in_ipv6_and_each_its_own_in_ipv4() {
    let mut rig = Rig::new(9_000);
    let place = |rig: &Rig, source: &str| rig.sources.places.place_of(source.parse().unwrap());
    assert_eq!(place(&rig, "2001:db8::1"), place(&rig, "2001:db8::ffff:1"));
    assert_ne!(place(&rig, "2001:db8::1"), place(&rig, "2001:db8:0:1::1"));
    assert_ne!(place(&rig, "192.0.2.1"), place(&rig, "192.0.2.2"));
    rig.prove("2001:db8::1");
    assert!(rig.sources.standing("2001:db8::2".parse().unwrap(), false, rig.now).proven);
}

#[test]
fn a_proof_lasts_an_hour_and_a_connection_is_one() {
    let mut rig = Rig::new(10);
    let source = "192.0.2.1".parse().unwrap();
    assert!(!rig.sources.standing(source, false, rig.now).proven);
    assert!(rig.sources.standing(source, true, rig.now).proven);
    rig.prove("192.0.2.1");
    rig.pass(3_599_000);
    assert!(rig.sources.standing(source, false, rig.now).proven);
    rig.pass(1_001);
    assert!(!rig.sources.standing(source, false, rig.now).proven);
}

/// 200 ms of two proven sources, of which one begins far more calls. How many of each came in.
fn window(rig: &mut Rig, loud: usize, quiet: usize) -> (usize, usize) {
    let counts = (rig.calls("192.0.2.1", loud), rig.calls("192.0.2.2", quiet));
    rig.calls.drain(..).for_each(|call| rig.sources.over(call));
    counts
}

#[test]
fn while_calls_wait_too_long_the_loudest_source_is_held_to_fewer_and_no_other() {
    let mut rig = Rig::new(100_000);
    rig.prove("192.0.2.1");
    rig.prove("192.0.2.2");
    rig.pass(200);
    assert_eq!(window(&mut rig, 400, 10), (400, 10));
    rig.sources.pressed(rig.now);
    let mut held = Vec::new();
    for _ in 0..8 {
        rig.pass(200);
        let (loud, quiet) = window(&mut rig, 400, 10);
        assert_eq!(quiet, 10);
        held.push(loud);
        if loud > 100 {
            rig.sources.pressed(rig.now);
        }
    }
    assert!(held.windows(2).take(4).all(|pair| pair[1] < pair[0]), "{held:?}");
    assert!(held.iter().skip(5).all(|loud| (60..180).contains(loud)), "{held:?}");
    rig.pass(20_000);
    assert_eq!(window(&mut rig, 4_000, 10), (4_000, 10), "what is over is forgotten");
}

#[test]
fn under_pressure_all_unproven_sources_count_as_one() {
    let mut rig = Rig::new(100_000);
    rig.prove("192.0.2.2");
    let forged = |n: u32| std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string();
    rig.pass(200);
    assert_eq!((0..400).filter(|n| rig.call(&forged(*n))).count(), 400);
    rig.sources.pressed(rig.now);
    rig.pass(200);
    assert_eq!((400..800).filter(|n| rig.call(&forged(*n))).count(), 300);
    assert_eq!(rig.calls("192.0.2.2", 200), 200);
    assert_eq!(rig.ask("203.0.113.1"), Err(OverShare::Rate));
}
