//! `-h`, `--help`, completions and the man page.

use crate::support::{Sandbox, each};
use dcs_migration_wait::config::inputs::{INPUTS, Input, Kind};
use dcs_migration_wait::simulator::{Auth, Scenario};
use std::io::ErrorKind;
use std::process::{Command, Stdio};

const EXIT_CODES: [&str; 11] = [
    "0", "1", "2", "3", "4", "5", "6", "124", "129", "130", "143",
];

/// What a run prints; it has to succeed and to write nothing to standard error.
fn printed(arguments: &[&str]) -> String {
    let run = Sandbox::new().args(arguments).run();
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}");
    run.stdout
}

/// The same without the breaks of wrapped lines.
fn unwrapped(arguments: &[&str]) -> String {
    let text = printed(arguments);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn has_flag(help: &str, input: &Input) -> bool {
    help.contains(&format!("--{} <", input.name)) || help.contains(&format!("--{} [", input.name))
}

/// The words of an input that takes one of a few.
fn words(input: &Input) -> Option<&'static [&'static str]> {
    match input.kind {
        Kind::Word(_, words) => Some(words),
        Kind::Switch => Some(&["true", "false"]),
        Kind::Text(_) | Kind::Secret => None,
    }
}

/// A program that not every machine has. What it prints, if it is there.
fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    // The same width everywhere, and no bold letters.
    command.env("MANWIDTH", "80").env("MAN_KEEP_FORMATTING", "");
    match command.output() {
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program}: {error}");
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{program}: {error}"),
    }
}

#[test]
fn short_help_fits_one_screen() {
    let help = printed(&["-h"]);
    // The command and the next prompt take the other two of 24 lines.
    assert!(help.lines().count() <= 22, "{help}");
    for line in help.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    insta::assert_snapshot!("short-help", help);
}

#[test]
fn short_help_works_beside_other_arguments() {
    let short = printed(&["-h"]);
    for arguments in [
        &["--until", "in-sync", "-h"][..],
        &["-h", "--until", "in-sync"],
        &["-h", "--no-such-flag"],
    ] {
        assert_eq!(printed(arguments), short, "{arguments:?}");
    }
}

#[test]
fn short_help_of_subcommands_fits() {
    for name in ["demo", "simulate", "completions", "man"] {
        let help = printed(&[name, "-h"]);
        assert!(help.lines().count() <= 22, "{help}");
        assert!(help.contains(&format!("Usage: dcs-migration-wait {name}")));
    }
}

#[test]
fn help_names_every_input() {
    let help = unwrapped(&["--help"]);
    for input in INPUTS {
        assert_eq!(has_flag(&help, input), !input.is_secret(), "{}", input.name);
        let variables: Vec<String> = input
            .variables()
            .into_iter()
            .filter(|name| !name.starts_with("INPUT_"))
            .collect();
        let default = match input.default {
            "" => String::new(),
            _ if input.is_secret() => String::new(),
            "required" => " [required]".to_owned(),
            default => format!(" [default: {default}]"),
        };
        let entry = format!("{}{default} [env: {}]", input.help, variables.join(", "));
        assert!(help.contains(&entry), "{entry}");
    }
}

#[test]
fn help_names_every_exit_code() {
    let help = unwrapped(&["--help"]);
    let (_, codes) = help.split_once("Exit codes:").unwrap();
    let numbers: Vec<&str> = codes.split(|c: char| !c.is_ascii_digit()).collect();
    for code in EXIT_CODES {
        assert!(numbers.contains(&code), "{code} in {codes}");
    }
}

#[test]
fn demo_help_requires_nothing() {
    let help = unwrapped(&["demo", "--help"]);
    assert!(!help.contains("[required]"), "{help}");
    // `demo` reads no input from the environment.
    assert!(!help.contains("[env:"), "{help}");
    for input in INPUTS {
        assert_eq!(has_flag(&help, input), !input.is_secret(), "{}", input.name);
        if input.is_secret() {
            continue;
        }
        let simulated = format!("{} [set by the simulation]", input.help);
        let default = match input.default {
            "" => input.help.to_owned(),
            default => format!("{} [default: {default}]", input.help),
        };
        assert!(
            help.contains(&simulated) || help.contains(&default),
            "{}",
            input.name
        );
    }
    assert!(help.contains(&format!("{} [set by the simulation]", INPUTS[0].help)));
}

#[test]
fn simulator_help_lists_its_words() {
    for name in ["demo", "simulate"] {
        let help = unwrapped(&[name, "--help"]);
        let scenarios = Scenario::ALL.map(Scenario::as_str).join(", ");
        assert!(help.contains(&scenarios), "{help}");
        assert!(help.contains(&Auth::KINDS.join(", ")), "{help}");
    }
    let help = unwrapped(&["simulate", "--help"]);
    assert!(!help.contains("task-id") && !help.contains("[required]"));
}

#[test]
fn offered_words_are_the_accepted_ones() {
    let inputs: Vec<&Input> = INPUTS
        .iter()
        .filter(|input| words(input).is_some())
        .collect();
    each(
        &inputs,
        |input| input.name.to_owned(),
        |input| {
            let words = words(input).unwrap();
            let flag = format!("--{}", input.name);
            let problem = format!("`{}`", input.name);
            for word in words {
                let run = Sandbox::new().args(&[&flag, word]).run();
                // The task is missing, and nothing else is wrong with this input.
                assert_eq!(run.code, 2);
                assert!(!run.stderr.contains(&problem), "{}", run.transcript());
            }
            let run = Sandbox::new().args(&[&flag, "no-such-word"]).run();
            let said = run.stderr + &run.stdout;
            let line = said
                .lines()
                .find(|line| line.contains(&problem))
                .unwrap_or_else(|| panic!("{said}"));
            for word in words {
                assert!(line.contains(&format!("`{word}`")), "{word} in {line}");
            }
        },
    );
}

/// Every flag with a few words, as the words of the line before the cursor, and what is offered there.
fn places() -> Vec<(Vec<String>, Vec<&'static str>)> {
    let mut places = Vec::new();
    for input in INPUTS {
        if let Some(words) = words(input) {
            let flag = format!("--{}", input.name);
            places.push((vec![flag.clone()], words.to_vec()));
            places.push((vec!["demo".to_owned(), flag], words.to_vec()));
        }
    }
    for name in ["demo", "simulate"] {
        let place = |flag: &str| vec![name.to_owned(), flag.to_owned()];
        places.push((place("--auth"), Auth::KINDS.to_vec()));
        places.push((
            place("--scenario"),
            Scenario::ALL.map(Scenario::as_str).to_vec(),
        ));
    }
    places
}

/// The words that a shell's answer begins its lines with, without descriptions.
fn sorted<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut words: Vec<&str> = words
        .into_iter()
        .map(|word| word.split('\t').next().unwrap_or_default())
        .collect();
    words.sort_unstable();
    words
}

fn completions(shell: &str) -> (tempfile::TempDir, String) {
    let script = printed(&["completions", shell]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("completions");
    std::fs::write(&path, script).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

#[cfg(unix)]
#[test]
fn bash_offers_values() {
    // Calls what the script registers as readline does: the command, the current word, the one before.
    const ASK: &str = r#"
        source "$1"; shift
        [[ "$(complete -p dcs-migration-wait)" =~ -F\ ([^ ]+) ]] || exit 1
        complete_with="${BASH_REMATCH[1]}"
        COMP_WORDS=(dcs-migration-wait "$@" "")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        "$complete_with" dcs-migration-wait "" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let (_dir, script) = completions("bash");
    let mut places = places();
    places.push((
        vec!["completions".to_owned()],
        vec!["bash", "elvish", "fish", "powershell", "zsh"],
    ));
    each(
        &places,
        |(before, _)| before.join(" "),
        |(before, words)| {
            let mut arguments = vec!["-c", ASK, "bash", &script];
            arguments.extend(before.iter().map(String::as_str));
            let offered = output_of("bash", &arguments).unwrap();
            let offered = offered.lines().filter(|word| !word.starts_with('-'));
            assert_eq!(sorted(offered), sorted(words.iter().copied()));
        },
    );
}

#[cfg(unix)]
#[test]
fn fish_offers_values() {
    let (_dir, script) = completions("fish");
    // Where there is no fish to ask: the correction of clap_complete's script is in it.
    let text = std::fs::read_to_string(&script).unwrap();
    assert!(text.contains("-- $cmd 2>/dev/null\n    or return 0\n"));
    if output_of("fish", &["--version"]).is_none() {
        return;
    }
    each(
        &places(),
        |(before, _)| before.join(" "),
        |(before, words)| {
            let ask = format!(
                "source {script}; complete -C 'dcs-migration-wait {} '",
                before.join(" ")
            );
            let offered = output_of("fish", &["--no-config", "-c", &ask]).unwrap();
            assert_eq!(sorted(offered.lines()), sorted(words.iter().copied()));
        },
    );
}

#[test]
fn zsh_script_has_values() {
    let (_dir, script) = completions("zsh");
    let text = std::fs::read_to_string(&script).unwrap();
    for (before, words) in places() {
        let flag = before.last().unwrap();
        let words = format!(":({})", words.join(" "));
        assert!(
            text.lines()
                .any(|line| line.contains(flag) && line.contains(&words)),
            "{flag}{words}"
        );
    }
    let _ = output_of("zsh", &["-n", &script]);
}

#[test]
fn every_named_shell_has_completions() {
    let run = Sandbox::new().args(&["completions", "cmd"]).run();
    assert_eq!(run.code, 2);
    let (_, shells) = run.stderr.split_once("accepted: ").unwrap();
    let shells: Vec<&str> = shells.trim().split(", ").collect();
    assert_eq!(shells, ["bash", "elvish", "fish", "powershell", "zsh"]);
    for shell in shells {
        assert!(printed(&["completions", shell]).contains("status-check"));
    }
}

/// References to pages, such as `git-log(1)`.
fn referred_pages(text: &str) -> Vec<&str> {
    text.split_whitespace()
        .map(|word| word.trim_end_matches(['.', ',', ';']))
        .filter(|word| {
            let section = word.rsplit_once('(').map(|(_, section)| section);
            section.is_some_and(|section| {
                section.starts_with(|c: char| c.is_ascii_digit()) && section.ends_with(')')
            })
        })
        .collect()
}

#[test]
fn man_page_refers_to_shipped_things() {
    let page = printed(&["man"]);
    // roff writes a hyphen so.
    let text = page.replace(r"\-", "-");
    assert_eq!(referred_pages(&text), Vec::<&str>::new());
    let see_also = text.split_once(".SH \"SEE ALSO\"").unwrap().1;
    let see_also = see_also.split(".SH").next().unwrap();
    let package = std::fs::read_to_string(format!(
        "{}/scripts/release-package",
        env!("CARGO_MANIFEST_DIR")
    ));
    let package = package.unwrap();
    let packed = package
        .lines()
        .find(|line| line.starts_with("cp LICENSE"))
        .unwrap();
    let files: Vec<&str> = see_also
        .lines()
        .filter(|line| !line.starts_with('.'))
        .flat_map(str::split_whitespace)
        .map(|word| word.trim_matches(','))
        .filter(|word| word.contains('.') && !word.contains("://"))
        .collect();
    assert_eq!(files, ["README.md"]);
    for file in files {
        assert!(packed.split_whitespace().any(|word| word == file), "{file}");
    }
}

#[test]
fn man_page_names_every_input() {
    let page = printed(&["man"]).replace(r"\-", "-").replace(r"\fR", "");
    for input in INPUTS {
        let name = if input.is_secret() {
            format!("\\fB{}", input.name)
        } else {
            format!("\\fB--{}", input.name)
        };
        assert!(page.contains(&name), "{name}");
    }
    for name in ["demo", "simulate", "completions", "man"] {
        assert!(page.contains(&format!("\\fB{name}\n")), "{name}");
    }
    for code in EXIT_CODES {
        assert!(page.contains(code), "{code}");
    }
}

#[cfg(unix)]
#[test]
fn man_page_renders_without_warnings() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dcs-migration-wait.1");
    std::fs::write(&path, printed(&["man"])).unwrap();
    let path = path.to_str().unwrap();
    let Some(text) = output_of("man", &["--warnings=w", "-l", path]) else {
        return;
    };
    for heading in ["SYNOPSIS", "SUBCOMMANDS", "EXIT CODES", "SEE ALSO"] {
        assert!(text.lines().any(|line| line == heading), "{text}");
    }
    let pages = referred_pages(&text);
    assert!(
        pages.iter().all(|&page| page == "dcs-migration-wait(1)"),
        "{pages:?}"
    );
}
