//! Who we are to the API: what a person configured ([`Credentials`]), and what came of it ([`Session`]).
//!
//! The modules below build requests and read answers; none of them sends, sleeps or asks for the time.

pub mod clouds;
pub mod endpoint;
pub mod file;
pub mod hosts;
pub mod identity;
pub mod oidc;
mod redact;
pub mod regions;
pub mod scope;
pub mod sign;
pub mod token;
pub mod vendor_file;

pub use identity::{ApplicationCredential, Identity, User};
pub use redact::{Redactor, redact};
pub use scope::{Named, ProjectScope};

use secrecy::SecretString;
use std::path::PathBuf;
use std::time::Duration;

/// How to sign in. Secrets are wiped when dropped, and their `Debug` shows nothing.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A token obtained elsewhere; it cannot be renewed.
    Token(SecretString),
    /// Each request is signed.
    AccessKey(AccessKey),
    /// The job's OIDC token is exchanged for a token.
    Oidc(Oidc),
    /// The access token of an identity provider is exchanged for a token without a project, and that for one with it.
    Federated(Federated),
    /// A token by what IAM itself knows: a password, a token, an application credential.
    Identity(Identity),
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

/// Sign-in by an identity provider's access token (`v3oidcaccesstoken`).
#[derive(Debug, Clone)]
pub struct Federated {
    /// The identity provider in IAM.
    pub identity_provider: String,
    /// Its protocol in IAM.
    pub protocol: String,
    /// The access token.
    pub access_token: SecretString,
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
    /// A file, read again at each sign-in.
    File(PathBuf),
    /// GitHub, asked again at each sign-in.
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
            Self::AccessKey(AccessKey {
                security_token: None,
                ..
            }) => "access key",
            Self::AccessKey(AccessKey {
                security_token: Some(_),
                ..
            }) => "temporary access key",
            Self::Oidc(_) => "OIDC token of the job",
            Self::Federated(_) => "access token of the identity provider",
            Self::Identity(identity) => identity.kind(),
        }
    }

    /// Whether it has to be exchanged for a token first.
    pub fn needs_session(&self) -> bool {
        match self {
            Self::Oidc(_) | Self::Federated(_) | Self::Identity(_) => true,
            Self::Token(_) | Self::AccessKey(_) => false,
        }
    }

    /// Whether it can be exchanged again, when the session has ended.
    pub fn can_renew(&self) -> bool {
        match self {
            Self::Oidc(_) | Self::Federated(_) => true,
            Self::Identity(identity) => identity.is_reusable(),
            Self::Token(_) | Self::AccessKey(_) => false,
        }
    }

    /// Every secret in it, to be masked before first use.
    pub fn secrets(&self) -> Vec<&SecretString> {
        match self {
            Self::Token(token) => vec![token],
            Self::AccessKey(keys) => std::iter::once(&keys.secret_key)
                .chain(&keys.security_token)
                .collect(),
            Self::Oidc(oidc) => match &oidc.source {
                IdTokenSource::Value(token)
                | IdTokenSource::GitHub {
                    request_token: token,
                    ..
                } => vec![token],
                IdTokenSource::File(_) => Vec::new(),
            },
            Self::Federated(federated) => vec![&federated.access_token],
            Self::Identity(identity) => identity.secrets(),
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
    /// Time since the start of the process at which the token ends, where the response says so.
    pub ends_at: Option<Duration>,
}

/// When a token that lives so long is renewed: a tenth of its life before its end, ten minutes at most.
pub fn renew_after(lifetime: Duration) -> Duration {
    lifetime.saturating_sub((lifetime / 10).min(Duration::from_secs(600)))
}
