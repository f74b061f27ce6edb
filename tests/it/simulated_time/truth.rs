//! What is true of a migration task at every moment, and what the API tells about it.

use dcs_migration_wait::domain::TaskId;
use dcs_migration_wait::domain::{Condition, Detail, Goal, IpSwitch, Reading, Status, StatusClass};
use std::time::Duration;

/// The paused clock moves in steps of a millisecond, and rounds up.
pub(super) const TICK: Duration = Duration::from_millis(1);

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The life of one migration task.
#[derive(Debug, Clone)]
pub(super) struct Migration {
    pub(super) id: TaskId,
    /// The API never knew it.
    pub(super) unknown: bool,
    pub(super) full_only: bool,
    pub(super) starts: Duration,
    pub(super) copied: Duration,
    /// The full sync begins again: when, from which percentage, until when.
    pub(super) resync: Option<(Duration, f64, Duration)>,
    /// Outstanding when the full sync is done, and when it is drained.
    pub(super) backlog: i64,
    pub(super) drained: Duration,
    pub(super) bursts: Vec<Burst>,
    /// The target gets nothing, while the source goes on: from, to, and whether the offset hides it.
    pub(super) standstill: Option<(Duration, Duration, bool)>,
    pub(super) running_word: &'static str,
    pub(super) end: Option<End>,
    pub(super) switch: Option<Switch>,
    /// No longer known from then on.
    pub(super) gone: Option<Duration>,
    pub(super) progress: Progress,
    /// What is told as the offset before the incremental phase, where it has no meaning.
    pub(super) early_offset: Option<i64>,
    pub(super) odd: Vec<Odd>,
    pub(super) source_keys: i64,
    pub(super) key_events: Vec<KeyEvent>,
    /// Writes a second on the source.
    pub(super) write_rate: f64,
}

/// Writers come back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Burst {
    pub(super) from: Duration,
    pub(super) to: Duration,
    pub(super) lag: i64,
    /// The offset is told with the wrong sign.
    pub(super) told_negative: bool,
}

/// Being stopped from, ended at, as what.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) stopping: Duration,
    pub(super) ended: Duration,
    pub(super) word: &'static str,
    /// Of a bad end: the offset tells of it. Otherwise only the status does.
    pub(super) tells: bool,
}

/// An IP switch: from, until, what `status` says meanwhile and after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Switch {
    pub(super) from: Duration,
    pub(super) until: Duration,
    pub(super) rolls_back: Option<(Duration, Duration)>,
    /// The task migrates again.
    pub(super) again: Option<Duration>,
    pub(super) during: &'static str,
    pub(super) switched: &'static str,
    pub(super) rolling_word: &'static str,
    pub(super) rolled_back: &'static str,
    /// `is_migrating` stays true over the switch.
    pub(super) keeps_migrating: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Progress {
    Always,
    Never,
    /// Once it is over that, it is no longer told.
    UpTo(f64),
}

/// Something told that does not fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Odd {
    pub(super) from: Duration,
    pub(super) to: Duration,
    pub(super) word: OddWord,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum OddWord {
    Status(&'static str),
    Switch(&'static str),
    /// A reading tells `is_migrating` false and offset 0, while the task migrates.
    NotMigrating,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct KeyEvent {
    pub(super) from: Duration,
    pub(super) to: Duration,
    pub(super) trouble: KeyTrouble,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum KeyTrouble {
    /// The source has restarted without its data.
    SourceEmpty,
    /// The source was flushed, and the target followed.
    BothEmpty,
    TargetEmpty,
    TargetLost(f64),
    /// More than half of the keys were deleted, or an older data set was loaded.
    Halved,
    /// The target loses keys: more than 1 % in each such time, to 8 % in all.
    Drift(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    Copying,
    Following,
    Stopping,
    /// Stopped, succeeded, failed, deleted, or switched.
    Ended,
}

/// What is true of a task at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Truth {
    pub(super) exists: bool,
    pub(super) stage: Stage,
    pub(super) percent: f64,
    /// The newest write of the source, and of those that the target has; both as of the end, once it has ended.
    pub(super) source_writes: i64,
    pub(super) target_has: i64,
    /// Whether `is_migrating` is told as true.
    pub(super) migrating: bool,
    pub(super) offset: Option<i64>,
    /// The offset or `is_migrating` is not what it should be, and only other evidence shows that.
    pub(super) is_lie: bool,
    pub(super) word: &'static str,
    pub(super) switch: Option<&'static str>,
    pub(super) source_keys: i64,
    pub(super) target_keys: i64,
}

impl Truth {
    pub(super) fn class(&self) -> StatusClass {
        Status::parse(self.word).class()
    }

    pub(super) fn ip_switch(&self) -> IpSwitch {
        IpSwitch::parse(self.switch.unwrap_or_default())
    }

    pub(super) fn is_bad(&self) -> bool {
        matches!(self.class(), StatusClass::Failed | StatusClass::Deleted)
    }

    fn runs(&self) -> bool {
        matches!(
            self.class(),
            StatusClass::Migrating | StatusClass::Incremental
        )
    }

    /// How many writes of the source the target lacks.
    pub(super) fn lag(&self) -> i64 {
        self.source_writes - self.target_has
    }
}

impl Migration {
    /// What is true at `now`, but for key counts and odd words as if nobody deleted the task.
    pub(super) fn at(&self, now: Duration) -> Truth {
        let mut truth = self.life(now);
        truth.exists = !self.unknown && self.gone.is_none_or(|gone| now < gone);
        for odd in self
            .odd
            .iter()
            .filter(|odd| (odd.from..odd.to).contains(&now))
        {
            match odd.word {
                OddWord::Status(word) => truth.word = word,
                OddWord::Switch(word) => truth.switch = Some(word),
                OddWord::NotMigrating if truth.migrating => {
                    (truth.migrating, truth.offset, truth.is_lie) = (false, Some(0), true);
                }
                OddWord::NotMigrating => {}
            }
        }
        self.count_keys(now, &mut truth);
        truth
    }

    fn life(&self, now: Duration) -> Truth {
        if let Some(end) = self.end.filter(|end| now >= end.ended) {
            let before = self.running(end.ended);
            let mut truth = Truth {
                stage: Stage::Ended,
                migrating: false,
                word: end.word,
                ..before
            };
            truth.offset = truth.offset.or((!self.full_only).then_some(0));
            if truth.is_bad() {
                truth.offset = if end.tells {
                    Some(70_001)
                } else {
                    truth.offset
                };
                truth.is_lie = !end.tells;
            }
            return truth;
        }
        if let Some(switch) = self.switch.filter(|switch| now >= switch.from) {
            return self.switched(switch, now);
        }
        match self.end {
            Some(end) if now >= end.stopping => Truth {
                stage: Stage::Stopping,
                word: "TERMINATING",
                ..self.running(now)
            },
            Some(_) | None => self.running(now),
        }
    }

    /// From the beginning of an IP switch on.
    fn switched(&self, switch: Switch, now: Duration) -> Truth {
        let stopped = |at| Truth {
            stage: Stage::Ended,
            migrating: switch.keeps_migrating,
            ..self.running(at)
        };
        if now < switch.until {
            let migrating = switch.keeps_migrating;
            let switching = Some("EXCHANGING");
            return Truth {
                word: switch.during,
                switch: switching,
                migrating,
                ..self.running(now)
            };
        }
        let switched = Truth {
            word: switch.switched,
            switch: Some("EXCHANGE_SUCCESS"),
            ..stopped(switch.until)
        };
        match switch.rolls_back {
            Some((from, to)) if (from..to).contains(&now) => Truth {
                switch: Some(switch.rolling_word),
                ..switched
            },
            Some((_, to)) if now >= to => {
                let rolled_back = Some("ROLLBACK_SUCCESS");
                if switch.again.is_some_and(|again| now >= again) {
                    return Truth {
                        switch: rolled_back,
                        ..self.running(now)
                    };
                }
                Truth {
                    word: switch.rolled_back,
                    switch: rolled_back,
                    ..switched
                }
            }
            Some(_) | None => switched,
        }
    }

    /// As if nobody stopped it.
    fn running(&self, now: Duration) -> Truth {
        let source_writes = 1_000 + (self.write_rate * now.as_secs_f64()) as i64;
        let copying = |from: Duration, to: Duration, percent: f64| {
            let share = (now - from).as_secs_f64() / (to - from).as_secs_f64();
            // Whole percents, as the API tells them; 100 only when it is done.
            let percent = (percent + (100.0 - percent) * share).floor().min(99.0);
            self.moment(
                Stage::Copying,
                percent,
                source_writes,
                (source_writes as f64 * percent / 100.0) as i64,
            )
        };
        if now < self.starts {
            return self.moment(Stage::Waiting, 0.0, source_writes, 0);
        }
        if now < self.copied {
            return copying(self.starts, self.copied, 0.0);
        }
        if let Some((from, percent, to)) = self
            .resync
            .filter(|&(from, _, to)| (from..to).contains(&now))
        {
            return copying(from, to, percent);
        }
        let following =
            |lag: i64| self.moment(Stage::Following, 100.0, source_writes + lag, source_writes);
        if let Some(burst) = self
            .bursts
            .iter()
            .find(|burst| (burst.from..burst.to).contains(&now))
        {
            let truth = following(burst.lag);
            return Truth {
                offset: truth
                    .offset
                    .map(|lag| if burst.told_negative { -lag } else { lag }),
                ..truth
            };
        }
        if let Some((from, _, hidden)) = self
            .standstill
            .filter(|&(from, to, _)| (from..to).contains(&now))
        {
            let truth = following((self.write_rate * (now - from).as_secs_f64()).ceil() as i64 + 1);
            let offset = if hidden { Some(0) } else { truth.offset };
            return Truth {
                offset,
                is_lie: hidden,
                ..truth
            };
        }
        let left = self.drained.saturating_sub(now).as_secs_f64();
        let whole = self
            .drained
            .saturating_sub(self.copied)
            .as_secs_f64()
            .max(0.001);
        following((self.backlog as f64 * (left / whole).min(1.0)).ceil() as i64)
    }

    fn moment(&self, stage: Stage, percent: f64, source_writes: i64, target_has: i64) -> Truth {
        let offset = if stage == Stage::Following {
            Some(source_writes - target_has)
        } else {
            self.early_offset
        };
        Truth {
            exists: true,
            stage,
            percent,
            source_writes,
            target_has,
            migrating: stage != Stage::Waiting,
            offset: offset.filter(|_| !self.full_only),
            is_lie: false,
            word: match stage {
                Stage::Waiting => "RUNNING",
                Stage::Copying => "FULLMIGRATING",
                Stage::Following | Stage::Stopping | Stage::Ended => self.running_word,
            },
            switch: None,
            source_keys: 0,
            target_keys: 0,
        }
    }

    fn count_keys(&self, now: Duration, truth: &mut Truth) {
        let all = self.source_keys;
        truth.source_keys = all;
        truth.target_keys = (all as f64 * truth.percent / 100.0) as i64;
        for event in self
            .key_events
            .iter()
            .filter(|event| (event.from..event.to).contains(&now))
        {
            let part = |of: i64, share: f64| (of as f64 * share) as i64;
            match event.trouble {
                KeyTrouble::SourceEmpty => truth.source_keys = 0,
                KeyTrouble::BothEmpty => (truth.source_keys, truth.target_keys) = (0, 0),
                KeyTrouble::TargetEmpty => truth.target_keys = 0,
                KeyTrouble::TargetLost(share) => {
                    truth.target_keys = part(truth.target_keys, 1.0 - share)
                }
                KeyTrouble::Halved => {
                    truth.source_keys = part(truth.source_keys, 0.4);
                    truth.target_keys = part(truth.target_keys, 0.4);
                }
                KeyTrouble::Drift(every) => {
                    let steps = (now - event.from).as_secs_f64() / every.as_secs_f64().max(0.001);
                    let share = (steps * 0.012).min(0.08);
                    truth.target_keys = truth.target_keys.min(part(all, 1.0 - share));
                }
            }
        }
        if let Some((from, _, true)) = self
            .standstill
            .filter(|&(from, to, _)| (from..to).contains(&now))
        {
            // New keys, which only the source has.
            truth.source_keys +=
                (self.source_keys as f64 * (now - from).as_secs_f64() * 0.0002).min(1e12) as i64;
        }
    }

    pub(super) fn reading(&self, truth: &Truth) -> Reading {
        let is_told = match self.progress {
            Progress::Always => true,
            Progress::Never => false,
            Progress::UpTo(most) => truth.percent <= most,
        };
        Reading {
            is_migrating: Some(truth.migrating),
            offset: truth.offset,
            full_migration_progress: Some(truth.percent).filter(|_| is_told),
            source_dbsize: Some(truth.source_keys),
            target_dbsize: Some(truth.target_keys),
            ..Reading::default()
        }
    }

    pub(super) fn detail(&self, truth: &Truth) -> Detail {
        let method = if self.full_only {
            "full_amount_migration"
        } else {
            "incremental_migration"
        };
        Detail {
            status: Status::parse(truth.word),
            task_status: truth.switch.map(str::to_owned),
            migration_method: Some(method.to_owned()),
        }
    }

    /// Why the goal was not true at a reading; `None` where it was. `stats` is what was true when the stats were read,
    /// `status` when the status was, `None` where the status was not to be had and only the numbers can count; `hidden` where
    /// no reading so far told the progress.
    pub(super) fn objection(
        &self,
        condition: Condition,
        stats: &Truth,
        status: Option<&Truth>,
        hidden: bool,
    ) -> Option<&'static str> {
        let Condition {
            goal, max_offset, ..
        } = condition;
        let seen = status.unwrap_or(stats);
        let is_secret = status.is_none();
        let looks_finished = hidden && stats.stage == Stage::Waiting;
        if is_secret && (stats.is_lie || stats.switch.is_some() || looks_finished) {
            // Nothing that was read told of it: the contract takes "not migrating, offset 0" for finished then.
            return None;
        }
        let is_in_sync = (0..=max_offset).contains(&stats.lag()) || stats.is_lie;
        if !stats.exists || !seen.exists {
            return Some("the task does not exist");
        }
        if !is_secret && seen.is_bad() {
            return Some("the task has failed or was deleted");
        }
        if !is_secret && let Some(why) = self.objection_of_switch(goal, seen) {
            return Some(why);
        }
        let switched = seen.ip_switch() == IpSwitch::Switched;
        let finished = matches!(
            seen.class(),
            StatusClass::Stopped | StatusClass::Succeeded | StatusClass::Released
        );
        match goal {
            Goal::Switched => (!switched).then_some("the addresses are not switched"),
            Goal::FullSync if stats.percent < 100.0 => Some("the full sync was not complete"),
            Goal::FullSync => None,
            // A switch that was under way at the reading, and made when the status was read, ends a task that was in sync.
            Goal::Completed
                if stats.migrating
                    || !(stats.stage == Stage::Ended || stats.is_lie || switched) =>
            {
                Some("the task was migrating")
            }
            Goal::Completed if !is_secret && !switched && !finished => {
                Some("the status is not that of a finished task")
            }
            Goal::Completed if stats.percent < 100.0 && !hidden => {
                Some("the full sync was not complete at the end")
            }
            Goal::Completed if !is_in_sync && !self.full_only => {
                Some("the target lacked writes at the end")
            }
            Goal::Completed => None,
            Goal::InSync
                if !matches!(stats.stage, Stage::Following | Stage::Stopping)
                    || !stats.migrating =>
            {
                Some("the task did not follow the source")
            }
            Goal::InSync if !is_secret && !seen.runs() => {
                Some("the status is not that of a running task")
            }
            Goal::InSync if stats.percent < 100.0 => Some("the full sync was not complete"),
            Goal::InSync => (!is_in_sync).then_some("the target lacked writes that the source had"),
        }
    }

    fn objection_of_switch(&self, goal: Goal, seen: &Truth) -> Option<&'static str> {
        match seen.ip_switch() {
            IpSwitch::None => None,
            IpSwitch::Switched => {
                (goal == Goal::InSync).then_some("the addresses are switched already")
            }
            IpSwitch::Switching => Some("the addresses are being switched"),
            IpSwitch::RolledBack
                if matches!(goal, Goal::InSync | Goal::FullSync) && seen.runs() =>
            {
                None
            }
            IpSwitch::RolledBack => Some("the switch was rolled back"),
            IpSwitch::Unknown => Some("the switch is in a state that nobody knows"),
        }
    }
}
