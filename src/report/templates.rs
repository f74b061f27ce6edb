//! Escapers and filters of the templates in `templates/`: what a template shows is escaped for its medium unless the
//! template says otherwise.

use crate::escape;
use askama::filters::Escaper;
use std::fmt::{self, Write};

/// Text and attributes of HTML and of SVG within it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Html;

impl Escaper for Html {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        dest.write_str(&escape::html(text))
    }
}

/// Markdown as GitHub and GitLab show it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Markdown;

impl Escaper for Markdown {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        dest.write_str(&escape::markdown(text))
    }
}

/// Text and attributes of XML 1.0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Xml;

impl Escaper for Xml {
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

/// Our own text with names in backticks, each of which `code` shows, and everything else escaped. Foreign text cannot
/// open a code span that it does not close: an odd backtick is shown as one.
fn with_code(text: &str, escape: fn(&str) -> String, code: fn(&str) -> String) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escape(text);
    }
    let shown =
        parts.into_iter().enumerate().map(
            |(n, part)| {
                if n % 2 == 1 { code(part) } else { escape(part) }
            },
        );
    shown.collect()
}

/// Filters of the HTML templates.
#[expect(unreachable_pub, reason = "what the macro makes of a filter is public")]
pub(super) mod html {
    use super::super::messages;
    use super::{escape, with_code};
    use askama::filters::Safe;
    use askama::{Result, Values};
    use std::borrow::Borrow;
    use std::time::Duration;

    pub(in super::super) fn markup(text: &str) -> String {
        with_code(text, escape::html, |part| {
            format!("<code>{}</code>", escape::html(part))
        })
    }

    /// Text with names in backticks, as HTML.
    #[askama::filter_fn]
    pub fn prose(text: impl AsRef<str>, _: &dyn Values) -> Result<Safe<String>> {
        Ok(Safe(markup(text.as_ref())))
    }

    /// A duration as people read it.
    #[askama::filter_fn]
    pub fn duration(duration: &Duration, _: &dyn Values) -> Result<String> {
        Ok(messages::duration(*duration))
    }

    /// A share, as a percentage to a hundredth.
    #[askama::filter_fn]
    pub fn share(value: impl Borrow<f64>, _: &dyn Values) -> Result<String> {
        Ok(super::super::chart::decimal(100.0 * *value.borrow(), 2) + "%")
    }

    /// The same to a tenth, for what is shown to a pointer only: a page can have thousands of these.
    #[askama::filter_fn]
    pub fn rough_share(value: impl Borrow<f64>, _: &dyn Values) -> Result<String> {
        Ok(super::super::chart::decimal(100.0 * *value.borrow(), 1) + "%")
    }

    /// A coordinate, to a tenth.
    #[askama::filter_fn]
    pub fn tenth(value: impl Borrow<f64>, _: &dyn Values) -> Result<String> {
        Ok(super::super::chart::decimal(*value.borrow(), 1))
    }
}

/// Filters of the Markdown templates.
#[expect(unreachable_pub, reason = "what the macro makes of a filter is public")]
pub(super) mod markdown {
    use super::{escape, with_code};
    use askama::filters::Safe;
    use askama::{Result, Values};

    fn code_span(text: &str) -> String {
        // In HTML, since no escape works within Markdown's own code spans.
        format!("<code>{}</code>", escape::markdown_code(text))
    }

    pub(in super::super) fn markup(text: &str) -> String {
        with_code(text, escape::markdown, code_span)
    }

    /// Text with names in backticks, as Markdown.
    #[askama::filter_fn]
    pub fn prose(text: impl AsRef<str>, _: &dyn Values) -> Result<Safe<String>> {
        Ok(Safe(markup(text.as_ref())))
    }

    /// A number with at most two decimals.
    #[askama::filter_fn]
    pub fn hundredth(value: &f64, _: &dyn Values) -> Result<Safe<String>> {
        Ok(Safe(super::super::chart::decimal(*value, 2)))
    }

    /// A name, as code.
    #[askama::filter_fn]
    pub fn code(text: &str, _: &dyn Values) -> Result<Safe<String>> {
        Ok(Safe(code_span(text)))
    }
}
