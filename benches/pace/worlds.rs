//! Simulated migrations: percentage and offset as functions of the time, drawn from a seed.
//!
//! Nothing of it was measured on a live cloud. The shapes follow what a Redis replica does: a copy, then an offset that
//! drains as fast as the line and the target allow, under whatever is written meanwhile.

use dcs_migration_wait::domain::{Goal, Reading};

/// Migrations of each shape.
pub(crate) const OF_EACH: u64 = 150;
/// All of it can be had again.
pub(crate) const SEED: u64 = 20_260_101;

/// SplitMix64.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from `from` to `to`.
    pub(crate) fn even(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * ((self.next() >> 11) as f64 / (1_u64 << 53) as f64)
    }

    /// From `from` to `to`, every order of magnitude as likely as the next.
    pub(crate) fn scale(&mut self, from: f64, to: f64) -> f64 {
        self.even(from.ln(), to.ln()).exp()
    }
}

/// A stretch of a migration: where percentage and offset stand at its end, seen from where they stood before.
pub(crate) struct Leg {
    pub(crate) from: f64,
    pub(crate) until: f64,
    pub(crate) percent: (f64, f64),
    offset: (f64, f64),
    /// The offset loses the same share, not the same amount, in each second.
    decays: bool,
    status: &'static str,
}

/// One migration, and what is waited for.
pub(crate) struct World {
    pub(crate) goal: Goal,
    /// How the API calls the kind of migration.
    pub(crate) method: &'static str,
    pub(crate) legs: Vec<Leg>,
    /// Smallest step of the percentage, as the API tells it.
    step: f64,
    /// By what share readings of the offset are off, at most.
    noise: f64,
    /// Its own, for everything that is drawn on the way.
    pub(crate) seed: u64,
}

impl World {
    fn new(goal: Goal, random: &mut Random) -> Self {
        let step = if random.next().is_multiple_of(2) {
            1.0
        } else {
            0.1
        };
        let method = "incremental_migration";
        Self {
            goal,
            method,
            legs: Vec::new(),
            step,
            noise: 0.0,
            seed: random.next(),
        }
    }

    fn leg(&mut self, seconds: f64, percent: f64, offset: f64, status: &'static str) -> &mut Leg {
        let before = self.legs.last();
        let from = before.map_or(0.0, |leg| leg.until);
        let was = before.map_or((0.0, 0.0), |leg| (leg.percent.1, leg.offset.1));
        self.legs.push(Leg {
            from,
            until: from + seconds,
            percent: (was.0, percent),
            offset: (was.1, offset),
            decays: false,
            status,
        });
        self.legs.last_mut().unwrap()
    }

    fn copy(&mut self, seconds: f64, percent: f64) {
        self.leg(seconds, percent, 0.0, "FULLMIGRATING");
    }

    /// A copy in so many steps, each as fast as drawn.
    fn uneven_copy(&mut self, seconds: f64, steps: usize, mut pace: impl FnMut(usize) -> f64) {
        let paces: Vec<f64> = (0..steps).map(|step| pace(step).max(0.0)).collect();
        let total: f64 = paces.iter().sum();
        let mut done = 0.0;
        for pace in paces {
            done += pace;
            self.copy(seconds / steps as f64, (100.0 * done / total).min(100.0));
        }
    }

    fn offset(&mut self, seconds: f64, from: f64, to: f64) -> &mut Leg {
        let leg = self.leg(seconds, 100.0, to, "INCRMIGEATING");
        leg.percent.0 = 100.0;
        leg.offset.0 = from;
        leg
    }

    fn drain(&mut self, seconds: f64, from: f64, to: f64) {
        self.offset(seconds, from, to);
    }

    fn decay(&mut self, seconds: f64, from: f64, to: f64) {
        self.offset(seconds, from, to).decays = true;
    }

    /// From when on the goal shows, and goes on showing.
    pub(crate) fn goal_at(&self) -> f64 {
        self.legs.last().unwrap().until
    }

    /// What a reading at that time shows. Behind its last stage the migration is at its goal.
    pub(crate) fn reading_at(&self, at: f64) -> (Reading, &'static str) {
        let mut reading = Reading {
            is_migrating: Some(true),
            ..Reading::default()
        };
        let Some(leg) = self.legs.iter().find(|leg| at < leg.until) else {
            reading.full_migration_progress = Some(100.0);
            reading.offset = Some(0);
            reading.is_migrating = Some(self.goal != Goal::Completed);
            let ended = if self.method == "incremental_migration" {
                "TERMINATED"
            } else {
                "SUCCESS"
            };
            return (
                reading,
                if self.goal == Goal::Completed {
                    ended
                } else {
                    "INCRMIGEATING"
                },
            );
        };
        let share = (at - leg.from) / (leg.until - leg.from);
        let between = |(from, to): (f64, f64)| from + (to - from) * share;
        let percent = (between(leg.percent) / self.step).floor() * self.step;
        // Rounded once more: 0.1 is no number of its own.
        let percent = (percent * 10.0).round() / 10.0;
        if leg.percent.1 < 100.0 || leg.percent.0 < 100.0 {
            reading.full_migration_progress = Some(percent.min(100.0 - self.step));
            return (reading, leg.status);
        }
        reading.full_migration_progress = Some(100.0);
        let exact = match leg.decays {
            true => leg.offset.0 * (leg.offset.1.max(1.0) / leg.offset.0).powf(share),
            false => between(leg.offset),
        };
        // Readings are off for ten seconds each, for every client.
        let off = Random(self.seed ^ (at / 10.0) as u64).even(-self.noise, self.noise);
        let shown = exact * (1.0 + off);
        let floor = if self.goal == Goal::InSync { 1.0 } else { 0.0 };
        reading.offset = Some(shown.floor().max(floor) as i64);
        (reading, leg.status)
    }
}

/// A name, whether the end can be foreseen, and how to draw one.
pub(crate) type Shape = (&'static str, bool, fn(&mut Random) -> World);

/// What can become of a migration.
pub(crate) const SHAPES: [Shape; 13] = [
    ("copy, linear", true, |random| {
        let mut world = World::new(Goal::FullSync, random);
        world.copy(random.scale(600.0, 21_600.0), 100.0);
        world
    }),
    ("copy, stop-and-go", true, |random| {
        let mut world = World::new(Goal::FullSync, random);
        let length = random.scale(600.0, 21_600.0);
        let steps = (length / random.even(60.0, 180.0)) as usize;
        // The last stretch goes, or it would not be the last.
        world.uneven_copy(length, steps, |n| {
            if n + 1 < steps && random.even(0.0, 1.0) < 0.3 {
                0.0
            } else {
                1.0
            }
        });
        world
    }),
    ("copy, noisy", true, |random| {
        let mut world = World::new(Goal::FullSync, random);
        let length = random.scale(600.0, 21_600.0);
        world.uneven_copy(length, (length / 60.0) as usize, |_| random.scale(0.4, 2.5));
        world
    }),
    ("copy, slowing down", true, |random| {
        let mut world = World::new(Goal::FullSync, random);
        let (length, last) = (random.scale(600.0, 21_600.0), random.even(0.2, 1.0));
        world.uneven_copy(length, 50, |n| 1.0 + (last - 1.0) * n as f64 / 49.0);
        world
    }),
    ("full migration", true, |random| {
        let mut world = World::new(Goal::Completed, random);
        world.method = "full_amount_migration";
        world.copy(random.scale(600.0, 21_600.0), 100.0);
        // The API goes on saying that it migrates for a while.
        world.offset(random.even(2.0, 60.0), 0.0, 0.0).status = "MIGRATING";
        world
    }),
    ("drain, linear", true, |random| {
        let mut world = World::new(Goal::InSync, random);
        world.copy(random.scale(600.0, 10_800.0), 100.0);
        world.drain(random.scale(120.0, 3_600.0), random.scale(1e4, 1e8), 0.0);
        world
    }),
    ("drain, exponential", true, |random| {
        let mut world = World::new(Goal::InSync, random);
        world.copy(random.scale(600.0, 10_800.0), 100.0);
        world.decay(random.scale(120.0, 3_600.0), random.scale(1e4, 1e8), 1.0);
        world
    }),
    ("drain, noisy", true, |random| {
        let mut world = World::new(Goal::InSync, random);
        world.copy(random.scale(600.0, 10_800.0), 100.0);
        world.noise = random.even(0.05, 0.2);
        let (length, from) = (random.scale(120.0, 3_600.0), random.scale(1e4, 1e8));
        if random.next().is_multiple_of(2) {
            world.drain(length, from, 0.0);
        } else {
            world.decay(length, from, 1.0);
        }
        world
    }),
    ("drain, write bursts", true, |random| {
        let mut world = World::new(Goal::InSync, random);
        world.copy(random.scale(600.0, 10_800.0), 100.0);
        let mut height = random.scale(1e5, 1e7);
        for _ in 0..(2 + random.next() % 3) {
            let low = height * random.even(0.05, 0.3);
            world.decay(random.scale(60.0, 600.0), height, low);
            height = low + height * random.even(0.2, 1.2);
            world.drain(random.even(10.0, 90.0), low, height);
        }
        world.drain(random.scale(60.0, 900.0), height, 0.0);
        world
    }),
    ("resync", true, |random| {
        let mut world = World::new(Goal::InSync, random);
        let length = random.scale(600.0, 7_200.0);
        world.copy(length, 100.0);
        let height = random.scale(1e4, 1e7);
        world.decay(random.even(60.0, 300.0), height, height / 20.0);
        world.drain(random.even(20.0, 90.0), height / 20.0, height * 2.0);
        world.copy(0.001, 0.0);
        world.copy(length * random.even(0.8, 1.2), 100.0);
        world.drain(random.scale(120.0, 1_800.0), height, 0.0);
        world
    }),
    ("stopped by its operator", false, |random| {
        let mut world = World::new(Goal::Completed, random);
        world.copy(random.scale(600.0, 10_800.0), 100.0);
        world.decay(random.scale(120.0, 1_800.0), random.scale(1e4, 1e7), 1.0);
        world.noise = 1.0;
        let length = random.scale(60.0, 10_800.0);
        world.drain(length, 200.0, 0.0);
        world
    }),
    ("stopped in its copy", false, |random| {
        let mut world = World::new(Goal::Completed, random);
        let share = random.even(0.1, 0.95);
        world.copy(random.scale(600.0, 21_600.0) * share, 100.0 * share);
        world
    }),
    ("writers stopped", false, |random| {
        let mut world = World::new(Goal::InSync, random);
        world.copy(random.scale(600.0, 10_800.0), 100.0);
        let (height, level) = (random.scale(1e5, 1e7), random.scale(50.0, 5_000.0));
        world.decay(random.scale(120.0, 1_800.0), height, level);
        world.noise = 0.5;
        world.drain(random.scale(60.0, 7_200.0), level, level);
        world.drain(random.scale(1.0, 30.0), level, 0.0);
        world
    }),
];
