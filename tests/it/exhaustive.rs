//! Every cell of the product of the sources, and millions of sequences of readings, held against the model.
//!
//! [`crate::model`] states the contract in tables. Here the code's own verdict walks beside it, reading by reading: the
//! first walk puts every cell of the product behind a few pasts; the others are trees over classes of cells that the
//! tables do not tell apart, whose members take turns. [`waiter`] holds the state machine against the model.
//!
//! `DCS_PROOF_DEPTH=n` makes the trees n readings deeper.

#![allow(clippy::print_stdout, reason = "a proof says how much it has walked")]

mod waiter;

use crate::model::{self, Kind, LastPoll, Model, Says, Sight, Terms, product};
use dcs_migration_wait::domain::{
    Check, Condition, Detail, Goal, KeyLimit, Missing, PollHistory, Reading, Row, Side, Status,
    UnconfirmedFailure,
};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `max-offset` of the walks; [`offsets_are_compared_at_their_edges`] has others.
const MAX_OFFSET: i64 = 100;
const TEN_PERCENT: KeyLimit = KeyLimit::Share(100_000);
const LIMITS: [KeyLimit; 4] = [
    TEN_PERCENT,
    KeyLimit::Keys(500),
    KeyLimit::Keys(0),
    KeyLimit::Off,
];
const ENOUGH: u64 = 10_000_000;

/// Counts of source and target: equal, at the limit and over it, emptied, halved and just not, growing apart by 1 % and
/// by more, one of them missing.
const COUNTS: [(Option<i64>, Option<i64>); 16] = [
    (Some(5000), Some(5000)),
    (Some(5000), Some(4500)),
    (Some(5000), Some(4499)),
    (Some(5000), Some(0)),
    (Some(0), Some(5000)),
    (Some(0), Some(0)),
    (Some(2500), Some(2500)),
    (Some(2499), Some(2499)),
    (Some(5000), Some(2499)),
    (Some(5000), Some(4950)),
    (Some(5000), Some(4949)),
    (Some(5000), Some(6000)),
    (Some(999), Some(999)),
    (Some(400), Some(400)),
    (None, Some(5000)),
    (Some(5000), None),
];

/// A reading and its status.
#[derive(Debug, Clone)]
struct Item {
    reading: Reading,
    detail: Option<Detail>,
    sight: Sight,
}

/// How far the code and the model are in one sequence.
struct Walk<'a> {
    model: &'a Model,
    terms: Terms,
    condition: Condition,
    history: Vec<LastPoll>,
    found: Found,
}

/// What a walk has found.
#[derive(Default)]
struct Found {
    sequences: u64,
    /// The first sequence of each kind of disagreement.
    wrong: BTreeMap<String, String>,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.sequences += other.sequences;
        self.wrong.extend(other.wrong);
    }
}

/// What the code carries along.
#[derive(Clone, Copy, Default)]
struct Code {
    past: PollHistory,
    row: Row,
}

impl<'a> Walk<'a> {
    fn new(model: &'a Model, goal: Goal, limit: KeyLimit) -> Self {
        Self {
            model,
            terms: Terms::new(goal, MAX_OFFSET, limit),
            condition: Condition {
                goal,
                max_offset: MAX_OFFSET,
                max_missing_keys: limit,
            },
            history: Vec::new(),
            found: Found::default(),
        }
    }

    /// One more reading, for both. `None` where the wait has ended, or where they disagree.
    fn step(&mut self, code: Code, item: &Item, after_hole: bool) -> Option<Code> {
        self.found.sequences += 1;
        let check = self
            .condition
            .check(&item.reading, item.detail.as_ref(), code.past);
        let mut row = code.row;
        let restart = row.add(
            &item.reading,
            check == Check::Met,
            after_hole,
            code.past.keys,
            self.condition.max_missing_keys,
        );
        let judged = self
            .model
            .judge(self.terms, &self.history, &item.sight, after_hole);
        let said = (
            of_code(check),
            row.len(),
            check == Check::Met && !code.row.is_empty() && restart.is_some(),
        );
        let expected = (of_model(judged.says), judged.row, judged.is_restart);
        if said != expected {
            let kind = format!(
                "{}: contract {expected:?}, code {said:?}",
                self.condition.goal
            );
            if let Entry::Vacant(entry) = self.found.wrong.entry(kind) {
                let past: Vec<_> = self
                    .history
                    .iter()
                    .map(|seen| (in_words(&seen.sight), seen.judged))
                    .collect();
                entry.insert(format!(
                    "{} [hole: {after_hole}, {check:?}] after {past:?}",
                    in_words(&item.sight)
                ));
            }
            return None;
        }
        if matches!(check, Check::Failed(_)) {
            return None;
        }
        self.history.push(LastPoll {
            sight: item.sight,
            judged: Some(judged),
        });
        Some(Code {
            past: code.past.after(&item.reading, check),
            row,
        })
    }

    /// Every sequence of up to `depth` more classes; of each class another member each time.
    fn tree(&mut self, code: Code, classes: &[Class], depth: usize) {
        for class in classes {
            self.branch(code, class, classes, depth);
        }
    }

    fn branch(&mut self, code: Code, class: &Class, classes: &[Class], depth: usize) {
        let turn = usize::try_from(self.found.sequences).unwrap_or(0) % class.members.len();
        let Some(next) = self.step(code, &class.members[turn], class.after_hole) else {
            return;
        };
        if 1 < depth {
            self.tree(next, classes, depth - 1);
        }
        self.history.pop();
    }
}

/// Readings that the tables do not tell apart.
struct Class {
    members: Vec<Item>,
    after_hole: bool,
}

/// What both of them can say: the code says more exactly why it waits.
fn of_code(check: Check) -> Says {
    match check {
        Check::Met => Says::Ready,
        Check::NotYet(
            Missing::KeysMissing | Missing::Unconfirmed(UnconfirmedFailure::KeysMissing),
        ) => Says::WaitFor(Kind::KeysMissing),
        Check::NotYet(Missing::Emptied(Side::Source)) => Says::WaitFor(Kind::SourceEmptied),
        Check::NotYet(Missing::Emptied(Side::Target)) => Says::WaitFor(Kind::TargetEmptied),
        Check::NotYet(_) => Says::Wait,
        Check::Failed(failure) => Says::Failed(model::kind(failure)),
    }
}

fn of_model(says: Says) -> Says {
    match says {
        Says::Thrice(Kind::KeysMissing) => Says::WaitFor(Kind::KeysMissing),
        Says::Thrice(_) => Says::Wait,
        Says::Ready | Says::Wait | Says::WaitFor(_) | Says::Failed(_) => says,
    }
}

fn in_words(sight: &Sight) -> String {
    let words = [
        (model::MIGRATING, sight.migrating),
        (model::OFFSETS, sight.offset),
        (model::PROGRESS, sight.progress),
        (model::STATUSES, sight.status),
        (model::METHODS, sight.method),
        (model::SWITCHES, sight.switch),
    ];
    let words: Vec<_> = words
        .iter()
        .map(|&((name, values), at)| format!("{name}={}", values[at]))
        .collect();
    format!(
        "{} keys={:?}/{:?}",
        words.join(" "),
        sight.source,
        sight.target
    )
}

fn detail(status: &str, task_status: Option<&str>, method: Option<&str>) -> Detail {
    Detail {
        status: Status::parse(status),
        task_status: task_status.map(str::to_owned),
        migration_method: method.map(str::to_owned),
    }
}

fn item(model: &Model, reading: Reading, detail: Option<Detail>) -> Item {
    let sight = model.sight(
        Terms::new(Goal::Completed, MAX_OFFSET, TEN_PERCENT),
        &reading,
        detail.as_ref(),
    );
    Item {
        reading,
        detail,
        sight,
    }
}

/// One word of each class, no status, and each with every word of an IP switch and both methods.
fn details(model: &Model) -> Vec<Option<Detail>> {
    let mut words: BTreeMap<usize, &str> = model
        .words()
        .map(|word| (model.status(word), word))
        .collect();
    words.insert(model.status("SUCCESSFUL"), "SUCCESSFUL");
    assert_eq!(
        words.len(),
        model::STATUSES.1.len() - 1,
        "a word of each class"
    );
    let switches = [
        None,
        Some("EXCHANGING"),
        Some("EXCHANGE_SUCCESS"),
        Some("ROLLBACK_SUCCESS"),
        Some("EXCHANGE_FAILED"),
    ];
    let methods = &[Some("full_amount_migration"), Some("incremental_migration")];
    let of = |word: &str| {
        let pairs = switches
            .iter()
            .flat_map(|switch| methods.iter().map(move |method| (*switch, *method)));
        pairs
            .map(|(switch, method)| Some(detail(word, switch, method)))
            .collect::<Vec<_>>()
    };
    let all: Vec<Option<Detail>> = words.values().flat_map(|word| of(word)).collect();
    [vec![None], all].concat()
}

/// Every cell of the product of a reading and its status, with these counts.
fn cells(model: &Model, counts: &[(Option<i64>, Option<i64>)]) -> Vec<Item> {
    let details = details(model);
    let migrating = [Some(true), Some(false), None];
    let offsets = [
        Some(0),
        Some(MAX_OFFSET),
        Some(MAX_OFFSET + 1),
        Some(-1),
        None,
    ];
    let progress = [Some(100.0), Some(99.999_999), None];
    let cell = |at: Vec<usize>| {
        let (source_dbsize, target_dbsize) = counts[at[4]];
        let reading = Reading {
            is_migrating: migrating[at[0]],
            offset: offsets[at[1]],
            full_migration_progress: progress[at[2]],
            source_dbsize,
            target_dbsize,
            ..Reading::default()
        };
        item(model, reading, details[at[3]].clone())
    };
    product(&[3, 5, 3, details.len(), counts.len()])
        .map(cell)
        .collect()
}

/// Pasts that make a difference, each a few readings long: is_migrating, offset, progress, status, source, target.
type Sketch = (
    Option<bool>,
    Option<i64>,
    Option<f64>,
    Option<&'static str>,
    i64,
    i64,
);

const PASTS: &[&[Sketch]] = {
    const COPYING: Sketch = (Some(true), None, Some(40.0), None, 5000, 2000);
    const COPIED: Sketch = (Some(true), Some(7000), Some(100.0), None, 5000, 5000);
    const IN_SYNC: Sketch = (
        Some(true),
        Some(0),
        Some(100.0),
        Some("INCRMIGEATING"),
        5000,
        5000,
    );
    const ENDED: Sketch = (Some(false), Some(0), Some(100.0), None, 5000, 5000);
    const SHORT: Sketch = (Some(false), Some(0), Some(40.0), None, 5000, 2000);
    const OUT_OF_SYNC: Sketch = (Some(false), Some(7000), Some(100.0), None, 5000, 5000);
    const KEYS_MISSING: Sketch = (Some(false), Some(0), Some(100.0), None, 5000, 10);
    const SOURCE_EMPTIED: Sketch = (Some(true), Some(0), Some(100.0), None, 0, 5000);
    const SOURCE_EMPTIED_UNSEEN: Sketch = (None, Some(0), Some(100.0), None, 0, 5000);
    const TARGET_EMPTIED: Sketch = (None, Some(0), Some(100.0), None, 5000, 0);
    &[
        &[],
        &[COPYING],
        &[COPIED],
        &[IN_SYNC, IN_SYNC],
        &[ENDED],
        &[SHORT, SHORT],
        &[COPYING, SHORT, SHORT],
        &[COPIED, OUT_OF_SYNC, OUT_OF_SYNC],
        &[IN_SYNC, ENDED, ENDED],
        &[KEYS_MISSING, KEYS_MISSING],
        &[IN_SYNC, SOURCE_EMPTIED],
        &[ENDED, SOURCE_EMPTIED_UNSEEN],
        &[COPIED, TARGET_EMPTIED],
    ]
};

/// Cells that the tables do not tell apart for a goal, whatever the progress was before.
fn classes(model: &Model, terms: Terms) -> Vec<Vec<Item>> {
    let mut classes: BTreeMap<_, Vec<Item>> = BTreeMap::new();
    for item in cells(model, &COUNTS[..1]) {
        let sight = &item.sight;
        let known = [0, 1, 2].map(|known| {
            if sight.progress == 2 {
                known
            } else {
                sight.progress
            }
        });
        let says = known.map(|progress| model.alone(terms, sight, progress));
        classes
            .entry((sight.migrating, sight.progress, says))
            .or_default()
            .push(item);
    }
    classes.into_values().collect()
}

fn with_counts(
    classes: &[Vec<Item>],
    counts: &[(Option<i64>, Option<i64>)],
    holes: &[bool],
) -> Vec<Class> {
    let one = |class: &Vec<Item>, (source, target): (Option<i64>, Option<i64>), after_hole| {
        let counted = class.iter().cloned().map(|mut item| {
            (item.reading.source_dbsize, item.reading.target_dbsize) = (source, target);
            (item.sight.source, item.sight.target) = (source, target);
            item
        });
        Class {
            members: counted.collect(),
            after_hole,
        }
    };
    let mut all = Vec::new();
    for class in classes {
        for &counts in counts {
            all.extend(holes.iter().map(|&hole| one(class, counts, hole)));
        }
    }
    all
}

/// Runs every job on as many threads as there are processors.
fn in_parallel(jobs: &[Box<dyn Fn() -> Found + Sync + '_>]) -> Found {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut found = Found::default();
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.add(job());
        }
        found
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let mut all = Found::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        for worker in workers {
            all.add(worker.join().expect("a walk does not panic"));
        }
    });
    all
}

fn assert_agreement(found: &Found) {
    let wrong: Vec<_> = found
        .wrong
        .iter()
        .map(|(kind, first)| format!("{kind}\n    {first}"))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} kinds of disagreement:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn tables_have_no_unreached_row() {
    assert_eq!(Model::read().unreached, []);
}

/// The walks use one word of each class; here every word is held against the tables of words.
#[test]
fn words_have_their_class() {
    let model = Model::read();
    let by_class = |word: &str| format!("{:?}", Status::parse(word).class());
    let named = |word: &str| model::STATUSES.1[model.status(word)].replace('-', "");
    for word in model
        .words()
        .chain(["", "success", "SUCCESSFUL", "STOPPED", "EXCHANGING"])
    {
        assert_eq!(by_class(word).to_lowercase(), named(word), "{word}");
    }
    for word in [
        "",
        " ",
        "EXCHANGING",
        "EXCHANGE_SUCCESS",
        "ROLLBACK_SUCCESS",
        "exchanging",
        "EXCHANGE_FAILED",
        "null",
    ] {
        let code = format!("{:?}", detail("SUCCESS", Some(word), None).ip_switch()).to_lowercase();
        assert_eq!(
            code,
            model::SWITCHES.1[model.switch(Some(word))].replace('-', ""),
            "{word}"
        );
    }
}

#[test]
fn offsets_are_compared_at_their_edges() {
    let model = Model::read();
    for max_offset in [0, 1, 100, i64::MAX] {
        for offset in [i64::MIN, -1, 0, 1, 2, 99, 100, 101, i64::MAX - 1, i64::MAX] {
            let (terms, reading) = (
                Terms::new(Goal::Completed, max_offset, TEN_PERCENT),
                Reading {
                    is_migrating: Some(false),
                    offset: Some(offset),
                    ..Reading::default()
                },
            );
            let condition = Condition {
                goal: Goal::Completed,
                max_offset,
                max_missing_keys: TEN_PERCENT,
            };
            let sight = model.sight(terms, &reading, None);
            let expected = of_model(model.judge(terms, &[], &sight, false).says);
            let said = of_code(condition.check(&reading, None, PollHistory::default()));
            assert_eq!(said, expected, "offset {offset}, max-offset {max_offset}");
        }
    }
}

#[test]
fn limits_of_keys_are_exact() {
    let model = Model::read();
    let counts = [
        0,
        1,
        9,
        10,
        11,
        500,
        501,
        999,
        1000,
        1001,
        1 << 53,
        i64::MAX - 1,
        i64::MAX,
    ];
    let limits = [0, 1, 99_999, 100_000, 500_000, 1_000_000].map(KeyLimit::Share);
    let numbers = [0, 1, 500, u64::MAX].map(KeyLimit::Keys);
    for limit in limits.into_iter().chain(numbers).chain([KeyLimit::Off]) {
        let condition = Condition {
            goal: Goal::Completed,
            max_offset: 0,
            max_missing_keys: limit,
        };
        for (source, target) in counts
            .iter()
            .flat_map(|source| counts.iter().map(move |target| (*source, *target)))
        {
            let reading = Reading {
                is_migrating: Some(false),
                offset: Some(0),
                source_dbsize: Some(source),
                target_dbsize: Some(target),
                ..Reading::default()
            };
            let terms = Terms::new(Goal::Completed, 0, limit);
            let sight = model.sight(terms, &reading, None);
            let expected = of_model(model.judge(terms, &[], &sight, false).says);
            let said = of_code(condition.check(&reading, None, PollHistory::default()));
            assert_eq!(
                said, expected,
                "{source} keys and {target}, limit {limit:?}"
            );
        }
    }
}

/// Every sequence of classes, so deep: without counts, with some counts, and the counts alone with holes between.
fn trees(model: &Model) -> Vec<(Goal, KeyLimit, Vec<Class>, usize)> {
    let mut trees = Vec::new();
    for goal in Goal::ALL {
        let terms = Terms::new(goal, MAX_OFFSET, TEN_PERCENT);
        let classes = classes(model, terms);
        let ready = |item: &Item| model.alone(terms, &item.sight, 0) == Says::Ready;
        let ready: Vec<_> = classes
            .iter()
            .filter(|class| class.iter().all(ready))
            .cloned()
            .collect();
        trees.push((
            goal,
            TEN_PERCENT,
            with_counts(&classes, &COUNTS[..1], &[false]),
            4,
        ));
        let some = [
            COUNTS[0], COUNTS[2], COUNTS[3], COUNTS[4], COUNTS[7], COUNTS[14],
        ];
        trees.push((goal, TEN_PERCENT, with_counts(&classes, &some, &[false]), 2));
        for limit in LIMITS {
            trees.push((goal, limit, with_counts(&ready, &COUNTS, &[false, true]), 2));
        }
        trees.push((
            goal,
            TEN_PERCENT,
            with_counts(&ready[..1], &COUNTS, &[false]),
            5,
        ));
    }
    trees
}

#[test]
fn readings_are_judged_as_the_model() {
    let model = &Model::read();
    let all_cells = &cells(model, &COUNTS);
    let trees = trees(model);
    let mut jobs: Vec<Box<dyn Fn() -> Found + Sync>> = Vec::new();

    // Every cell behind every past.
    for (goal, past) in Goal::ALL
        .into_iter()
        .flat_map(|goal| PASTS.iter().map(move |past| (goal, past)))
    {
        jobs.push(Box::new(move || {
            let mut walk = Walk::new(model, goal, TEN_PERCENT);
            let mut code = Code::default();
            for &(is_migrating, offset, full_migration_progress, word, source, target) in *past {
                let reading = Reading {
                    is_migrating,
                    offset,
                    full_migration_progress,
                    source_dbsize: Some(source),
                    target_dbsize: Some(target),
                    ..Reading::default()
                };
                let step = item(model, reading, word.map(|word| detail(word, None, None)));
                let Some(next) = walk.step(code, &step, false) else {
                    return walk.found;
                };
                code = next;
            }
            for cell in all_cells {
                if walk.step(code, cell, false).is_some() {
                    walk.history.pop();
                }
            }
            walk.found
        }));
    }

    // Every tree, a branch at a time.
    let deeper = std::env::var("DCS_PROOF_DEPTH")
        .ok()
        .and_then(|depth| depth.parse().ok())
        .unwrap_or(0);
    for (goal, limit, classes, depth) in &trees {
        for class in classes {
            jobs.push(Box::new(move || {
                let mut walk = Walk::new(model, *goal, *limit);
                walk.branch(Code::default(), class, classes, *depth + deeper);
                walk.found
            }));
        }
    }
    let found = in_parallel(&jobs);
    println!("{} sequences of readings", found.sequences);
    assert_agreement(&found);
    assert!(
        ENOUGH <= found.sequences,
        "{} sequences are not enough",
        found.sequences
    );
}
