//! A reader of YAML for `clouds.yaml`: a small tree of our own, because only texts at known places matter.
//!
//! Every scalar stays the text that it was written as (`0123` is a password, not a number), and aliases are shared, not
//! copied, so that a few lines cannot become gigabytes. JSON is read as the YAML that it is.

use super::{CloudsError, File};
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Deeper than this is no clouds.yaml.
const DEEPEST: usize = 64;
/// Longest text that is read, in bytes.
pub(super) const LONGEST: usize = 1024 * 1024;
/// So many entries at most come in through merge keys (`<<`), which copy.
const MOST_MERGED: usize = 10_000;
/// So many aliases at most; each can make the tree one level deeper than [`DEEPEST`] sees.
const MOST_ALIASES: usize = 1_000;

/// The entries of a mapping.
pub(super) type Entries = BTreeMap<String, Rc<Node>>;

/// YAML, as far as it matters here. No `Debug`: it holds passwords.
pub(super) enum Node {
    Null,
    Text(String),
    List(Vec<Rc<Self>>),
    Mapping(Entries),
}

impl Node {
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Mapping(entries) => entries.get(key).map(Rc::as_ref),
            Self::Null | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// Its entries, where it is a mapping.
    pub(super) fn entries(&self) -> Option<&Entries> {
        match self {
            Self::Mapping(entries) => Some(entries),
            Self::Null | Self::Text(_) | Self::List(_) => None,
        }
    }
}

/// Reads the first document of a text.
pub(super) fn read(text: &str, file: File) -> Result<Rc<Node>, CloudsError> {
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
                "" | "~" | "null" | "Null" | "NULL" => tree.put(anchor, Node::Null),
                "<<" if tree.expects_key() => tree.set_key(Key::Merge),
                text => tree.put(anchor, Node::Text(text.to_owned())),
            },
            Event::Scalar(text, _, anchor, _) => tree.put(anchor, Node::Text(text.into_owned())),
            Event::Alias(anchor) => tree.put_alias(anchor, span.start.line())?,
            Event::SequenceStart(anchor, _) => tree.start(anchor, Unfinished::List(Vec::new()))?,
            Event::MappingStart(anchor, _) => {
                tree.start(anchor, Unfinished::Mapping(Unmerged::default()))?
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
    Mapping(Unmerged),
}

#[derive(Default)]
struct Unmerged {
    own: Entries,
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

    /// A mapping's own entries, then those of its merge keys. As in PyYAML, the last of several `<<` wins, and in a list
    /// of mappings the first.
    fn merge(&mut self, entries: Unmerged) -> Result<Entries, CloudsError> {
        let mut all = entries.own;
        for source in entries.merged.iter().rev() {
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
