//! The state of a task at one moment: how far it is, and how many keys the two instances hold.

use super::stage::{Loss, Stage, Traffic, Writes};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) stage: Stage,
    pub(super) percent: Option<f64>,
    pub(super) offset: Option<i64>,
    /// Unknown until a full sync has started.
    pub(super) counts: Option<Counts>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) source_keys: i64,
    pub(super) target_keys: i64,
    pub(super) kbps: i64,
    pub(super) ops: i64,
}

impl State {
    /// The state in the middle of a stage. `start` and `now` are seconds from the start of the task. `keys` are those at
    /// `start`; they are moved on to `now`.
    pub(super) fn of(stage: &Stage, start: u64, now: f64, keys: &mut KeyCounts) -> Self {
        let (start, until) = (start as f64, stage.until as f64);
        let share = ((now - start) / (until - start)).clamp(0.0, 1.0);
        let percent = stage
            .percent
            .map(|(from, to)| from + (to - from) * uneven(share));
        let offset = stage.offset.map(|(from, to)| offset_at(from, to, share));
        let at = now.max(start).min(until);
        keys.advance(stage, start, at);
        let counts = percent.map(|percent| {
            let target = match offset {
                Some(offset) if stage.traffic != Traffic::FullSync && percent >= 100.0 => {
                    keys.replicated(offset)
                }
                Some(_) | None => keys.copied(percent),
            };
            let (kbps, ops) = match stage.traffic {
                Traffic::None => (0, 0),
                Traffic::FullSync => (46_500 + noise(at, 1, 5_200), 41_200 + noise(at, 2, 6_300)),
                Traffic::Usual => (44 + noise(at, 1, 17), 4_900 + noise(at, 2, 700)),
                Traffic::Burst => (870 + noise(at, 1, 240), 23_700 + noise(at, 2, 4_100)),
            };
            Counts {
                source_keys: keys.source() as i64,
                target_keys: target as i64,
                kbps,
                ops,
            }
        });
        Self {
            stage: *stage,
            percent,
            offset,
            counts,
        }
    }
}

/// What happened to the keys so far. Times are in seconds.
#[derive(Debug, Default)]
pub(super) struct KeyCounts {
    /// Keys in the source without the new ones.
    at_start: f64,
    /// How long applications have written to the source.
    source_writes: f64,
    /// How much of that was sent to the target.
    sent_writes: f64,
    /// How long applications have written to the target.
    target_writes: f64,
    /// Keys that the target has lost.
    lost: f64,
    /// When the task last migrated: what it has sent does not change afterwards.
    migrated_at: f64,
}

/// How many new keys the applications write in a number of seconds.
fn new_keys(seconds: f64) -> f64 {
    (seconds * 0.35).floor()
}

impl KeyCounts {
    pub(super) fn new(source: f64) -> Self {
        Self {
            at_start: source,
            ..Self::default()
        }
    }

    /// A stage begins with a loss. `before` is the state until then.
    pub(super) fn lose(&mut self, loss: Loss, before: &State) {
        match loss {
            Loss::None => {}
            Loss::Target => {
                self.lost += before
                    .counts
                    .map_or(0.0, |counts| counts.target_keys as f64);
            }
            Loss::Source => {
                *self = Self {
                    migrated_at: self.migrated_at,
                    ..Self::default()
                }
            }
        }
    }

    fn advance(&mut self, stage: &Stage, from: f64, to: f64) {
        match stage.writes {
            Writes::Source => self.source_writes += to - from,
            Writes::Target => self.target_writes += to - from,
            Writes::None => {}
        }
        if stage.is_migrating {
            self.sent_writes = self.source_writes;
            self.migrated_at = to;
        }
    }

    fn source(&self) -> f64 {
        self.at_start + new_keys(self.source_writes)
    }

    fn sent(&self) -> f64 {
        self.at_start + new_keys(self.sent_writes)
    }

    /// Keys in the target during a full sync.
    fn copied(&self, percent: f64) -> f64 {
        self.sent() * percent / 100.0 * 0.9998
    }

    /// Keys in the target afterwards: some have expired, and those behind the offset have not arrived yet.
    fn replicated(&self, offset: i64) -> f64 {
        let expired = 3.0 + noise(self.migrated_at, 0, 9) as f64;
        let arrived = self.sent() - expired - (offset / 150) as f64 - self.lost;
        arrived.max(0.0) + new_keys(self.target_writes)
    }
}

/// The progress of a full sync: not quite even, and never backwards.
fn uneven(share: f64) -> f64 {
    share + 0.03 * (share * std::f64::consts::TAU).sin()
}

/// An offset grows evenly, and drains fast at first and slowly at the end.
fn offset_at(from: i64, to: i64, share: f64) -> i64 {
    let (start, end) = (from as f64, to as f64);
    let rest = if from > to {
        let floor = (-6.0_f64).exp();
        ((-6.0 * share).exp() - floor) / (1.0 - floor)
    } else {
        1.0 - share
    };
    (end + (start - end) * rest).round() as i64
}

/// A number below `below` that seems random, the same for the same five seconds.
fn noise(at: f64, series: u64, below: i64) -> i64 {
    let seed = (at / 5.0) as u64 * 4 + series;
    let mixed = (seed ^ (seed >> 7))
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        >> 33;
    (mixed % below.unsigned_abs().max(1)) as i64
}
