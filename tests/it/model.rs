//! The contract's verdict a second time: tables of rows in files, of which the first that fits decides.
//!
//! The tables (`model/*.tbl`) are the statement; this file reads them and derives from a history of readings what their
//! columns ask for. Nothing here comes from the code under test but the types of its inputs. Nothing is carried along,
//! either: each judgement is made from the whole history, so that no counter of ours can share a fault with one of theirs.

use dcs_migration_wait::domain::{Detail, Failure, Goal, KeyLimit, Reading};

/// One column that a row is chosen by: its name and its values.
type Column = (&'static str, &'static [&'static str]);

pub(crate) const GOALS: Column = ("goal", &["completed", "in-sync", "full-sync", "switched"]);
pub(crate) const MIGRATING: Column = ("is_migrating", &["true", "false", "unknown"]);
pub(crate) const OFFSETS: Column = ("offset", &["zero", "within", "over", "negative", "unknown"]);
pub(crate) const PROGRESS: Column = ("progress", &["done", "under", "unknown"]);
pub(crate) const STATUSES: Column = (
    "status",
    &[
        "not-started",
        "full-sync",
        "migrating",
        "incremental",
        "stopping",
        "stopped",
        "succeeded",
        "failed",
        "released",
        "deleted",
        "unknown",
        "not-known",
    ],
);
pub(crate) const METHODS: Column = ("method", &["full", "other"]);
pub(crate) const SWITCHES: Column = (
    "task_status",
    &["none", "switching", "switched", "rolled-back", "unknown"],
);

const TRUE: usize = 0;
const FALSE: usize = 1;
const UNKNOWN_MIGRATING: usize = 2;
const UNKNOWN_PROGRESS: usize = 2;
const STOPPED: usize = 5;
const NOT_KNOWN: usize = 11;

/// A table of which the first row that fits decides.
pub(crate) struct Table {
    rows: Vec<Row>,
}

struct Row {
    /// For each column that the row is chosen by: the values that fit.
    fits: Vec<Vec<bool>>,
    /// The other columns.
    says: Vec<String>,
}

impl Table {
    /// Reads a table whose first columns are `columns`.
    pub(crate) fn parse(text: &str, columns: &[Column]) -> Self {
        let mut lines = text
            .lines()
            .filter(|line| line.starts_with('|') && !line.starts_with("|-"))
            .map(cells);
        let head = lines.next().expect("a table has a head");
        let names: Vec<&str> = columns.iter().map(|&(name, _)| name).collect();
        assert_eq!(head[..names.len()], names, "the columns of a table");
        let row = |cells: Vec<&str>| {
            assert_eq!(cells.len(), head.len(), "a row has every column: {cells:?}");
            let fits = std::iter::zip(&cells, columns)
                .map(|(cell, &(name, values))| fitting(cell, name, values));
            Row {
                fits: fits.collect(),
                says: cells[columns.len()..]
                    .iter()
                    .map(|&cell| cell.to_owned())
                    .collect(),
            }
        };
        Self {
            rows: lines.map(row).collect(),
        }
    }

    /// The first row that fits, and what it says.
    pub(crate) fn first(&self, values: &[usize]) -> (usize, &[String]) {
        let fits = |row: &&Row| std::iter::zip(&row.fits, values).all(|(fits, &value)| fits[value]);
        let at = self
            .rows
            .iter()
            .position(|row| fits(&row))
            .unwrap_or_else(|| panic!("no row fits {values:?}"));
        (at, &self.rows[at].says)
    }

    /// How many rows it has.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.trim()
        .trim_matches('|')
        .split('|')
        .map(str::trim)
        .collect()
}

/// Which of `values` a cell names.
fn fitting(cell: &str, name: &str, values: &[&str]) -> Vec<bool> {
    if cell == "*" {
        return vec![true; values.len()];
    }
    let named: Vec<&str> = cell.split(',').collect();
    for word in &named {
        assert!(values.contains(word), "`{word}` is no value of `{name}`");
    }
    values.iter().map(|value| named.contains(value)).collect()
}

fn value(word: &str, column: Column) -> usize {
    let (name, values) = column;
    values
        .iter()
        .position(|&value| value == word)
        .unwrap_or_else(|| panic!("`{word}` is no value of `{name}`"))
}

/// What a row of a table, or the model as a whole, says of one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Says {
    Ready,
    Wait,
    /// Wait for a reason that the summary has to give.
    WaitFor(Kind),
    /// Wait; failed once enough readings in a row say so.
    Thrice(Kind),
    Failed(Kind),
}

/// Why a wait fails, or waits although the tables of the verdict would end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    TaskFailed,
    TaskDeleted,
    Short,
    OutOfSync,
    InSyncOver,
    AlreadySwitched,
    RolledBack,
    KeysMissing,
    TargetEmptied,
    SourceEmptied,
}

/// The words of the tables for what the code calls by names of its own.
pub(crate) fn kind(failure: Failure) -> Kind {
    match failure {
        Failure::TaskFailed => Kind::TaskFailed,
        Failure::TaskDeleted => Kind::TaskDeleted,
        Failure::StoppedShort => Kind::Short,
        Failure::StoppedOutOfSync => Kind::OutOfSync,
        Failure::StoppedBeforeInSync => Kind::InSyncOver,
        Failure::AlreadySwitched => Kind::AlreadySwitched,
        Failure::RolledBack => Kind::RolledBack,
        Failure::KeysMissing => Kind::KeysMissing,
    }
}

impl Says {
    fn parse(text: &str) -> Self {
        let kind = |word: &str| match word {
            "task-failed" => Kind::TaskFailed,
            "task-deleted" => Kind::TaskDeleted,
            "short" => Kind::Short,
            "out-of-sync" => Kind::OutOfSync,
            "in-sync-over" => Kind::InSyncOver,
            "already-switched" => Kind::AlreadySwitched,
            "rolled-back" => Kind::RolledBack,
            "keys-missing" => Kind::KeysMissing,
            "target-emptied" => Kind::TargetEmptied,
            "source-emptied" => Kind::SourceEmptied,
            other => panic!("`{other}` is no kind of end"),
        };
        match text.split_once(' ') {
            None if text == "ready" => Self::Ready,
            None if text == "wait" => Self::Wait,
            Some(("wait", why)) => why
                .strip_suffix("*3")
                .map_or_else(|| Self::WaitFor(kind(why)), |why| Self::Thrice(kind(why))),
            Some(("failed", why)) => Self::Failed(kind(why)),
            _ => panic!("`{text}` is no verdict"),
        }
    }
}

/// One reading and its status, in the classes of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) migrating: usize,
    pub(crate) offset: usize,
    pub(crate) progress: usize,
    pub(crate) status: usize,
    pub(crate) method: usize,
    pub(crate) switch: usize,
    pub(crate) source: Option<i64>,
    pub(crate) target: Option<i64>,
}

/// A reading of the past.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastPoll {
    pub(crate) sight: Sight,
    /// What was said of it; `None` where its status was missing, so that it was not judged.
    pub(crate) judged: Option<Judgement>,
}

/// What the model says of a reading after all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) says: Says,
    /// Readings in the row of `stable-polls`, this one included.
    pub(crate) row: u32,
    /// Whether the row begins with this reading although it is ready and the one before was, too.
    pub(crate) is_restart: bool,
}

/// What the user asked for, as far as a verdict needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    goal: usize,
    max_offset: i64,
    limit: KeyLimit,
}

impl Terms {
    pub(crate) fn new(goal: Goal, max_offset: i64, limit: KeyLimit) -> Self {
        Self {
            goal: value(goal.as_str(), GOALS),
            max_offset,
            limit,
        }
    }
}

/// All tables.
pub(crate) struct Model {
    words: Vec<(String, usize)>,
    switch_words: Vec<(String, usize)>,
    /// verdict.tbl bounded by ip_switch.tbl, for every cell of their product.
    cells: Vec<Says>,
    /// keys.tbl and row.tbl, likewise.
    keys: Vec<Says>,
    rows: Vec<RowSays>,
    /// Rows of each table that no value reaches.
    pub(crate) unreached: Vec<(&'static str, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowSays {
    Nothing,
    First,
    Next,
}

const LIMITS: Column = ("limit", &["on", "off"]);
const YES_NO: &[&str] = &["no", "yes"];
const KEPT: &[&str] = &["kept", "emptied"];

impl Model {
    pub(crate) fn read() -> Self {
        let words = |text, column: Column| {
            let names = |line: &str| (cells(line)[0].to_owned(), cells(line)[1].to_owned());
            let lines: &str = text;
            let rows = lines
                .lines()
                .filter(|line| line.starts_with('|') && !line.starts_with("|-"))
                .skip(1)
                .map(names);
            rows.map(|(word, class)| (word, value(&class, column)))
                .collect::<Vec<_>>()
        };
        let verdict = Table::parse(
            include_str!("model/verdict.tbl"),
            &[GOALS, MIGRATING, OFFSETS, PROGRESS, STATUSES, METHODS],
        );
        let switch = Table::parse(include_str!("model/ip_switch.tbl"), &[SWITCHES, STATUSES]);
        let keys_columns = [
            LIMITS,
            ("target", KEPT),
            ("source", KEPT),
            MIGRATING,
            ("missing", &["fine", "over", "unknown"]),
        ];
        let keys = Table::parse(include_str!("model/keys.tbl"), &keys_columns);
        let row_columns = [
            ("reading", &["not", "ready"] as _),
            LIMITS,
            ("hole", YES_NO),
            ("halved", YES_NO),
            ("grows", YES_NO),
        ];
        let rows = Table::parse(include_str!("model/row.tbl"), &row_columns);

        let mut reached = Reached::default();
        let cells = product(&[4, 3, 5, 3, 12, 2, 5])
            .map(|cell| {
                let bare = |status| {
                    let (at, says) = verdict.first(&[&cell[..4], &[status, cell[5]]].concat());
                    (at, Says::parse(&says[0]))
                };
                let (at, above) = bare(cell[4]);
                reached.mark("verdict.tbl", at);
                if cell[4] == NOT_KNOWN {
                    return above;
                }
                let (at, says) = switch.first(&[cell[6], cell[4]]);
                reached.mark("ip_switch.tbl", at);
                match says[cell[0]].as_str() {
                    "above" => above,
                    "wait" if matches!(above, Says::Failed(_)) => above,
                    "wait" => Says::Wait,
                    "stopped" => bare(STOPPED).1,
                    "ready" if cell[1] == UNKNOWN_MIGRATING => Says::Wait,
                    other => Says::parse(other),
                }
            })
            .collect();
        let keys_cells = product(&[2, 2, 2, 3, 3])
            .map(|cell| {
                let (at, says) = keys.first(&cell);
                reached.mark("keys.tbl", at);
                Says::parse(&says[0])
            })
            .collect();
        let rows_cells = product(&[2, 2, 2, 2, 2])
            .map(|cell| {
                let (at, says) = rows.first(&cell);
                reached.mark("row.tbl", at);
                match says[0].as_str() {
                    "nothing" => RowSays::Nothing,
                    "first" => RowSays::First,
                    "next" => RowSays::Next,
                    other => panic!("`{other}` says nothing about a row"),
                }
            })
            .collect();
        let tables = [
            ("verdict.tbl", &verdict),
            ("ip_switch.tbl", &switch),
            ("keys.tbl", &keys),
            ("row.tbl", &rows),
        ];
        let all = tables
            .iter()
            .flat_map(|&(name, table)| (0..table.len()).map(move |at| (name, at)));
        Self {
            words: words(include_str!("model/words.tbl"), STATUSES),
            switch_words: words(include_str!("model/task_status.tbl"), SWITCHES),
            cells,
            keys: keys_cells,
            rows: rows_cells,
            unreached: all.filter(|row| !reached.0.contains(row)).collect(),
        }
    }

    /// The class of a status word.
    pub(crate) fn status(&self, word: &str) -> usize {
        class(word, &self.words, STATUSES)
    }

    /// The class of a `task_status`.
    pub(crate) fn switch(&self, word: Option<&str>) -> usize {
        match word.unwrap_or_default().trim() {
            "" => 0,
            word => class(word, &self.switch_words, SWITCHES),
        }
    }

    /// The words of the tables with their classes.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|(word, _)| word.as_str())
    }

    /// A reading with the status that belongs to it, in classes.
    pub(crate) fn sight(&self, terms: Terms, reading: &Reading, detail: Option<&Detail>) -> Sight {
        let offset = match reading.offset {
            None => "unknown",
            Some(0) => "zero",
            Some(offset) if offset < 0 => "negative",
            Some(offset) if offset <= terms.max_offset => "within",
            Some(_) => "over",
        };
        let progress = match reading.full_migration_progress {
            None => "unknown",
            Some(percent) if 100.0 <= percent => "done",
            Some(_) => "under",
        };
        let is_full = detail.and_then(|detail| detail.migration_method.as_deref())
            == Some("full_amount_migration");
        Sight {
            migrating: reading
                .is_migrating
                .map_or(UNKNOWN_MIGRATING, |it| if it { TRUE } else { FALSE }),
            offset: value(offset, OFFSETS),
            progress: value(progress, PROGRESS),
            status: detail.map_or(NOT_KNOWN, |detail| self.status(detail.status.word())),
            method: usize::from(!is_full),
            switch: self.switch(detail.and_then(|detail| detail.task_status.as_deref())),
            source: reading.source_dbsize,
            target: reading.target_dbsize,
        }
    }

    /// What the tables say of one reading alone, its progress being `progress`.
    pub(crate) fn alone(&self, terms: Terms, sight: &Sight, progress: usize) -> Says {
        let Sight {
            migrating,
            offset,
            status,
            method,
            switch,
            ..
        } = *sight;
        self.cells[index(
            &[4, 3, 5, 3, 12, 2, 5],
            &[
                terms.goal, migrating, offset, progress, status, method, switch,
            ],
        )]
    }

    /// What the contract says of a reading after all others, before its row is counted.
    fn says(&self, terms: Terms, past: &[LastPoll], sight: &Sight) -> Says {
        let known = |progress: usize| (progress != UNKNOWN_PROGRESS).then_some(progress);
        let last_known = || {
            past.iter()
                .rev()
                .find_map(|seen| known(seen.sight.progress))
        };
        let progress = known(sight.progress)
            .or_else(last_known)
            .unwrap_or(UNKNOWN_PROGRESS);
        let limit = usize::from(terms.limit == KeyLimit::Off);
        let says = self.alone(terms, sight, progress);
        if says != Says::Ready {
            return says;
        }
        let target = usize::from(is_emptied(past, sight, |sight| (sight.target, true)));
        let source = usize::from(is_emptied(past, sight, |sight| {
            (sight.source, sight.migrating != FALSE)
        }));
        let missing = missing(sight).map_or(2, |missing| {
            usize::from(is_over(terms.limit, sight, missing))
        });
        self.keys[index(
            &[2, 2, 2, 3, 3],
            &[limit, target, source, sight.migrating, missing],
        )]
    }

    /// The row before a reading: that of the last judged one, unless there was one since that no status would have made
    /// ready.
    fn row_before(&self, terms: Terms, past: &[LastPoll]) -> u32 {
        for (at, seen) in past.iter().enumerate().rev() {
            if let Some(judged) = seen.judged {
                return judged.row;
            }
            let mut any = product(&[12, 2, 5]);
            let could_be_ready = any.any(|cell| {
                let sight = Sight {
                    status: cell[0],
                    method: cell[1],
                    switch: cell[2],
                    ..seen.sight
                };
                self.says(terms, &past[..at], &sight) == Says::Ready
            });
            if !could_be_ready {
                return 0;
            }
        }
        0
    }

    /// What the contract says of a reading after all others.
    pub(crate) fn judge(
        &self,
        terms: Terms,
        past: &[LastPoll],
        sight: &Sight,
        after_hole: bool,
    ) -> Judgement {
        let limit = usize::from(terms.limit == KeyLimit::Off);
        let mut says = self.says(terms, past, sight);
        if let Says::Thrice(kind) = says
            && is_believed(past, kind)
        {
            says = Says::Failed(kind);
        }
        let before = self.row_before(terms, past);
        let is_ready = says == Says::Ready;
        let halved = is_halved(past, sight, |sight| sight.source)
            || is_halved(past, sight, |sight| sight.target);
        let facts = [
            is_ready,
            limit == 1,
            after_hole,
            halved,
            is_ready && grows(past, sight, before),
        ]
        .map(usize::from);
        match self.rows[index(&[2, 2, 2, 2, 2], &facts)] {
            RowSays::Nothing => Judgement {
                says,
                row: 0,
                is_restart: false,
            },
            RowSays::First => Judgement {
                says,
                row: 1,
                is_restart: 0 < before,
            },
            RowSays::Next => Judgement {
                says,
                row: before + 1,
                is_restart: false,
            },
        }
    }
}

#[derive(Default)]
struct Reached(std::collections::BTreeSet<(&'static str, usize)>);

impl Reached {
    fn mark(&mut self, table: &'static str, row: usize) {
        self.0.insert((table, row));
    }
}

fn class(word: &str, words: &[(String, usize)], column: Column) -> usize {
    let named = words.iter().find(|(name, _)| name == word.trim());
    named.map_or_else(|| value("unknown", column), |&(_, class)| class)
}

/// Every combination of values of columns with so many values each, the last one fastest.
pub(crate) fn product(sizes: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    (0..sizes.iter().product()).map(|mut at: usize| {
        let mut cell: Vec<usize> = sizes
            .iter()
            .rev()
            .map(|size| (at % size, at /= size).0)
            .collect();
        cell.reverse();
        cell
    })
}

fn index(sizes: &[usize], cell: &[usize]) -> usize {
    std::iter::zip(sizes, cell).fold(0, |at, (size, value)| at * size + value)
}

/// Its count was over 0, then 0 in a reading that counts, and never over 0 since.
fn is_emptied(
    past: &[LastPoll],
    now: &Sight,
    count: impl Fn(&Sight) -> (Option<i64>, bool),
) -> bool {
    let mut is_zero = false;
    for sight in std::iter::once(now).chain(past.iter().rev().map(|seen| &seen.sight)) {
        match count(sight) {
            (Some(keys), _) if 0 < keys => return is_zero,
            (Some(0), true) => is_zero = true,
            _ => {}
        }
    }
    false
}

/// A count of 1,000 or more fell by more than half since it was last known, in this reading or in one that was not judged
/// before it.
fn is_halved(past: &[LastPoll], now: &Sight, count: impl Fn(&Sight) -> Option<i64>) -> bool {
    let mut newer = count(now);
    for seen in past.iter().rev() {
        let older = count(&seen.sight);
        if let (Some(older), Some(newer)) = (older, newer)
            && 1000 <= older
            && i128::from(newer) * 2 < i128::from(older)
        {
            return true;
        }
        if seen.judged.is_some() && older.is_some() {
            return false;
        }
        newer = older.or(newer);
    }
    false
}

fn missing(sight: &Sight) -> Option<i128> {
    Some(i128::from(sight.source?) - i128::from(sight.target?))
}

fn is_over(limit: KeyLimit, sight: &Sight, missing: i128) -> bool {
    match limit {
        KeyLimit::Off => false,
        KeyLimit::Keys(keys) => i128::from(keys) < missing,
        KeyLimit::Share(millionths) => {
            i128::from(sight.source.unwrap_or(0)) * i128::from(millionths) < missing * 1_000_000
        }
    }
}

/// `missing` grew in each of the `row` last judged readings and in this one, and by more than 1 % of the keys in all.
fn grows(past: &[LastPoll], now: &Sight, row: u32) -> bool {
    let mut newer = missing(now);
    for seen in past
        .iter()
        .rev()
        .filter(|seen| seen.judged.is_some())
        .take(row as usize)
    {
        let older = missing(&seen.sight);
        match (older, newer) {
            (Some(older), Some(newer)) if older < newer => {}
            _ => return false,
        }
        newer = older;
    }
    let (Some(first), Some(last), Some(source)) = (newer, missing(now), now.source) else {
        return false;
    };
    0 < row && i128::from(source) < (last - first) * 100
}

/// Two judged readings in a row said it before. But for missing keys, the task has to have been seen migrating.
fn is_believed(past: &[LastPoll], kind: Kind) -> bool {
    let mut newest = past.iter().rev().filter_map(|seen| seen.judged).take(2);
    let agree = [newest.next(), newest.next()]
        .iter()
        .all(|judged| judged.is_some_and(|judged| judged.says == Says::Thrice(kind)));
    agree && (kind == Kind::KeysMissing || past.iter().any(|seen| seen.sight.migrating == TRUE))
}
