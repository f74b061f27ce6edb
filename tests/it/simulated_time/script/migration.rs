//! One migration, drawn at random.

use super::*;

impl Migration {
    /// A task that begins at once and is soon in sync, in whose way nothing is.
    pub(in super::super) fn plain(n: u64) -> Self {
        Self {
            id: TaskId::parse(&format!("{:032x}", n + 1)).unwrap(),
            unknown: false,
            full_only: false,
            starts: Duration::ZERO,
            copied: ms(120_000),
            resync: None,
            backlog: 0,
            drained: ms(120_001),
            bursts: Vec::new(),
            standstill: None,
            running_word: "INCRMIGEATING",
            end: None,
            switch: None,
            gone: None,
            progress: Progress::Always,
            early_offset: Some(0),
            odd: Vec::new(),
            source_keys: 531_221,
            key_events: Vec::new(),
            write_rate: 10.0,
        }
    }

    pub(super) fn of(rng: &mut Rng, n: u64, rules: &Rules) -> Self {
        let deadline = rules.deadline;
        let goal = rules.condition.goal;
        let starts = if rng.chance(30) {
            rng.between(TICK, deadline / 4)
        } else {
            Duration::ZERO
        };
        // A life that fits between a reading and its status would poll like a task that ended without ever having begun.
        const SHORTEST_LIFE: Duration = Duration::from_secs(120);
        let copied = starts + rng.between(SHORTEST_LIFE, deadline * 3 / 2);
        let full_only = matches!(goal, Goal::Completed | Goal::FullSync) && rng.chance(15);
        let drained = copied + rng.between(TICK, deadline / 2);
        let mut task = Self {
            unknown: rng.chance(2),
            full_only,
            starts,
            copied,
            drained,
            backlog: if full_only {
                0
            } else {
                rng.pick(&[0, 3, 5000, 4_000_000])
            },
            running_word: rng.pick(&[
                "INCRMIGEATING",
                "INCRMIGEATING",
                "INCRMIGRATING",
                "MIGRATING",
            ]),
            gone: rng.chance(5).then(|| rng.within(deadline / 8, deadline)),
            early_offset: rng.pick(&[Some(0), Some(0), None]),
            source_keys: rng.pick(&[531_221, 531_221, 1_200, 40]),
            write_rate: rng.pick(&[0.1, 10.0, 5_000.0]),
            ..Self::plain(n)
        };
        task.key_events = key_events(rng, rules, &task);
        if full_only {
            // It ends by itself.
            let word = rng.pick(&["SUCCESS", "SUCCESS", "MIGRATION_SUCCESS", "FAILED"]);
            task.end = Some(End {
                stopping: copied,
                ended: copied + TICK,
                word,
                tells: true,
            });
            return task;
        }
        task.follow(rng, rules);
        let when = if rng.chance(75) {
            drained + rng.between(TICK, deadline / 3)
        } else {
            rng.within(starts, deadline)
        };
        let when = when.max(starts + SHORTEST_LIFE);
        let good = [
            "TERMINATED",
            "TERMINATED",
            "SUCCESS",
            "MIGRATION_SUCCESS",
            "RELEASED",
        ];
        let word = if rng.chance(70) {
            rng.pick(&good)
        } else {
            rng.pick(&["FAILED", "ERROR", "DELETED"])
        };
        if rng.chance(if goal == Goal::Switched { 80 } else { 15 }) {
            task.switch = Some(Switch::of(rng, when.max(copied + TICK), deadline));
        } else if rng.chance(65) {
            let ended = when + rng.between(TICK, ms(120_000));
            task.end = Some(End {
                stopping: when,
                ended,
                word,
                tells: rng.chance(50),
            });
        }
        task.odd = odd(rng, rules, &task);
        let short = |at: Duration| task.at(at).percent < 100.0;
        let ends_short = task.end.is_some_and(|end| short(end.ended));
        // Where progress is never told, a task that has not begun, or was stopped short, polls complete to the contract's
        // table, too: no world to find faults of the code in.
        let may_hide = starts == Duration::ZERO
            && task.resync.is_none()
            && task.odd.is_empty()
            && goal != Goal::FullSync;
        if may_hide && !ends_short && rng.chance(15) {
            task.progress = Progress::Never;
        } else if task.resync.is_none() && rng.chance(10) {
            task.progress = Progress::UpTo(40.0);
        }
        task
    }

    /// What happens while it follows the source.
    fn follow(&mut self, rng: &mut Rng, rules: &Rules) {
        let (copied, deadline) = (self.copied, rules.deadline);
        for _ in 0..rng.next() % 4 {
            let from = rng.within(copied, deadline.max(copied));
            let to = from + rng.between(ms(500), deadline / 4);
            let lag = rng.pick(&[1, 3, 6, 999, 70_000]);
            self.bursts.push(Burst {
                from,
                to,
                lag,
                told_negative: rng.chance(20),
            });
        }
        if rng.chance(12) {
            let from = rng.within(copied, deadline.max(copied + TICK)) + TICK;
            self.resync = Some((
                from,
                (rng.next() % 90) as f64,
                from + rng.between(ms(10_000), deadline / 3),
            ));
        }
        if rng.chance(10) {
            let from = rng.within(copied, deadline.max(copied));
            self.standstill = Some((
                from,
                from + rng.between(ms(10_000), deadline / 3),
                rng.chance(40),
            ));
        }
    }
}

impl Switch {
    pub(super) fn of(rng: &mut Rng, from: Duration, deadline: Duration) -> Self {
        let until = from + rng.between(TICK, deadline / 6);
        let rolls_back = rng.chance(40).then(|| {
            let from = until + rng.between(TICK, deadline / 3);
            (from, from + rng.between(TICK, deadline / 8))
        });
        let again = rolls_back
            .filter(|_| rng.chance(40))
            .map(|(_, to)| to + rng.between(TICK, deadline / 4));
        let any = [
            "INCRMIGEATING",
            "MIGRATING",
            "TERMINATING",
            "TERMINATED",
            "SUCCESS",
            "MIGRATION_SUCCESS",
            "RELEASED",
            "FAILED",
            "EXCHANGED",
        ];
        Self {
            from,
            until,
            rolls_back,
            again,
            during: rng.pick(&any),
            switched: rng.pick(&any),
            rolling_word: rng.pick(&["EXCHANGING", "ROLLBACKING"]),
            // Of a task that says it migrates, a new attempt is under way: that comes later.
            rolled_back: if rng.chance(50) {
                "SUCCESS"
            } else {
                rng.pick(&any[2..])
            },
            keeps_migrating: rng.chance(30),
        }
    }
}

/// Key counts that tell of trouble.
pub(super) fn key_events(rng: &mut Rng, rules: &Rules, task: &Migration) -> Vec<KeyEvent> {
    if !rng.chance(25) {
        return Vec::new();
    }
    let troubles = [
        KeyTrouble::SourceEmpty,
        KeyTrouble::BothEmpty,
        KeyTrouble::TargetEmpty,
        KeyTrouble::TargetLost(0.2),
        KeyTrouble::TargetLost(0.05),
        KeyTrouble::Halved,
        KeyTrouble::Halved,
        KeyTrouble::Drift(rules.pace.initial),
    ];
    let event = |rng: &mut Rng| {
        // Where the wait is about to end is where it matters.
        let around = rng.pick(&[
            task.copied,
            task.drained,
            task.drained,
            rng.clone().within(task.starts, rules.deadline),
        ]);
        let from = around.saturating_sub(rng.between(TICK, rules.pace.max * 3))
            + rng.between(TICK, rules.pace.max * 3);
        let to = if rng.chance(50) {
            rules.deadline * 9
        } else {
            from + rng.between(ms(1000), rules.deadline / 3)
        };
        KeyEvent {
            from,
            to,
            trouble: rng.pick(&troubles),
        }
    };
    (0..1 + rng.next() % 2).map(|_| event(rng)).collect()
}

/// Words that nobody documents, and readings that contradict the status.
pub(super) fn odd(rng: &mut Rng, rules: &Rules, task: &Migration) -> Vec<Odd> {
    if !rng.chance(15) {
        return Vec::new();
    }
    let words = [
        OddWord::Status("PAUSED"),
        OddWord::Status(""),
        OddWord::Switch("EXCHANGE_FAILED"),
        OddWord::Switch("exchanging"),
        OddWord::NotMigrating,
        OddWord::NotMigrating,
    ];
    let from = rng.pick(&[
        task.drained,
        rng.clone()
            .within(task.copied, rules.deadline.max(task.copied)),
    ]);
    let to = from + rng.between(ms(500), rules.deadline / 2);
    vec![Odd {
        from,
        to,
        word: rng.pick(&words),
    }]
}
