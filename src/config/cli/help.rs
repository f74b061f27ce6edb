//! What `-h`, `--help`, `completions` and `man` print.

use super::super::inputs::{INPUTS, Input, Kind};
use super::{NAME, command, environment};
use clap::{Arg, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// The forms of the command line, without the word `Usage`.
pub(super) const USAGE: &str = "dcs-migration-wait [OPTIONS]
       dcs-migration-wait demo | simulate | completions <SHELL> | man";

/// The end of `demo --help`.
pub(super) const AFTER_DEMO: &str = "\
The flags of a wait work here, too. What they leave open is set by the simulation or has its default. Of the \
environment, `demo` reads where the outputs go (GITHUB_OUTPUT, GITHUB_STEP_SUMMARY) and the format of the log \
(DCS_LOG_FORMAT, DCS_LOG_LEVEL, RUST_LOG).";

/// The inputs that most people set, with a text that fits a line of `-h`.
const MAIN_INPUTS: [(&str, &str); 10] = [
    ("task-id", "Migration tasks, or `all-running`"),
    ("project-id", "Project that the tasks belong to"),
    ("region", "Region, such as `eu-de`"),
    (
        "auth-token",
        "IAM token; or access keys, or OIDC, or a password",
    ),
    ("access-key", "Access key"),
    ("secret-key", "Secret key of the access key"),
    ("until", "completed, in-sync, full-sync or switched"),
    ("timeout", "Gives up after this time, such as 45m or 1h 30m"),
    (
        "stall-timeout",
        "Gives up when nothing improves for this time",
    ),
    ("report", "Report files: .json, .html, .xml (JUnit), .md"),
];

const EXAMPLES: [&str; 3] = [
    "dcs-migration-wait demo    # simulated: needs no cloud account",
    "OS_CLOUD=otc dcs-migration-wait --task-id ID    # signs in with clouds.yaml",
    "dcs-migration-wait --task-id ID --until in-sync && ./switch-ip.sh",
];

const EXIT_CODES: [(&str, &str); 9] = [
    ("0", "the goal is reached"),
    ("1", "internal error"),
    ("2", "invalid input"),
    (
        "3",
        "the task failed, was deleted, or ended short of the goal",
    ),
    ("4", "stalled: nothing improved for `stall-timeout`"),
    ("5", "sign-in or permission denied"),
    ("6", "unreachable: no successful request for `max-outage`"),
    ("124", "timeout"),
    ("129, 130, 143", "ended by SIGHUP, SIGINT, SIGTERM"),
];

const SEE_ALSO: &str = concat!(
    "README.md, which comes with this program, and ",
    env!("CARGO_PKG_REPOSITORY")
);

/// The help of `-h`.
pub(super) fn short(subcommand: Option<&str>) -> String {
    let mut command = command().mut_subcommand("demo", |demo| {
        demo.after_help("The flags of a wait work here, too: see `demo --help`.")
            .mut_args(|arg| {
                let is_input = Input::named(arg.get_id().as_str()).is_some();
                arg.hide(is_input)
            })
    });
    // Only then a subcommand knows how it is called.
    command.build();
    match subcommand.and_then(|name| command.find_subcommand_mut(name)) {
        Some(subcommand) => subcommand.render_help().to_string(),
        None => one_screen(),
    }
}

/// At most 22 lines of 80 columns: a screen has two more, for the command and the next prompt.
fn one_screen() -> String {
    let mut page = format!(
        "Waits until an online Redis migration of DCS is really done or really in sync.\n\n\
         Usage: {USAGE}\n\n\
         The main inputs, with their [defaults] (names in capitals are variables):\n"
    );
    for (name, text) in MAIN_INPUTS {
        let Some(input) = Input::named(name) else {
            continue;
        };
        let name = match input.kind {
            Kind::Text(value) | Kind::Word(value, _) => format!("--{name} <{value}>"),
            Kind::Switch => format!("--{name}"),
            Kind::Secret => environment(input).swap_remove(0),
        };
        // Before a comma it is what holds most often.
        let default = match input.default.split(',').next().unwrap_or_default() {
            "" => String::new(),
            default => format!(" [{default}]"),
        };
        page.push_str(&format!("  {name:<22}  {text}{default}\n"));
    }
    page.push_str("\nExamples:\n");
    for example in EXAMPLES {
        page.push_str(&format!("  {example}\n"));
    }
    page.push_str(
        "`--help` has all inputs, variables and exit codes; `man` prints the man page.\n",
    );
    page
}

/// A part of `--help` and of the man page that says more than the flags do.
struct Section {
    heading: &'static str,
    intro: &'static str,
    /// Terms, and what they mean.
    rows: Vec<(String, String)>,
}

fn sections() -> [Section; 4] {
    let secrets = INPUTS.iter().filter(|input| input.is_secret());
    let secrets = secrets.map(|input| {
        let variables = environment(input).join(", ");
        (
            input.name.to_owned(),
            format!("{} [env: {variables}]", input.help),
        )
    });
    let owned = |(term, text): (&str, &str)| (term.to_owned(), text.to_owned());
    [
        Section {
            heading: "Secrets",
            intro: "Secrets have no flag, since a process list shows flags. They come from the environment:",
            rows: secrets.collect(),
        },
        Section {
            heading: "Environment",
            intro: "Each input is also read from INPUT_NAME, as GitHub sets it for an action. The first that is set wins: \
                    flag, INPUT_, DCS_, then the other names. OS_CLOUD names a cloud of clouds.yaml for whatever is not \
                    set.",
            rows: Vec::new(),
        },
        Section {
            heading: "Examples",
            intro: "",
            rows: EXAMPLES.map(|example| owned((example, ""))).to_vec(),
        },
        Section {
            heading: "Exit codes",
            intro: "",
            rows: EXIT_CODES.map(owned).to_vec(),
        },
    ]
}

/// The end of `--help`.
pub(super) fn after_help() -> String {
    let mut text = String::new();
    for section in sections() {
        text.push_str(&format!("{}:\n", section.heading));
        if !section.intro.is_empty() {
            text.push_str(&format!("  {}\n", section.intro));
        }
        for (term, meaning) in &section.rows {
            let row = format!("  {term:<14}  {meaning}");
            text.push_str(&format!("{}\n", row.trim_end()));
        }
        text.push('\n');
    }
    text.push_str("More: ");
    text.push_str(SEE_ALSO);
    text
}

/// Completions for a shell, where it is one that is known.
pub(super) fn completions(shell: &str) -> Option<String> {
    let shell = shell.parse::<Shell>().ok()?;
    // Defaults and variables would fill the menu.
    let without_notes = |arg: Arg| match Input::named(arg.get_id().as_str()) {
        Some(input) => arg.help(input.help),
        None => arg,
    };
    let mut command = command()
        .mut_args(without_notes)
        .mut_subcommand("demo", |demo| demo.mut_args(without_notes));
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, NAME, &mut script);
    let script = String::from_utf8(script).ok()?;
    Some(corrected(shell, &script))
}

/// The script without two defects of clap_complete 4.6.
fn corrected(shell: Shell, script: &str) -> String {
    match shell {
        // It spells the name of a program with hyphens in two ways, so that no subcommand is recognized.
        Shell::Bash => script.replace(
            "dcs__subcmd__migration__subcmd__wait",
            "dcs__migration__wait",
        ),
        // Its check for "no subcommand yet" fails while the last flag has no value, and fish then offers files
        // instead of that flag's values.
        Shell::Fish => script.replacen("    or return\n", "    or return 0\n", 1),
        Shell::Elvish | Shell::PowerShell | Shell::Zsh | _ => script.to_owned(),
    }
}

/// The man page, as roff. One page for everything: it refers to no page of a subcommand.
pub(super) fn man_page() -> Option<String> {
    let mut command = command();
    command.build();
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page).ok()?;
    man.render_name_section(&mut page).ok()?;
    man.render_synopsis_section(&mut page).ok()?;
    man.render_description_section(&mut page).ok()?;
    man.render_options_section(&mut page).ok()?;
    more_sections(&command).to_writer(&mut page).ok()?;
    man.render_version_section(&mut page).ok()?;
    String::from_utf8(page).ok()
}

fn more_sections(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SUBCOMMANDS"]);
    for subcommand in command.get_subcommands() {
        roff.control("TP", []);
        roff.text([bold(subcommand.get_name())]);
        let about = subcommand.get_about().map(ToString::to_string);
        roff.text([roman(about.unwrap_or_default())]);
        // The flags of a wait and of help are above.
        let own = subcommand
            .get_arguments()
            .filter(|arg| arg.get_help_heading().is_none() && !arg.is_global_set());
        for arg in own {
            let help = arg.get_help().map(ToString::to_string);
            roff.control("RS", []);
            roff.control("TP", []);
            roff.text([bold(arg.to_string())]);
            roff.text([roman(help.unwrap_or_default())]);
            roff.control("RE", []);
        }
    }
    for section in sections() {
        roff.control("SH", [section.heading.to_uppercase().as_str()]);
        roff.text([roman(section.intro)]);
        for (term, meaning) in section.rows {
            roff.control("TP", []);
            roff.text([bold(term)]);
            roff.text([roman(meaning)]);
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(SEE_ALSO)]);
    roff
}
