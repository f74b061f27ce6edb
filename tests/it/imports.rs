//! Imports go one way: each module of the program imports only modules below it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The top-level modules, from the top to the bottom. `main` is the binary, `lib` the crate's map.
const ORDER: [&str; 18] = [
    "main",
    "lib",
    "app",
    "demo",
    "config",
    "shutdown",
    "report",
    "wait",
    "signals",
    "watchdog",
    "outcome",
    "api",
    "auth",
    "domain",
    "clock",
    // A leaf beside the others: it must not repeat a mistake of the code that it tests.
    "simulator",
    "escape",
    "exit_code",
];

fn source_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|stem| stem == "tests");
        if is_test {
            continue;
        }
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The code of a file: no comments, and nothing from its unit tests on.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code = code.split("#[cfg(test)]\n#[path").next().unwrap();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The top-level modules that the code names by `crate::`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        assert!(
            !part.starts_with('{'),
            "`use crate::{{…}}` hides what is imported; one `use` for each module"
        );
        let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
        found.insert(part.split(|char| !is_name(char)).next().unwrap().to_owned());
    }
    found
}

fn rank(module: &str) -> usize {
    ORDER
        .iter()
        .position(|&known| known == module)
        .unwrap_or_else(|| panic!("`{module}` has no place in the order of modules"))
}

#[test]
fn imports_go_down_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    assert!(files.len() > 50, "{} files", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).unwrap();
        let first = path.iter().next().unwrap().to_str().unwrap();
        let module = first.strip_suffix(".rs").unwrap_or(first);
        for import in imports(&code(&fs::read_to_string(&file).unwrap())) {
            let goes_up = rank(&import) < rank(module);
            let leaves_simulator = module == "simulator" && import != module && import != "escape";
            if goes_up || leaves_simulator {
                wrong.push(format!("{} imports {import}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The files of the simulator that each of its files names by `super::`, by stem.
fn simulator_imports() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/simulator");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let names: BTreeSet<String> = files.iter().map(|path| stem(path)).collect();
    let mut graph = BTreeMap::new();
    for file in &files {
        let code = code(&fs::read_to_string(file).unwrap());
        let named = |name: &&String| {
            ["super::", "simulator::"]
                .iter()
                .any(|before| code.contains(&format!("{before}{name}::")))
        };
        graph.insert(stem(file), names.iter().filter(named).cloned().collect());
    }
    graph
}

#[test]
fn the_simulator_has_no_circle() {
    let mut graph = simulator_imports();
    assert!(graph.len() > 10);
    // Whatever imports nothing that is left goes, until nothing is left or only circles are.
    loop {
        let done: Vec<String> = graph
            .iter()
            .filter(|(file, imports)| {
                imports
                    .iter()
                    .all(|import| import == *file || !graph.contains_key(import))
            })
            .map(|(file, _)| file.clone())
            .collect();
        if done.is_empty() {
            break;
        }
        for file in done {
            graph.remove(&file);
        }
    }
    assert!(graph.is_empty(), "{graph:#?}");
}
