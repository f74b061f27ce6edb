//! Escapers of the templates in `templates/`: what a template shows is escaped unless it says otherwise.

use crate::escape;
use std::fmt::{self, Write};

/// Text and attributes of XML 1.0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Xml;

impl askama::filters::Escaper for Xml {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        for c in escape::xml(text).chars() {
            match c {
                '&' => dest.write_str("&amp;"),
                '<' => dest.write_str("&lt;"),
                '>' => dest.write_str("&gt;"),
                '"' => dest.write_str("&quot;"),
                '\'' => dest.write_str("&apos;"),
                c => dest.write_char(c),
            }?;
        }
        Ok(())
    }
}
