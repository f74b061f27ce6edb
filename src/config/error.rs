//! Everything that is wrong with the inputs, at once.

use std::fmt;

/// One wrong or missing input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The input, or the flag or variable that is not one; one visible line.
    pub input: String,
    /// Where its value came from (`--timeout`, `DCS_TIMEOUT`, ...), where it has one.
    pub source: Option<String>,
    /// What is wrong, and what is accepted; one visible line.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "`{}` (from {source}) {}", self.input, self.text),
            None => write!(f, "`{}` {}", self.input, self.text),
        }
    }
}

/// Every problem of one start; never empty where it is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds a problem that has no value.
    pub fn add(&mut self, input: &str, text: impl Into<String>) {
        self.0.push(Problem {
            input: input.to_owned(),
            source: None,
            text: text.into(),
        });
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
