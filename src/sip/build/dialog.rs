//! Requests that follow from other messages: inside a dialog (RFC 3261 §12.2.1.1), ACK to a refusal (§17.1.1.3),
//! CANCEL (§9.1).

use super::super::error::{BuildError, HeaderError};
use super::super::grammar;
use super::super::headers::FieldValue;
use super::super::{HeaderName, Method, NameAddr, Request, Response, Uri};
use super::request::RequestBuilder;
use super::specs::{NameAddrSpec, ViaSpec};
use super::writer::Writer;

/// What a dialog gives to a request inside it.
#[derive(Clone, Copy, Debug)]
pub struct InDialog<'a, R = String> {
    /// Our Via.
    pub via: ViaSpec<'a>,
    /// Our own address with our tag: From.
    pub local: NameAddrSpec<'a>,
    /// The peer's address with its tag: To.
    pub remote: NameAddrSpec<'a>,
    /// The Call-ID.
    pub call_id: &'a str,
    /// The sequence number of the request.
    pub sequence: u32,
    /// The peer's Contact: where requests go.
    pub remote_target: &'a str,
    /// The route set in the order to be visited; elements as in Route: `<sip:proxy.example.com;lr>`.
    pub route_set: &'a [R],
    /// Hops left.
    pub max_forwards: u8,
}

impl<'a, R: AsRef<str>> InDialog<'a, R> {
    /// Begins the request: request line, Via, Max-Forwards, Route set, From, To, Call-ID and CSeq. A first route that
    /// is no loose router becomes the Request-URI, and the remote target goes to the end of the route set.
    pub fn request(&self, method: &Method) -> RequestBuilder {
        let strict = match self.first_route() {
            Ok(Some(uri)) if !uri.is_loose_router() => Some(without_headers(&uri)),
            Ok(_) => None,
            Err(error) => return RequestBuilder::new(method, self.remote_target).fail(error.into()),
        };
        let uri = strict.as_deref().unwrap_or(self.remote_target);
        let builder = RequestBuilder::new(method, uri).via(&self.via).max_forwards(self.max_forwards);
        let builder = match strict {
            None => builder.routes(self.route_set),
            Some(_) => builder
                .routes(&self.route_set[1..])
                .header(HeaderName::Route, NameAddrSpec::new(self.remote_target)),
        };
        builder.from(&self.local).to(&self.remote).call_id(self.call_id).cseq(self.sequence)
    }

    /// Where the request is sent: to the first route, strict or loose, or without routes to the remote target
    /// (RFC 3261 §8.1.2, §12.2.1.1).
    ///
    /// # Errors
    /// When that is no URI.
    pub fn next_hop(&self) -> Result<Uri<'a>, HeaderError> {
        match self.first_route()? {
            Some(route) => Ok(route),
            None => Uri::parse(self.remote_target)
                .map_err(|error| HeaderError::new(HeaderName::Contact, error.what, error.offset)),
        }
    }

    fn first_route(&self) -> Result<Option<Uri<'a>>, HeaderError> {
        let Some(route) = self.route_set.first() else { return Ok(None) };
        let bad = |what, offset| HeaderError::new(HeaderName::Route, what, offset);
        let address =
            grammar::whole(route.as_ref(), NameAddr::read).map_err(|(what, offset)| bad(what, offset))?;
        address.uri().map(Some).map_err(|error| bad(error.what, error.offset))
    }
}

/// A strict router's URI as it may stand in a request line: without headers and `method` (RFC 3261 §19.1.1, table 1).
fn without_headers(uri: &Uri<'_>) -> String {
    let params = uri.params();
    let text = uri.as_str();
    let end =
        if uri.headers().is_empty() { text.len() } else { text.len() - uri.headers().as_str().len() - 1 };
    let mut request_uri = text[..end - params.as_str().len()].to_owned();
    for (name, value) in params.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("method")) {
        request_uri.push(';');
        request_uri.push_str(name);
        if let Some(value) = value {
            request_uri.push('=');
            request_uri.push_str(value);
        }
    }
    request_uri
}

/// The head that ACK and CANCEL share with their INVITE: Request-URI, top Via, Route set, From, Call-ID, CSeq number.
fn like_invite(
    invite: &Request,
    method: &Method,
    to: super::super::Field<'_>,
) -> Result<Box<Writer>, BuildError> {
    let headers = invite.headers();
    let mut writer = Writer::request(method, invite.request_uri());
    writer.field(HeaderName::Via, headers.top_via()?);
    writer.text(HeaderName::MaxForwards, "70");
    for route in headers.fields(HeaderName::Route) {
        writer.copy(&route);
    }
    let from = headers.fields(HeaderName::From).next().ok_or(HeaderError::missing(HeaderName::From))?;
    writer.copy(&from);
    writer.copy(&to);
    writer.text(HeaderName::CallId, headers.call_id()?);
    writer.cseq(headers.cseq()?.sequence, method);
    Ok(writer)
}

/// The ACK that a client transaction sends for a final response that is no 2xx (RFC 3261 §17.1.1.3). For a response
/// without To it bears the INVITE's: its sender knows the transaction by the branch.
///
/// # Errors
/// When a header field it is made from is missing or malformed.
pub fn build_ack(invite: &Request, response: &Response) -> Result<Request, BuildError> {
    let to = response.headers().fields(HeaderName::To).next();
    let to = to.or_else(|| invite.headers().fields(HeaderName::To).next());
    let to = to.ok_or(HeaderError::missing(HeaderName::To))?;
    like_invite(invite, &Method::Ack, to)?.into_request(&[])
}

/// The CANCEL of a pending INVITE (RFC 3261 §9.1).
///
/// # Errors
/// When a header field it is made from is missing or malformed.
pub fn build_cancel(invite: &Request) -> Result<Request, BuildError> {
    let to = invite.headers().fields(HeaderName::To).next().ok_or(HeaderError::missing(HeaderName::To))?;
    like_invite(invite, &Method::Cancel, to)?.into_request(&[])
}
