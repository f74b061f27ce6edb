//! What one poll of a migration task shows.

/// One reading of a task's progress (`ShowMigrationTaskStats`).
///
/// The API documents none of these fields as mandatory and does not say which of them it sends in which phase.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Whether the task is in progress. A full + incremental task stays `true` until a user stops it.
    pub is_migrating: Option<bool>,
    /// Difference between source and target, summed over the shards; the unit is not documented. Only meaningful in
    /// the incremental phase. May be negative, which is not zero.
    pub offset: Option<i64>,
    /// Full sync, in percent, 0 to 100.
    pub full_migration_progress: Option<f64>,
    /// Keys in the source.
    pub source_dbsize: Option<i64>,
    /// Keys in the target. Expiring keys make it differ from the source's even when all is well.
    pub target_dbsize: Option<i64>,
    /// Write traffic of the target, KB/s.
    pub target_input_kbps: Option<f64>,
    /// Operations per second on the target.
    pub target_ops: Option<f64>,
}

impl Reading {
    /// How far the full sync is.
    pub fn full_sync(&self) -> FullSync {
        match self.full_migration_progress {
            None => FullSync::Unknown,
            Some(percent) if percent >= 100.0 => FullSync::Done,
            Some(_) => FullSync::Incomplete,
        }
    }

    /// How the offset compares with the largest one that still counts as in sync.
    pub fn offset_state(&self, max_offset: i64) -> OffsetState {
        match self.offset {
            None => OffsetState::Unknown,
            Some(offset) if (0..=max_offset).contains(&offset) => OffsetState::Closed,
            Some(_) => OffsetState::Open,
        }
    }
}

/// The full sync of a [`Reading`], as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FullSync {
    /// The reading does not say.
    Unknown,
    /// Under 100 percent.
    Incomplete,
    /// 100 percent.
    Done,
}

/// The offset of a [`Reading`] against `max-offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetState {
    /// The reading has no offset.
    Unknown,
    /// Between zero and `max-offset`.
    Closed,
    /// Over `max-offset`, or negative: neither shows that the two sides are equal.
    Open,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_offset_is_never_closed() {
        let reading = |offset| Reading {
            offset,
            ..Reading::default()
        };
        assert_eq!(reading(Some(0)).offset_state(0), OffsetState::Closed);
        assert_eq!(reading(Some(5)).offset_state(5), OffsetState::Closed);
        assert_eq!(reading(Some(6)).offset_state(5), OffsetState::Open);
        assert_eq!(reading(Some(-1)).offset_state(5), OffsetState::Open);
        assert_eq!(reading(None).offset_state(i64::MAX), OffsetState::Unknown);
    }
}
