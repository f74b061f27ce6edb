//! The files that a forge reads, read by the forge's own rules.

use std::collections::BTreeMap;

/// Names and values.
pub(crate) type Values = BTreeMap<String, String>;

/// `GITHUB_OUTPUT`, as the runner reads it on Linux (`FileCommandManager.cs`): lines end at `\n` and nowhere else, empty
/// lines are skipped, `name=value` or a heredoc, the last value of a name wins, anything else fails the step.
pub(crate) fn github_output(text: &str) -> Result<Values, String> {
    let mut values = Values::new();
    let mut lines = text
        .split_inclusive('\n')
        .map(|line| line.strip_suffix('\n').unwrap_or(line));
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        match (equals, heredoc) {
            (equals, Some(heredoc)) if equals.is_none_or(|equals| heredoc < equals) => {
                let (name, delimiter) = (&line[..heredoc], &line[heredoc + 2..]);
                if name.is_empty() || delimiter.is_empty() {
                    return Err(format!("neither name nor delimiter may be empty: `{line}`"));
                }
                let mut value = Vec::new();
                loop {
                    match lines.next() {
                        None => return Err(format!("no delimiter `{delimiter}`")),
                        Some(line) if line == delimiter => break,
                        Some(line) => value.push(line),
                    }
                }
                values.insert(name.to_owned(), value.join("\n"));
            }
            (Some(equals), _) if equals > 0 => {
                values.insert(line[..equals].to_owned(), line[equals + 1..].to_owned());
            }
            _ => return Err(format!("invalid format `{line}`")),
        }
    }
    Ok(values)
}

/// A dotenv report, as GitLab reads it (`ParseDotenvArtifactService`): under 5 KiB, each line `/^(.*?)=(.*)$/`, at most
/// 20 variables, names of letters, digits and underscores. One bad line loses the whole report.
pub(crate) fn dotenv(text: &str) -> Result<Values, String> {
    if text.len() >= 5 * 1024 {
        return Err(format!("{} bytes", text.len()));
    }
    let mut values = Values::new();
    for line in text
        .split_inclusive('\n')
        .map(|line| line.strip_suffix('\n').unwrap_or(line))
    {
        if line.contains([
            '\r', '\u{2028}', '\u{2029}', '\u{85}', '\u{b}', '\u{c}', '\0',
        ]) {
            return Err(format!("more than one line: {line:?}"));
        }
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| format!("no `=` in `{line}`"))?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(format!("`{name}` is no name of a variable"));
        }
        values.insert(name.to_owned(), value.trim().to_owned());
    }
    if values.len() > 20 {
        return Err(format!("{} variables", values.len()));
    }
    Ok(values)
}

/// Whether a runner would take something in the line for a command: `::x::` at its start (the runner trims it first),
/// `##[x]` anywhere.
pub(crate) fn holds_command(line: &str) -> bool {
    let in_line = line.match_indices('#').any(|(at, _)| {
        let word = line[at..].strip_prefix("##");
        word.is_some_and(|word| {
            word.trim_start_matches(|c: char| c.is_ascii_alphabetic())
                .starts_with('[')
        })
    });
    line.trim_start().starts_with("::") || in_line
}

/// A table of Markdown below the comment `<!-- ci: NAME -->`: its rows, without header and rule, cell by cell.
pub(crate) fn markdown_table(text: &str, name: &str) -> Vec<Vec<String>> {
    let marker = format!("<!-- ci: {name} -->");
    let (_, table) = text
        .split_once(&marker)
        .unwrap_or_else(|| panic!("no {marker}"));
    let rows = table
        .trim_start()
        .lines()
        .take_while(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let line = line.trim().trim_start_matches('|').trim_end_matches('|');
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    rows.skip(2).map(cells).collect()
}

/// Names of the elements of an XML document, in order; an error where it is not well-formed. Knows as much of XML as a
/// report needs: no document types, no processing instructions but the first.
pub(crate) fn xml_elements(text: &str) -> Result<Vec<String>, String> {
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if let Some(c) = text.chars().find(|&c| !is_allowed(c)) {
        return Err(format!("holds {c:?}"));
    }
    let text_is_fine = |text: &str| {
        let references = ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#"];
        let lonely = text
            .match_indices('&')
            .find(|&(at, _)| !references.iter().any(|r| text[at..].starts_with(r)));
        if text.contains("]]>") || lonely.is_some() {
            Err(format!("not escaped: {text}"))
        } else {
            Ok(())
        }
    };
    let (mut elements, mut open) = (Vec::new(), Vec::new());
    let mut rest = text.trim_start();
    if let Some(declaration) = rest.strip_prefix("<?xml ") {
        rest = declaration
            .split_once("?>")
            .ok_or("an endless declaration")?
            .1;
    }
    while let Some((before, after)) = rest.split_once('<') {
        text_is_fine(before)?;
        if let Some(data) = after.strip_prefix("![CDATA[") {
            rest = data.split_once("]]>").ok_or("endless CDATA")?.1;
            continue;
        }
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").ok_or("an endless comment")?.1;
            continue;
        }
        // The end of the tag is the first `>` outside of quotes.
        let mut quote = None;
        let end = after.find(|c| match (quote, c) {
            (None, '"' | '\'') => {
                quote = Some(c);
                false
            }
            (Some(open), c) if open == c => {
                quote = None;
                false
            }
            (None, '>') => true,
            (_, _) => false,
        });
        let end = end.ok_or("an endless tag")?;
        let tag = &after[..end];
        rest = &after[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let opened: Option<String> = open.pop();
            if opened.as_deref() != Some(name.trim()) {
                return Err(format!("</{name}> ends {opened:?}"));
            }
            continue;
        }
        let name: String = tag
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':'))
            .collect();
        if name.is_empty() || tag[name.len()..].contains('<') {
            return Err(format!("<{tag}>"));
        }
        text_is_fine(tag)?;
        elements.push(name.clone());
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    text_is_fine(rest)?;
    if !open.is_empty() || elements.is_empty() {
        return Err(format!("no end of {open:?}"));
    }
    Ok(elements)
}

#[test]
fn readers_are_as_strict_as_ci() {
    assert_eq!(
        github_output("a=1\n\nb<<E\nx\n=y\nE\na=2<<3").unwrap(),
        values(&[("a", "2<<3"), ("b", "x\n=y")])
    );
    for bad in ["a", "=1", "<<E\nE", "a<<\n", "a<<E\nx", "a=1\nx\n"] {
        assert!(github_output(bad).is_err(), "{bad}");
    }
    assert_eq!(
        dotenv("A=1=2\nB=\n").unwrap(),
        values(&[("A", "1=2"), ("B", "")])
    );
    for bad in [
        "A",
        "A=1\n\nB=2",
        "A-B=1",
        "=1",
        "A=1\rB=2",
        &format!("A={}", "x".repeat(5118)),
    ] {
        assert!(dotenv(bad).is_err(), "{bad}");
    }
    assert_eq!(
        xml_elements("<?xml version='1.0'?><a b='>'><c/>&amp;</a>").unwrap(),
        ["a", "c"]
    );
    for bad in [
        "",
        "x",
        "<a>",
        "<a></b>",
        "<a>&</a>",
        "<a b='<'/>",
        "<a>\u{1b}</a>",
        "<a>]]></a>",
        "<a",
        "</a>",
    ] {
        assert!(xml_elements(bad).is_err(), "{bad}");
    }
    assert!(holds_command(" ::x::") && holds_command("a ##[x]") && !holds_command("a ::x::"));
}

#[cfg(test)]
fn values(pairs: &[(&str, &str)]) -> Values {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
