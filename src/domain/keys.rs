//! Key counts of source and target: a second kind of evidence, which can only speak against a reading.
//!
//! Counts never make anything ready. Redis leaves expired keys where they are until it needs to delete them, so the two
//! sides differ even when all is well; what no expiry explains is decided here.

use super::reading::Reading;

/// The largest number of keys that the target may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyLimit {
    /// Keys are not compared.
    Off,
    /// So many keys.
    Keys(u64),
    /// A share of the source's keys, in millionths; at most 1,000,000.
    Share(u32),
}

impl KeyLimit {
    /// Whether the target lacks no more keys than that; `None` where both counts are not known, or not compared.
    pub fn allows(self, reading: &Reading) -> Option<bool> {
        let source = reading.source_dbsize?;
        let missing = missing(reading)?;
        match self {
            Self::Off => None,
            Self::Keys(most) => Some(missing <= i128::from(most)),
            Self::Share(millionths) => Some(
                missing.saturating_mul(1_000_000)
                    <= i128::from(source.max(0)) * i128::from(millionths),
            ),
        }
    }
}

impl Default for KeyLimit {
    /// 10 %: as much as Redis leaves of expired keys before it deletes them faster (`active-expire-effort` 1).
    fn default() -> Self {
        Self::Share(100_000)
    }
}

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The source.
    Source,
    /// The target.
    Target,
}

impl Side {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

/// What the counts say against a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Objection {
    /// This side held keys earlier in the wait, and holds none.
    Emptied(Side),
    /// The target lacks more keys than the limit allows.
    TooManyMissing,
}

/// The counts that were known so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyHistory {
    source: CountHistory,
    target: CountHistory,
}

/// One count, as far as it was known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct CountHistory {
    last: Option<i64>,
    was_positive: bool,
    /// It fell to zero, and no later count was over zero.
    emptied: bool,
}

impl CountHistory {
    fn after(self, count: Option<i64>, zero_counts: bool) -> Self {
        match count {
            None => self,
            Some(count) => Self {
                last: Some(count),
                was_positive: self.was_positive || count > 0,
                emptied: count <= 0 && (self.emptied || (self.was_positive && zero_counts)),
            },
        }
    }

    /// The count before and now, where it fell by more than half.
    fn halved(self, count: Option<i64>) -> Option<(i64, i64)> {
        /// Fewer keys come and go all the time.
        const LEAST: i64 = 1000;
        let (before, now) = self.last.zip(count)?;
        (before >= LEAST && i128::from(now) * 2 < i128::from(before)).then_some((before, now))
    }
}

impl KeyHistory {
    /// The history once `reading` belongs to it.
    pub(super) fn after(self, reading: &Reading) -> Self {
        Self {
            // Once a task has ended, its source may be emptied by its owner.
            source: self
                .source
                .after(reading.source_dbsize, reading.is_migrating != Some(false)),
            target: self.target.after(reading.target_dbsize, true),
        }
    }

    /// What the counts up to and including `reading`, which this history holds, say against it.
    pub(super) fn objection(self, reading: &Reading, limit: KeyLimit) -> Option<Objection> {
        if limit == KeyLimit::Off {
            None
        } else if limit.allows(reading) == Some(false) {
            Some(Objection::TooManyMissing)
        } else if self.target.emptied {
            Some(Objection::Emptied(Side::Target))
        } else if self.source.emptied {
            Some(Objection::Emptied(Side::Source))
        } else {
            None
        }
    }

    /// Which count of `reading` fell by more than half since it was last known: the side, its keys before and now.
    fn halved(self, reading: &Reading) -> Option<(Side, i64, i64)> {
        let of = |side, history: CountHistory, count| {
            history
                .halved(count)
                .map(|(before, now)| (side, before, now))
        };
        // Where both fell, it began at the source.
        of(Side::Source, self.source, reading.source_dbsize)
            .or_else(|| of(Side::Target, self.target, reading.target_dbsize))
    }
}

/// Keys that the target lacks; negative where it holds more. `None` unless both counts are known.
pub fn missing(reading: &Reading) -> Option<i128> {
    Some(i128::from(reading.source_dbsize?) - i128::from(reading.target_dbsize?))
}

/// Consecutive readings that meet the goal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Row {
    readings: u32,
    /// Missing keys in the first and the newest reading of the row.
    missing: Option<(i128, i128)>,
    /// `missing` grew in each reading after the first.
    grew_each_time: bool,
}

/// Why a row of readings starts again although the goal is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// The two newest readings are so far apart that they say nothing about the time between them.
    TooFarApart,
    /// The keys of one side fell by more than half: from, to.
    Halved(Side, i64, i64),
    /// The target lacked more keys in each reading of the row: from, to.
    MissingGrows(i128, i128),
}

impl Row {
    /// How many readings it has.
    pub fn len(&self) -> u32 {
        self.readings
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.readings == 0
    }

    /// Adds a reading. `before` is the history without it; `after_gap` where it comes too long after the one before.
    ///
    /// A reading that does not meet the goal ends the row. One that makes it start again is the first of the new row.
    pub fn add(
        &mut self,
        reading: &Reading,
        is_met: bool,
        after_gap: bool,
        before: KeyHistory,
        limit: KeyLimit,
    ) -> Option<Restart> {
        let halved = before.halved(reading).filter(|_| limit != KeyLimit::Off);
        let now = missing(reading);
        let row = std::mem::take(self);
        if !is_met {
            return halved.map(|(side, from, to)| Restart::Halved(side, from, to));
        }
        let grew = row
            .missing
            .zip(now)
            .filter(|((_, newest), now)| now > newest)
            .map(|((first, _), now)| (first, now));
        let grew_each_time = grew.is_some() && (row.readings == 1 || row.grew_each_time);
        let source = i128::from(reading.source_dbsize.unwrap_or_default().max(0));
        let restart = if let Some((side, from, to)) = halved {
            Some(Restart::Halved(side, from, to))
        } else if row.readings > 0 && after_gap {
            Some(Restart::TooFarApart)
        } else {
            // More than 1 % of the source's keys in all.
            grew.filter(|(first, now)| {
                grew_each_time && limit != KeyLimit::Off && (now - first) * 100 > source
            })
            .map(|(first, now)| Restart::MissingGrows(first, now))
        };
        *self = match restart {
            None if row.readings > 0 => Self {
                readings: row.readings.saturating_add(1),
                missing: row.missing.zip(now).map(|((first, _), now)| (first, now)),
                grew_each_time,
            },
            None | Some(_) => Self {
                readings: 1,
                missing: now.map(|now| (now, now)),
                grew_each_time: false,
            },
        };
        restart
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(source: i64, target: i64, is_migrating: Option<bool>) -> Reading {
        Reading {
            source_dbsize: Some(source),
            target_dbsize: Some(target),
            is_migrating,
            ..Reading::default()
        }
    }

    #[test]
    fn emptied_source_is_allowed_once_ended() {
        let was = KeyHistory::default().after(&counts(5, 5, Some(true)));
        for (is_migrating, wanted) in [
            (Some(true), Some(Objection::Emptied(Side::Source))),
            (None, Some(Objection::Emptied(Side::Source))),
            (Some(false), None),
        ] {
            let reading = counts(0, 5, is_migrating);
            assert_eq!(
                was.after(&reading).objection(&reading, KeyLimit::default()),
                wanted,
                "{is_migrating:?}"
            );
        }
    }

    #[test]
    fn restart_of_both_names_the_source() {
        let was = KeyHistory::default().after(&counts(5000, 5000, Some(true)));
        assert_eq!(
            was.halved(&counts(0, 0, Some(true))),
            Some((Side::Source, 5000, 0))
        );
        assert_eq!(
            was.halved(&counts(5000, 2499, Some(true))),
            Some((Side::Target, 5000, 2499))
        );
        assert_eq!(was.halved(&counts(2500, 2500, Some(true))), None);
    }
}
