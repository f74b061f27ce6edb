//! Who we are to the API: what a person configured ([`Credentials`]), and what came of it ([`Session`]).
//!
//! The modules below build requests and read answers; none of them sends, sleeps or asks for the time.

pub mod clouds;
pub mod oidc;
pub mod password;
pub mod scope;
pub mod sign;
pub mod token;

pub use password::Password;
pub use scope::ProjectScope;

use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;
use std::time::Duration;

/// How to sign in. Secrets are wiped when dropped, and their `Debug` shows nothing.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A token that somebody else obtained; it cannot be renewed.
    Token(SecretString),
    /// Each request is signed.
    AccessKey(AccessKey),
    /// The job's OIDC token is exchanged for a token.
    Oidc(Oidc),
    /// A token by user name and password.
    Password(Password),
}

/// Permanent or temporary access keys.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// Names the key; not secret.
    pub access_key: String,
    /// Signs.
    pub secret_key: SecretString,
    /// Goes along with temporary keys.
    pub security_token: Option<SecretString>,
}

/// Keyless sign-in.
#[derive(Debug, Clone)]
pub struct Oidc {
    /// The identity provider in IAM.
    pub idp_id: String,
    /// Where the job's OIDC token comes from.
    pub source: IdTokenSource,
}

/// Where the job's OIDC token comes from.
#[derive(Debug, Clone)]
pub enum IdTokenSource {
    /// A variable, such as GitLab's `id_tokens`; issued once per job.
    Value(SecretString),
    /// A file, read anew at each sign-in.
    File(PathBuf),
    /// GitHub, asked anew at each sign-in.
    GitHub {
        /// `ACTIONS_ID_TOKEN_REQUEST_URL`.
        request_url: String,
        /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
        request_token: SecretString,
        /// Audience to ask for; GitHub's own where there is none.
        audience: Option<String>,
    },
}

impl Credentials {
    /// The kind, in the words of the log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::AccessKey(AccessKey { security_token: None, .. }) => "access key",
            Self::AccessKey(AccessKey { security_token: Some(_), .. }) => "temporary access key",
            Self::Oidc(_) => "OIDC token of the job",
            Self::Password(_) => "user name and password",
        }
    }

    /// Whether it has to be exchanged for a token first, and can be again.
    pub fn is_renewable(&self) -> bool {
        match self {
            Self::Oidc(_) | Self::Password(_) => true,
            Self::Token(_) | Self::AccessKey(_) => false,
        }
    }

    /// Every secret in it, to be masked before first use.
    pub fn secrets(&self) -> Vec<&SecretString> {
        match self {
            Self::Token(token) => vec![token],
            Self::AccessKey(keys) => std::iter::once(&keys.secret_key).chain(&keys.security_token).collect(),
            Self::Oidc(oidc) => match &oidc.source {
                IdTokenSource::Value(token) | IdTokenSource::GitHub { request_token: token, .. } => vec![token],
                IdTokenSource::File(_) => Vec::new(),
            },
            Self::Password(user) => vec![&user.password],
        }
    }
}

/// A token that was obtained, and when to get the next one.
#[derive(Debug, Clone)]
pub struct Session {
    /// Sent as `X-Auth-Token`.
    pub token: SecretString,
    /// Time since the start of the process at which to get a new one; `None` where only a refusal can tell.
    pub renew_at: Option<Duration>,
    /// Time since the start of the process at which the token ends, where the answer told.
    pub ends_at: Option<Duration>,
}

/// When a token that lives so long is renewed: a tenth of its life before its end, ten minutes at most.
pub fn renew_after(lifetime: Duration) -> Duration {
    lifetime.saturating_sub((lifetime / 10).min(Duration::from_secs(600)))
}

/// The text without the secrets in it: somebody may have set one in the wrong place, and a server, or a proxy on the
/// way, may send back what it was sent.
pub fn redact(text: &str, secrets: &[SecretString]) -> String {
    // Shorter ones would be found in numbers and words that have nothing to do with them; of longer ones, this much is
    // enough to know them by where the text was cut.
    const SHORTEST: usize = 8;
    const KNOWN_BY: usize = 32;
    let mut text = text.to_owned();
    for secret in secrets.iter().map(|secret| secret.expose_secret()) {
        let Some(beginning) = secret.get(..secret.len().min(KNOWN_BY)).filter(|_| secret.len() >= SHORTEST) else {
            continue;
        };
        while let Some(found) = text.find(beginning) {
            let rest = text.get(found..).unwrap_or_default();
            let same = rest.bytes().zip(secret.bytes()).take_while(|(a, b)| a == b).count();
            text.replace_range(found..found + same, "***");
        }
    }
    text
}
