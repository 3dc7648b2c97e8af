//! Date (RFC 3261 §20.17): an RFC 1123 date, always in GMT.

use std::fmt;

use crate::ground::WallTime;

use super::super::error::Flaw;
use super::super::grammar::{Parsed, fault, ws};
use super::super::headers::FieldValue;

/// A point in time with a second's precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SipDate {
    /// Seconds since the Unix epoch.
    pub unix_seconds: u64,
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Days from the Unix epoch to a date of the Gregorian calendar, by counting eras of 400 years that begin in March.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The reverse: year, month, day.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

impl SipDate {
    /// The date of a wall-clock time.
    #[must_use]
    pub const fn from_wall(time: WallTime) -> Self {
        Self { unix_seconds: time.unix_millis() / 1000 }
    }

    /// `wkday "," SP 2DIGIT SP month SP 4DIGIT SP 2DIGIT ":" 2DIGIT ":" 2DIGIT SP "GMT"`. The weekday must fit the date.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 29
            || !text.is_ascii()
            || &text[3..5] != ", "
            || !text[25..].eq_ignore_ascii_case(" GMT")
        {
            return None;
        }
        let marks = [(7, b' '), (11, b' '), (16, b' '), (19, b':'), (22, b':')];
        if marks.iter().any(|&(at, mark)| bytes[at] != mark) {
            return None;
        }
        let number = |from: usize, to: usize| {
            let text = &text[from..to];
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten()
        };
        let month = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(&text[8..11]))? as i64 + 1;
        let (day, year) = (number(5, 7)?, number(12, 16)?);
        let (hour, minute, second) = (number(17, 19)?, number(20, 22)?, number(23, 25)?);
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let weekday = WEEKDAYS[usize::try_from(days.rem_euclid(7)).ok()?];
        if !weekday.eq_ignore_ascii_case(&text[..3]) {
            return None;
        }
        let unix_seconds = u64::try_from(days * 86_400 + hour * 3_600 + minute * 60 + second).ok()?;
        Some(Self { unix_seconds })
    }
}

impl<'a> FieldValue<'a> for SipDate {
    const LIST: bool = false;

    fn read(i: &'a str) -> Parsed<'a, Self> {
        let (i, ()) = ws(i)?;
        match Self::parse(i.trim_end()) {
            Some(date) => Ok(("", date)),
            None => fault(i, Flaw::Date),
        }
    }
}

impl fmt::Display for SipDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = (self.unix_seconds / 86_400) as i64;
        let (year, month, day) = civil_from_days(days);
        let of_day = self.unix_seconds % 86_400;
        let weekday = WEEKDAYS[(days % 7) as usize];
        let month = MONTHS[(month - 1) as usize];
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(f, "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_and_write_the_same() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sat, 13 Nov 2010 23:29:00 GMT", 1_289_690_940),
            ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
        ] {
            let date = SipDate::parse(text);
            assert_eq!(date, Some(SipDate { unix_seconds: seconds }), "{text}");
            assert_eq!(date.map(|date| date.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn only_gmt_and_real_days_are_taken() {
        for bad in [
            "Fri, 01 Jan 2010 16:00:00 EST",
            "Mon, 30 Feb 2009 00:00:00 GMT",
            "Mon, 01 Jan 2010 16:00:00 GMT",
            "Fri, 01 Jan 2010 24:00:00 GMT",
            "Fri, 1 Jan 2010 16:00:00 GMT",
            "Fri, 01 Jan 1900 16:00:00 GMT",
            "",
        ] {
            assert_eq!(SipDate::parse(bad), None, "{bad}");
        }
    }
}
