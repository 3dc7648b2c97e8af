//! A command of a stream: the request of the unary call of the same name.

use super::{Context, Order, parse};
use crate::proto::session::v1::CommandContext;
use crate::proto::session::v1::command::Verb;
use crate::signaling::refusal::Refusal;

/// The command's id as told, and what it asks.
pub(in crate::signaling::grpc) fn of_command(
    verb: Option<Verb>,
) -> (String, Result<(Context, Order), Refusal>) {
    macro_rules! parsed {
        ($request:expr) => {{
            let request = $request;
            (id(request.context.as_ref()), parse(request))
        }};
    }
    match verb {
        Some(Verb::CreateSession(request)) => parsed!(request),
        Some(Verb::RingSession(request)) => parsed!(request),
        Some(Verb::StartEarlyMedia(request)) => parsed!(request),
        Some(Verb::AnswerSession(request)) => parsed!(request),
        Some(Verb::RejectSession(request)) => parsed!(request),
        Some(Verb::RedirectSession(request)) => parsed!(request),
        Some(Verb::HoldSession(request)) => parsed!(request),
        Some(Verb::ResumeSession(request)) => parsed!(request),
        Some(Verb::MuteSession(request)) => parsed!(request),
        Some(Verb::UpdateMedia(request)) => parsed!(request),
        Some(Verb::SendDtmf(request)) => parsed!(request),
        Some(Verb::SendInfo(request)) => parsed!(request),
        Some(Verb::SendMessage(request)) => parsed!(request),
        Some(Verb::TerminateSession(request)) => parsed!(request),
        Some(Verb::CreateBridge(request)) => parsed!(request),
        Some(Verb::AddBridgeMember(request)) => parsed!(request),
        Some(Verb::RemoveBridgeMember(request)) => parsed!(request),
        Some(Verb::DestroyBridge(request)) => parsed!(request),
        Some(Verb::StartPlayback(request)) => parsed!(request),
        Some(Verb::StopPlayback(request)) => parsed!(request),
        // A newer client's verb looks the same as none.
        None => (String::new(), Err(Refusal::NotServed(vec!["verb"]))),
    }
}

fn id(context: Option<&CommandContext>) -> String {
    context.map(|context| context.command_id.clone()).unwrap_or_default()
}
