//! Names of migration tasks.

/// A migration task's id: a UUID or 32 hex digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(String);

impl TaskId {
    /// Reads an id.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        let well_formed =
            text.split('-').all(is_hex) && matches!(lengths.as_slice(), [32] | [8, 4, 4, 4, 12]);
        well_formed.then(|| Self(text.to_owned()))
    }

    /// Whether both name the same task: the API writes ids with and without hyphens.
    pub fn is_same(&self, other: &Self) -> bool {
        self.digits() == other.digits()
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What two spellings of one id, with or without hyphens, in whichever case, have in common.
    pub fn digits(&self) -> String {
        self.0
            .chars()
            .filter(|&char| char != '-')
            .map(|char| char.to_ascii_lowercase())
            .collect()
    }
}
