//! What to do with a call, chosen by the user part of its request URI.

use std::time::Duration;

/// The longest pause that a user part may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// What to do with an incoming call.
#[derive(Clone, Debug, PartialEq)]
pub enum Script {
    /// Answer and send the caller its own audio back. Also for every user part not known.
    Echo,
    /// Answer and send nothing.
    Answer,
    /// Answer and play a tone of so many hertz.
    Tone(f64),
    /// Answer, play a WAV file, hang up.
    Play(String),
    /// Ring so long, then answer and echo.
    Ring(Duration),
    /// Play a tone with 183, then answer.
    Early,
    /// Refuse with this status.
    Reject(u32),
    /// Send the caller to this user.
    Redirect(String),
    /// Ring, and never answer.
    NoAnswer,
    /// Answer into a mixing room.
    Room(String),
    /// Answer into a full-mesh room.
    Mesh(String),
    /// Call this user at the trunk and bridge.
    Dial(String),
    /// Answer, hold after so long, resume after as long again.
    Hold(Duration),
    /// Answer, hang up after so long.
    Bye(Duration),
}

impl Script {
    /// The script for a user part. What is not known, or has an argument out of range, is [`Script::Echo`].
    #[must_use]
    pub fn of_user(user: &str) -> Self {
        Self::parse(user).unwrap_or(Self::Echo)
    }

    fn parse(user: &str) -> Option<Self> {
        let (word, argument) = user.split_once('-').unwrap_or((user, ""));
        Some(match word {
            "echo" => Self::Echo,
            "answer" => Self::Answer,
            "early" => Self::Early,
            "noanswer" => Self::NoAnswer,
            "tone" => Self::Tone(frequency(argument)?),
            "play" => Self::Play(name(argument)?),
            "ring" => Self::Ring(seconds(argument)?),
            "reject" => Self::Reject(status(argument)?),
            "redirect" => Self::Redirect(name(argument)?),
            "room" => Self::Room(name(argument)?),
            "mesh" => Self::Mesh(name(argument)?),
            "dial" => Self::Dial(name(argument)?),
            "hold" => Self::Hold(seconds(argument)?),
            "bye" => Self::Bye(seconds(argument)?),
            _ => return None,
        })
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let pause = Duration::try_from_secs_f64(text.parse().ok()?).ok()?;
    (pause <= PAUSE_MAX).then_some(pause)
}

fn frequency(text: &str) -> Option<f64> {
    text.parse().ok().filter(|hertz| (20.0..=3900.0).contains(hertz))
}

fn status(text: &str) -> Option<u32> {
    text.parse().ok().filter(|status| (400..=699).contains(status))
}

fn name(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_part_of_the_table_names_its_script() {
        let rows = [
            ("echo", Script::Echo),
            ("answer", Script::Answer),
            ("tone-440", Script::Tone(440.0)),
            ("tone-1320.5", Script::Tone(1320.5)),
            ("play-welcome.wav", Script::Play("welcome.wav".into())),
            ("play-two-words.wav", Script::Play("two-words.wav".into())),
            ("ring-2", Script::Ring(Duration::from_secs(2))),
            ("early", Script::Early),
            ("reject-486", Script::Reject(486)),
            ("redirect-bob", Script::Redirect("bob".into())),
            ("noanswer", Script::NoAnswer),
            ("room-x", Script::Room("x".into())),
            ("mesh-x", Script::Mesh("x".into())),
            ("dial-bob", Script::Dial("bob".into())),
            ("hold-0.5", Script::Hold(Duration::from_millis(500))),
            ("bye-3", Script::Bye(Duration::from_secs(3))),
        ];
        for (user, script) in rows {
            assert_eq!(Script::of_user(user), script, "{user}");
        }
    }

    #[test]
    fn what_is_not_understood_is_echoed() {
        for user in
            ["", "service", "tone-", "tone-5", "reject-200", "ring-x", "ring--1", "bye-99999999", "dial-"]
        {
            assert_eq!(Script::of_user(user), Script::Echo, "{user}");
        }
    }
}
