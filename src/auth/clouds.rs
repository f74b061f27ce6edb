//! `clouds.yaml`, `secure.yaml` and `clouds-public.yaml`, which people of OpenStack already have.
//!
//! What openstacksdk would sign in with is what comes out, or an error that names the key: never another user, project,
//! region or host. The steps are those of `openstack/config/loader.py` of openstacksdk 4.22.0, under the same names, and
//! `scripts/openstack-oracle` compares the two. The files come in as texts; errors quote nothing but names.

mod profiles;
mod yaml;

use crate::escape;
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use thiserror::Error;
use yaml::{Entries, Node};

/// So many names at most are listed in an error.
const MOST_LISTED: usize = 20;

/// The texts of the files. None is needed.
#[derive(Clone, Copy, Default)]
pub struct Texts<'a> {
    /// `clouds.yaml`
    pub clouds: Option<&'a str>,
    /// `secure.yaml`
    pub secure: Option<&'a str>,
    /// `clouds-public.yaml`
    pub public: Option<&'a str>,
}

/// What one cloud says, as far as it matters here.
#[derive(Debug, Clone, Default)]
pub struct Cloud {
    /// IAM's address, with or without `/v3`.
    pub auth_url: Option<String>,
    /// How to sign in.
    pub sign_in: SignIn,
    /// Name of the user.
    pub username: Option<String>,
    /// Id of the user.
    pub user_id: Option<String>,
    /// Name of the user's domain.
    pub user_domain_name: Option<String>,
    /// Id of the user's domain.
    pub user_domain_id: Option<String>,
    /// Id of the project.
    pub project_id: Option<String>,
    /// Name of the project.
    pub project_name: Option<String>,
    /// Name of the project's domain.
    pub project_domain_name: Option<String>,
    /// Id of the project's domain.
    pub project_domain_id: Option<String>,
    /// Name of the region.
    pub region_name: Option<String>,
    /// A file with more roots to trust.
    pub cacert: Option<String>,
    /// DCS's address.
    pub dcs_endpoint: Option<String>,
}

/// How a cloud signs in.
#[derive(Debug, Clone, Default)]
pub enum SignIn {
    /// It does not say.
    #[default]
    Unknown,
    /// By password, or what is there of it.
    Password {
        /// The user's password.
        password: Option<SecretString>,
        /// The code of a user with multi-factor sign-in.
        passcode: Option<SecretString>,
    },
    /// By a one-time code alone.
    Passcode(SecretString),
    /// By a token.
    Token {
        /// The token.
        token: SecretString,
        /// Whether it is exchanged for one of the project, as `auth_type: token` asks; else it is sent as it is.
        is_exchanged: bool,
    },
    /// By an application credential.
    ApplicationCredential {
        /// Its id, or with a user its name.
        id: Option<String>,
        /// Its name.
        name: Option<String>,
        /// Its secret.
        secret: SecretString,
    },
    /// By the access token of an identity provider.
    OidcAccessToken {
        /// The provider in IAM.
        identity_provider: String,
        /// The protocol in IAM.
        protocol: String,
        /// The token.
        access_token: SecretString,
    },
    /// By access keys, which openstacksdk does not know; the names are those of python-otcextensions.
    AccessKey {
        /// The access key.
        access_key: Option<String>,
        /// The secret key.
        secret_key: Option<SecretString>,
        /// The security token of a temporary access key.
        security_token: Option<SecretString>,
    },
}

impl SignIn {
    /// Every secret in it.
    pub fn secrets(&self) -> Vec<&SecretString> {
        let secrets = match self {
            Self::Unknown => vec![],
            Self::Password { password, passcode } => vec![password.as_ref(), passcode.as_ref()],
            Self::Passcode(secret) | Self::Token { token: secret, .. } => vec![Some(secret)],
            Self::ApplicationCredential { secret, .. } => vec![Some(secret)],
            Self::OidcAccessToken { access_token, .. } => vec![Some(access_token)],
            Self::AccessKey {
                secret_key,
                security_token,
                ..
            } => vec![secret_key.as_ref(), security_token.as_ref()],
        };
        secrets.into_iter().flatten().collect()
    }
}

/// Which of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// `clouds.yaml`
    Clouds,
    /// `secure.yaml`
    Secure,
    /// `clouds-public.yaml`
    Public,
}

impl File {
    /// The name without its ending.
    fn stem(self) -> &'static str {
        match self {
            Self::Clouds => "clouds",
            Self::Secure => "secure",
            Self::Public => "clouds-public",
        }
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.yaml", self.stem())
    }
}

/// Why a cloud cannot be used.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CloudsError {
    /// The text is not YAML.
    #[error("{file} is not valid YAML: line {line}")]
    Syntax {
        /// Which file.
        file: File,
        /// Counted from 1.
        line: usize,
    },
    /// The text uses YAML features that `clouds.yaml` never needs.
    #[error("{file} is too long, too deep or merges too much")]
    TooMuch {
        /// Which file.
        file: File,
    },
    /// Neither file has a cloud of that name.
    #[error("clouds.yaml has no cloud {cloud:?}; {}", listed(known))]
    Unknown {
        /// The name that was asked for.
        cloud: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// A value that should be a text is a list or a mapping; an unfilled `{{ template }}` reads like that.
    #[error("in clouds.yaml or secure.yaml, {field} of cloud {cloud:?} is not a text; quote it")]
    NotText {
        /// The cloud.
        cloud: String,
        /// The name of the value.
        field: &'static str,
    },
    /// A key that openstacksdk refuses, or obeys in a way that this tool does not.
    #[error("in clouds.yaml or secure.yaml, {key} of cloud {cloud:?} {problem}")]
    Key {
        /// The cloud.
        cloud: String,
        /// The name of the key.
        key: String,
        /// What is wrong with it, and what to change.
        problem: String,
    },
}

fn listed(known: &[String]) -> String {
    let names: Vec<&str> = known.iter().map(String::as_str).take(MOST_LISTED).collect();
    match (names.is_empty(), known.len().checked_sub(MOST_LISTED)) {
        (true, _) => "it names none".to_owned(),
        (false, Some(more @ 1..)) => format!("it has: {}, and {more} more", names.join(", ")),
        (false, _) => format!("it has: {}", names.join(", ")),
    }
}

/// The names of all clouds, in order.
///
/// # Errors
/// Where a file cannot be read.
pub fn names(texts: &Texts<'_>) -> Result<Vec<String>, CloudsError> {
    Ok(names_in(&clouds_of(texts)?))
}

fn names_in(clouds: &Entries) -> Vec<String> {
    // A text is no cloud, and may be a secret at the wrong place.
    let names = clouds
        .iter()
        .filter(|(_, node)| node.entries().is_some())
        .map(|(name, _)| escape::line(name));
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The clouds of both files; what `secure.yaml` says wins, at any depth.
fn clouds_of(texts: &Texts<'_>) -> Result<Entries, CloudsError> {
    let mut clouds = Entries::new();
    for (text, file) in [(texts.clouds, File::Clouds), (texts.secure, File::Secure)] {
        let root = yaml::read(text.unwrap_or_default(), file)?;
        if let Some(entries) = root.get("clouds").and_then(Node::entries) {
            merge_deep(&mut clouds, entries);
        }
    }
    Ok(clouds)
}

/// `_util.merge_clouds`
fn merge_deep(old: &mut Entries, new: &Entries) {
    for (key, value) in new {
        let merged = match (old.get(key).and_then(|old| old.entries()), value.entries()) {
            (Some(below), Some(entries)) => {
                let mut below = below.clone();
                merge_deep(&mut below, entries);
                Rc::new(Node::Mapping(below))
            }
            (Some(_) | None, None) | (None, Some(_)) => Rc::clone(value),
        };
        old.insert(key.clone(), merged);
    }
}

/// Looks a cloud up, in the region that an input names, else in its first.
///
/// # Errors
/// Where there is no such cloud, or one of its keys means what cannot be done.
pub fn lookup(texts: &Texts<'_>, cloud: &str, region: Option<&str>) -> Result<Cloud, CloudsError> {
    let clouds = clouds_of(texts)?;
    let name = escape::line(cloud);
    let Some(own) = clouds.get(cloud).and_then(|node| node.entries()) else {
        return Err(CloudsError::Unknown {
            cloud: name,
            known: names_in(&clouds),
        });
    };
    let public = yaml::read(texts.public.unwrap_or_default(), File::Public)?;
    let mut settings = Settings {
        cloud: name,
        top: Entries::new(),
        auth: Entries::new(),
    };
    settings.get_base_cloud_config(own, &public)?;
    settings.get_region(own, region)?;
    settings.refuse_two_spellings()?;
    settings.refuse_what_is_not_obeyed()?;
    settings.fix_backwards_auth()?;
    settings.handle_domain_id();
    settings.format_auth_url()?;
    settings.normalize_keys();
    settings.cloud()
}

/// A cloud on its way from the file to what it means.
struct Settings {
    /// Its name, to be shown.
    cloud: String,
    /// Everything but `auth`.
    top: Entries,
    auth: Entries,
}

/// The options of openstacksdk's sign-ins that name the scope; each takes them.
const SCOPE: [&str; 9] = [
    "auth_url",
    "system_scope",
    "domain_id",
    "domain_name",
    "project_id",
    "project_name",
    "project_domain_id",
    "project_domain_name",
    "trust_id",
];
/// The same that only some of the sign-ins take.
const DEFAULT_DOMAIN: [&str; 2] = ["default_domain_id", "default_domain_name"];
const USER: [&str; 5] = [
    "user_id",
    "username",
    "user_name",
    "user_domain_id",
    "user_domain_name",
];
/// What access keys are called, the first wins; openstacksdk does not know them.
const ACCESS_KEY: [&str; 2] = ["access_key", "ak"];
const SECRET_KEY: [&str; 2] = ["secret_key", "sk"];

impl Settings {
    fn refused(&self, key: &str, problem: impl Into<String>) -> CloudsError {
        CloudsError::Key {
            cloud: self.cloud.clone(),
            key: escape::line(key),
            problem: problem.into(),
        }
    }

    /// The profile that the cloud names, and over it the cloud itself.
    fn get_base_cloud_config(&mut self, own: &Entries, public: &Node) -> Result<(), CloudsError> {
        let profile = own.get("profile").or_else(|| own.get("cloud"));
        match profile.map(Rc::as_ref) {
            None | Some(Node::Null) => {}
            Some(Node::Text(name)) => {
                let of_file = public.get("public-clouds").and_then(|all| all.get(name));
                if let Some(profile) = of_file.and_then(Node::entries) {
                    self.auth_update(profile)?;
                } else if let Some(profile) = profiles::builtin(name) {
                    self.auth_update(&profile)?;
                } else if profiles::is_elsewhere(name) {
                    return Err(self.refused(
                        "profile",
                        "names a profile that this tool does not have; write `auth_url` and `region_name` instead",
                    ));
                }
            }
            Some(Node::List(_) | Node::Mapping(_)) => {
                return Err(self.refused("profile", "is not a text; quote it"));
            }
        }
        self.auth_update(own)?;
        self.top.remove("cloud");
        self.top.remove("profile");
        Ok(())
    }

    /// Like a merge of mappings, but for `auth`, which is merged itself.
    fn auth_update(&mut self, new: &Entries) -> Result<(), CloudsError> {
        for (key, value) in new {
            if key != "auth" {
                self.top.insert(key.clone(), Rc::clone(value));
                continue;
            }
            let Some(auth) = value.entries() else {
                return Err(self.refused("auth", "is not a mapping"));
            };
            for (key, value) in auth {
                self.auth.insert(key.clone(), Rc::clone(value));
            }
        }
        Ok(())
    }

    /// The region, and the values that the cloud has for it.
    fn get_region(&mut self, own: &Entries, wanted: Option<&str>) -> Result<(), CloudsError> {
        let known = self.get_known_regions(own)?;
        let found = match wanted {
            None => known.first(),
            Some(wanted) => known.iter().find(|(name, _)| name == wanted),
        };
        self.top.remove("regions");
        self.top.remove("region-name");
        self.top.remove("region_name");
        match (found, wanted) {
            (Some((name, values)), _) => {
                self.auth_update(values)?;
                let name = Rc::new(Node::Text(name.clone()));
                self.top.insert("region_name".to_owned(), name);
            }
            (None, Some(_)) if known.iter().any(|(_, values)| !values.is_empty()) => {
                return Err(self.refused(
                    "regions",
                    "has values for each region, but not for the region that is set",
                ));
            }
            (None, Some(wanted)) => {
                let name = Rc::new(Node::Text(wanted.to_owned()));
                self.top.insert("region_name".to_owned(), name);
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// The regions of a cloud, each with the values that it has of its own.
    fn get_known_regions(&self, own: &Entries) -> Result<Vec<(String, Entries)>, CloudsError> {
        let of = |entries: &Entries| {
            let find = |key: &str| entries.get(key).cloned();
            match (
                find("regions"),
                find("region_name").or_else(|| find("region-name")),
            ) {
                (Some(regions), _) => Some((regions, "regions")),
                (None, Some(name)) => Some((name, "region_name")),
                (None, None) => None,
            }
        };
        // Those of the profile count where the cloud itself has none.
        let Some((regions, key)) = of(own).or_else(|| of(&self.top)) else {
            return Ok(Vec::new());
        };
        match (regions.as_ref(), key) {
            (Node::Text(names), "region_name") => Ok(names
                .split(',')
                .map(|name| (name.to_owned(), Entries::new()))
                .collect()),
            (Node::List(regions), _) => regions
                .iter()
                .map(|region| self.expand_region(region))
                .collect(),
            (Node::Null | Node::Text(_) | Node::Mapping(_), _) => {
                Err(self.refused(key, "is not a list"))
            }
        }
    }

    fn expand_region(&self, region: &Node) -> Result<(String, Entries), CloudsError> {
        let odd = || {
            self.refused(
                "regions",
                "has an entry that is neither a name nor `name` and `values`",
            )
        };
        match region {
            Node::Text(name) => Ok((name.clone(), Entries::new())),
            Node::Mapping(entries) => {
                let Some(Node::Text(name)) = entries.get("name").map(Rc::as_ref) else {
                    return Err(odd());
                };
                if entries.keys().any(|key| key != "name" && key != "values") {
                    return Err(odd());
                }
                let values = match entries.get("values").map(Rc::as_ref) {
                    None => Entries::new(),
                    Some(Node::Mapping(values)) => values.clone(),
                    Some(Node::Null | Node::Text(_) | Node::List(_)) => return Err(odd()),
                };
                Ok((name.clone(), values))
            }
            Node::Null | Node::List(_) => Err(odd()),
        }
    }

    /// Which of `a-b` and `a_b` counts depends on their order, in ways that are hard to foresee.
    fn refuse_two_spellings(&self) -> Result<(), CloudsError> {
        for entries in [&self.top, &self.auth] {
            let twice = entries
                .keys()
                .find(|key| key.contains('-') && entries.contains_key(&key.replace('-', "_")));
            if let Some(key) = twice {
                return Err(self.refused(key, "is there with `-` and with `_`; remove one of them"));
            }
        }
        Ok(())
    }

    /// Keys whose meaning is another than they seem to have, or that this tool does not obey.
    fn refuse_what_is_not_obeyed(&self) -> Result<(), CloudsError> {
        for (key, instead) in [("auth-type", "auth_type"), ("auth_plugin", "auth_type")] {
            if self.top.contains_key(key) {
                let problem = format!("is not read by openstacksdk; write `{instead}`");
                return Err(self.refused(key, problem));
            }
        }
        let is = |key: &str, word: &str| matches!(self.top.get(key).map(Rc::as_ref), Some(Node::Text(text)) if text.trim().eq_ignore_ascii_case(word));
        let ca_file = "switches off the check of certificates, which this tool never does; name the cloud's own roots \
                       with `cacert` or `ca-file`";
        if self.top.contains_key("verify") && !is("verify", "true") {
            return Err(self.refused("verify", ca_file));
        }
        if is("insecure", "true") {
            return Err(self.refused("insecure", ca_file));
        }
        for key in ["cert", "key"] {
            if self.text(&self.top, &[key])?.is_some() {
                return Err(self.refused(
                    key,
                    "names a client certificate, which this tool cannot send",
                ));
            }
        }
        Ok(())
    }

    /// Old names, and values beside `auth`, which win.
    fn fix_backwards_auth(&mut self) -> Result<(), CloudsError> {
        const MAPPINGS: [(&str, &[&str]); 10] = [
            ("domain_id", &["domain_id", "domain-id"]),
            ("domain_name", &["domain_name", "domain-name"]),
            ("user_domain_id", &["user_domain_id", "user-domain-id"]),
            (
                "user_domain_name",
                &["user_domain_name", "user-domain-name"],
            ),
            (
                "project_domain_id",
                &["project_domain_id", "project-domain-id"],
            ),
            (
                "project_domain_name",
                &["project_domain_name", "project-domain-name"],
            ),
            ("token", &["auth-token", "auth_token", "token"]),
            ("passcode", &["passcode"]),
            (
                "project_id",
                &["tenant_id", "tenant-id", "project_id", "project-id"],
            ),
            (
                "project_name",
                &["tenant_name", "tenant-name", "project_name", "project-name"],
            ),
        ];
        for (target, names) in MAPPINGS {
            let mut found = None;
            for &name in names {
                let values = [self.auth.remove(name), self.top.remove(name)];
                for value in values.into_iter().flatten() {
                    match value.as_ref() {
                        Node::Text(_) => found = Some(value),
                        Node::Null => {
                            return Err(self.refused(
                                name,
                                "is empty, which openstacksdk reads as the text `None`; remove it",
                            ));
                        }
                        Node::List(_) | Node::Mapping(_) => {
                            return Err(CloudsError::NotText {
                                cloud: self.cloud.clone(),
                                field: name,
                            });
                        }
                    }
                }
            }
            let is_set =
                |value: &Rc<Node>| matches!(value.as_ref(), Node::Text(text) if !text.is_empty());
            if let Some(value) = found.filter(is_set) {
                self.auth.insert(target.to_owned(), value);
            }
        }
        Ok(())
    }

    /// One domain for the user and the project, where only one is named. The scope always is a project, if only one that
    /// an input names.
    fn handle_domain_id(&mut self) {
        for (target, names) in [
            ("domain_id", ["user_domain_id", "project_domain_id"]),
            ("domain_name", ["user_domain_name", "project_domain_name"]),
        ] {
            if let Some(value) = self.auth.remove(target) {
                for name in names {
                    self.auth
                        .entry(name.to_owned())
                        .or_insert_with(|| Rc::clone(&value));
                }
            }
        }
    }

    /// `{region_name}` and the like in the address of IAM.
    fn format_auth_url(&mut self) -> Result<(), CloudsError> {
        let Some(Node::Text(url)) = self.auth.get("auth_url").map(Rc::as_ref) else {
            return Ok(());
        };
        let (mut out, mut rest) = (String::new(), url.as_str());
        while let Some((before, after)) = rest.split_once('{') {
            let value = after.split_once('}').and_then(|(key, after)| {
                match self.top.get(key).map(Rc::as_ref) {
                    Some(Node::Text(value)) => Some((value, after)),
                    Some(Node::Null | Node::List(_) | Node::Mapping(_)) | None => None,
                }
            });
            let Some((value, after)) = value else {
                return Err(self.refused(
                    "auth_url",
                    "has a name in braces that the cloud has no value for",
                ));
            };
            out.push_str(before);
            out.push_str(value);
            rest = after;
        }
        out.push_str(rest);
        let url = Rc::new(Node::Text(out));
        self.auth.insert("auth_url".to_owned(), url);
        Ok(())
    }

    fn normalize_keys(&mut self) {
        for entries in [&mut self.top, &mut self.auth] {
            *entries = std::mem::take(entries)
                .into_iter()
                .map(|(key, value)| (key.replace('-', "_"), value))
                .collect();
        }
    }

    /// The first of these that has a value.
    fn text(
        &self,
        entries: &Entries,
        names: &[&'static str],
    ) -> Result<Option<String>, CloudsError> {
        for &field in names {
            match entries.get(field).map(Rc::as_ref) {
                None | Some(Node::Null) => {}
                Some(Node::Text(text)) if text.trim().is_empty() => {}
                Some(Node::Text(text)) => return Ok(Some(text.clone())),
                Some(Node::List(_) | Node::Mapping(_)) => {
                    return Err(CloudsError::NotText {
                        cloud: self.cloud.clone(),
                        field,
                    });
                }
            }
        }
        Ok(None)
    }

    /// An option of the sign-in: under `auth`, else beside it.
    fn option(&self, names: &[&'static str]) -> Result<Option<String>, CloudsError> {
        Ok(match self.text(&self.auth, names)? {
            Some(text) => Some(text),
            None => self.text(&self.top, names)?,
        })
    }

    fn secret(&self, names: &[&'static str]) -> Result<Option<SecretString>, CloudsError> {
        Ok(self.option(names)?.map(SecretString::from))
    }

    fn needed(&self, name: &'static str) -> Result<SecretString, CloudsError> {
        self.secret(&[name])?
            .ok_or_else(|| self.refused(name, "is missing, and `auth_type` needs it"))
    }

    fn cloud(&self) -> Result<Cloud, CloudsError> {
        let sign_in = self.sign_in()?;
        if self.option(&["trust_id"])?.is_some() {
            return Err(self.refused(
                "trust_id",
                "asks for the scope of a trust; name the project instead",
            ));
        }
        if self.option(&["system_scope"])?.is_some() {
            return Err(self.refused(
                "system_scope",
                "asks for the scope of the system; name the project instead",
            ));
        }
        let dcs_endpoint = self.text(&self.top, &["dcs_endpoint_override", "dcs_endpoint"])?;
        if dcs_endpoint
            .as_ref()
            .is_some_and(|url| url.contains(['{', '%']))
        {
            return Err(self.refused(
                "dcs_endpoint_override",
                "has placeholders; write `https://HOST`",
            ));
        }
        let of_user_domain = |names: &[&'static str], default: &'static str| {
            Ok::<_, CloudsError>(match self.option(names)? {
                Some(domain) => Some(domain),
                None => self.option(&[default])?,
            })
        };
        Ok(Cloud {
            auth_url: self.option(&["auth_url"])?,
            sign_in,
            username: self.option(&["username", "user_name"])?,
            user_id: self.option(&["user_id"])?,
            user_domain_name: of_user_domain(&["user_domain_name"], "default_domain_name")?,
            user_domain_id: of_user_domain(&["user_domain_id"], "default_domain_id")?,
            project_id: self.option(&["project_id"])?,
            project_name: self.option(&["project_name"])?,
            project_domain_name: of_user_domain(&["project_domain_name"], "default_domain_name")?,
            project_domain_id: of_user_domain(&["project_domain_id"], "default_domain_id")?,
            region_name: self.text(&self.top, &["region_name"])?,
            cacert: self.text(&self.top, &["cacert"])?,
            dcs_endpoint,
        })
    }

    fn sign_in(&self) -> Result<SignIn, CloudsError> {
        if let Some(access_key) = self.access_key()? {
            return Ok(access_key);
        }
        let auth_type = self.text(&self.top, &["auth_type"])?;
        if auth_type.is_none() && self.top.contains_key("auth_type") {
            return Err(self.refused("auth_type", "is empty, which is no sign-in; remove it"));
        }
        if auth_type.is_none()
            && self.option(&USER)?.is_none()
            && self.option(&["password"])?.is_none()
            && let Some(token) = self.secret(&["token"])?
        {
            // openstacksdk refuses it without `auth_type`; it can only mean this.
            return Ok(SignIn::Token {
                token,
                is_exchanged: false,
            });
        }
        let kind = auth_type.as_deref().unwrap_or("password");
        let (own, sign_in) = self.sign_in_of(kind)?;
        self.refuse_others(kind, own)?;
        // As its sign-ins of one version do; the others leave it to IAM.
        if kind.starts_with("v3")
            && self.option(&["project_name"])?.is_some()
            && self.option(&["project_domain_name"])?.is_none()
            && self.option(&["project_domain_id"])?.is_none()
        {
            let problem = format!("has no `project_domain_name`, which `{kind}` needs");
            return Err(self.refused("project_name", problem));
        }
        Ok(sign_in)
    }

    /// A sign-in, and the options under `auth` that are its own.
    fn sign_in_of(
        &self,
        kind: &str,
    ) -> Result<(&'static [&'static [&'static str]], SignIn), CloudsError> {
        Ok(match kind {
            kind @ ("password" | "v3password") => {
                let own: &'static [&'static [&'static str]] = if kind == "password" {
                    &[&USER, &DEFAULT_DOMAIN, &["password"]]
                } else {
                    &[&USER, &["password"]]
                };
                let password = self.secret(&["password"])?;
                let passcode = None;
                (own, SignIn::Password { password, passcode })
            }
            "v3totp" => (
                &[&USER, &["passcode"]],
                SignIn::Passcode(self.needed("passcode")?),
            ),
            "v3multifactor" => self.multi_factor()?,
            kind @ ("token" | "v3token") => {
                let own: &'static [&'static [&'static str]] = if kind == "token" {
                    &[&DEFAULT_DOMAIN, &["token"]]
                } else {
                    &[&["token"]]
                };
                let token = self.needed("token")?;
                let is_exchanged = true;
                let sign_in = SignIn::Token {
                    token,
                    is_exchanged,
                };
                (own, sign_in)
            }
            "v3applicationcredential" => (
                &[
                    &USER,
                    &[
                        "application_credential_id",
                        "application_credential_name",
                        "application_credential_secret",
                    ],
                ],
                SignIn::ApplicationCredential {
                    id: self.option(&["application_credential_id"])?,
                    name: self.option(&["application_credential_name"])?,
                    secret: self.needed("application_credential_secret")?,
                },
            ),
            "v3oidcaccesstoken" => {
                use secrecy::ExposeSecret;
                let open =
                    |name| Ok::<_, CloudsError>(self.needed(name)?.expose_secret().to_owned());
                (
                    &[&["identity_provider", "protocol", "access_token"]],
                    SignIn::OidcAccessToken {
                        identity_provider: open("identity_provider")?,
                        protocol: open("protocol")?,
                        access_token: self.needed("access_token")?,
                    },
                )
            }
            other => {
                let problem = format!(
                    "is `{}`, a sign-in that this tool does not have; accepted: `password`, `v3password`, `v3totp`, \
                     `v3multifactor`, `token`, `v3token`, `v3applicationcredential`, `v3oidcaccesstoken`",
                    escape::line(other)
                );
                return Err(self.refused("auth_type", problem));
            }
        })
    }

    fn access_key(&self) -> Result<Option<SignIn>, CloudsError> {
        let first = |names: [&'static str; 2]| {
            let [before, after] = names;
            Ok::<_, CloudsError>(match self.option(&[before])? {
                Some(text) => Some(text),
                None => self.option(&[after])?,
            })
        };
        let (access_key, secret_key) = (first(ACCESS_KEY)?, first(SECRET_KEY)?);
        if access_key.is_none() && secret_key.is_none() {
            return Ok(None);
        }
        Ok(Some(SignIn::AccessKey {
            access_key,
            secret_key: secret_key.map(SecretString::from),
            security_token: self.secret(&["security_token"])?,
        }))
    }

    /// An option under `auth` that the sign-in does not take is an error, as in openstacksdk.
    fn refuse_others(&self, kind: &str, own: &[&[&str]]) -> Result<(), CloudsError> {
        let other = self.auth.keys().find(|key| {
            let key = key.as_str();
            !SCOPE.contains(&key) && !own.iter().any(|names| names.contains(&key))
        });
        match other {
            Some(key) => {
                let problem = format!(
                    "is under `auth`, but the sign-in `{kind}` does not take it; remove it or set `auth_type`"
                );
                Err(self.refused(key, problem))
            }
            None => Ok(()),
        }
    }

    /// Password and code, in whichever order `auth_methods` names them.
    fn multi_factor(&self) -> Result<(&'static [&'static [&'static str]], SignIn), CloudsError> {
        let methods: Vec<String> = match self.top.get("auth_methods").map(Rc::as_ref) {
            Some(Node::Text(methods)) => methods.split(',').map(str::to_owned).collect(),
            Some(Node::List(methods)) => methods
                .iter()
                .filter_map(|method| match method.as_ref() {
                    Node::Text(method) => Some(method.clone()),
                    Node::Null | Node::List(_) | Node::Mapping(_) => None,
                })
                .collect(),
            Some(Node::Null | Node::Mapping(_)) | None => Vec::new(),
        };
        if methods != ["v3password", "v3totp"] {
            return Err(self.refused(
                "auth_methods",
                "is not `[v3password, v3totp]`, the one pair that this tool has",
            ));
        }
        let own: &[&[&str]] = &[&USER, &["password", "passcode", "auth_methods"]];
        let sign_in = SignIn::Password {
            password: Some(self.needed("password")?),
            passcode: Some(self.needed("passcode")?),
        };
        Ok((own, sign_in))
    }
}

/// Where files are looked for. `None` is not set, or empty.
#[derive(Debug, Clone, Default)]
pub struct Folders {
    /// `HOME`
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`
    pub xdg_home: Option<PathBuf>,
    /// `XDG_CONFIG_DIRS`, split at its colons.
    pub xdg_dirs: Vec<PathBuf>,
}

impl Folders {
    /// The places of a file, first found wins; `explicit` is a path that a variable names.
    pub fn paths(&self, file: File, explicit: Option<&str>) -> Vec<PathBuf> {
        let config = |home: &PathBuf| home.join(".config");
        let site = match self.xdg_dirs.as_slice() {
            [] => vec![PathBuf::from("/etc/xdg")],
            dirs => dirs.to_vec(),
        };
        let folders = [PathBuf::from(".")]
            .into_iter()
            .chain(
                (self.xdg_home.clone().or(self.home.as_ref().map(config)))
                    .map(|folder| folder.join("openstack")),
            )
            .chain(
                (self.home.as_ref())
                    .map(config)
                    .map(|folder| folder.join("openstack")),
            )
            .chain(site.into_iter().map(|folder| folder.join("openstack")))
            .chain([PathBuf::from("/etc/openstack")]);
        let found = folders.flat_map(|folder| {
            ["yaml", "yml", "json"].map(|ending| folder.join(format!("{}.{ending}", file.stem())))
        });
        explicit
            .map(PathBuf::from)
            .into_iter()
            .chain(found)
            .collect()
    }

    /// A path with `~/` at its start in full.
    pub fn expand(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        }
    }
}

#[cfg(test)]
mod tests;
