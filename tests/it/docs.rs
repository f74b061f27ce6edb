//! What the pages name is there: files, headings, flags, variables, scenarios, permissions. Tables are in `surface`.

use crate::support::Sandbox;
use crate::support::sandbox::GITHUB_NAMES;
use dcs_migration_wait::config::inputs::{Group, INPUTS};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// Every page, by its path, with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages = Vec::new();
    for directory in ["", "docs", "examples"] {
        for entry in std::fs::read_dir(root().join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "md") {
                let text = std::fs::read_to_string(&path).unwrap();
                pages.push((path, text));
            }
        }
    }
    assert!(pages.len() >= 12, "{} pages", pages.len());
    pages
}

/// Pages about using the program, and not about its source.
fn user_pages() -> impl Iterator<Item = (PathBuf, String)> {
    let is_about_source = |path: &Path| {
        ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"]
            .iter()
            .any(|name| path.ends_with(name))
    };
    pages()
        .into_iter()
        .filter(move |(path, _)| !is_about_source(path))
}

/// The code block after `<!-- ci: NAME -->`.
fn block<'a>(page: &'a str, name: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("<!-- ci: {name} -->")).unwrap();
    let (_, rest) = rest.split_once("```").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("```").unwrap().0
}

/// Pieces of the text that begin with the prefix and go on with these characters.
fn words<'a>(
    text: &'a str,
    prefix: &'a str,
    goes_on: fn(char) -> bool,
) -> impl Iterator<Item = &'a str> {
    // Where a word begins, not in the middle of one.
    let begins = move |start: usize| {
        !prefix.starts_with(char::is_alphanumeric) || !text[..start].ends_with(goes_on)
    };
    let found = text.match_indices(prefix);
    found
        .filter(move |&(start, _)| begins(start))
        .map(move |(start, _)| {
            let rest = &text[start + prefix.len()..];
            let length = rest.find(|c| !goes_on(c)).unwrap_or(rest.len());
            &text[start..start + prefix.len() + length]
        })
}

/// The anchors of the headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|&c| c.is_alphanumeric() || " -_".contains(c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn readme_has_at_most_200_lines() {
    assert!(page("README.md").lines().count() <= 200);
}

#[test]
fn links_lead_somewhere() {
    let mut n_links = 0;
    for (path, text) in pages() {
        for piece in text.split("](").skip(1) {
            let target = piece.split(')').next().unwrap();
            if target.starts_with("https://") || target.starts_with("../../") {
                continue;
            }
            n_links += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let linked = if file.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap().join(file)
            };
            assert!(linked.exists(), "{}: {target}", path.display());
            if !anchor.is_empty() {
                let found = anchors(&std::fs::read_to_string(&linked).unwrap());
                assert!(
                    found.iter().any(|found| found == anchor),
                    "{}: {target} is none of {found:?}",
                    path.display()
                );
            }
        }
    }
    assert!(n_links > 50, "{n_links} links");
}

#[test]
fn variables_in_pages_exist() {
    let variable = |name: &str| format!("DCS_{}", name.to_ascii_uppercase().replace('-', "_"));
    let known: BTreeSet<String> = INPUTS
        .iter()
        .map(|input| input.name)
        .chain(GITHUB_NAMES)
        .map(variable)
        .collect();
    for (path, text) in user_pages() {
        for name in words(&text, "DCS_", |c| c.is_ascii_uppercase() || c == '_') {
            // `DCS_` alone is the prefix.
            assert!(
                name == "DCS_" || known.contains(name),
                "{}: {name}",
                path.display()
            );
        }
    }
}

#[test]
fn flags_in_pages_exist() {
    let help: String = [
        &["--help"][..],
        &["demo", "--help"],
        &["simulate", "--help"],
    ]
    .iter()
    .map(|arguments| Sandbox::new().args(arguments).run().stdout)
    .collect();
    let in_flag = |c: char| c.is_ascii_lowercase() || c == '-';
    let known: BTreeSet<&str> = words(&help, "--", in_flag).collect();
    assert!(known.contains("--task-id") && known.contains("--listen"));
    let mut n_flags = 0;
    for (path, text) in user_pages() {
        let commands = text.split("dcs-migration-wait").skip(1);
        for command in commands.filter(|rest| rest.starts_with(' ')) {
            // To the end of the command: of its line, of its code, at a comment.
            let end = command.find(['\n', '`', '#', ';', ')', '"']);
            let command = &command[..end.unwrap_or(command.len())];
            for flag in words(command, " --", in_flag).map(str::trim) {
                n_flags += 1;
                assert!(known.contains(flag), "{}: {flag}", path.display());
            }
        }
    }
    assert!(n_flags >= 10, "{n_flags} flags");
}

#[test]
fn sign_in_names_every_credential() {
    let text = page("docs/sign-in.md");
    for input in INPUTS.iter().filter(|input| input.group == Group::SignIn) {
        assert!(
            text.contains(&format!("`{}`", input.name)),
            "{}",
            input.name
        );
    }
    let policy: serde_json::Value = serde_json::from_str(block(&text, "policy")).unwrap();
    assert_eq!(policy["Statement"][0]["Action"][0], "dcs:migrationTask:get");
    let rule: serde_json::Value = serde_json::from_str(block(&text, "conversion-rule")).unwrap();
    assert_eq!(rule[0]["remote"][0]["type"], "sub");
}

#[test]
fn gitlab_component_has_example_inputs() {
    let template = page("templates/wait/template.yml");
    let (inputs, _) = template.split_once("\n---\n").unwrap();
    let text = page("docs/gitlab.md");
    let (_, example) = block(&text, "gitlab-component")
        .split_once("inputs:\n")
        .unwrap();
    let names: Vec<&str> = example
        .lines()
        .map(|line| line.split(':').next().unwrap().trim())
        .collect();
    assert!(names.contains(&"task-id"));
    for name in names {
        assert!(inputs.contains(&format!("\n    {name}:\n")), "{name}");
    }
}

#[test]
fn reference_names_every_scenario() {
    let help = Sandbox::new().args(&["demo", "--help"]).run().stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, scenarios) = help.split_once("What happens to the task: ").unwrap();
    let (scenarios, _) = scenarios.split_once(" --").unwrap();
    let expected: Vec<String> = scenarios
        .split(", ")
        .map(|name| format!("`{}`", name.split(' ').next().unwrap()))
        .collect();
    let text = page("docs/reference.md");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&expected.join(", ")), "{expected:?}");
}

#[test]
fn performance_has_measured_tables() {
    let text = page("docs/performance.md");
    let script = page("benches/peers.sh");
    let headings: Vec<&str> = script
        .lines()
        .filter_map(|line| line.trim().strip_prefix("echo \"| "))
        .filter_map(|line| line.strip_suffix('"'))
        .filter(|line| !line.starts_with("---"))
        .collect();
    assert_eq!(headings.len(), 2);
    for heading in headings {
        assert!(
            text.contains(heading),
            "docs/performance.md has no {heading}"
        );
    }
}

/// The text of every source file below the directory that is no test; lines that go on in the next one joined.
fn sources(directory: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|ending| ending == "rs")
            && !path.ends_with("tests.rs")
        {
            let source = std::fs::read_to_string(&path).unwrap();
            let lines: Vec<&str> = source.split("\\\n").map(str::trim_start).collect();
            text += &lines.concat();
        }
    }
    text
}

#[test]
fn troubleshooting_quotes_real_messages() {
    let source = sources(&root().join("src"));
    let text = page("docs/troubleshooting.md");
    let (_, table) = text.split_once("\n## By what you see\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let mut n_quotes = 0;
    for row in table.lines().filter(|line| line.starts_with('|')) {
        let seen = row.split('|').nth(1).unwrap();
        let quotes = seen.split('`').skip(1).step_by(2);
        // `...` replaces what differs from run to run, and so do names in capitals.
        for quote in quotes.flat_map(|quote| quote.split("...")).map(str::trim) {
            if quote.contains(' ') && !quote.contains('_') {
                n_quotes += 1;
                assert!(source.contains(quote), "no message has: {quote}");
            }
        }
    }
    assert!(n_quotes >= 5, "{n_quotes} quotes");
}

#[test]
fn picture_is_small_and_complete() {
    let picture = page("docs/demo.svg");
    assert!(picture.len() < 60_000, "{} bytes", picture.len());
    let links = picture.matches("http").count();
    assert_eq!(links, 1, "the namespace and nothing from outside");
    assert!(picture.contains("completed: ") && picture.contains("<title"));
}
