//! What is true at one moment: how far the task is, and how many keys the two instances hold.

use super::course::{Leg, Loss, Switch, Traffic, Writes};

/// The numbers behind a frame.
#[derive(Debug, Default)]
pub(super) struct Moment {
    pub(super) status: &'static str,
    pub(super) switch: Switch,
    pub(super) is_migrating: bool,
    pub(super) percent: Option<f64>,
    pub(super) offset: Option<i64>,
    pub(super) source_keys: Option<i64>,
    pub(super) target_keys: Option<i64>,
    pub(super) kbps: Option<i64>,
    pub(super) ops: Option<i64>,
}

impl Moment {
    /// `start` of the leg and `now` in seconds from the start of the task. `keys` have come as far as the leg's start;
    /// they come along.
    pub(super) fn of(leg: &Leg, start: u64, now: f64, keys: &mut Keys) -> Self {
        let (start, until) = (start as f64, leg.until as f64);
        let share = ((now - start) / (until - start)).clamp(0.0, 1.0);
        let percent = leg
            .percent
            .map(|(from, to)| from + (to - from) * uneven(share));
        let offset = leg.offset.map(|(from, to)| between(from, to, share));
        let mut moment = Self {
            status: leg.status,
            switch: leg.switch,
            is_migrating: leg.is_migrating,
            ..Self::default()
        };
        (moment.percent, moment.offset) = (percent, offset);
        let at = now.max(start).min(until);
        keys.pass(leg, start, at);
        let Some(percent) = percent else {
            return moment;
        };

        let target = match offset {
            Some(offset) if leg.traffic != Traffic::Copy && percent >= 100.0 => {
                keys.replicated(offset)
            }
            Some(_) | None => keys.copied(percent),
        };
        let (kbps, ops) = match leg.traffic {
            Traffic::None => (0, 0),
            Traffic::Copy => (46_500 + noise(at, 1, 5_200), 41_200 + noise(at, 2, 6_300)),
            Traffic::Follow => (44 + noise(at, 1, 17), 4_900 + noise(at, 2, 700)),
            Traffic::Burst => (870 + noise(at, 1, 240), 23_700 + noise(at, 2, 4_100)),
        };
        moment.source_keys = Some(keys.source() as i64);
        moment.target_keys = Some(target as i64);
        moment.kbps = Some(kbps);
        moment.ops = Some(ops);
        moment
    }
}

/// What happened to the keys so far. Times are in seconds.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// What the source holds without the writes.
    before: f64,
    /// How long applications have written to the source.
    written: f64,
    /// How much of that the target was sent.
    sent: f64,
    /// How long applications have written to the target.
    own: f64,
    /// How many keys the target held when it lost them.
    lost: f64,
    /// When the task last migrated: what it has sent stays as it was then.
    migrated_at: f64,
}

/// How many new keys the applications write in a second.
const NEW_KEYS: f64 = 0.35;

impl Keys {
    pub(super) fn new(source: f64) -> Self {
        Self {
            before: source,
            ..Self::default()
        }
    }

    /// A leg begins with a loss; `target` is what the target held.
    pub(super) fn lose(&mut self, loss: Loss, target: Option<i64>) {
        match loss {
            Loss::None => {}
            Loss::Target => self.lost += target.unwrap_or_default() as f64,
            Loss::Source => {
                *self = Self {
                    migrated_at: self.migrated_at,
                    ..Self::default()
                }
            }
        }
    }

    fn pass(&mut self, leg: &Leg, start: f64, at: f64) {
        match leg.writes {
            Writes::Source => self.written += at - start,
            Writes::Target => self.own += at - start,
            Writes::Nobody => {}
        }
        if leg.is_migrating {
            self.sent = self.written;
            self.migrated_at = at;
        }
    }

    fn source(&self) -> f64 {
        self.before + (self.written * NEW_KEYS).floor()
    }

    /// While the data set is copied.
    fn copied(&self, percent: f64) -> f64 {
        (self.before + (self.sent * NEW_KEYS).floor()) * percent / 100.0 * 0.9998
    }

    /// Afterwards: some keys expire on the way; the rest of what is missing has not arrived yet.
    fn replicated(&self, offset: i64) -> f64 {
        let expired = 3.0 + noise(self.migrated_at, 0, 9) as f64;
        let sent = self.before + (self.sent * NEW_KEYS).floor()
            - expired
            - (offset / 150) as f64
            - self.lost;
        sent.max(0.0) + (self.own * NEW_KEYS).floor()
    }
}

/// A full copy is not quite even; never backwards.
fn uneven(share: f64) -> f64 {
    share + 0.03 * (share * std::f64::consts::TAU).sin()
}

/// An offset grows evenly and drains like a queue: fast first, slowly at the end.
fn between(from: i64, to: i64, share: f64) -> i64 {
    let (start, end) = (from as f64, to as f64);
    let rest = if from > to {
        let floor = (-6.0_f64).exp();
        ((-6.0 * share).exp() - floor) / (1.0 - floor)
    } else {
        1.0 - share
    };
    (end + (start - end) * rest).round() as i64
}

/// A number under `below` that looks random, the same for the same five seconds.
fn noise(at: f64, series: u64, below: i64) -> i64 {
    let seed = (at / 5.0) as u64 * 4 + series;
    let mixed = (seed ^ (seed >> 7))
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        >> 33;
    (mixed % below.unsigned_abs().max(1)) as i64
}
