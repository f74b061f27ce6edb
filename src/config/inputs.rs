//! The one table of inputs. `--help` is made from it; docs/reference.md's table and `action.yml` are tested against it.

/// One input.
#[derive(Debug)]
pub struct Input {
    /// Name as in `action.yml`; the flag is `--NAME`.
    pub name: &'static str,
    /// What may be written into it.
    pub kind: Kind,
    /// Names that people already have in their environment, first set wins.
    pub aliases: &'static [&'static str],
    /// The value where nothing is set, in words where it depends on something.
    pub default: &'static str,
    /// Heading in `--help`.
    pub group: Group,
    /// One sentence.
    pub help: &'static str,
}

/// What may be written into an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Free text; the placeholder for `--help`.
    Text(&'static str),
    /// One of these words, in any case; the placeholder for `--help`, and the words.
    Word(&'static str, &'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// A secret: it has no flag, since a process list shows flags.
    Secret,
}

/// Headings of `--help`, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Which tasks.
    Task,
    /// What to wait for.
    Goal,
    /// When to give up.
    Limits,
    /// How often to poll.
    Pace,
    /// How to sign in.
    SignIn,
    /// How to reach the API.
    Connection,
    /// What to write.
    Output,
}

impl Group {
    /// Every group, in the order of `--help`.
    pub const ALL: [Self; 7] = [
        Self::Task,
        Self::Goal,
        Self::Limits,
        Self::Pace,
        Self::SignIn,
        Self::Connection,
        Self::Output,
    ];

    /// The heading.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Task => "Task",
            Self::Goal => "Goal",
            Self::Limits => "When to give up",
            Self::Pace => "How often to poll",
            Self::SignIn => "Sign-in",
            Self::Connection => "Connection",
            Self::Output => "Output",
        }
    }
}

macro_rules! inputs {
    ($($name:literal $kind:expr, $group:ident, [$($alias:literal),*], $default:literal, $help:literal;)*) => {
        /// Every input of the contract.
        pub const INPUTS: &[Input] = &[$(Input {
            name: $name, kind: $kind, aliases: &[$($alias),*], default: $default, group: Group::$group, help: $help,
        }),*];
    };
}

inputs! {
    "task-id" Kind::Text("ID,..."), Task, [], "required",
        "Migration task: one or more ids (UUID or 32 hex digits), separated by commas, spaces or newlines, or `all-running`";
    "project-id" Kind::Text("ID"), Task,
        ["OS_PROJECT_ID", "OS_TENANT_ID", "HW_PROJECT_ID", "HUAWEICLOUD_SDK_PROJECT_ID", "HUAWEI_CLOUD_PROJECT_ID"],
        "required, or found by `project-name`", "Project that the task belongs to";
    "project-name" Kind::Text("NAME"), Task, ["OS_PROJECT_NAME", "OS_TENANT_NAME", "HW_PROJECT_NAME"], "",
        "The same by its name, where no id is set";
    "region" Kind::Text("NAME"), Task, ["OS_REGION_NAME", "HW_REGION_NAME", "HUAWEI_CLOUD_REGION"], "",
        "Region, such as `eu-de`; gives both endpoints. Where it is not set, that of `project-name` or `iam-endpoint`";
    "cloud-domain" Kind::Text("DOMAIN"), Task, ["HW_CLOUD"], "from region",
        "Domain of a private or partner cloud, such as `myhuaweicloud.eu`";
    "fail-fast" Kind::Switch, Task, [], "true", "With several tasks: the first failure ends the wait for all";

    "until" Kind::Word("GOAL", &["completed", "in-sync", "full-sync", "switched"]), Goal, [], "completed", "What to wait for: `completed`, `in-sync`, `full-sync` or `switched`";
    "max-offset" Kind::Text("N"), Goal, [], "0", "Largest offset that still counts as in sync";
    "max-missing-keys" Kind::Text("N|N%|off"), Goal, [], "10%",
        "How many keys the target may lack: a number, a percentage of the source's keys, or `off`";
    "stable-polls" Kind::Text("N"), Goal, [], "1, for `in-sync` 3",
        "Consecutive readings that must show the goal";
    "status-check" Kind::Word("MODE", &["auto", "require", "off"]), Goal, [], "auto",
        "Also read the task's status: `auto`, `require` (no verdict without it) or `off`";

    "timeout" Kind::Text("TIME"), Limits, [], "1h",
        "Gives up after so long (`90s`, `45m`, `1h 30m`); covers everything, start to exit";
    "stall-timeout" Kind::Text("TIME"), Limits, [], "0 (off)", "Gives up when nothing has improved for so long";
    "max-outage" Kind::Text("TIME"), Limits, [], "10m",
        "Gives up when no request has succeeded for so long";

    "initial-interval" Kind::Text("TIME"), Pace, [], "5s",
        "Shortest and first time between two polls, 1s or more (less only for loopback endpoints)";
    "max-interval" Kind::Text("TIME"), Pace, [], "30s", "Longest time between two polls";
    "multiplier" Kind::Text("N"), Pace, [], "1.5", "Growth of the time between two polls, 1 to 10";
    "max-requests-per-second" Kind::Text("N"), Pace, [], "4", "One limit over all requests of the process";

    "auth-token" Kind::Secret, SignIn, ["OS_TOKEN", "OS_AUTH_TOKEN", "HW_AUTH_TOKEN"], "",
        "IAM token, sent as X-Auth-Token";
    "access-key" Kind::Text("AK"), SignIn,
        ["OS_ACCESS_KEY", "HW_ACCESS_KEY", "HUAWEICLOUD_SDK_AK", "HUAWEI_CLOUD_ACCESS_KEY_ID"], "",
        "Access key; each request is signed with its secret key";
    "secret-key" Kind::Secret, SignIn,
        ["OS_SECRET_KEY", "HW_SECRET_KEY", "HUAWEICLOUD_SDK_SK", "HUAWEI_CLOUD_SECRET_ACCESS_KEY"], "",
        "Secret key of the access key";
    "security-token" Kind::Secret, SignIn,
        ["OS_SECURITY_TOKEN", "HW_SECURITY_TOKEN", "HUAWEICLOUD_SDK_SECURITY_TOKEN"], "",
        "Security token of temporary access keys";
    "username" Kind::Text("NAME"), SignIn, ["OS_USERNAME", "HW_USER_NAME"], "", "IAM user; gets a token by password";
    "password" Kind::Secret, SignIn, ["OS_PASSWORD", "HW_USER_PASSWORD"], "", "Password of the IAM user";
    "domain-name" Kind::Text("NAME"), SignIn, ["OS_USER_DOMAIN_NAME", "OS_DOMAIN_NAME", "HW_DOMAIN_NAME"], "",
        "Domain (account) of the IAM user";
    "user-id" Kind::Text("ID"), SignIn, ["OS_USER_ID"], "", "IAM user by id, in place of `username`; needs no domain";
    "domain-id" Kind::Text("ID"), SignIn, ["OS_USER_DOMAIN_ID", "OS_DOMAIN_ID", "HW_DOMAIN_ID"], "",
        "Domain by id, in place of `domain-name`";
    "passcode" Kind::Secret, SignIn, ["OS_PASSCODE"], "",
        "One-time code of a user with multi-factor sign-in; its session is not renewed";
    "idp-id" Kind::Text("ID"), SignIn, ["HUAWEICLOUD_SDK_IDP_ID", "HW_ASSUME_ROLE_IDP_ID"], "",
        "Identity provider in IAM that trusts the CI job: signs in without a stored secret";
    "oidc-audience" Kind::Text("AUDIENCE"), SignIn, [], "the forge's own", "Audience of the token asked of GitHub";
    "id-token" Kind::Secret, SignIn, ["HW_ASSUME_ROLE_ID_TOKEN"], "asked from GitHub",
        "OIDC token of the job, such as GitLab's `id_tokens` variable";
    "id-token-file" Kind::Text("PATH"), SignIn, ["HUAWEICLOUD_SDK_ID_TOKEN_FILE", "HW_ASSUME_ROLE_ID_TOKEN_FILE"], "",
        "File that holds the OIDC token; read again at each sign-in";

    "endpoint" Kind::Text("URL"), Connection, [], "from region",
        "Base URL of DCS: https, or http to a loopback address";
    "iam-endpoint" Kind::Text("URL"), Connection,
        ["OS_AUTH_URL", "HW_AUTH_URL", "HUAWEICLOUD_SDK_IAM_ENDPOINT"], "from region",
        "Base URL of IAM, with or without `/v3`";
    "request-timeout" Kind::Text("TIME"), Connection, [], "10s", "For one HTTP request, connect included";
    "ca-file" Kind::Text("PATH"), Connection, ["OS_CACERT"], "the system's roots", "Extra root certificates (PEM)";
    "allow-http" Kind::Switch, Connection, [], "false", "Allows http to addresses that are not loopback";

    "summary" Kind::Switch, Output, [], "true", "Write the job summary on GitHub";
    "report" Kind::Text("PATH,..."), Output, [], "",
        "Report files, by ending: `.json`, `.html`, `.xml` (JUnit), `.md`";
    "dotenv" Kind::Text("PATH"), Output, [], "`dcs-migration.env` in GitLab CI, else none",
        "File for GitLab's `artifacts:reports:dotenv`";
    "log-format" Kind::Word("FORMAT", &["auto", "text", "json"]), Output, [], "auto", "`auto` (progress bar on a terminal, else lines), `text` or `json`";
    "log-level" Kind::Word("LEVEL", &["error", "warn", "info", "debug", "trace", "off"]), Output, ["RUST_LOG"], "info",
        "`error`, `warn`, `info`, `debug`, `trace` or `off`";
}

impl Input {
    /// The input of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        INPUTS.iter().find(|input| input.name == name)
    }

    /// The default as a value, without the note behind it: `0` of `0 (off)`.
    pub fn default_value(&self) -> &'static str {
        self.default
            .split_once(" (")
            .map_or(self.default, |(value, _)| value)
    }

    /// Whether the value must never be shown.
    pub fn is_secret(&self) -> bool {
        self.kind == Kind::Secret
    }

    /// Environment variables that it is read from, first set wins.
    pub fn variables(&self) -> Vec<String> {
        let upper = self.name.to_ascii_uppercase();
        let snake = upper.replace('-', "_");
        let mut names = vec![format!("INPUT_{upper}")];
        if upper != snake {
            names.push(format!("INPUT_{snake}"));
        }
        names.push(format!("DCS_{snake}"));
        names.extend(self.aliases.iter().map(|&alias| alias.to_owned()));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_twice() {
        let mut names: Vec<String> = INPUTS.iter().flat_map(Input::variables).collect();
        names.sort();
        let before = names.len();
        names.dedup();
        assert_eq!(before, names.len());
    }

    #[test]
    fn github_s_spelling_comes_first() {
        assert_eq!(
            Input::named("task-id").unwrap().variables(),
            ["INPUT_TASK-ID", "INPUT_TASK_ID", "DCS_TASK_ID"]
        );
        assert_eq!(
            Input::named("until").unwrap().variables(),
            ["INPUT_UNTIL", "DCS_UNTIL"]
        );
    }
}
