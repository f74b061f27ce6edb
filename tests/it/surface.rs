//! Flags, environment names, README, docs/reference.md, `action.yml` and the contract list the same inputs and outputs.

use crate::support::formats;
use crate::support::sandbox::GITHUB_NAMES;
use dcs_migration_wait::config::inputs::{INPUTS, Input, Kind};
use dcs_migration_wait::report::OUTPUTS;
use saphyr_parser::{Event, Parser};
use std::collections::BTreeMap;
use std::sync::Once;

/// The contract's inputs: name and default.
const CONTRACT: [(&str, &str); 42] = [
    ("task-id", "required"),
    ("project-id", "required, or found by `project-name`"),
    ("project-name", ""),
    ("cloud-domain", "from region"),
    ("region", ""),
    ("endpoint", "from region"),
    ("iam-endpoint", "from region"),
    ("auth-token", ""),
    ("access-key", ""),
    ("secret-key", ""),
    ("security-token", ""),
    ("username", ""),
    ("password", ""),
    ("domain-name", ""),
    ("user-id", ""),
    ("domain-id", ""),
    ("passcode", ""),
    ("idp-id", ""),
    ("oidc-audience", "the forge's own"),
    ("id-token", "asked from GitHub"),
    ("id-token-file", ""),
    ("fail-fast", "true"),
    ("max-requests-per-second", "4"),
    ("until", "completed"),
    ("max-offset", "0"),
    ("max-missing-keys", "10%"),
    ("stable-polls", "1, for `in-sync` 3"),
    ("timeout", "1h"),
    ("stall-timeout", "0 (off)"),
    ("max-outage", "10m"),
    ("initial-interval", "5s"),
    ("max-interval", "30s"),
    ("multiplier", "1.5"),
    ("request-timeout", "10s"),
    ("status-check", "auto"),
    ("summary", "true"),
    ("report", ""),
    ("dotenv", "`dcs-migration.env` in GitLab CI, else none"),
    ("ca-file", "the system's roots"),
    ("allow-http", "false"),
    ("log-format", "auto"),
    ("log-level", "info"),
];

const EXIT_CODES: [(&str, &str); 11] = [
    ("0", "`completed`, `in-sync`, `full-sync`, `switched`"),
    ("1", "`internal-error`"),
    ("2", "`invalid-input`"),
    ("3", "`failed`"),
    ("4", "`stalled`"),
    ("5", "`denied`"),
    ("6", "`unreachable`"),
    ("124", "`timeout`"),
    ("129", "`cancelled`"),
    ("130", "`cancelled`"),
    ("143", "`cancelled`"),
];

fn file(name: &str) -> String {
    std::fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn write(name: &str, text: &str) {
    std::fs::write(format!("{}/{name}", env!("CARGO_MANIFEST_DIR")), text).unwrap();
}

/// Names that people write into their environment themselves.
fn environment(input: &Input) -> Vec<String> {
    let own = format!("DCS_{}", input.name.to_ascii_uppercase().replace('-', "_"));
    std::iter::once(own)
        .chain(input.aliases.iter().map(|&alias| alias.to_owned()))
        .collect()
}

#[test]
fn inputs_match_contract() {
    let ours: BTreeMap<&str, &str> = INPUTS
        .iter()
        .map(|input| (input.name, input.default))
        .collect();
    let contract: BTreeMap<&str, &str> = CONTRACT.into_iter().collect();
    assert_eq!(ours, contract);
    let secrets: Vec<&str> = INPUTS
        .iter()
        .filter(|input| input.kind == Kind::Secret)
        .map(|input| input.name)
        .collect();
    assert_eq!(
        secrets,
        [
            "auth-token",
            "secret-key",
            "security-token",
            "password",
            "passcode",
            "id-token"
        ]
    );
}

/// The row of an input in docs/reference.md.
fn reference_row(input: &Input) -> Vec<String> {
    let names: Vec<String> = environment(input)
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let secret = if input.kind == Kind::Secret {
        "(secret) "
    } else {
        ""
    };
    vec![
        format!("`{}`", input.name),
        input.default.to_owned(),
        names.join(" "),
        format!("{secret}{}", input.help),
    ]
}

/// The description of an input in `action.yml`.
fn action_description(input: &Input) -> String {
    let default = match input.default {
        "" | "required" => String::new(),
        default => format!(" Default: {default}."),
    };
    format!("{}.{default}", input.help)
}

/// Under `UPDATE_DOCS=1`, writes the rows and descriptions of the inputs again: in docs/reference.md the whole table, in
/// `action.yml` the description of each input that is there.
fn update_pages() {
    static ONCE: Once = Once::new();
    if std::env::var_os("UPDATE_DOCS").is_none() {
        return;
    }
    ONCE.call_once(|| {
        let rows: String = INPUTS
            .iter()
            .map(|input| format!("| {} |\n", reference_row(input).join(" | ")))
            .collect();
        let page = file("docs/reference.md");
        let marker = "<!-- ci: inputs -->\n";
        let (before, rest) = page.split_once(marker).unwrap();
        let (table, after) = rest.split_once("\n\n").unwrap();
        let head: String = table.split_inclusive('\n').take(2).collect();
        write(
            "docs/reference.md",
            &format!("{before}{marker}{head}{rows}\n{after}"),
        );

        let mut name = String::new();
        let mut is_done = false;
        let action: String = file("action.yml")
            .lines()
            .map(|line| {
                is_done |= line == "outputs:";
                if let Some(key) = line
                    .strip_prefix("  ")
                    .and_then(|key| key.strip_suffix(':'))
                {
                    key.clone_into(&mut name);
                }
                match INPUTS.iter().find(|input| input.name == name) {
                    Some(input) if !is_done && line.starts_with("    description: ") => {
                        format!("    description: \"{}\"\n", action_description(input))
                    }
                    _ => format!("{line}\n"),
                }
            })
            .collect();
        write("action.yml", &action);
    });
}

#[test]
fn reference_lists_every_input() {
    update_pages();
    let rows = formats::markdown_table(&file("docs/reference.md"), "inputs");
    let expected: Vec<Vec<String>> = INPUTS.iter().map(reference_row).collect();
    for (row, expected) in rows.iter().zip(&expected) {
        assert_eq!(row, expected, "UPDATE_DOCS=1 cargo test writes the table");
    }
    assert_eq!(rows.len(), expected.len());
}

#[test]
fn reference_lists_every_output() {
    let outputs = formats::markdown_table(&file("docs/reference.md"), "outputs");
    let names: Vec<String> = outputs
        .iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .collect();
    assert_eq!(names, GITHUB_NAMES);
    assert_eq!(OUTPUTS.as_slice(), &GITHUB_NAMES[..16]);
    for row in &outputs {
        assert_eq!(
            row[1].starts_with("GitHub only"),
            !OUTPUTS.contains(&row[0].trim_matches('`')),
            "{row:?}"
        );
    }
}

#[test]
fn readme_lists_every_exit_code() {
    let codes = formats::markdown_table(&file("README.md"), "exit-codes");
    let codes: Vec<(&str, &str)> = codes
        .iter()
        .map(|row| (row[0].as_str(), row[1].as_str()))
        .collect();
    assert_eq!(codes, EXIT_CODES);
}

#[test]
fn readme_lists_every_goal() {
    let goals = formats::markdown_table(&file("README.md"), "goals");
    let goals: Vec<&str> = goals
        .iter()
        .map(|row| row[0].split(' ').next().unwrap())
        .collect();
    let (_, results) = EXIT_CODES[0];
    assert_eq!(goals, results.split(", ").collect::<Vec<_>>());
}

/// The leaves of a YAML file, by their path.
fn leaves(text: &str) -> Vec<(String, String)> {
    let mut leaves = Vec::new();
    // Where we are: mappings with the key whose value comes next.
    let mut path: Vec<Option<String>> = Vec::new();
    for event in Parser::new_from_str(text) {
        match event.unwrap().0 {
            Event::MappingStart(..) => path.push(None),
            Event::SequenceStart(..) => path.push(Some("[]".to_owned())),
            Event::MappingEnd | Event::SequenceEnd => {
                path.pop();
                if let Some(Some(key)) = path.last()
                    && key != "[]"
                {
                    *path.last_mut().unwrap() = None;
                }
            }
            Event::Scalar(text, ..) => match path.last_mut() {
                Some(key @ None) => *key = Some(text.into_owned()),
                Some(key) => {
                    let is_item = key.as_deref() == Some("[]");
                    let place: Vec<&str> = path.iter().flatten().map(String::as_str).collect();
                    leaves.push((place.join("/"), text.into_owned()));
                    if !is_item {
                        *path.last_mut().unwrap() = None;
                    }
                }
                None => {}
            },
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::Alias(_) => {}
        }
    }
    leaves
}

#[test]
fn action_lists_every_input_and_output() {
    update_pages();
    let leaves = leaves(&file("action.yml"));
    let below = |prefix: &str, leaf: &str| -> Vec<(String, String)> {
        let found = leaves.iter().filter_map(|(path, value)| {
            let name = path.strip_prefix(prefix)?.strip_suffix(leaf)?;
            Some((name.to_owned(), value.clone()))
        });
        found.collect()
    };
    let inputs = below("inputs/", "/description");
    let names: Vec<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
    let expected: Vec<&str> = INPUTS.iter().map(|input| input.name).collect();
    assert_eq!(names, expected);
    for ((name, description), input) in inputs.iter().zip(INPUTS) {
        assert_eq!(description, &action_description(input), "{name}");
    }
    // An input that is not set has to arrive empty: aliases and defaults are the binary's business.
    assert_eq!(below("inputs/", "/default"), []);
    let required: Vec<String> = below("inputs/", "/required")
        .into_iter()
        .filter(|(_, value)| value == "true")
        .map(|(name, _)| name)
        .collect();
    assert_eq!(required, ["task-id"]);

    let outputs: Vec<String> = below("outputs/", "/description")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(outputs, GITHUB_NAMES);

    let value = |path: &str| {
        leaves
            .iter()
            .find(|(found, _)| found == path)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(value("runs/using"), Some("docker"));
    // No shell between `INPUT_TASK-ID` and the binary.
    assert!(value("runs/entrypoint").unwrap().starts_with('/'));
    assert_eq!(value("runs/args"), None);
}

#[test]
fn action_lists_every_result() {
    let leaves = leaves(&file("action.yml"));
    let (_, description) = leaves
        .iter()
        .find(|(path, _)| path == "outputs/result/description")
        .unwrap();
    for (_, results) in EXIT_CODES {
        for result in results.split(", ") {
            assert!(description.contains(result), "{result}");
        }
    }
}
