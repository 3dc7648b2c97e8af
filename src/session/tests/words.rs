//! Short words for what a session says, so that a row of them fits on a line.

use super::super::command::Verb;
use super::super::event::EventPayload;
use super::super::media::{Direction, MediaRequest, NegotiationStep};
use crate::ground::leg::{InDialogMethod, LegIntent};
use crate::ground::{Description, Mismatch};

pub(super) fn name(verb: &Verb) -> &'static str {
    super::super::matrix::column(verb).map_or("Create", |column| super::super::matrix::VERBS[column])
}

pub(super) fn of_intent(intent: &LegIntent) -> String {
    match intent {
        LegIntent::Invite(invite) => format!("INVITE{}", with(&invite.offer)),
        LegIntent::Provisional { status, description, .. } => format!("{status}{}", with(description)),
        LegIntent::Accept { description, .. } => format!("200{}", with(description)),
        LegIntent::Reject { status, retry_after: Some(after), .. } => format!("{status} after {after}"),
        LegIntent::Reject { status, mismatch, .. } => format!("{status}{}", warned(*mismatch)),
        LegIntent::Acknowledge { answer } => format!("ACK{}", with(answer)),
        LegIntent::Reoffer { offer } => format!("re-INVITE{}", with(offer)),
        LegIntent::AnswerReoffer { description } => format!("re-200{}", with(&Some(description.clone()))),
        LegIntent::RefuseReoffer { status, mismatch, .. } => format!("re-{status}{}", warned(*mismatch)),
        LegIntent::Request { method, .. } => match method {
            InDialogMethod::Info => "INFO".into(),
            InDialogMethod::Message => "MESSAGE".into(),
        },
        LegIntent::HangUp { .. } => "hang up".into(),
    }
}

fn warned(mismatch: Option<Mismatch>) -> String {
    mismatch.map_or(String::new(), |mismatch| format!(" warns {}", mismatch.warn_code()))
}

fn with(description: &Option<Description>) -> String {
    description.as_ref().map_or(String::new(), |it| format!("({})", String::from_utf8_lossy(&it.0)))
}

pub(super) fn of_request(body: &MediaRequest) -> String {
    match body {
        MediaRequest::Negotiate { generation, remote, direction, step, commit, .. } => {
            let what = match step {
                NegotiationStep::MakeOffer => "offer",
                NegotiationStep::AnswerOffer(_) => "answer",
                NegotiationStep::ApplyAnswer(_) => "apply",
            };
            let fork = if remote.is_empty() { String::new() } else { format!(" of {remote}") };
            let hold = if *direction == Direction::SendOnly { " sendonly" } else { "" };
            let committed = if *commit { " to commit" } else { "" };
            format!("{what} #{generation}{fork}{hold}{committed}")
        }
        MediaRequest::Commit { generation, remote } if remote.is_empty() => format!("commit #{generation}"),
        MediaRequest::Commit { generation, remote } => format!("commit #{generation} of {remote}"),
        MediaRequest::Rollback { generation } => format!("rollback #{generation}"),
        MediaRequest::SelectRemote { remote } => format!("select {remote}"),
        MediaRequest::Close => "close".into(),
        MediaRequest::Join { bridge } => format!("join {bridge}"),
        MediaRequest::Leave { bridge } => format!("leave {bridge}"),
        MediaRequest::Play { key, .. } => format!("play #{key}"),
        MediaRequest::StopPlay { key } => format!("stop #{key}"),
        MediaRequest::SendDtmf { digits, .. } => format!("dtmf {digits}"),
        MediaRequest::PeerReached => "peer reached".into(),
        MediaRequest::Mute { muted } => format!("mute {muted}"),
    }
}

pub(super) fn of_event(payload: &EventPayload) -> String {
    match payload {
        EventPayload::Ringing { status } => format!("Ringing {status}"),
        EventPayload::Progress { status, early_media, .. } => {
            format!("Progress {status}{}", if *early_media { " early" } else { "" })
        }
        EventPayload::OperationCompleted { operation, outcome, .. } => format!("{operation:?} {outcome:?}"),
        EventPayload::MediaChanged { hold, by_peer, .. } => {
            let who = if *by_peer { " by peer" } else { "" };
            let (local, remote) =
                (if hold.local { " holding" } else { "" }, if hold.remote { " held" } else { "" });
            format!("MediaChanged{who}{local}{remote}")
        }
        EventPayload::PlaybackEnded { cause, .. } => format!("PlaybackEnded {cause:?}"),
        EventPayload::Ended(ended) if ended.status > 0 => format!("Ended {:?} {}", ended.cause, ended.status),
        EventPayload::Ended(ended) => format!("Ended {:?}", ended.cause),
        other => {
            let text = format!("{other:?}");
            text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().into()
        }
    }
}
