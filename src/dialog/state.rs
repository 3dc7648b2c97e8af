//! One dialog (RFC 3261 §12): its ids, the two parties, the route set, the remote target and the two sequence numbers.
//!
//! All text stands in one allocation. How requests are built from it is `request.rs`'s, where they go `locate.rs`'s.

use std::net::SocketAddr;

use crate::ground::leg::Invite;
use crate::ground::{Flow, ListenerId, Pace, WallTime};
use crate::sip::{HeaderError, NameAddr, Request, Response};

use super::index::DialogKey;
use super::locate::Origin;
use super::settings::DIALOG_TEXT_BYTES_MAX;
use super::target::{source_uri, target, usable_target};

/// Who sent the INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We did.
    Uac,
    /// The peer did.
    Uas,
}

/// Why a message makes no dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialogError {
    /// A header field is missing or malformed. The peer's fault.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// Its text passes [`DIALOG_TEXT_BYTES_MAX`].
    #[error("a dialog of more than {DIALOG_TEXT_BYTES_MAX} bytes of text")]
    TooLarge,
}

/// The parts of a dialog's text, in the order in which they are kept.
#[derive(Clone, Copy)]
enum Part {
    CallId,
    LocalTag,
    RemoteTag,
    LocalName,
    LocalUri,
    RemoteName,
    RemoteUri,
    Target,
    /// Elements of Route, in the order to be visited, with line feeds between them.
    Routes,
}

const PARTS: usize = Part::Routes as usize + 1;

/// A dialog, or what an INVITE of ours has before it makes one: then the remote tag is empty.
#[derive(Clone, Debug)]
pub(super) struct Dialog {
    text: Box<str>,
    ends: [u16; PARTS],
    /// Under which it is found.
    pub key: DialogKey,
    pub role: Role,
    /// The sequence number of our last request (RFC 3261 §12.2.1.1).
    pub local_sequence: u32,
    /// The highest sequence number of the peer's requests; `None` before the first.
    pub remote_sequence: Option<u32>,
    /// The listener that is named in our Contact.
    pub listener: ListenerId,
    /// Whether only `sips:` will do (RFC 3261 §12.1.1).
    pub secure: bool,
    /// Where requests go, once that is known.
    pub hop: Option<Flow>,
    /// Where they go if that fails.
    pub fallback: Option<Box<Flow>>,
    /// Who named the next hop, where it has to be looked up. `None`: an engine did.
    pub origin: Option<Box<Origin>>,
    /// Where the message came from that made it or refreshed its target.
    pub heard_at: Option<SocketAddr>,
    /// Whether the peer has shown since it named its target that it reads what we send: a stranger does not know our tag.
    pub acknowledged: bool,
    /// The highest sequence number of requests from elsewhere.
    pub foreign_sequence: Option<u32>,
    pub created: WallTime,
    /// When the last message in it came or went.
    pub active: WallTime,
    /// How often the peer asks for something that others have to be told of.
    pub requests: Pace,
}

/// The parts while a dialog is made.
struct Texts<'a>([&'a str; PARTS]);

impl Texts<'_> {
    fn keep(&self) -> Result<(Box<str>, [u16; PARTS]), DialogError> {
        let length = self.0.iter().map(|text| text.len()).sum();
        if length > DIALOG_TEXT_BYTES_MAX {
            return Err(DialogError::TooLarge);
        }
        let mut kept = String::with_capacity(length);
        let mut ends = [0; PARTS];
        for (text, end) in self.0.iter().zip(&mut ends) {
            kept.push_str(text);
            // In range: DIALOG_TEXT_BYTES_MAX is far below u16::MAX.
            *end = kept.len() as u16;
        }
        Ok((kept.into_boxed_str(), ends))
    }
}

fn is_sips(uri: &str) -> bool {
    uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"))
}

fn joined<'a>(
    routes: impl Iterator<Item = Result<NameAddr<'a>, HeaderError>>,
) -> Result<Vec<String>, HeaderError> {
    routes.map(|route| route.map(|route| route.to_string())).collect()
}

impl Dialog {
    fn of(
        texts: &Texts<'_>,
        role: Role,
        flow_listener: ListenerId,
        created: WallTime,
    ) -> Result<Self, DialogError> {
        let (text, ends) = texts.keep()?;
        Ok(Self {
            text,
            ends,
            key: DialogKey::default(),
            role,
            local_sequence: 0,
            remote_sequence: None,
            listener: flow_listener,
            secure: false,
            hop: None,
            fallback: None,
            origin: None,
            heard_at: None,
            acknowledged: true,
            foreign_sequence: None,
            created,
            active: created,
            requests: Pace::default(),
        })
    }

    /// What an INVITE of ours has to begin with: no remote tag yet, the request URI as target, the preloaded route set.
    pub fn before(
        invite: &Invite,
        target: &str,
        local_tag: &str,
        created: WallTime,
    ) -> Result<Self, DialogError> {
        let routes: Vec<String> = invite
            .routes
            .iter()
            .map(|route| if route.contains('<') { route.clone() } else { format!("<{route}>") })
            .collect();
        let texts = Texts([
            &invite.call_id,
            local_tag,
            "",
            &invite.from.display_name,
            &invite.from.uri,
            &invite.to.display_name,
            &invite.to.uri,
            target,
            &routes.join("\n"),
        ]);
        let mut dialog = Self::of(&texts, Role::Uac, ListenerId(0), created)?;
        dialog.secure = is_sips(target);
        Ok(dialog)
    }

    /// The dialog that a request makes at its server (RFC 3261 §12.1.1).
    pub fn of_request(
        request: &Request,
        local_tag: &str,
        flow: &Flow,
        now: WallTime,
    ) -> Result<Self, DialogError> {
        let headers = request.headers();
        let (from, to) = (headers.from()?, headers.to()?);
        let routes = joined(headers.record_routes())?.join("\n");
        let source = source_uri(flow);
        let texts = Texts([
            headers.call_id()?,
            local_tag,
            from.tag().unwrap_or_default(),
            &to.display_name().unwrap_or_default(),
            to.uri_text(),
            &from.display_name().unwrap_or_default(),
            from.uri_text(),
            target(headers.first_contact(), &source),
            &routes,
        ]);
        let mut dialog = Self::of(&texts, Role::Uas, flow.listener, now)?;
        dialog.remote_sequence = Some(headers.cseq()?.sequence);
        dialog.acknowledged = false;
        dialog.secure = is_sips(request.request_uri());
        Ok(dialog)
    }

    /// The dialog that a response to our INVITE makes (RFC 3261 §12.1.2). Where the response names no target, requests
    /// go where the INVITE went: to `request_target`, or else to the address in To.
    pub fn of_response(
        response: &Response,
        request_target: Option<&str>,
        flow: &Flow,
        now: WallTime,
    ) -> Result<Self, DialogError> {
        let headers = response.headers();
        let (from, to) = (headers.from()?, headers.to()?);
        let mut routes = joined(headers.record_routes())?;
        routes.reverse();
        let texts = Texts([
            headers.call_id()?,
            from.tag().unwrap_or_default(),
            to.tag().unwrap_or_default(),
            &from.display_name().unwrap_or_default(),
            from.uri_text(),
            &to.display_name().unwrap_or_default(),
            to.uri_text(),
            target(headers.first_contact(), request_target.unwrap_or(to.uri_text())),
            &routes.join("\n"),
        ]);
        let mut dialog = Self::of(&texts, Role::Uac, flow.listener, now)?;
        dialog.local_sequence = headers.cseq()?.sequence;
        dialog.secure = request_target.is_some_and(is_sips);
        Ok(dialog)
    }

    fn part(&self, part: Part) -> &str {
        let at = part as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        self.text.get(usize::from(start)..usize::from(self.ends[at])).unwrap_or_default()
    }

    pub fn call_id(&self) -> &str {
        self.part(Part::CallId)
    }

    pub fn local_tag(&self) -> &str {
        self.part(Part::LocalTag)
    }

    pub fn remote_tag(&self) -> &str {
        self.part(Part::RemoteTag)
    }

    pub fn local_name(&self) -> &str {
        self.part(Part::LocalName)
    }

    pub fn local_uri(&self) -> &str {
        self.part(Part::LocalUri)
    }

    pub fn remote_name(&self) -> &str {
        self.part(Part::RemoteName)
    }

    pub fn remote_uri(&self) -> &str {
        self.part(Part::RemoteUri)
    }

    /// The remote target: the peer's Contact.
    pub fn target(&self) -> &str {
        self.part(Part::Target)
    }

    /// The route set in the order to be visited, elements as in Route.
    pub fn routes(&self) -> impl Iterator<Item = &str> {
        self.part(Part::Routes).split('\n').filter(|route| !route.is_empty())
    }

    /// The URI of the next hop: the first route, or else the target (RFC 3261 §8.1.2, §12.2.1.1).
    pub fn next_hop(&self) -> Option<&str> {
        match self.routes().next() {
            None => Some(self.target()),
            Some(route) => {
                let (_, uri) = route.split_once('<')?;
                uri.split_once('>').map(|(uri, _)| uri)
            }
        }
    }

    /// Takes another remote target (RFC 3261 §12.2.1.2, §12.2.2). Returns whether it differs. One that is no SIP URI does
    /// not take the place of one that is.
    ///
    /// # Errors
    /// When the dialog would grow over its bound; it then keeps the old one.
    pub fn refresh_target(&mut self, target: &str) -> Result<bool, DialogError> {
        let Some(target) = usable_target(target).filter(|target| *target != self.target()) else {
            return Ok(false);
        };
        let (text, ends) = Texts([
            self.call_id(),
            self.local_tag(),
            self.remote_tag(),
            self.local_name(),
            self.local_uri(),
            self.remote_name(),
            self.remote_uri(),
            target,
            self.part(Part::Routes),
        ])
        .keep()?;
        (self.text, self.ends) = (text, ends);
        self.hop = None;
        self.fallback = None;
        self.origin = None;
        Ok(true)
    }

    /// Whether requests in it go the same way as in another: it is the same dialog, or was before its target changed.
    pub fn leads_as(&self, other: &Self) -> bool {
        self.key == other.key && self.next_hop() == other.next_hop()
    }

    /// Whether a response to a request in it is one of its own: that of a fork, or of somebody who makes up tags, has
    /// another To tag. A peer of RFC 2543 that had none may have got one since.
    pub fn owns(&self, response: &Response) -> bool {
        let theirs = self.remote_tag();
        theirs.is_empty() || response.headers().to().is_ok_and(|to| to.tag() == Some(theirs))
    }

    /// The sequence number of the next request of ours.
    pub fn next_sequence(&mut self) -> u32 {
        self.local_sequence = self.local_sequence.saturating_add(1);
        self.local_sequence
    }

    /// Bytes of memory that it holds.
    pub fn memory(&self) -> usize {
        let boxed = self.fallback.as_ref().map_or(0, |_| size_of::<Flow>())
            + self.origin.as_ref().map_or(0, |_| size_of::<Origin>());
        size_of::<Self>() + self.text.len() + boxed
    }
}
