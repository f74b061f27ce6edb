//! How fast it goes: rates, time to the goal, and whether anything improves.

use crate::condition::{Condition, Goal};
use crate::migration::{FullCopy, Phase, Reading};
use std::time::Duration;

/// When the goal will show, as far as the readings tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// Too little to go on, an end that nobody can foresee, or one that was foreseen and did not come.
    Unknown,
    /// There was enough to go on, and the goal does not come closer.
    NotConverging,
    /// So long from the newest reading on.
    Within(Range),
}

/// When something is expected, from the newest reading on. A single time would promise what nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// No sooner than that; at most `likely`.
    pub earliest: Duration,
    /// The best guess.
    pub likely: Duration,
    /// No later than that, if it goes on like this; at least `likely`.
    pub latest: Duration,
}

/// The curves of the full copy and of the offset. Times are since the start of the wait.
#[derive(Debug)]
pub struct Trend {
    condition: Condition,
    full_copy: Samples,
    offset: Samples,
    /// When the full copy was first seen done; `None` while it is not.
    copied_at: Option<Duration>,
    /// When the goal was to show by the estimate that was made at the newest progress. Behind it nothing is foreseen
    /// until there is progress again: an estimate that has been wrong is not repeated.
    due: Option<Duration>,
    outlook: Outlook,
    /// The newest reading took away what had been foreseen.
    surprised: bool,
}

/// Points of one curve, oldest first: the newest closely, older ones ever further apart, so that it holds a wait of
/// hours and the last minute.
#[derive(Debug, Default)]
struct Samples {
    points: Vec<(f64, f64)>,
    /// The smallest step that the values are told in.
    step: Option<f64>,
    /// The best value so far, when it was reached, and the longest time that an improvement took.
    best: Option<(f64, f64)>,
    longest_pause: f64,
}

/// Points that are kept of a curve.
const KEPT: usize = 32;
/// Fewer than this say nothing about a rate.
const FEWEST: usize = 3;
/// Points that the present rate is made of.
const RECENT: usize = 8;
/// The newest so many points are fitted, each for itself: a change of pace shows in the short ones, a slow pace in the
/// long ones.
const WINDOWS: [usize; 5] = [4, 6, 10, 18, KEPT];
/// How many standard errors a range reaches to either side.
const SPREAD: f64 = 2.0;
/// A curve that leaves so many times less unexplained is taken for the right one.
const CLEARLY: f64 = 3.0;
/// Points whose flutter is measured.
const FLUTTER: usize = 18;
/// From the median distance of a point from its neighbours to the width over which values must be spread evenly to have it.
const TO_WIDTH: f64 = 4.2;
/// A line that leaves more than this unexplained foretells nothing.
const UNEXPLAINED: f64 = 0.25;
/// No pace is steadier than this share of the time that is left.
const UNSTEADY: f64 = 0.05;

impl Samples {
    /// Adds a value; `true` where it is the best so far.
    fn push(&mut self, at: Duration, value: f64, better: Better) -> bool {
        let at = at.as_secs_f64();
        if self.points.len() == KEPT {
            // The point whose neighbours are closest together, seen from now, is missed least.
            let gap = |i: usize| {
                let time = |i: usize| self.points.get(i).map_or(at, |point| point.0);
                (time(i + 1) - time(i - 1)) / (at - time(i)).max(1e-3)
            };
            if let Some(i) = (1..KEPT - 1).min_by(|&a, &b| gap(a).total_cmp(&gap(b))) {
                self.points.remove(i);
            }
        }
        self.points.push((at, value));
        let step = if value.fract() == 0.0 { 1.0 } else { 0.1 };
        self.step = Some(self.step.map_or(step, |before| before.min(step)));
        match self.best {
            Some((best, _)) if (value - best) * better.sign() <= 0.0 => false,
            before => {
                if let Some((_, since)) = before {
                    self.longest_pause = self.longest_pause.max(at - since);
                }
                self.best = Some((value, at));
                true
            }
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn newest(&self, n: usize) -> &[(f64, f64)] {
        self.points
            .get(self.points.len().saturating_sub(n)..)
            .unwrap_or_default()
    }

    /// Slope over the newest points, per second; `None` while there is too little to go on.
    fn rate(&self) -> Option<f64> {
        Line::fit(self.newest(RECENT), 0.0, Some).map(|line| line.slope)
    }

    /// When the full copy is done; it stands at `percent` now.
    fn outlook_on_copy(&self, percent: f64) -> Outlook {
        let step = self.step.unwrap_or(1.0);
        // The line runs through the middle of the steps, and the last one begins half a step before its value.
        let fits = WINDOWS.iter().filter_map(|&n| {
            let line = Line::fit(self.newest(n), step, Some)?;
            Some((
                line.unexplained,
                line.reaches(100.0 - step / 2.0, percent, step)?,
            ))
        });
        range(fits).unwrap_or_else(|| self.outlook_without_range(Better::Larger))
    }

    /// When the offset is down to `limit`; `open` is over it now.
    fn outlook_on_offset(&self, open: f64, limit: f64) -> Outlook {
        // A drain that slows down as it empties is a straight line in the logarithm.
        let logarithm = |value: f64| (limit < value).then(|| (value - limit + 0.5).ln());
        let flutter = self.flutter(logarithm);
        let fits = WINDOWS.iter().flat_map(|&n| {
            let linear = Line::fit(self.newest(n), 1.0 + flutter * open, |value| {
                Some(value - limit)
            });
            let exponential = Line::fit(self.newest(n), 1.0 / open + flutter, logarithm);
            let unexplained = |line: Option<Line>| line.map_or(1.0, |line| line.unexplained);
            let (by_line, by_logarithm) = (unexplained(linear), unexplained(exponential));
            // As long as both may be right, both have a say.
            let linear = linear.filter(|line| {
                by_line < CLEARLY * by_logarithm && !line.misses_by((open / 2.0).max(1.0))
            });
            let exponential = exponential.filter(|_| by_logarithm < CLEARLY * by_line);
            let linear = linear.and_then(|line| Some((by_line, line.reaches(0.5, open, 1.0)?)));
            let exponential = exponential.and_then(|line| {
                Some((
                    by_logarithm,
                    line.reaches(0.0, (open + 0.5).ln(), 1.0 / open)?,
                ))
            });
            [linear, exponential].into_iter().flatten()
        });
        range(fits).unwrap_or_else(|| self.outlook_without_range(Better::Smaller))
    }

    /// How far a point usually is from the line between its neighbours. A short line through points that flutter may fit
    /// them well by chance, and mean nothing.
    fn flutter(&self, scale: impl Fn(f64) -> Option<f64>) -> f64 {
        let mut distances: Vec<f64> = self
            .newest(FLUTTER)
            .windows(3)
            .filter_map(|three| {
                let &[(before, a), (at, b), (after, c)] = three else {
                    return None;
                };
                let (a, b, c) = (scale(a)?, scale(b)?, scale(c)?);
                Some((b - a - (c - a) * (at - before) / (after - before).max(1e-3)).abs())
            })
            .collect();
        let middle = distances.len() / 2;
        if distances.is_empty() {
            0.0
        } else {
            *distances.select_nth_unstable_by(middle, f64::total_cmp).1 * TO_WIDTH
        }
    }

    /// Not converging where the curve stands or goes the wrong way; else nobody knows.
    fn outlook_without_range(&self, better: Better) -> Outlook {
        let goes_the_wrong_way = |n| {
            Line::fit(self.newest(n), 0.0, Some)
                .is_some_and(|line| line.slope * better.sign() < 0.0 && line.has_direction())
        };
        let worsens =
            RECENT <= self.points.len() && goes_the_wrong_way(RECENT) && goes_the_wrong_way(KEPT);
        if worsens || self.stands() {
            Outlook::NotConverging
        } else {
            Outlook::Unknown
        }
    }

    /// Whether nothing has become better for much longer than that ever took before.
    fn stands(&self) -> bool {
        let (Some(&(now, _)), Some((_, since))) = (self.points.last(), self.best) else {
            return false;
        };
        LONG_PAUSE.max(3.0 * self.longest_pause) < now - since
    }
}

/// Which values of a curve are nearer to the goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    Larger,
    Smaller,
}

impl Better {
    fn sign(self) -> f64 {
        match self {
            Self::Larger => 1.0,
            Self::Smaller => -1.0,
        }
    }
}

/// What several fits say together: the one that explains its points best has the best guess, and all of them have a
/// word in the range.
fn range(fits: impl Iterator<Item = (f64, [f64; 3])>) -> Option<Outlook> {
    let fits: Vec<_> = fits.collect();
    let &(_, [_, likely, _]) = fits.iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    let fold = |value: fn(&[f64; 3]) -> f64, pick: fn(f64, f64) -> f64| {
        fits.iter()
            .map(|(_, times)| value(times))
            .fold(likely, pick)
    };
    // Where they differ the pace is changing, and may go on to change: it has a long way to be slower.
    let differ = fold(|times| times[1], f64::max) - fold(|times| times[1], f64::min);
    let earliest = fold(|times| times[0], f64::min);
    let latest = fold(|times| times[2], f64::max) + differ;
    let seconds = |seconds| Duration::try_from_secs_f64(seconds).ok();
    Some(Outlook::Within(Range {
        earliest: seconds(earliest)?,
        likely: seconds(likely)?,
        latest: seconds(latest)?,
    }))
}

/// Seconds without any progress before it can be said that there is none.
const LONG_PAUSE: f64 = 180.0;

/// A least-squares line through points, and how far it can be trusted.
#[derive(Debug, Clone, Copy)]
struct Line {
    n: f64,
    /// Time of the newest point.
    now: f64,
    mean_time: f64,
    /// Value at `mean_time`.
    mean: f64,
    slope: f64,
    slope_error: f64,
    /// Sum of squared distances of the times from their mean.
    spread: f64,
    /// Standard deviation of the points from the line.
    scatter: f64,
    /// The same without the noise that every value has.
    misfit: f64,
    /// Share of the values' variation that the line does not explain.
    unexplained: f64,
}

impl Line {
    /// The line through the points as seen through `scale`; points that it has no value for are left out. `noise` is
    /// what a value is off at least.
    fn fit(points: &[(f64, f64)], noise: f64, scale: impl Fn(f64) -> Option<f64>) -> Option<Self> {
        let scaled = || {
            points
                .iter()
                .filter_map(|&(time, value)| Some((time, scale(value)?)))
        };
        let n = scaled().count();
        if n < FEWEST {
            return None;
        }
        let n = n as f64;
        let mean_time = scaled().map(|(time, _)| time).sum::<f64>() / n;
        let mean = scaled().map(|(_, value)| value).sum::<f64>() / n;
        let (mut covariance, mut spread, mut variation) = (0.0, 0.0, 0.0);
        for (time, value) in scaled() {
            covariance += (time - mean_time) * (value - mean);
            spread += (time - mean_time).powi(2);
            variation += (value - mean).powi(2);
        }
        if spread <= 0.0 {
            return None;
        }
        let slope = covariance / spread;
        let left = (variation - slope * covariance).max(0.0);
        let misfit = (left / (n - 2.0).max(1.0)).sqrt();
        let scatter = misfit.hypot(noise / 12_f64.sqrt());
        let unexplained = if variation > 0.0 {
            left / variation
        } else {
            1.0
        };
        let now = points.last().map_or(mean_time, |point| point.0);
        let line = Self {
            n,
            now,
            mean_time,
            mean,
            slope,
            slope_error: scatter / spread.sqrt(),
            spread,
            scatter,
            misfit,
            unexplained,
        };
        line.slope.is_finite().then_some(line)
    }

    /// Whether it goes up or down, rather than nobody knows where: about one in a hundred says so by chance.
    fn has_direction(&self) -> bool {
        (2.3 + 7.4 / (self.n - 2.0)) * self.slope_error < self.slope.abs()
    }

    /// Whether it misses its own points by so much, the noise that every value has aside. One that misses them by as much as
    /// is left to go does not know when it gets there.
    fn misses_by(&self, distance: f64) -> bool {
        distance < self.misfit
    }

    /// When the line gets to `goal`, in seconds from the newest point on, whose value is `present`: earliest, likely,
    /// latest. `None` where it does not get there, as far as can be told.
    fn reaches(&self, goal: f64, present: f64, step: f64) -> Option<[f64; 3]> {
        let towards = (goal - present).signum();
        let pace = self.slope * towards;
        if pace <= 0.0 || !self.has_direction() || UNEXPLAINED < self.unexplained {
            return None;
        }
        // The line knows better where it stands than a single value does, within the value's own doubt.
        let doubt = self.scatter.max(step / 2.0);
        let level = (self.mean + self.slope * (self.now - self.mean_time))
            .clamp(present - doubt, present + doubt);
        let likely = ((goal - level) * towards).max(0.0) / pace;
        let at = self.now + likely - self.mean_time;
        let error = self.scatter * (1.0 / self.n + at.powi(2) / self.spread).sqrt() / pace;
        let doubt = (SPREAD * error).max(UNSTEADY * likely);
        Some([(likely - doubt).max(0.0), likely, likely + doubt])
    }
}

impl Trend {
    /// Curves without a point, on the way to what is waited for.
    pub fn new(condition: Condition) -> Self {
        Self {
            condition,
            full_copy: Samples::default(),
            offset: Samples::default(),
            copied_at: None,
            due: None,
            outlook: Outlook::Unknown,
            surprised: false,
        }
    }

    /// Adds a reading.
    pub fn add(&mut self, at: Duration, reading: &Reading) {
        let mut progress = false;
        match (reading.full_copy(), reading.full_migration_progress) {
            (FullCopy::Short, Some(percent)) => {
                // Copied anew: what came before says nothing about it.
                if self
                    .full_copy
                    .points
                    .last()
                    .is_some_and(|&(_, before)| percent < before)
                {
                    self.full_copy.clear();
                }
                self.copied_at = None;
                progress |= self.full_copy.push(at, percent, Better::Larger);
            }
            (FullCopy::Done, _) => {
                self.copied_at.get_or_insert(at);
                self.full_copy.clear();
            }
            (FullCopy::Short | FullCopy::Unknown, _) => self.full_copy.clear(),
        }
        match reading.offset {
            // Before the incremental phase the offset has no meaning, and behind it no rate.
            Some(offset)
                if reading.full_copy() != FullCopy::Short
                    && reading.is_migrating != Some(false) =>
            {
                progress |= self.offset.push(at, offset as f64, Better::Smaller);
            }
            _ => self.offset.clear(),
        }
        if progress {
            self.due = None;
        }
        let before = self.outlook;
        self.outlook = match (self.estimate(reading), self.due) {
            (Outlook::Within(_), Some(due)) if due < at => {
                let stands = self.full_copy.stands() || self.offset.stands();
                if stands {
                    Outlook::NotConverging
                } else {
                    Outlook::Unknown
                }
            }
            (Outlook::Within(range), None) => {
                self.due = Some(at.saturating_add(range.latest));
                Outlook::Within(range)
            }
            (outlook @ (Outlook::Within(_) | Outlook::Unknown | Outlook::NotConverging), _) => {
                outlook
            }
        };
        let is_range = |outlook| matches!(outlook, Outlook::Within(_));
        self.surprised = is_range(before) && !is_range(self.outlook);
    }

    /// Whether the newest reading took away what had been foreseen.
    pub(super) fn is_surprised(&self) -> bool {
        self.surprised
    }

    /// Percent of the full copy a second.
    pub fn full_copy_rate(&self) -> Option<f64> {
        self.full_copy.rate()
    }

    /// Change of the offset a second; negative where it closes.
    pub fn offset_rate(&self) -> Option<f64> {
        self.offset.rate()
    }

    /// When the goal will show, as of the newest reading; unknown for `completed` of a task that only ends when somebody
    /// stops it. While the data set is copied, it is the end of the copy that can be foreseen.
    pub fn outlook(&self) -> Outlook {
        self.outlook
    }

    /// How long the full copy has been done at `now`.
    pub(super) fn copied_for(&self, now: Duration) -> Option<Duration> {
        Some(now.saturating_sub(self.copied_at?))
    }

    fn estimate(&self, reading: &Reading) -> Outlook {
        let Condition {
            goal, max_offset, ..
        } = self.condition;
        match (goal, reading.full_copy(), reading.full_migration_progress) {
            // Somebody asks for a switch, at a time that nothing foretells.
            (Goal::Switched, _, _) => Outlook::Unknown,
            (Goal::FullSync | Goal::Completed | Goal::InSync, FullCopy::Short, Some(percent)) => {
                self.full_copy.outlook_on_copy(percent)
            }
            (Goal::InSync, FullCopy::Done | FullCopy::Unknown, _) => {
                match reading
                    .offset
                    .and_then(|offset| offset.checked_sub(max_offset))
                    .filter(|&open| 0 < open)
                {
                    Some(open) => self
                        .offset
                        .outlook_on_offset(open as f64, max_offset as f64),
                    None => Outlook::Unknown,
                }
            }
            (Goal::InSync, FullCopy::Short, None)
            | (
                Goal::FullSync | Goal::Completed,
                FullCopy::Short | FullCopy::Done | FullCopy::Unknown,
                _,
            ) => Outlook::Unknown,
        }
    }
}

/// The best that was seen, to tell whether anything improves.
#[derive(Debug, Default)]
pub(super) struct Best {
    full_copy: Option<f64>,
    offset: Option<i64>,
    phase: u8,
    stable: u32,
}

impl Best {
    /// Takes a reading into account; `true` where anything is better than ever before: more of the full copy, a
    /// smaller offset, a later phase, or one more reading in a row that shows the goal.
    ///
    /// A full copy that starts again lowers the mark, so that its progress counts as such once more.
    pub(super) fn improved_by(&mut self, reading: &Reading, phase: Phase, stable: u32) -> bool {
        let phase = phase.rank();
        let mut improved = phase > self.phase;
        if let Some(percent) = reading.full_migration_progress {
            match self.full_copy {
                Some(best) if percent < best => {
                    self.full_copy = Some(percent);
                    self.offset = None;
                    self.phase = phase;
                }
                Some(best) if percent == best => {}
                _ => {
                    self.full_copy = Some(percent);
                    improved = true;
                }
            }
        }
        if let Some(offset) = reading
            .offset
            .filter(|_| reading.full_copy() != FullCopy::Short)
        {
            let distance = offset.checked_abs().unwrap_or(i64::MAX);
            if self.offset.is_none_or(|best| distance < best) {
                self.offset = Some(distance);
                improved = true;
            }
        }
        self.phase = self.phase.max(phase);
        improved |= stable > self.stable;
        self.stable = self.stable.max(stable);
        improved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copying(percent: f64) -> Reading {
        Reading {
            is_migrating: Some(true),
            full_migration_progress: Some(percent),
            ..Reading::default()
        }
    }

    fn draining(offset: i64) -> Reading {
        Reading {
            offset: Some(offset),
            ..copying(100.0)
        }
    }

    const EVERY: u64 = 30;

    fn trend(goal: Goal, readings: impl IntoIterator<Item = Reading>) -> Trend {
        let mut trend = Trend::new(Condition {
            goal,
            max_offset: 0,
            max_missing_keys: Default::default(),
        });
        for (n, reading) in readings.into_iter().enumerate() {
            trend.add(Duration::from_secs(EVERY * n as u64), &reading);
        }
        trend
    }

    /// The range in seconds: earliest, likely, latest.
    #[track_caller]
    fn seconds(trend: &Trend) -> [f64; 3] {
        match trend.outlook() {
            Outlook::Within(Range {
                earliest,
                likely,
                latest,
            }) => [earliest, likely, latest].map(|time| time.as_secs_f64()),
            other @ (Outlook::Unknown | Outlook::NotConverging) => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_is_foreseen_until_there_is_enough_to_go_on_and_then_it_is_a_range() {
        for n in 0..3 {
            assert_eq!(
                trend(Goal::FullSync, (0..n).map(|n| copying(n as f64))).outlook(),
                Outlook::Unknown
            );
        }
        // 1 % in 30 s.
        let [earliest, likely, latest] =
            seconds(&trend(Goal::FullSync, (0..=40).map(|n| copying(n as f64))));
        assert!(earliest < likely && likely < latest);
        assert!((1750.0..1850.0).contains(&likely), "{likely}");
        assert!(latest < 2.0 * earliest, "{earliest} to {latest}");
    }

    #[test]
    fn the_longer_it_goes_on_alike_the_narrower_the_range() {
        let width = |until: u32| {
            // Told in whole percent, so that a short look says little.
            let [earliest, _, latest] = seconds(&trend(
                Goal::FullSync,
                (0..until).map(|n| copying((f64::from(n) * 0.4).floor())),
            ));
            (latest - earliest) / latest
        };
        assert!(width(100) < width(12));
    }

    #[test]
    fn a_drain_that_slows_down_takes_as_long_as_it_takes() {
        // Halved every minute: 2^20 at first, 2^10 after ten, at 0 after twenty.
        let halving = |n: i32| draining(2_f64.powf(20.0 - f64::from(n) / 2.0) as i64);
        let [_, likely, _] = seconds(&trend(Goal::InSync, (0..=20).map(halving)));
        assert!((570.0..630.0).contains(&likely), "{likely}");
        // As much in each minute: a line.
        let [_, likely, _] = seconds(&trend(
            Goal::InSync,
            (0..=20).map(|n| draining(1_000_000 - 25_000 * n)),
        ));
        assert!((590.0..610.0).contains(&likely), "{likely}");
    }

    #[test]
    fn what_does_not_come_closer_is_not_converging() {
        let growing = trend(Goal::InSync, (1..20).map(|n| draining(100 * n)));
        assert!(growing.offset_rate().is_some_and(|rate| 3.0 < rate));
        assert_eq!(growing.outlook(), Outlook::NotConverging);
        let standing = trend(
            Goal::FullSync,
            (0..40).map(|n| copying(f64::min(f64::from(n) * 2.0, 30.0))),
        );
        assert_eq!(standing.outlook(), Outlook::NotConverging);
    }

    #[test]
    fn what_flutters_foretells_nothing() {
        // Up and down between 1,000 and 1,900, as writes come and are followed.
        let fluttering = |n: i64| draining(1_000 + 100 * ((n * 7 + n * n * 3) % 10));
        let foreseen = (5..60)
            .filter(|&n| {
                matches!(
                    trend(Goal::InSync, (0..n).map(fluttering)).outlook(),
                    Outlook::Within(_)
                )
            })
            .count();
        assert!(foreseen <= 3, "{foreseen} times in 55");
    }

    #[test]
    fn a_goal_that_was_due_and_did_not_come_is_not_promised_again() {
        // To 99 % in 99 looks; there it stays.
        let mut trend = trend(Goal::FullSync, (0..100).map(|n| copying(f64::from(n))));
        let [_, _, latest] = seconds(&trend);
        assert!(latest < 60.0);
        let mut promised = 0;
        for n in 0..200 {
            trend.add(Duration::from_secs(EVERY * 100 + 5 * n), &copying(99.0));
            promised += usize::from(matches!(trend.outlook(), Outlook::Within(_)));
        }
        assert!(promised <= 12, "{promised}");
        assert_eq!(trend.outlook(), Outlook::NotConverging);
    }

    #[test]
    fn a_copy_that_begins_anew_is_foreseen_anew() {
        let twice = (0..90).chain(0..30).map(|n| copying(f64::from(n)));
        let [_, likely, _] = seconds(&trend(Goal::InSync, twice));
        assert!((2050.0..2150.0).contains(&likely), "{likely}");
    }

    #[test]
    fn hours_of_readings_stay_small_and_keep_their_beginning_and_their_end() {
        let trend = trend(
            Goal::FullSync,
            (0..5_000).map(|n| copying(f64::from(n) / 51.0)),
        );
        let points = &trend.full_copy.points;
        assert_eq!((points.len(), points[0].0), (KEPT, 0.0));
        let last: Vec<f64> = points[KEPT - 4..].iter().map(|point| point.0).collect();
        assert_eq!(
            last,
            [4996.0, 4997.0, 4998.0, 4999.0].map(|n| n * EVERY as f64)
        );
        assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn improvement_is_more_copied_or_less_outstanding_and_starts_over_with_the_copy() {
        let mut best = Best::default();
        let readings = [
            copying(10.0),
            copying(10.0),
            copying(11.0),
            draining(50),
            draining(60),
            draining(49),
            copying(5.0),
            copying(6.0),
        ];
        let improved: Vec<bool> = readings
            .iter()
            .map(|reading| best.improved_by(reading, Phase::of(reading, None), 0))
            .collect();
        assert_eq!(
            improved,
            [true, false, true, true, false, true, false, true]
        );
    }
}
