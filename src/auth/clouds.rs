//! `clouds.yaml` and `secure.yaml`, which people of OpenStack already have.
//!
//! The files come in as texts. They are read into a small tree of our own, because only scalars at known places matter:
//! every scalar stays the text that it was written as (`0123` is a password, not a number), and aliases are shared, not
//! copied, so that a few lines cannot become gigabytes. Errors quote nothing but the names of clouds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle};
use secrecy::SecretString;
use thiserror::Error;

use crate::escape;

/// Deeper than this is no clouds.yaml.
const DEEPEST: usize = 64;
/// Longest text that is read, in bytes.
const LONGEST: usize = 1024 * 1024;
/// So many entries at most come in through merge keys (`<<`), which copy.
const MOST_MERGED: usize = 10_000;
/// So many aliases at most; each can make the tree one level deeper than [`DEEPEST`] sees.
const MOST_ALIASES: usize = 1_000;
/// So many names at most are listed in an error.
const MOST_LISTED: usize = 20;

/// One cloud: what the two files say about it. Nothing is checked but that each value is a text.
#[derive(Debug, Clone, Default)]
pub struct Cloud {
    /// IAM's address, with or without `/v3`.
    pub auth_url: Option<String>,
    /// Name of the user.
    pub username: Option<String>,
    /// Password of the user.
    pub password: Option<SecretString>,
    /// The user's domain: `user_domain_name`, else `domain_name`.
    pub user_domain_name: Option<String>,
    /// Id of the project.
    pub project_id: Option<String>,
    /// Name of the project.
    pub project_name: Option<String>,
    /// A token that the user already has.
    pub token: Option<SecretString>,
    /// Access key, under `auth` or beside it.
    pub access_key: Option<String>,
    /// Secret key, under `auth` or beside it.
    pub secret_key: Option<SecretString>,
    /// Security token of a temporary access key.
    pub security_token: Option<SecretString>,
    /// Name of the region.
    pub region_name: Option<String>,
    /// A file with more roots to trust.
    pub cacert: Option<String>,
}

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// `clouds.yaml`
    Clouds,
    /// `secure.yaml`
    Secure,
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clouds => "clouds.yaml",
            Self::Secure => "secure.yaml",
        })
    }
}

/// Why a cloud was not found.
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
}

fn listed(known: &[String]) -> String {
    let names: Vec<&str> = known.iter().map(String::as_str).take(MOST_LISTED).collect();
    match (names.is_empty(), known.len().checked_sub(MOST_LISTED)) {
        (true, _) => "it names none".to_owned(),
        (false, Some(more @ 1..)) => format!("it has: {}, and {more} more", names.join(", ")),
        (false, _) => format!("it has: {}", names.join(", ")),
    }
}

/// Looks a cloud up. What `secure` says wins, value by value. A value may be under `auth` or beside it; where it
/// is in both, `auth` wins.
pub fn lookup(clouds: &str, secure: Option<&str>, cloud: &str) -> Result<Cloud, CloudsError> {
    let clouds = read(clouds, File::Clouds)?;
    let secure = read(secure.unwrap_or_default(), File::Secure)?;
    // The file that wins comes first.
    let files = [secure.as_ref(), clouds.as_ref()];
    let found: Vec<&Node> = files
        .iter()
        .filter_map(|file| file.get("clouds")?.get(cloud))
        .filter(|node| node.is_mapping())
        .collect();
    if found.is_empty() {
        return Err(CloudsError::Unknown {
            cloud: escape::line(cloud),
            known: names(&files),
        });
    }
    let text = |names: &[&'static str]| -> Result<Option<String>, CloudsError> {
        for node in &found {
            for &field in names {
                let under_auth = node.get("auth").and_then(|auth| auth.get(field));
                for value in under_auth.into_iter().chain(node.get(field)) {
                    match value {
                        Node::Null => {}
                        Node::Text(text) if text.trim().is_empty() => {}
                        Node::Text(text) => return Ok(Some(text.clone())),
                        Node::List(_) | Node::Mapping(_) => {
                            return Err(CloudsError::NotText {
                                cloud: escape::line(cloud),
                                field,
                            });
                        }
                    }
                }
            }
        }
        Ok(None)
    };
    let secret =
        |names: &[&'static str]| Ok::<_, CloudsError>(text(names)?.map(SecretString::from));
    Ok(Cloud {
        auth_url: text(&["auth_url"])?,
        username: text(&["username"])?,
        password: secret(&["password"])?,
        user_domain_name: text(&["user_domain_name", "domain_name"])?,
        project_id: text(&["project_id", "tenant_id"])?,
        project_name: text(&["project_name", "tenant_name"])?,
        token: secret(&["token"])?,
        access_key: text(&["ak", "access_key"])?,
        secret_key: secret(&["sk", "secret_key"])?,
        security_token: secret(&["security_token"])?,
        region_name: text(&["region_name"])?,
        cacert: text(&["cacert"])?,
    })
}

fn names(files: &[&Node]) -> Vec<String> {
    let clouds = files.iter().filter_map(|file| match file.get("clouds")? {
        Node::Mapping(clouds) => Some(clouds),
        Node::Null | Node::Text(_) | Node::List(_) => None,
    });
    // A text is no cloud, and may be a secret at the wrong place.
    let names = clouds
        .flatten()
        .filter(|(_, node)| node.is_mapping())
        .map(|(name, _)| escape::line(name));
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Where `clouds.yaml` is looked for, first found wins. The arguments are `OS_CLIENT_CONFIG_FILE`, `HOME` and
/// `XDG_CONFIG_HOME`.
pub fn search_paths(
    config_file: Option<&str>,
    home: Option<&str>,
    xdg_config: Option<&str>,
) -> Vec<PathBuf> {
    paths("clouds", config_file, home, xdg_config)
}

/// Where `secure.yaml` is looked for, first found wins. The first argument is `OS_CLIENT_SECURE_FILE`.
pub fn secure_search_paths(
    secure_file: Option<&str>,
    home: Option<&str>,
    xdg_config: Option<&str>,
) -> Vec<PathBuf> {
    paths("secure", secure_file, home, xdg_config)
}

fn paths(
    stem: &str,
    explicit: Option<&str>,
    home: Option<&str>,
    xdg_config: Option<&str>,
) -> Vec<PathBuf> {
    let set = |value: Option<&str>| {
        value
            .filter(|value| !value.trim().is_empty())
            .map(PathBuf::from)
    };
    let config = set(xdg_config).or_else(|| set(home).map(|home| home.join(".config")));
    let folders = [
        Some(PathBuf::from(".")),
        config.map(|config| config.join("openstack")),
        Some(Path::new("/etc/openstack").into()),
    ];
    let found = folders.into_iter().flatten();
    let found = found
        .flat_map(|folder| ["yaml", "yml"].map(|ending| folder.join(format!("{stem}.{ending}"))));
    set(explicit).into_iter().chain(found).collect()
}

/// YAML, as far as it matters here. No `Debug`: it holds passwords.
enum Node {
    Null,
    Text(String),
    List(Vec<Rc<Self>>),
    Mapping(BTreeMap<String, Rc<Self>>),
}

impl Node {
    fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Mapping(entries) => entries.get(key).map(Rc::as_ref),
            Self::Null | Self::Text(_) | Self::List(_) => None,
        }
    }

    fn is_mapping(&self) -> bool {
        match self {
            Self::Mapping(_) => true,
            Self::Null | Self::Text(_) | Self::List(_) => false,
        }
    }
}

/// Reads the first document of a text.
fn read(text: &str, file: File) -> Result<Rc<Node>, CloudsError> {
    if text.len() > LONGEST {
        return Err(CloudsError::TooMuch { file });
    }
    let mut tree = Tree {
        file,
        open: Vec::new(),
        anchors: HashMap::new(),
        aliases: 0,
        merged: 0,
        root: Rc::new(Node::Null),
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| CloudsError::Syntax {
            file,
            line: error.marker().line(),
        })?;
        match event {
            Event::Scalar(text, ScalarStyle::Plain, anchor, _) => match &*text {
                "~" | "null" | "Null" | "NULL" => tree.put(anchor, Node::Null),
                "<<" if tree.expects_key() => tree.set_key(Key::Merge),
                text => tree.put(anchor, Node::Text(text.to_owned())),
            },
            Event::Scalar(text, _, anchor, _) => tree.put(anchor, Node::Text(text.into_owned())),
            Event::Alias(anchor) => tree.put_alias(anchor, span.start.line())?,
            Event::SequenceStart(anchor, _) => tree.start(anchor, Unfinished::List(Vec::new()))?,
            Event::MappingStart(anchor, _) => {
                tree.start(anchor, Unfinished::Mapping(Entries::default()))?
            }
            Event::SequenceEnd | Event::MappingEnd => tree.end()?,
            Event::DocumentEnd => break,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
        }
    }
    Ok(tree.root)
}

/// The tree while it is being read.
struct Tree {
    file: File,
    /// Lists and mappings whose end has not come yet, with their anchors; the innermost is the last.
    open: Vec<(usize, Unfinished)>,
    anchors: HashMap<usize, Rc<Node>>,
    aliases: usize,
    merged: usize,
    root: Rc<Node>,
}

enum Unfinished {
    List(Vec<Rc<Node>>),
    Mapping(Entries),
}

#[derive(Default)]
struct Entries {
    own: BTreeMap<String, Rc<Node>>,
    merged: Vec<Rc<Node>>,
    key: Option<Key>,
}

/// The key that waits for its value.
enum Key {
    Name(String),
    /// `<<`
    Merge,
    /// A list, a mapping or nothing; not used.
    Odd,
}

impl Tree {
    fn expects_key(&self) -> bool {
        match self.open.last() {
            Some((_, Unfinished::Mapping(entries))) => entries.key.is_none(),
            Some((_, Unfinished::List(_))) | None => false,
        }
    }

    fn set_key(&mut self, key: Key) {
        if let Some((_, Unfinished::Mapping(entries))) = self.open.last_mut() {
            entries.key = Some(key);
        }
    }

    fn start(&mut self, anchor: usize, unfinished: Unfinished) -> Result<(), CloudsError> {
        self.bounded(self.open.len() < DEEPEST)?;
        self.open.push((anchor, unfinished));
        Ok(())
    }

    fn end(&mut self) -> Result<(), CloudsError> {
        match self.open.pop() {
            Some((anchor, Unfinished::List(items))) => self.put(anchor, Node::List(items)),
            Some((anchor, Unfinished::Mapping(entries))) => {
                let entries = self.merge(entries)?;
                self.put(anchor, Node::Mapping(entries));
            }
            None => {}
        }
        Ok(())
    }

    /// A mapping's own entries, then those of its merge keys, the first first.
    fn merge(&mut self, entries: Entries) -> Result<BTreeMap<String, Rc<Node>>, CloudsError> {
        let mut all = entries.own;
        for source in &entries.merged {
            let sources = match source.as_ref() {
                Node::List(sources) => sources.as_slice(),
                Node::Null | Node::Text(_) | Node::Mapping(_) => std::slice::from_ref(source),
            };
            for source in sources {
                let Node::Mapping(more) = source.as_ref() else {
                    continue;
                };
                self.merged += more.len();
                self.bounded(self.merged <= MOST_MERGED)?;
                for (key, value) in more {
                    all.entry(key.clone()).or_insert_with(|| Rc::clone(value));
                }
            }
        }
        Ok(all)
    }

    fn put_alias(&mut self, anchor: usize, line: usize) -> Result<(), CloudsError> {
        self.aliases += 1;
        self.bounded(self.aliases <= MOST_ALIASES)?;
        match self.anchors.get(&anchor) {
            Some(node) => {
                self.attach(Rc::clone(node));
                Ok(())
            }
            // It is inside of what it names.
            None => Err(CloudsError::Syntax {
                file: self.file,
                line,
            }),
        }
    }

    fn put(&mut self, anchor: usize, node: Node) {
        let node = Rc::new(node);
        // Zero is no anchor.
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.attach(node);
    }

    /// Hands a finished node to whatever is open.
    fn attach(&mut self, node: Rc<Node>) {
        match self.open.last_mut() {
            None => self.root = node,
            Some((_, Unfinished::List(items))) => items.push(node),
            Some((_, Unfinished::Mapping(entries))) => match entries.key.take() {
                None => {
                    entries.key = Some(match node.as_ref() {
                        Node::Text(name) => Key::Name(name.clone()),
                        Node::Null | Node::List(_) | Node::Mapping(_) => Key::Odd,
                    });
                }
                // Of a key that is there twice, the last counts.
                Some(Key::Name(name)) => {
                    entries.own.insert(name, node);
                }
                Some(Key::Merge) => entries.merged.push(node),
                Some(Key::Odd) => {}
            },
        }
    }

    fn bounded(&self, within: bool) -> Result<(), CloudsError> {
        if within {
            Ok(())
        } else {
            Err(CloudsError::TooMuch { file: self.file })
        }
    }
}

#[cfg(test)]
mod tests;
