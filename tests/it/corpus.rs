//! What fuzzing has found and what people thought of: the committed corpus of every fuzz target, held against the same
//! properties on the stable toolchain. `fuzz/src/lib.rs` has them; CONTRIBUTING.md says how to fuzz.

#[expect(
    unreachable_pub,
    reason = "the fuzz targets are crates of their own, so there it is public"
)]
#[path = "../../fuzz/src/lib.rs"]
mod properties;

use crate::support::each;
use properties::Property;
use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Every input of every target.
fn inputs() -> Vec<(&'static str, Property, PathBuf)> {
    let mut inputs = Vec::new();
    for (target, property) in properties::TARGETS {
        let dir = fuzz().join("corpus").join(target);
        let files: Vec<PathBuf> = std::fs::read_dir(&dir)
            .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(!files.is_empty(), "{target} has no corpus");
        inputs.extend(files.into_iter().map(|file| (target, property, file)));
    }
    inputs
}

#[test]
fn corpus_passes_its_fuzz_targets() {
    each(
        &inputs(),
        |(target, _, file)| {
            format!(
                "{target}: {}",
                file.file_name().unwrap_or_default().display()
            )
        },
        |(_, property, file)| property(&std::fs::read(file).unwrap()),
    );
}

#[test]
fn properties_have_targets_corpus_stays_small() {
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for (target, _) in properties::TARGETS {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")),
            "{target} is not in fuzz/Cargo.toml"
        );
        let source =
            std::fs::read_to_string(fuzz().join(format!("fuzz_targets/{target}.rs"))).unwrap();
        assert!(
            source.contains(&format!("::{target}(data)")),
            "{target} tests another property"
        );
    }
    assert_eq!(
        manifest.matches("[[bin]]").count(),
        properties::TARGETS.len()
    );
    let size: u64 = inputs()
        .iter()
        .map(|(_, _, file)| file.metadata().unwrap().len())
        .sum();
    assert!(
        size < 400 * 1024,
        "{size} bytes: minimize it with `cargo fuzz cmin`"
    );
}
