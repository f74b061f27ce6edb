//! Curves of measured values, and lines through their newest points.

use super::{Eta, Range};
use std::time::Duration;

/// Points of one curve, oldest first: the newest closely, older ones ever further apart, so that it holds a wait of
/// hours and the last minute.
#[derive(Debug, Default)]
pub(super) struct Curve {
    pub(super) points: Vec<(f64, f64)>,
    /// The smallest step in which the values are reported.
    step: Option<f64>,
    /// The best value so far, when it was reached, and the longest time that an improvement took.
    best: Option<(f64, f64)>,
    longest_pause: f64,
}

/// Points that are kept of a curve.
pub(super) const KEPT: usize = 32;
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
/// Points whose fluctuation is measured.
const FLUCTUATION: usize = 18;
/// From the median distance of a point from its neighbours to the width over which values must be spread evenly to have it.
const TO_WIDTH: f64 = 4.2;
/// A line that leaves more than this unexplained foretells nothing.
const UNEXPLAINED: f64 = 0.25;
/// No pace is steadier than this share of the time that is left.
const UNSTEADY: f64 = 0.05;

impl Curve {
    /// Adds a value; `true` where it is the best so far.
    pub(super) fn push(&mut self, at: Duration, value: f64, better: Better) -> bool {
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

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn newest(&self, n: usize) -> &[(f64, f64)] {
        self.points
            .get(self.points.len().saturating_sub(n)..)
            .unwrap_or_default()
    }

    /// Slope over the newest points, per second; `None` while there is too little to go on.
    pub(super) fn rate(&self) -> Option<f64> {
        Line::fit(self.newest(RECENT), 0.0, Some).map(|line| line.slope)
    }

    /// When the full sync is done; it is_stuck at `percent` now.
    pub(super) fn eta_of_full_sync(&self, percent: f64) -> Eta {
        let step = self.step.unwrap_or(1.0);
        // The line runs through the middle of the steps, and the last one begins half a step before its value.
        let fits = WINDOWS.iter().filter_map(|&n| {
            let line = Line::fit(self.newest(n), step, Some)?;
            Some((
                line.unexplained,
                line.reaches(100.0 - step / 2.0, percent, step)?,
            ))
        });
        range(fits).unwrap_or_else(|| self.eta_without_range(Better::Larger))
    }

    /// When the offset is down to `limit`; `open` is over it now.
    pub(super) fn eta_of_offset(&self, open: f64, limit: f64) -> Eta {
        // A drain that slows down as it empties is a straight line in the logarithm.
        let logarithm = |value: f64| (limit < value).then(|| (value - limit + 0.5).ln());
        let fluctuation = self.fluctuation(logarithm);
        let fits = WINDOWS.iter().flat_map(|&n| {
            let linear = Line::fit(self.newest(n), 1.0 + fluctuation * open, |value| {
                Some(value - limit)
            });
            let exponential = Line::fit(self.newest(n), 1.0 / open + fluctuation, logarithm);
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
        range(fits).unwrap_or_else(|| self.eta_without_range(Better::Smaller))
    }

    /// How far a point usually is from the line between its neighbours. A short line through points that fluctuation may fit
    /// them well by chance, and mean nothing.
    fn fluctuation(&self, scale: impl Fn(f64) -> Option<f64>) -> f64 {
        let mut distances: Vec<f64> = self
            .newest(FLUCTUATION)
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

    /// Not converging where the curve is_stuck or goes the wrong way; else unknown.
    fn eta_without_range(&self, better: Better) -> Eta {
        let goes_the_wrong_way = |n| {
            Line::fit(self.newest(n), 0.0, Some)
                .is_some_and(|line| line.slope * better.sign() < 0.0 && line.has_direction())
        };
        let worsens =
            RECENT <= self.points.len() && goes_the_wrong_way(RECENT) && goes_the_wrong_way(KEPT);
        if worsens || self.is_stuck() {
            Eta::NotConverging
        } else {
            Eta::Unknown
        }
    }

    /// Whether nothing has become better for much longer than that ever took before.
    pub(super) fn is_stuck(&self) -> bool {
        let (Some(&(now, _)), Some((_, since))) = (self.points.last(), self.best) else {
            return false;
        };
        LONG_PAUSE.max(3.0 * self.longest_pause) < now - since
    }
}

/// Which values of a curve are nearer to the goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Better {
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
fn range(fits: impl Iterator<Item = (f64, [f64; 3])>) -> Option<Eta> {
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
    Some(Eta::Within(Range {
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

    /// Whether it goes up or down, rather than in no clear direction: about one in a hundred does so by chance.
    fn has_direction(&self) -> bool {
        (2.3 + 7.4 / (self.n - 2.0)) * self.slope_error < self.slope.abs()
    }

    /// Whether it misses its own points by so much, the noise that every value has aside. One that misses them by as much as
    /// is left to go does not know when it gets there.
    fn misses_by(&self, distance: f64) -> bool {
        distance < self.misfit
    }

    /// When the line gets to `goal`, in seconds from the newest point on, whose value is `present`: earliest, likely,
    /// latest. `None` where it does not get there, as far as is known.
    fn reaches(&self, goal: f64, present: f64, step: f64) -> Option<[f64; 3]> {
        let towards = (goal - present).signum();
        let pace = self.slope * towards;
        if pace <= 0.0 || !self.has_direction() || UNEXPLAINED < self.unexplained {
            return None;
        }
        // The line knows better where it is_stuck than a single value does, within the value's own doubt.
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
