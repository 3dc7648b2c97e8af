//! A command of a stream: the request of the unary call of the same name.

use super::{Parsed, parse};
use crate::proto::session::v1::command::Verb;
use crate::proto::session::v1::{Command, CommandContext};
use crate::signaling::refusal::{BadField, Named, Refusal};

/// The command's id as told, and the command.
pub(in crate::signaling::grpc) fn of_command(command: Command) -> (String, Parsed) {
    let Command { verb, command_id } = command;
    macro_rules! parsed {
        ($request:expr) => {{
            let mut request = $request;
            let id = id(command_id, &mut request.context);
            let mut parsed = parse(request);
            if let Some(refusal) = id.1 {
                parsed.asked = Err(refusal);
            }
            (id.0, parsed)
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
        None => {
            let asked = Err(Refusal::NotServed(vec!["verb"]));
            (command_id, Parsed { named: Named::default(), asked })
        }
    }
}

/// The command's id: beside the verb, or in its context. One that stands beside the verb is put into the context; it may
/// not be another than is there.
fn id(beside: String, context: &mut Option<CommandContext>) -> (String, Option<Refusal>) {
    let inside = context.as_ref().map(|context| context.command_id.clone()).unwrap_or_default();
    if beside.is_empty() || beside == inside {
        return (inside, None);
    }
    let differs = !inside.is_empty();
    context.get_or_insert_default().command_id.clone_from(&beside);
    let problem = "is not context.command_id, which is given, too".to_owned();
    let refusal = Refusal::BadFields(vec![BadField { field: "command_id".into(), problem }]);
    (beside, differs.then_some(refusal))
}
