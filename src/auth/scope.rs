//! What a token is asked for. DCS belongs to a project, so there is no other scope.

use secrecy::SecretString;
use serde_json::{Map, Value, json};

/// Something that IAM knows by an id and by a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By its id.
    Id(String),
    /// By its name.
    Name(String),
}

impl Named {
    /// The one of the two that is there; the id where both are.
    pub fn of(id: Option<String>, name: Option<String>) -> Option<Self> {
        id.map(Self::Id).or(name.map(Self::Name))
    }

    /// `{"id": …}` or `{"name": …}`
    pub fn to_json(&self) -> Value {
        match self {
            Self::Id(id) => json!({"id": id}),
            Self::Name(name) => json!({"name": name}),
        }
    }
}

/// The project that a token is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectScope {
    /// By its id.
    Id(String),
    /// By its name, such as `eu-de` or `eu-de_shop`, and the domain that it belongs to, where that is known.
    Name(String, Option<Named>),
    /// The one that the credential belongs to, as the token says.
    OfToken,
}

impl ProjectScope {
    /// The body of a token request: who asks, under such a name, and the scope.
    pub fn body(&self, name: &str, who: Value) -> SecretString {
        let mut auth = Map::from_iter([(name.to_owned(), who)]);
        auth.extend(self.to_json().map(|scope| ("scope".to_owned(), scope)));
        SecretString::from(json!({"auth": auth}).to_string())
    }

    /// The `scope` of a token request, where it has one.
    fn to_json(&self) -> Option<Value> {
        match self {
            Self::Id(id) => Some(json!({"project": {"id": id}})),
            Self::Name(name, None) => Some(json!({"project": {"name": name}})),
            Self::Name(name, Some(domain)) => {
                Some(json!({"project": {"name": name, "domain": domain.to_json()}}))
            }
            Self::OfToken => None,
        }
    }
}
