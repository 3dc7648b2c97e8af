//! What media does when the process has no descriptor left. A test binary of its own: the limit is the process's.

use std::fs::File;
use std::time::Duration;

use callplane::media::MediaSettings;
use callplane::media::service::start;
use callplane::proto::media::v1 as proto;
use callplane::proto::media::v1::failure::Code;
use callplane::proto::media::v1::reply::Result as Outcome;
use callplane::proto::media::v1::request::Operation;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors of the process.
const DESCRIPTORS: u64 = 128;

/// Descriptors that are left for endpoints.
const LEFT: usize = 4;

/// How long a reply may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes all descriptors that the process may have, but so many.
fn take_all_but(left: usize) -> Vec<File> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(DESCRIPTORS), ..limit }).unwrap();
    let mut taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    taken.truncate(taken.len() - left);
    taken
}

#[tokio::test]
async fn an_endpoint_that_finds_no_descriptor_is_refused_as_at_a_limit_and_its_port_does_not_rest() {
    let settings = MediaSettings {
        bind_ipv4: Some(std::net::Ipv4Addr::LOCALHOST),
        rtp_port_min: 29_760,
        rtp_port_max: 29_799,
        workers: 1,
        ..MediaSettings::default()
    };
    let node = start(&settings).unwrap();
    let mut client = callplane::media::grpc::inprocess::client(&node.service);
    let mut ask = async |operation: Operation| {
        let owner = Some(proto::Hello { owner: "owner".into(), incarnation: 1, ..proto::Hello::default() });
        let request = Some(proto::Request { id: 1, operation: Some(operation) });
        let response = client.execute(proto::ExecuteRequest { owner, request });
        let response = tokio::time::timeout(PATIENCE, response).await.expect("a reply").unwrap();
        response.into_inner().reply.unwrap().result.unwrap()
    };
    let offer = |endpoint: usize| {
        Operation::Negotiate(proto::Negotiate {
            endpoint_id: endpoint.to_string(),
            create: Some(proto::EndpointSettings::default()),
            generation: 1,
            step: Some(proto::negotiate::Step::MakeOffer(proto::MakeOffer {})),
            ..Default::default()
        })
    };
    let _taken = take_all_but(LEFT);
    for endpoint in 0..LEFT {
        assert!(matches!(ask(offer(endpoint)).await, Outcome::Negotiated(_)));
    }
    let Outcome::Failure(failure) = ask(offer(LEFT)).await else { panic!("there was one more") };
    assert_eq!(failure.code(), Code::Limit, "{}", failure.message);
    let snapshot = node.snapshot();
    assert_eq!((snapshot.endpoints, snapshot.ports.used, snapshot.ports.resting), (LEFT, LEFT, 0));
    assert_eq!(snapshot.ports.unbound, 1);
    // It passes with the shortage.
    let close = Operation::CloseEndpoint(proto::CloseEndpoint { endpoint_id: "0".into() });
    assert!(matches!(ask(close).await, Outcome::EndpointClosed(_)));
    assert!(matches!(ask(offer(LEFT)).await, Outcome::Negotiated(_)));
}
