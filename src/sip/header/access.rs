//! The header fields by their names: one accessor each, read when called. Missing optional ones are `Ok(None)`.

use super::super::HeaderName as Name;
use super::super::error::{Flaw, HeaderError};
use super::super::headers::{Headers, List};
use super::numbers::{Hops, Number, Seconds};
use super::*;

macro_rules! needed {
    ($($(#[$doc:meta])* $method:ident $name:ident $type:ty;)*) => {
        impl<'a> Headers<'a> {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// When it is missing or malformed.
                pub fn $method(&self) -> Result<$type, HeaderError> {
                    self.need(Name::$name)
                }
            )*
        }
    };
}

macro_rules! optional {
    ($($(#[$doc:meta])* $method:ident $name:ident $type:ty;)*) => {
        impl<'a> Headers<'a> {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// When it is malformed.
                pub fn $method(&self) -> Result<Option<$type>, HeaderError> {
                    self.get(Name::$name)
                }
            )*
        }
    };
}

macro_rules! lists {
    ($($(#[$doc:meta])* $method:ident $name:ident $type:ty;)*) => {
        impl<'a> Headers<'a> {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $method(&self) -> List<'a, $type> {
                    self.list(Name::$name)
                }
            )*
        }
    };
}

needed! {
    /// From (RFC 3261 §20.20).
    from From NameAddr<'a>;
    /// To (RFC 3261 §20.39).
    to To NameAddr<'a>;
    /// CSeq (RFC 3261 §20.16).
    cseq CSeq CSeq;
}

optional! {
    /// Content-Type (RFC 3261 §20.15).
    content_type ContentType MediaType<'a>;
    /// Content-Disposition (RFC 3261 §20.11).
    content_disposition ContentDisposition Disposition<'a>;
    /// Date (RFC 3261 §20.17).
    date Date SipDate;
    /// Retry-After (RFC 3261 §20.33).
    retry_after RetryAfter RetryAfter<'a>;
    /// Timestamp (RFC 3261 §20.38).
    timestamp Timestamp Timestamp<'a>;
    /// Reply-To (RFC 3261 §20.31).
    reply_to ReplyTo NameAddr<'a>;
    /// Priority (RFC 3261 §20.26).
    priority Priority Priority<'a>;
    /// Authentication-Info (RFC 3261 §20.6).
    authentication_info AuthenticationInfo AuthParams<'a>;
    /// Event (RFC 6665 §8.2.1).
    event Event Event<'a>;
    /// Subscription-State (RFC 6665 §8.2.3).
    subscription_state SubscriptionState SubscriptionState<'a>;
    /// Refer-To (RFC 3515 §2.1).
    refer_to ReferTo NameAddr<'a>;
    /// Referred-By (RFC 3892).
    referred_by ReferredBy NameAddr<'a>;
    /// Replaces (RFC 3891 §6.1).
    replaces Replaces Replaces<'a>;
    /// Join (RFC 3911 §7.1).
    join Join Replaces<'a>;
    /// Target-Dialog (RFC 4538 §7).
    target_dialog TargetDialog Replaces<'a>;
    /// Session-Expires (RFC 4028 §4).
    session_expires SessionExpires SessionExpires<'a>;
    /// Min-SE (RFC 4028 §5).
    min_se MinSe SessionExpires<'a>;
    /// RAck (RFC 3262 §7.2).
    rack RAck RAck;
    /// Info-Package (RFC 6086 §7.2).
    info_package InfoPackage Weighted<'a>;
}

lists! {
    /// Every Via, topmost first (RFC 3261 §20.42).
    vias Via Via<'a>;
    /// Contact (RFC 3261 §20.10).
    contacts Contact Contact<'a>;
    /// Route, first to be visited first (RFC 3261 §20.34).
    routes Route NameAddr<'a>;
    /// Record-Route, topmost first (RFC 3261 §20.30).
    record_routes RecordRoute NameAddr<'a>;
    /// Path (RFC 3327).
    paths Path NameAddr<'a>;
    /// Service-Route (RFC 3608).
    service_routes ServiceRoute NameAddr<'a>;
    /// Accept (RFC 3261 §20.1).
    accept Accept MediaType<'a>;
    /// Accept-Encoding (RFC 3261 §20.2).
    accept_encoding AcceptEncoding Weighted<'a>;
    /// Accept-Language (RFC 3261 §20.3).
    accept_language AcceptLanguage Weighted<'a>;
    /// Alert-Info (RFC 3261 §20.4).
    alert_info AlertInfo InfoUri<'a>;
    /// Call-Info (RFC 3261 §20.9).
    call_info CallInfo InfoUri<'a>;
    /// Error-Info (RFC 3261 §20.18).
    error_info ErrorInfo InfoUri<'a>;
    /// Allow: methods (RFC 3261 §20.5).
    allow Allow Token<'a>;
    /// Allow-Events: event packages (RFC 6665 §8.2.2).
    allow_events AllowEvents Token<'a>;
    /// Require: option tags (RFC 3261 §20.32).
    require Require Token<'a>;
    /// Proxy-Require: option tags (RFC 3261 §20.29).
    proxy_require ProxyRequire Token<'a>;
    /// Supported: option tags (RFC 3261 §20.37).
    supported Supported Token<'a>;
    /// Unsupported: option tags (RFC 3261 §20.40).
    unsupported Unsupported Token<'a>;
    /// Content-Encoding (RFC 3261 §20.12).
    content_encoding ContentEncoding Token<'a>;
    /// Content-Language (RFC 3261 §20.13).
    content_language ContentLanguage Token<'a>;
    /// Recv-Info (RFC 6086 §7.3).
    recv_info RecvInfo Weighted<'a>;
    /// In-Reply-To: Call-IDs (RFC 3261 §20.21).
    in_reply_to InReplyTo CallId<'a>;
    /// Warning (RFC 3261 §20.43).
    warnings Warning Warning<'a>;
    /// Reason (RFC 3326).
    reasons Reason Reason<'a>;
    /// P-Asserted-Identity (RFC 3325 §9.1).
    asserted_identities PAssertedIdentity NameAddr<'a>;
    /// P-Preferred-Identity (RFC 3325 §9.2).
    preferred_identities PPreferredIdentity NameAddr<'a>;
    /// Diversion (RFC 5806).
    diversions Diversion NameAddr<'a>;
    /// User-to-User (RFC 7433).
    user_to_user UserToUser UserToUser<'a>;
    /// Resource-Priority: `namespace.priority` (RFC 4412).
    resource_priority ResourcePriority Token<'a>;
    /// Request-Disposition (RFC 3841).
    request_disposition RequestDisposition Token<'a>;
    /// History-Info (RFC 7044).
    history_info HistoryInfo NameAddr<'a>;
}

impl<'a> Headers<'a> {
    fn each(&self, name: Name) -> impl Iterator<Item = Result<Credentials<'a>, HeaderError>> + use<'a> {
        self.list::<Credentials<'a>>(name)
    }

    /// WWW-Authenticate (RFC 3261 §20.44), one element per header field.
    pub fn www_authenticate(&self) -> impl Iterator<Item = Result<Credentials<'a>, HeaderError>> + use<'a> {
        self.each(Name::WwwAuthenticate)
    }

    /// Proxy-Authenticate (RFC 3261 §20.27), one element per header field.
    pub fn proxy_authenticate(&self) -> impl Iterator<Item = Result<Credentials<'a>, HeaderError>> + use<'a> {
        self.each(Name::ProxyAuthenticate)
    }

    /// Authorization (RFC 3261 §20.7), one element per header field.
    pub fn authorization(&self) -> impl Iterator<Item = Result<Credentials<'a>, HeaderError>> + use<'a> {
        self.each(Name::Authorization)
    }

    /// Proxy-Authorization (RFC 3261 §20.28), one element per header field.
    pub fn proxy_authorization(
        &self,
    ) -> impl Iterator<Item = Result<Credentials<'a>, HeaderError>> + use<'a> {
        self.each(Name::ProxyAuthorization)
    }

    /// The topmost Via element.
    ///
    /// # Errors
    /// When there is none, or it is malformed.
    pub fn top_via(&self) -> Result<Via<'a>, HeaderError> {
        self.vias().next().unwrap_or(Err(HeaderError::missing(Name::Via)))
    }

    /// Whether there is a Via that names SIP and a transport, though the rest of it may be unreadable: enough to be told
    /// that it is.
    #[must_use]
    pub fn has_via_of_sip(&self) -> bool {
        let Some(via) = self.fields(Name::Via).next() else { return false };
        let mut parts = via.unfolded().splitn(3, |&byte| byte == b'/').map(<[u8]>::trim_ascii);
        parts.next().is_some_and(|protocol| protocol.eq_ignore_ascii_case(b"SIP"))
            && parts.next().is_some_and(|version| !version.is_empty())
            && parts.next().and_then(|rest| rest.first()).is_some_and(u8::is_ascii_alphabetic)
    }

    /// Call-ID (RFC 3261 §20.8).
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn call_id(&self) -> Result<&'a str, HeaderError> {
        self.need::<CallId<'a>>(Name::CallId).map(|CallId(text)| text)
    }

    /// The first Contact that is an address: a dialog's remote target (RFC 3261 §12.1).
    ///
    /// # Errors
    /// When it is malformed.
    pub fn first_contact(&self) -> Result<Option<NameAddr<'a>>, HeaderError> {
        self.contacts().next().transpose().map(|contact| contact.and_then(Contact::address))
    }

    /// Max-Forwards (RFC 3261 §20.22).
    ///
    /// # Errors
    /// When it is not a number from 0 to 255.
    pub fn max_forwards(&self) -> Result<Option<u8>, HeaderError> {
        Ok(self.get(Name::MaxForwards)?.map(|Hops(hops)| hops))
    }

    /// Max-Breadth (RFC 5393 §5.3.3).
    ///
    /// # Errors
    /// When it is not a number from 0 to 255.
    pub fn max_breadth(&self) -> Result<Option<u8>, HeaderError> {
        Ok(self.get(Name::MaxBreadth)?.map(|Hops(hops)| hops))
    }

    /// Expires in seconds (RFC 3261 §20.19).
    ///
    /// # Errors
    /// When it is not a number.
    pub fn expires(&self) -> Result<Option<u32>, HeaderError> {
        Ok(self.get(Name::Expires)?.map(|Seconds(seconds)| seconds))
    }

    /// Min-Expires in seconds (RFC 3261 §20.23).
    ///
    /// # Errors
    /// When it is not a number.
    pub fn min_expires(&self) -> Result<Option<u32>, HeaderError> {
        Ok(self.get(Name::MinExpires)?.map(|Seconds(seconds)| seconds))
    }

    /// Content-Length in bytes (RFC 3261 §20.14). The body's real length is that of the body.
    ///
    /// # Errors
    /// When it is not a number.
    pub fn content_length(&self) -> Result<Option<u32>, HeaderError> {
        Ok(self.get(Name::ContentLength)?.map(|Number(length)| length))
    }

    /// RSeq (RFC 3262 §7.1).
    ///
    /// # Errors
    /// When it is not a number.
    pub fn rseq(&self) -> Result<Option<u32>, HeaderError> {
        Ok(self.get(Name::RSeq)?.map(|Number(rseq)| rseq))
    }

    /// MIME-Version (RFC 3261 §20.24): major and minor.
    ///
    /// # Errors
    /// When it is not two numbers with a point.
    pub fn mime_version(&self) -> Result<Option<(u8, u8)>, HeaderError> {
        let Some(Text(text)) = self.get(Name::MimeVersion)? else { return Ok(None) };
        let version = text.split_once('.').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        version.map(Some).ok_or(HeaderError::new(Name::MimeVersion, Flaw::Number, 0))
    }

    /// Refer-Sub (RFC 4488): whether a REFER wants a subscription; `true` when it says nothing.
    #[must_use]
    pub fn wants_refer_subscription(&self) -> bool {
        let first = self.first(Name::ReferSub).and_then(|value| value.split(';').next());
        !first.is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
    }

    /// Flow-Timer in seconds (RFC 5626 §10).
    ///
    /// # Errors
    /// When it is not a number.
    pub fn flow_timer(&self) -> Result<Option<u32>, HeaderError> {
        Ok(self.get(Name::FlowTimer)?.map(|Seconds(seconds)| seconds))
    }

    /// The values of Privacy (RFC 3323 §4.2).
    pub fn privacy(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.all(Name::Privacy).flat_map(super::user_to_user::privacy_values)
    }

    /// Subject (RFC 3261 §20.36).
    #[must_use]
    pub fn subject(&self) -> Option<&'a str> {
        self.first(Name::Subject)
    }

    /// Organization (RFC 3261 §20.25).
    #[must_use]
    pub fn organization(&self) -> Option<&'a str> {
        self.first(Name::Organization)
    }

    /// The products of User-Agent (RFC 3261 §20.41).
    pub fn user_agent(&self) -> impl Iterator<Item = Product<'a>> + use<'a> {
        Product::all(self.first(Name::UserAgent).unwrap_or_default())
    }

    /// The products of Server (RFC 3261 §20.35).
    pub fn server(&self) -> impl Iterator<Item = Product<'a>> + use<'a> {
        Product::all(self.first(Name::Server).unwrap_or_default())
    }

    /// Whether Require or Supported holds this option tag.
    #[must_use]
    pub fn knows_option(&self, tag: &str) -> bool {
        let holds = |list: List<'a, Token<'a>>| {
            list.filter_map(Result::ok).any(|Token(token)| token.eq_ignore_ascii_case(tag))
        };
        holds(self.supported()) || holds(self.require())
    }
}
