//! Secrets, removed from what is shown.

use crate::escape;
use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

/// Removes secrets from what is shown: a user may have set one in the wrong place, and a server, or a proxy on the way,
/// may send back what it was sent. It takes one pass over a text, however often a secret is in it.
#[derive(Debug, Default)]
pub struct Redactor {
    secrets: Vec<SecretString>,
    /// Finds the beginnings of `secrets`, in the same order; `None` where there are none.
    beginnings: Option<AhoCorasick>,
    /// Short secrets, which count where they are a word of their own.
    words: Vec<SecretString>,
}

impl Redactor {
    /// Shorter ones would be found in numbers and words that have nothing to do with them.
    const SHORTEST: usize = 8;
    /// What is shorter than this is no secret, and even as a word of its own it means nothing.
    const SHORTEST_WORD: usize = 3;
    /// Of longer ones, so many bytes are enough to know them by where the text was cut.
    const KNOWN_BY: usize = 32;

    /// A redactor of these secrets, in each form in which this program shows text.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let mut redactor = Self::default();
        redactor.add(secrets);
        redactor
    }

    /// Removes these secrets, too.
    pub fn add<'a>(&mut self, secrets: impl IntoIterator<Item = &'a SecretString>) {
        for secret in secrets {
            for form in forms(secret.expose_secret()) {
                let list = match form.len() {
                    Self::SHORTEST.. => &mut self.secrets,
                    Self::SHORTEST_WORD.. => &mut self.words,
                    _ => continue,
                };
                if !list.iter().any(|known| known.expose_secret() == form) {
                    list.push(SecretString::from(form));
                }
            }
        }
        let beginnings = self
            .secrets
            .iter()
            .map(|secret| beginning(secret.expose_secret()));
        let build = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(beginnings);
        // It fails for gigabytes of secrets only. Then nothing can be shown.
        self.beginnings = build.ok();
    }

    /// The text without the secrets in it.
    pub fn redact(&self, text: &str) -> String {
        self.without_words(self.without_long(text), |_| true)
    }

    /// The same for JSON, which stays JSON: a number is a value there, also where a short secret is the same digits.
    pub fn redact_json(&self, text: &str) -> String {
        let is_value = |word: &str| {
            word.bytes().all(|byte| byte.is_ascii_digit())
                || matches!(word, "true" | "false" | "null")
        };
        self.without_words(self.without_long(text), |word| !is_value(word))
    }

    fn without_words(&self, text: String, is_meant: impl Fn(&str) -> bool) -> String {
        let words = self.words.iter().map(ExposeSecret::expose_secret);
        words
            .filter(|word| is_meant(word))
            .fold(text, |text, word| {
                if !text.contains(word) {
                    return text;
                }
                let mut out = String::with_capacity(text.len());
                let mut rest = text.as_str();
                let mut before = None;
                while let Some((head, tail)) = rest.split_once(word) {
                    let before_it = head.chars().next_back().or(before);
                    out.push_str(head);
                    if is_whole(word, before_it, tail.chars().next()) {
                        out.push_str(REDACTED);
                    } else {
                        out.push_str(word);
                    }
                    before = word.chars().next_back();
                    rest = tail;
                }
                out.push_str(rest);
                out
            })
    }

    fn without_long(&self, text: &str) -> String {
        if self.secrets.is_empty() {
            return text.to_owned();
        }
        let Some(beginnings) = &self.beginnings else {
            return REDACTED.to_owned();
        };
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(found) = beginnings.find(rest) {
            let (before, from) = rest.split_at(found.start());
            out.push_str(before);
            out.push_str(REDACTED);
            // Several secrets can begin alike: the longest one that is there goes.
            let same = |secret: &SecretString| {
                let pairs = from.char_indices().zip(secret.expose_secret().chars());
                pairs
                    .take_while(|((_, a), b)| a == b)
                    .last()
                    .map_or(0, |((at, c), _)| at + c.len_utf8())
            };
            let known = rest.get(found.range()).unwrap_or_default();
            let alike = self
                .secrets
                .iter()
                .filter(|secret| beginning(secret.expose_secret()) == known);
            rest = from
                .split_at(alike.map(same).max().unwrap_or(known.len()))
                .1;
        }
        out.push_str(rest);
        out
    }
}

const REDACTED: &str = "***";

/// What a secret is known by where the rest of it is cut off.
fn beginning(secret: &str) -> &str {
    let end = (0..=Redactor::KNOWN_BY.min(secret.len()))
        .rev()
        .find(|&end| secret.is_char_boundary(end));
    secret.split_at(end.unwrap_or_default()).0
}

/// Whether a word between such characters is one of its own.
fn is_whole(word: &str, before: Option<char>, after: Option<char>) -> bool {
    let ends = [
        (word.chars().next(), before),
        (word.chars().next_back(), after),
    ];
    ends.into_iter().all(|(edge, beside)| {
        !(edge.is_some_and(char::is_alphanumeric) && beside.is_some_and(char::is_alphanumeric))
    })
}

/// A secret as it is, as [`escape::line`] shows it, and as it is in JSON, in an address and in base64.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let inner = |json: &str| {
        json.get(1..json.len().saturating_sub(1))
            .unwrap_or_default()
            .to_owned()
    };
    let mut forms = vec![
        secret.to_owned(),
        escape::visible(secret),
        inner(&json),
        inner(&json).replace('/', "\\/"),
        inner(&escape::compact_json(&json)),
        utf8_percent_encode(secret, IN_ADDRESS).to_string(),
    ];
    forms.extend(in_base64(secret));
    forms
}

/// What base64 makes of a secret, alone or in the middle of something else: three ways, by how many bytes come before it,
/// without the characters at its ends that depend on its neighbours. What is left of a short secret is too little.
fn in_base64(secret: &str) -> Vec<String> {
    let encode = |(before, begin): (usize, usize)| {
        let bytes = [vec![0; before].as_slice(), secret.as_bytes()].concat();
        let text = BASE64_STANDARD_NO_PAD.encode(&bytes);
        let end = bytes.len() * 8 / 6;
        text.get(begin..end).unwrap_or_default().to_owned()
    };
    let of_url = |text: &String| text.replace('+', "-").replace('/', "_");
    let standard: Vec<String> = [(0, 0), (1, 2), (2, 3)]
        .map(encode)
        .into_iter()
        .filter(|text| text.len() >= Redactor::SHORTEST)
        .collect();
    let of_url: Vec<String> = standard.iter().map(of_url).collect();
    standard.into_iter().chain(of_url).collect()
}

/// Everything but the characters that no address has to escape.
const IN_ADDRESS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The text without these secrets in it.
pub fn redact(text: &str, secrets: &[SecretString]) -> String {
    Redactor::new(secrets).redact(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(secret: &str, text: &str) -> String {
        redact(text, &[SecretString::from(secret)])
    }

    #[test]
    fn short_secret_goes_as_a_word() {
        assert_eq!(
            redacted("cat", "the cat, concat cat"),
            "the ***, concat ***"
        );
        assert_eq!(
            redacted("123456", "code 123456 of 1234567"),
            "code *** of 1234567"
        );
        assert_eq!(redacted("$a!", "x$a!y"), "x***y");
        assert_eq!(redacted("ab", "ab"), "ab");
    }

    #[test]
    fn json_keeps_its_numbers() {
        let redactor = Redactor::new([&SecretString::from("12345"), &SecretString::from("pw-1")]);
        assert_eq!(
            redactor.redact_json(r#"{"offset":12345,"message":"pw-1"}"#),
            r#"{"offset":12345,"message":"***"}"#
        );
    }

    #[test]
    fn encoded_secret_goes_too() {
        let secret = "p&ss/word+of ü7";
        for text in [
            utf8_percent_encode(secret, IN_ADDRESS).to_string(),
            BASE64_STANDARD_NO_PAD.encode(secret),
            BASE64_STANDARD_NO_PAD.encode(format!("user:{secret}")),
            BASE64_STANDARD_NO_PAD.encode(format!("{{\"password\":\"{secret}\"}}")),
        ] {
            let shown = redacted(secret, &format!("x {text} y"));
            assert!(
                shown.contains("***") && shown.len() < text.len() / 2 + 16,
                "{text}: {shown}"
            );
        }
    }
}
