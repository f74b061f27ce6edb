//! Untrusted text, made harmless for each place that it can go to.
//!
//! Two stages. At the border (`api::wire`, `api::error`, and where a user's value is quoted) every untrusted string goes
//! through [`line()`]: from then on it is one line without control characters. Each renderer then escapes *all* text for
//! its own medium: [`log`] for what a runner reads, [`markdown`], [`html`], [`xml`], [`command_data`], [`dotenv`].

/// Longest untrusted text that is worth showing, in characters.
const LONGEST: usize = 300;

/// One line of visible text: control characters, line separators and everything that reorders or hides text are shown
/// as `\u{...}`, white space becomes a space, and the end is cut off behind 300 characters. A backtick becomes an
/// apostrophe: in messages of this tool it marks a name, and untrusted text marks nothing.
pub fn line(text: &str) -> String {
    let text = text.trim();
    let mut out = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => visible(text.split_at(end).0) + "…",
        None => visible(text),
    };
    // Values of outputs are echoed by later steps: there, too, they must not be commands.
    if out.starts_with("::") {
        out.insert(1, ' ');
    }
    break_commands(out)
}

/// Text without the beginning of a command that a runner finds anywhere in a line: `##[x]`, Azure's `##vso[x]`, TeamCity's
/// `##teamcity[x]`.
fn break_commands(text: String) -> String {
    if !text.contains("##") {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text.as_str();
    while let Some(start) = rest.find("##") {
        let (before, from) = rest.split_at(start);
        let after = from.trim_start_matches('#');
        out.push_str(before);
        out.extend(std::iter::repeat_n('#', from.len() - after.len()));
        if is_command_word(after) {
            out.push(' ');
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Whether a command goes on like that behind its `##`.
fn is_command_word(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_ascii_alphabetic())
        .starts_with('[')
}

/// The characters of [`line()`], of the whole text.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_visible(&mut out, if c == '`' { '\'' } else { c });
    }
    out
}

fn push_visible(out: &mut String, c: char) {
    if matches!(c, '\t' | '\n' | '\r') {
        out.push(' ');
    } else if is_invisible(c) {
        out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
    } else {
        out.push(c);
    }
}

/// Control characters, and characters that reorder, hide or separate text without being seen.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A line for a log that a CI runner reads: it cannot start a workflow command (`::x::` at its start; `##[x]`, `##vso[x]`,
/// `##teamcity[x]` anywhere), whatever it holds. Also applies what [`line()`] does to single characters, without cutting.
pub fn log(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_visible(&mut out, c);
    }
    let mut out = break_commands(out);
    if out.trim_start().starts_with("::") {
        out.insert_str(0, "· ");
    }
    out
}

/// The data of a GitHub workflow command (`::error::DATA`).
pub fn command_data(text: &str) -> String {
    log(text).replace('%', "%25")
}

/// Text in Markdown, within a paragraph, a list item or a table cell: shown as it is, whatever it holds. What cannot be
/// taken for markup in its place is left alone, so that people can read the source, too.
///
/// Mentions, references and pictures (`@org`, `#1`, `:x:`) are made of the text that Markdown leaves, where an entity is
/// long resolved. An invisible joiner stops them.
pub fn markdown(text: &str) -> String {
    markdown_with(text, "&#8288;")
}

/// The same for text within `<code>`, where nothing but links is made of it: it stays fit to be copied.
pub fn markdown_code(text: &str) -> String {
    markdown_with(text, "")
}

fn markdown_with(text: &str, joiner: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut before = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let next = chars.clone().next();
        let in_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => {
                out.push_str("&#64;");
                out.push_str(joiner);
            }
            '#' => {
                out.push_str("&#35;");
                out.push_str(joiner);
            }
            // `https://` and `www.` make links.
            ':' if next == Some('/') => out.push_str("&#58;"),
            ':' if (in_word(next) || matches!(next, Some('_' | '+' | '-')))
                && !is_time(before, &mut chars.clone()) =>
            {
                out.push_str("&#58;");
                out.push_str(joiner);
            }
            '.' if out.to_ascii_lowercase().ends_with("www") => out.push_str("&#46;"),
            '_' if in_word(before) && in_word(next) => out.push(c),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            // Lists and underlined headings begin a line.
            '-' | '+' | '=' if before.is_none() => {
                out.push('\\');
                out.push(c);
            }
            '.' | ')' if !out.is_empty() && out.bytes().all(|byte| byte.is_ascii_digit()) => {
                out.push('\\');
                out.push(c);
            }
            _ => push_visible(&mut out, c),
        }
        before = Some(c);
    }
    out
}

/// Whether a colon is between hours, minutes and seconds: two digits follow it, and no picture has such a name.
fn is_time(before: Option<char>, after: &mut impl Iterator<Item = char>) -> bool {
    let mut digit = || after.next().is_some_and(|c| c.is_ascii_digit());
    before.is_some_and(|c| c.is_ascii_digit()) && digit() && digit() && !digit()
}

/// Text in HTML, attribute values in quotes included.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => push_visible(&mut out, c),
        }
    }
    out
}

/// Text in XML 1.0: what that cannot hold, not even escaped, is shown as `\u{...}`, line breaks stay. The markup itself is
/// escaped by the code that writes the XML.
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            _ => push_visible(&mut out, c),
        }
    }
    out
}

/// A value in a dotenv file. GitLab takes the rest of the line as it is, but expands `$NAME` when it hands the value
/// to a later job, and people source such files in shells: what either would act on is replaced.
pub fn dotenv(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '`' => {}
            ';' => out.push(','),
            '(' => out.push('['),
            ')' => out.push(']'),
            '\'' | '"' => out.push('’'),
            '$' | '\\' | '&' | '|' | '<' | '>' => out.push('_'),
            _ => push_visible(&mut out, c),
        }
    }
    out.replace('\\', "_")
}

/// Valid JSON text on one line of printable ASCII that a runner finds no command in; the same JSON value as before.
pub fn compact_json(valid: &str) -> String {
    let mut out = String::with_capacity(valid.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in valid.chars() {
        if !in_string {
            in_string = c == '"';
            if !c.is_ascii_whitespace() {
                out.push(c);
            }
            continue;
        }
        match c {
            // Outside of strings a `#` is no JSON; inside, it could build `##[`.
            '#' => out.push_str("\\u0023"),
            _ if c.is_ascii() && !c.is_control() => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
        in_string = escaped || c != '"';
        escaped = !escaped && c == '\\';
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn foreign_text_becomes_one_visible_line() {
        assert_eq!(line(" a\r\nb\tc "), "a  b c");
        assert_eq!(line("\u{1b}[31mred"), "\\u{1b}[31mred");
        assert_eq!(line("abc\u{202e}def"), "abc\\u{202e}def");
        assert_eq!(line("see `x`"), "see 'x'");
        assert_eq!(
            line(" ::error::x ##[error]y ####[z"),
            ": :error::x ## [error]y #### [z"
        );
        assert_eq!(line(&"x".repeat(1000)).chars().count(), 301);
    }

    #[test]
    fn log_line_holds_no_workflow_command() {
        assert_eq!(log("::error::x"), "· ::error::x");
        assert_eq!(
            log("  ::set-output name=x::y"),
            "·   ::set-output name=x::y"
        );
        assert_eq!(log("a ##[group]b"), "a ## [group]b");
        assert_eq!(
            log("##vso[task.x]y ###teamcity[z"),
            "## vso[task.x]y ### teamcity[z"
        );
        assert_eq!(command_data("50% ::x::"), "50%25 ::x::");
        // What is no command is left as it is.
        assert_eq!(log("[a] #[b] ##c ::d:: [##]"), "[a] #[b] ##c ::d:: [##]");
    }

    #[test]
    fn html_shows_text_and_attributes_verbatim() {
        assert_eq!(
            html("<a title=\"x\" class='y'>&lt;\u{202e}</a>\n"),
            "&lt;a title=&quot;x&quot; class=&#39;y&#39;&gt;&amp;lt;\\u{202e}&lt;/a&gt; "
        );
    }

    #[test]
    fn invisible_characters_are_shown_by_number() {
        // First and last of each range, and the neighbours that people write with.
        let hidden = "\u{0}\u{1f}\u{7f}\u{9f}\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}\u{180f}\u{200b}\u{200f}\
            \u{2028}\u{202e}\u{2060}\u{206f}\u{3164}\u{fe00}\u{fe0f}\u{feff}\u{ffa0}\u{fff0}\u{fffb}\u{1bca0}\u{1bca3}\u{1d173}\
            \u{1d17a}\u{e0000}\u{e0fff}";
        for c in hidden.chars() {
            assert_eq!(
                line(&format!("a{c}b")),
                format!("a\\u{{{:x}}}b", u32::from(c))
            );
        }
        let shown = "a é\u{ac}ß\u{200a}‐\u{2027}\u{202f}\u{205f}日本語\u{fdff}\u{fe10}\u{fffd}😀\u{dffff}\u{e1000}z";
        assert_eq!(line(shown), shown);
    }

    #[test]
    fn markdown_shows_text_verbatim() {
        for plain in [
            "in-sync: 5,320 at 2026-11-24T00:12:34Z (12 %)",
            "is_migrating",
            "a = b + c!",
            "v0.1.0",
        ] {
            assert_eq!(markdown(plain), plain);
        }
        for (text, escaped) in [
            ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
            (
                "**x** _y_ `z` ~~q~~ $m$",
                r"\*\*x\*\* \_y\_ \`z\` \~\~q\~\~ \$m\$",
            ),
            ("[a](b) ![c](d) |", r"\[a\](b) !\[c\](d) \|"),
            ("@org/team #12", "&#64;&#8288;org/team &#35;&#8288;12"),
            ("a@example.org", "a&#64;&#8288;example.org"),
            ("https://x www.y WWW.z", "https&#58;//x www&#46;y WWW&#46;z"),
            (
                ":white_check_mark: 9:100:",
                "&#58;&#8288;white_check_mark: 9&#58;&#8288;100:",
            ),
            ("- x", r"\- x"),
            ("12. x", r"12\. x"),
        ] {
            assert_eq!(markdown(text), escaped);
        }
        assert_eq!(markdown_code("dcs:task:get"), "dcs&#58;task&#58;get");
    }

    #[test]
    fn xml_holds_no_forbidden_character() {
        assert_eq!(
            xml("a\0b\u{b}c\u{fffe}d\u{ffff}\ne"),
            "a\\u{0}b\\u{b}c\\u{fffe}d\\u{ffff}\ne"
        );
    }

    #[test]
    fn dotenv_value_is_inert_everywhere() {
        assert_eq!(
            dotenv("$(rm -rf /) `id` ${X} \"a\" 'b' c;d\\n"),
            "_[rm -rf /] id _{X} ’a’ ’b’ c,d_n"
        );
    }

    #[test]
    fn json_stays_the_same_value() {
        assert_eq!(
            compact_json("{ \"a\" : [1, 2.50],\n\"b\":\"x y # \\\" \u{e9}\u{1f600}\" }"),
            "{\"a\":[1,2.50],\"b\":\"x y \\u0023 \\\" \\u00e9\\ud83d\\ude00\"}"
        );
    }

    proptest! {
        #[test]
        fn no_text_starts_a_command(text in ".*|(.{0,3}(##|::|\\[|\r|\n| |error::).{0,3}){1,6}") {
            for out in [log(&text), log(&line(&text)), command_data(&text)] {
                let begins = |(at, _): (usize, char)| out.get(at..).and_then(|rest| rest.strip_prefix("##")).is_some_and(is_command_word);
                prop_assert!(!out.char_indices().any(begins), "{}", out);
                prop_assert!(!out.trim_start().starts_with("::"));
                prop_assert!(!out.chars().any(|c| c.is_control() || is_invisible(c)));
            }
        }

        #[test]
        fn compacting_keeps_the_value(text in ".*", number in any::<i64>()) {
            let value = serde_json::json!({ text.clone(): [text, number, null, true] });
            let compact = compact_json(&serde_json::to_string_pretty(&value).unwrap());
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&compact).unwrap(), value);
            prop_assert!(compact.bytes().all(|b| (0x20..0x7f).contains(&b)));
        }
    }
}
