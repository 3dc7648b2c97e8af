//! Header field names: RFC 3261 §20 and the registered ones of later RFCs, their compact forms, and their look-up.

use std::fmt;

macro_rules! names {
    ($($name:ident $text:literal;)*) => {
        /// A header field name that is known here, or [`HeaderName::Other`]. Names are case-insensitive and may have a
        /// compact form of one letter; both lead to the same variant (RFC 3261 §7.3.1, §7.3.3).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum HeaderName {
            $(#[doc = concat!("`", $text, "`.")] $name,)*
            /// A name that is not known here. [`super::Field::name_text`] has it as written.
            Other,
        }

        impl HeaderName {
            /// Every known name.
            pub const KNOWN: &'static [Self] = &[$(Self::$name),*];

            /// The name as this implementation writes it; for `Other` the empty text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other => "",
                }
            }
        }
    };
}

names! {
    Accept "Accept";
    AcceptContact "Accept-Contact";
    AcceptEncoding "Accept-Encoding";
    AcceptLanguage "Accept-Language";
    AlertInfo "Alert-Info";
    Allow "Allow";
    AllowEvents "Allow-Events";
    AuthenticationInfo "Authentication-Info";
    Authorization "Authorization";
    CallId "Call-ID";
    CallInfo "Call-Info";
    Contact "Contact";
    ContentDisposition "Content-Disposition";
    ContentEncoding "Content-Encoding";
    ContentId "Content-ID";
    ContentLanguage "Content-Language";
    ContentLength "Content-Length";
    ContentTransferEncoding "Content-Transfer-Encoding";
    ContentType "Content-Type";
    CSeq "CSeq";
    Date "Date";
    Diversion "Diversion";
    ErrorInfo "Error-Info";
    Event "Event";
    Expires "Expires";
    FeatureCaps "Feature-Caps";
    FlowTimer "Flow-Timer";
    From "From";
    Geolocation "Geolocation";
    HistoryInfo "History-Info";
    Identity "Identity";
    IdentityInfo "Identity-Info";
    InfoPackage "Info-Package";
    InReplyTo "In-Reply-To";
    Join "Join";
    MaxBreadth "Max-Breadth";
    MaxForwards "Max-Forwards";
    MimeVersion "MIME-Version";
    MinExpires "Min-Expires";
    MinSe "Min-SE";
    Organization "Organization";
    PAccessNetworkInfo "P-Access-Network-Info";
    PAssertedIdentity "P-Asserted-Identity";
    Path "Path";
    PPreferredIdentity "P-Preferred-Identity";
    Priority "Priority";
    Privacy "Privacy";
    ProxyAuthenticate "Proxy-Authenticate";
    ProxyAuthorization "Proxy-Authorization";
    ProxyRequire "Proxy-Require";
    RAck "RAck";
    Reason "Reason";
    RecordRoute "Record-Route";
    RecvInfo "Recv-Info";
    ReferredBy "Referred-By";
    ReferSub "Refer-Sub";
    ReferTo "Refer-To";
    RejectContact "Reject-Contact";
    RemotePartyId "Remote-Party-ID";
    Replaces "Replaces";
    ReplyTo "Reply-To";
    RequestDisposition "Request-Disposition";
    Require "Require";
    ResourcePriority "Resource-Priority";
    RetryAfter "Retry-After";
    Route "Route";
    RSeq "RSeq";
    SecurityClient "Security-Client";
    SecurityServer "Security-Server";
    SecurityVerify "Security-Verify";
    Server "Server";
    ServiceRoute "Service-Route";
    SessionExpires "Session-Expires";
    SessionId "Session-ID";
    SipEtag "SIP-ETag";
    SipIfMatch "SIP-If-Match";
    Subject "Subject";
    SubscriptionState "Subscription-State";
    Supported "Supported";
    TargetDialog "Target-Dialog";
    Timestamp "Timestamp";
    To "To";
    Unsupported "Unsupported";
    UserAgent "User-Agent";
    UserToUser "User-to-User";
    Via "Via";
    Warning "Warning";
    WwwAuthenticate "WWW-Authenticate";
}

/// Slots of the look-up table; a power of two, and about a third of it is taken.
const SLOTS: usize = 256;

/// Names by a small hash of their text, with open addressing: a look-up compares with one name, seldom with two.
static BY_HASH: [HeaderName; SLOTS] = by_hash();

/// The same for either case of a letter. Takes a text of at least two bytes.
const fn slot(text: &[u8]) -> usize {
    let length = text.len();
    let (first, last) = (text[0] | 0x20, text[length - 1] | 0x20);
    let middle = text[length / 2] | 0x20;
    (first as usize * 7 + middle as usize * 31 + last as usize * 61 + length * 11) % SLOTS
}

const fn by_hash() -> [HeaderName; SLOTS] {
    let mut table = [HeaderName::Other; SLOTS];
    let mut i = 0;
    while i < HeaderName::KNOWN.len() {
        let name = HeaderName::KNOWN[i];
        let mut at = slot(name.as_str().as_bytes());
        while !matches!(table[at], HeaderName::Other) {
            at = (at + 1) % SLOTS;
        }
        table[at] = name;
        i += 1;
    }
    table
}

impl HeaderName {
    /// The name of this text: full or compact, in any case. A text not known is [`HeaderName::Other`].
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self::from_bytes(text.as_bytes())
    }

    pub(crate) fn from_bytes(text: &[u8]) -> Self {
        match text {
            [] => return Self::Other,
            [letter] => return Self::from_compact(*letter),
            _ => {}
        }
        let mut at = slot(text);
        loop {
            let name = BY_HASH[at];
            let known = name.as_str().as_bytes();
            if name == Self::Other || known == text || known.eq_ignore_ascii_case(text) {
                return name;
            }
            at = (at + 1) % SLOTS;
        }
    }

    const fn from_compact(letter: u8) -> Self {
        match letter.to_ascii_lowercase() {
            b'a' => Self::AcceptContact,
            b'b' => Self::ReferredBy,
            b'c' => Self::ContentType,
            b'd' => Self::RequestDisposition,
            b'e' => Self::ContentEncoding,
            b'f' => Self::From,
            b'i' => Self::CallId,
            b'j' => Self::RejectContact,
            b'k' => Self::Supported,
            b'l' => Self::ContentLength,
            b'm' => Self::Contact,
            b'n' => Self::IdentityInfo,
            b'o' => Self::Event,
            b'r' => Self::ReferTo,
            b's' => Self::Subject,
            b't' => Self::To,
            b'u' => Self::AllowEvents,
            b'v' => Self::Via,
            b'x' => Self::SessionExpires,
            b'y' => Self::Identity,
            _ => Self::Other,
        }
    }

    /// The one-letter form, where there is one.
    #[must_use]
    pub const fn compact(self) -> Option<char> {
        Some(match self {
            Self::AcceptContact => 'a',
            Self::ReferredBy => 'b',
            Self::ContentType => 'c',
            Self::RequestDisposition => 'd',
            Self::ContentEncoding => 'e',
            Self::From => 'f',
            Self::CallId => 'i',
            Self::RejectContact => 'j',
            Self::Supported => 'k',
            Self::ContentLength => 'l',
            Self::Contact => 'm',
            Self::IdentityInfo => 'n',
            Self::Event => 'o',
            Self::ReferTo => 'r',
            Self::Subject => 's',
            Self::To => 't',
            Self::AllowEvents => 'u',
            Self::Via => 'v',
            Self::SessionExpires => 'x',
            Self::Identity => 'y',
            _ => return None,
        })
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Other { "(other)" } else { self.as_str() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_found_in_any_case() {
        for &name in HeaderName::KNOWN {
            assert_eq!(HeaderName::parse(name.as_str()), name);
            assert_eq!(HeaderName::parse(&name.as_str().to_uppercase()), name);
            assert_eq!(HeaderName::parse(&name.as_str().to_lowercase()), name);
        }
    }

    #[test]
    fn compact_forms_lead_to_the_same_name() {
        for &name in HeaderName::KNOWN {
            if let Some(letter) = name.compact() {
                assert_eq!(HeaderName::parse(&letter.to_string()), name);
                assert_eq!(HeaderName::parse(&letter.to_uppercase().to_string()), name);
            }
        }
        assert_eq!(HeaderName::KNOWN.iter().filter(|name| name.compact().is_some()).count(), 20);
    }

    #[test]
    fn unknown_and_odd_names_are_other() {
        for text in ["", "z", "X-Foo", "C%6Fntact", "Content-Lengthy", &"x".repeat(300)] {
            assert_eq!(HeaderName::parse(text), HeaderName::Other, "{text}");
        }
    }
}
