//! What the tests stand on.

pub(crate) mod cloud;
pub(crate) mod formats;
pub(crate) mod sandbox;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use cloud::{Answer, FakeCloud, Kind, broken, json_reply, refusal, status};
pub(crate) use sandbox::{Run, Running, Sandbox};

pub(crate) const TASK: &str = "31c6fd2b-2893-430b-90ff-d1adb8060585";
pub(crate) const OTHER_TASK: &str = "0c5d7b1e8a3f4d6c9b2e1f0a7d8c6b5a";
pub(crate) const PROJECT: &str = "666486c2d9b948c1bbea57e714d744fa";
pub(crate) const TOKEN: &str = "MIIFakeTokenThatNobodyMaySee";

/// A text without the commas of its numbers, in small letters: for words that may be written in either way.
pub(crate) fn plain(text: &str) -> String {
    text.to_lowercase().replace(',', "")
}

/// Rows of one table, a few at a time; every row that fails is named, not only the first.
pub(crate) fn each<T: Sync>(
    rows: &[T],
    name: impl Fn(&T) -> String + Sync,
    check: impl Fn(&T) + Sync,
) {
    const AT_A_TIME: usize = 8;
    assert!(!rows.is_empty(), "an empty table tests nothing");
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(row))) {
                        let text = panic
                            .downcast_ref::<String>()
                            .cloned()
                            .or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
                            .unwrap_or_default();
                        failed.lock().unwrap().push(format!(
                            "{}\n    {}",
                            name(row),
                            text.replace('\n', "\n    ")
                        ));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    assert!(
        failed.is_empty(),
        "{} of {} rows fail:\n- {}",
        failed.len(),
        rows.len(),
        failed.join("\n- ")
    );
}
