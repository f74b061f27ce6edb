//! What a token is asked for. DCS belongs to a project, so there is no other scope.

use serde_json::{Value, json};

/// The project that a token is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectScope {
    /// By its id.
    Id(String),
    /// By its name, such as `eu-de` or `eu-de_shop`.
    Name(String),
}

impl ProjectScope {
    /// The `scope` of a token request.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Id(id) => json!({"project": {"id": id}}),
            Self::Name(name) => json!({"project": {"name": name}}),
        }
    }
}
