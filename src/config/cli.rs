//! Flags: clap's parser and help, made from the table of inputs.

use super::error::Problems;
use super::inputs::{Group, INPUTS, Input, Kind};
use super::values::without_password;
use crate::domain::TaskId;
use crate::escape;
use crate::simulator::{Auth, Scenario};
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

mod help;

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// Print this and exit with success.
    Print(String),
    /// Wait, with these flags.
    Wait(Flags),
    /// Wait on a simulated task.
    Demo(DemoFlags, Flags),
    /// Serve the simulated tasks.
    Simulate(SimulateFlags),
    /// Nothing that could be begun: the problems say why.
    Refused,
}

/// Flags of inputs that were set, by the input's name.
pub type Flags = BTreeMap<&'static str, String>;

/// Flags of `demo`.
#[derive(Debug)]
pub struct DemoFlags {
    /// What happens to the task.
    pub scenario: Option<String>,
    /// Simulated seconds a second.
    pub speed: Option<String>,
    /// How to sign in.
    pub auth: Option<String>,
}

/// Flags of `simulate`.
#[derive(Debug)]
pub struct SimulateFlags {
    /// Address to listen on.
    pub listen: Option<String>,
    /// What happens to tasks that have no scenario of their own.
    pub scenario: Option<String>,
    /// Simulated seconds a second.
    pub speed: Option<String>,
    /// How to sign in.
    pub auth: Option<String>,
}

/// The program's name.
const NAME: &str = "dcs-migration-wait";

/// Shells that there are completions for.
const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// Where help flags stand in the list of options.
const LAST: usize = 998;

/// The whole command line.
fn command() -> Command {
    let help_flag = Arg::new("help")
        .long("help")
        .global(true)
        .action(ArgAction::HelpLong)
        .display_order(LAST)
        .help("Print the whole help");
    // Not clap's action for `-h`, whose layout does not fit a screen: `parse` prints `help::short`.
    let short_help_flag = Arg::new("h")
        .short('h')
        .global(true)
        .action(ArgAction::SetTrue)
        .display_order(LAST)
        .help("Print a help that fits one screen");
    let shell = Arg::new("shell")
        .value_name("SHELL")
        .required_unless_present("h")
        .help(SHELLS.join(", "));
    with_inputs(Command::new(NAME), describe)
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "Waits until an online Redis migration of a Distributed Cache Service (Open Telekom Cloud, Huawei Cloud) \
             is really done or really in sync.",
        )
        .override_usage(help::USAGE)
        .after_help(help::after_help())
        .max_term_width(100)
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .arg(short_help_flag)
        .arg(help_flag)
        .subcommand(
            simulated(with_inputs(Command::new("demo"), describe_in_demo), "token")
                .about("Starts a simulated DCS in this process and waits on it; needs no cloud account")
                .after_help(help::AFTER_DEMO),
        )
        .subcommand(
            simulated(Command::new("simulate"), "any")
                .arg(option(
                    "listen",
                    "ADDRESS",
                    "Address to listen on [default: 127.0.0.1:8080]".to_owned(),
                ))
                .about("Serves the simulated DCS alone, to test a pipeline before the cutover"),
        )
        .subcommand(
            Command::new("completions")
                .arg(offering(shell, &SHELLS))
                .override_usage("dcs-migration-wait completions <SHELL>")
                .about("Prints the completions for a shell"),
        )
        .subcommand(Command::new("man").about("Prints the man page"))
}

/// Adds the options of the simulator.
fn simulated(command: Command, default_auth: &str) -> Command {
    let scenarios = Scenario::ALL.map(Scenario::as_str);
    let scenario = format!("What happens to the task: {}", scenarios.join(", "));
    let speed = "Simulated seconds per second [default: 120]".to_owned();
    let auth = format!(
        "How to sign in: {} [default: {default_auth}]",
        Auth::KINDS.join(", ")
    );
    command
        .arg(offering(option("scenario", "NAME", scenario), &scenarios))
        .arg(option("speed", "N", speed))
        .arg(offering(option("auth", "KIND", auth), &Auth::KINDS))
}

fn option(name: &'static str, value: &'static str, help: String) -> Arg {
    let hint = if value.starts_with("PATH") {
        ValueHint::FilePath
    } else {
        ValueHint::Other
    };
    Arg::new(name)
        .long(name)
        .value_name(value)
        .value_hint(hint)
        .help(help)
        .action(ArgAction::Append)
        .allow_negative_numbers(true)
}

/// An argument whose completions offer these words.
fn offering(arg: Arg, words: &[&'static str]) -> Arg {
    arg.value_parser(Offered(words.to_vec()))
        .hide_possible_values(true)
}

/// Words that completions offer. Any other text is accepted too: `config` judges it together with the other inputs, so
/// that all problems are reported at once and words are read in any case.
#[derive(Clone)]
struct Offered(Vec<&'static str>);

impl TypedValueParser for Offered {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}

/// Adds a flag for each input that is not a secret, with the help that `describe` gives.
fn with_inputs(mut command: Command, describe: fn(&Input) -> String) -> Command {
    for group in Group::ALL {
        for input in INPUTS.iter().filter(|input| input.group == group) {
            let arg = match input.kind {
                Kind::Secret => continue,
                Kind::Text(placeholder) => option(input.name, placeholder, describe(input)),
                Kind::Word(placeholder, words) => {
                    offering(option(input.name, placeholder, describe(input)), words)
                }
                Kind::Switch => {
                    let switch = option(input.name, "BOOL", describe(input));
                    offering(switch, &["true", "false"])
                        .num_args(0..=1)
                        .default_missing_value("true")
                }
            };
            command = command.arg(arg.help_heading(group.heading()));
        }
    }
    command
}

/// The help of an input: what it is, its default and its environment variables.
fn describe(input: &Input) -> String {
    let mut text = with_default(input);
    text.push_str(&format!(" [env: {}]", environment(input).join(", ")));
    text
}

/// The help of an input in `demo`, which takes no input from the environment.
fn describe_in_demo(input: &Input) -> String {
    if SET_BY_DEMO.contains(&input.name) {
        format!("{} [set by the simulation]", input.help)
    } else {
        with_default(input)
    }
}

/// Inputs that `demo` sets from its scenario, unless there is a flag.
const SET_BY_DEMO: [&str; 9] = [
    "task-id",
    "project-id",
    "until",
    "timeout",
    "initial-interval",
    "max-interval",
    "max-requests-per-second",
    "endpoint",
    "iam-endpoint",
];

fn with_default(input: &Input) -> String {
    match input.default {
        "" => input.help.to_owned(),
        "required" => format!("{} [required]", input.help),
        default => format!("{} [default: {default}]", input.help),
    }
}

/// The environment variables that people write themselves; GitHub's come on top.
pub fn environment(input: &Input) -> Vec<String> {
    input
        .variables()
        .into_iter()
        .filter(|name| !name.starts_with("INPUT_"))
        .collect()
}

/// Reads the command line. What is wrong with it goes to `problems`, and the rest is read all the same.
pub fn parse(arguments: &[OsString], problems: &mut Problems) -> Invocation {
    let mut arguments = arguments.to_vec();
    loop {
        let error = match command().try_get_matches_from(
            std::iter::once(OsString::from(NAME)).chain(arguments.iter().cloned()),
        ) {
            Ok(matches) if matches.get_flag("h") => {
                return Invocation::Print(help::short(matches.subcommand_name()));
            }
            Ok(matches) => return invocation(&matches, problems),
            Err(error) => error,
        };
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        ) {
            return Invocation::Print(error.render().to_string());
        }
        let before = arguments.len();
        take_out(&error, &mut arguments, problems);
        // Whatever cannot be taken out ends the search; each round makes the line shorter.
        if arguments.len() >= before {
            let text = error.render().to_string();
            let lines: Vec<&str> = text
                .lines()
                .take_while(|line| !line.is_empty())
                .map(str::trim)
                .collect();
            problems.add(
                "command line",
                escape::line(lines.join(" ").trim_start_matches("error: ")),
            );
            let names_command = arguments
                .first()
                .is_some_and(|first| command().find_subcommand(first).is_some());
            return if names_command {
                Invocation::Refused
            } else {
                Invocation::Wait(Flags::new())
            };
        }
    }
}

/// Notes one argument that clap refuses, and takes it out of the line.
fn take_out(error: &clap::Error, arguments: &mut Vec<OsString>, problems: &mut Problems) {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let Some(bad) =
        context(ContextKind::InvalidArg).or_else(|| context(ContextKind::InvalidSubcommand))
    else {
        return;
    };
    // clap names an option with its placeholder, and everything else as it is.
    let first_word = bad.split(' ').next().unwrap_or_default();
    let position_of = |bad: &str| {
        arguments.iter().position(|argument| {
            let argument = argument.to_string_lossy();
            argument == bad
                || argument
                    .split_once('=')
                    .is_some_and(|(flag, _)| flag == bad)
        })
    };
    let found = [bad.as_str(), first_word]
        .into_iter()
        .find_map(|bad| Some((bad.to_owned(), position_of(bad)?)));
    let Some((bad, position)) = found else { return };
    let is_task = TaskId::parse(&bad).is_some();
    let shown = match bad.split_once('=') {
        // `NAME=VALUE` was meant for the environment, and the value may be a secret.
        Some((name, _)) => format!("{}=***", escape::line(name)),
        None if bad.starts_with('-') || is_task || is_word(&bad) => {
            escape::line(&without_password(&bad))
        }
        // It may well be a secret.
        None => format!("argument {} (not shown)", position + 1),
    };
    let name = bad.trim_start_matches('-');
    let text = match (Input::named(name), error.kind()) {
        (Some(input), ErrorKind::UnknownArgument) if input.is_secret() => {
            format!(
                "is a secret and has no flag, since a process list shows flags; set {}",
                environment(input).join(" or ")
            )
        }
        (_, ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand) => {
            let task_id = is_task.then(|| "--task-id".to_owned());
            let suggestion = task_id
                .or_else(|| context(ContextKind::SuggestedArg))
                .or_else(|| context(ContextKind::SuggestedSubcommand));
            let hint = suggestion.map(|hint| {
                format!(
                    "; did you mean `{}`?",
                    hint.split(' ').next().unwrap_or_default()
                )
            });
            format!(
                "is not known{}",
                hint.unwrap_or_else(|| "; `--help` lists the flags".to_owned())
            )
        }
        _ => "needs a value".to_owned(),
    };
    problems.add(&shown, text);
    let is_flag = bad.starts_with('-');
    let has_value = arguments
        .get(position)
        .is_some_and(|argument| argument.to_string_lossy().contains('='));
    arguments.remove(position);
    // The value behind an unknown flag is no argument of its own; a secret may well begin with a hyphen.
    let is_secret = Input::named(name).is_some_and(Input::is_secret);
    let value_follows = arguments.get(position).is_some_and(|next| {
        let next = next.to_string_lossy();
        !next.starts_with('-') || (is_secret && !is_known_flag(&next))
    });
    if is_flag && !has_value && value_follows {
        arguments.remove(position);
    }
}

/// Whether it is one of our flags, with or without its value.
fn is_known_flag(text: &str) -> bool {
    let name = text.split('=').next().unwrap_or_default();
    name.strip_prefix("--")
        .is_some_and(|name| Input::named(name).is_some() || matches!(name, "help" | "version"))
}

/// Whether it may be a misspelled command, rather than a secret.
fn is_word(text: &str) -> bool {
    text.len() <= 12
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn invocation(matches: &ArgMatches, problems: &mut Problems) -> Invocation {
    match matches.subcommand() {
        Some(("demo", matches)) => {
            let flags = DemoFlags {
                scenario: last(matches, "scenario"),
                speed: last(matches, "speed"),
                auth: last(matches, "auth"),
            };
            Invocation::Demo(flags, inputs(matches))
        }
        Some(("completions", matches)) => {
            let shell = last(matches, "shell").unwrap_or_default();
            help::completions(&shell).map_or_else(
                || {
                    let text = format!(
                        "has nothing for `{}`; accepted: {}",
                        escape::line(&shell),
                        SHELLS.join(", ")
                    );
                    problems.add("completions", text);
                    Invocation::Refused
                },
                Invocation::Print,
            )
        }
        Some(("man", _)) => Invocation::Print(help::man_page().unwrap_or_default()),
        Some((_, matches)) => Invocation::Simulate(SimulateFlags {
            listen: last(matches, "listen"),
            scenario: last(matches, "scenario"),
            speed: last(matches, "speed"),
            auth: last(matches, "auth"),
        }),
        None => Invocation::Wait(inputs(matches)),
    }
}

fn last(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.get_many::<String>(name)?.next_back().cloned()
}

fn inputs(matches: &ArgMatches) -> Flags {
    let mut flags = Flags::new();
    for input in INPUTS.iter().filter(|input| !input.is_secret()) {
        let value = match input.name {
            // Lists may be given piece by piece.
            "task-id" | "report" => matches
                .get_many::<String>(input.name)
                .map(|values| values.map(String::as_str).collect::<Vec<_>>().join(",")),
            name => last(matches, name),
        };
        if let Some(value) = value {
            flags.insert(input.name, value);
        }
    }
    flags
}
