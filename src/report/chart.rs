//! A task's readings over time, made ready to be drawn: which values count, on which scale, at how many points.
//!
//! An offset spans many orders of magnitude, and what matters is how it comes to zero. So it is drawn on a logarithmic
//! scale that has a zero ([`scaled`]), and where many readings share a point, the worst of them is shown: a burst that
//! lasted one reading is still there after a week.

use super::TaskReport;
use crate::domain::{FullSync, Reading};
use std::time::Duration;

/// Values in the order of their times.
pub type Points<T> = Vec<(Duration, T)>;

/// What a task's readings show over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimeSeries {
    /// The full sync, in percent, where it is known.
    pub copied: Points<f64>,
    /// The offset where it is known and counts, in stretches: while the data set is copied, no offset means anything,
    /// so a full sync that restarts ends a stretch. No stretch is empty.
    pub offsets: Vec<Points<i64>>,
    /// From when to when the data set was being copied.
    pub copying: Vec<(Duration, Duration)>,
    /// The end of the wait.
    pub until: Duration,
}

impl TimeSeries {
    /// What a task's readings show.
    pub fn of(task: &TaskReport) -> Self {
        let mut series = Self::default();
        let mut stretch = Points::new();
        let mut copying: Option<(Duration, Duration)> = None;
        for (at, reading) in &task.history.readings {
            if let Some(percent) = reading.full_migration_progress {
                series.copied.push((*at, percent));
            }
            match reading.full_sync() {
                FullSync::Incomplete => {
                    series.offsets.extend(
                        Some(std::mem::take(&mut stretch)).filter(|stretch| !stretch.is_empty()),
                    );
                    copying = Some((copying.map_or(*at, |(from, _)| from), *at));
                }
                FullSync::Done | FullSync::Unknown => {
                    series
                        .copying
                        .extend(copying.take().map(|(from, _)| (from, *at)));
                    stretch.extend(reading.offset.map(|offset| (*at, offset)));
                }
            }
            series.until = *at;
        }
        series
            .offsets
            .extend(Some(stretch).filter(|stretch| !stretch.is_empty()));
        series.until = series.until.max(task.elapsed);
        series
            .copying
            .extend(copying.map(|(from, _)| (from, series.until)));
        series
    }

    /// The last stretch of offsets that a line can be drawn through.
    pub fn last_stretch(&self) -> Option<&Points<i64>> {
        self.offsets.iter().rev().find(|stretch| stretch.len() > 1)
    }

    /// The offset farthest from zero, and when that was.
    pub fn peak(&self) -> Option<(Duration, i64)> {
        self.offsets
            .iter()
            .flatten()
            .copied()
            .max_by_key(|(_, offset)| offset.unsigned_abs())
    }

    /// The full sync, at `count` moments of the whole wait.
    pub fn copied_samples(&self, count: usize) -> Vec<Option<f64>> {
        sample(
            std::slice::from_ref(&self.copied),
            Duration::ZERO,
            self.until,
            count,
            f64::min,
        )
    }

    /// The offset on its scale, at `count` moments of the whole wait.
    pub fn offset_samples(&self, count: usize) -> Vec<Option<f64>> {
        let stretches: Vec<Points<f64>> = self.offsets.iter().map(scaled_points).collect();
        sample(&stretches, Duration::ZERO, self.until, count, farther)
    }
}

/// Whether a reading's offset counts.
pub fn counts(reading: &Reading) -> bool {
    match reading.full_sync() {
        FullSync::Incomplete => false,
        FullSync::Done | FullSync::Unknown => true,
    }
}

/// The offset on a logarithmic scale that has a zero: 0 stays 0, 9 becomes 1, 99 becomes 2, and -9 becomes -1.
pub fn scaled(offset: i64) -> f64 {
    let distance = (1.0 + offset.unsigned_abs() as f64).log10();
    if offset < 0 { -distance } else { distance }
}

/// The offset of a point on that scale.
pub fn unscaled(value: f64) -> f64 {
    (10_f64.powf(value.abs()) - 1.0) * value.signum()
}

/// A stretch on that scale.
pub fn scaled_points(stretch: &Points<i64>) -> Points<f64> {
    stretch
        .iter()
        .map(|&(at, offset)| (at, scaled(offset)))
        .collect()
}

/// Whichever is farther from zero.
pub fn farther(a: f64, b: f64) -> f64 {
    if a.abs() >= b.abs() { a } else { b }
}

/// `count` values at even distances, the first at `from`, the last at `until`. Where values only rise or only fall, each
/// is on the line between its neighbours; where they turn, it is the worst of those nearer to it than to any other moment.
/// The last is the newest, so that a line ends with what was seen last. Outside of every stretch there is none.
pub fn sample(
    stretches: &[Points<f64>],
    from: Duration,
    until: Duration,
    count: usize,
    worst: fn(f64, f64) -> f64,
) -> Vec<Option<f64>> {
    let last = count.saturating_sub(1);
    let span = until.saturating_sub(from);
    // In half steps: even ones are the moments, odd ones the borders between them.
    let border = |half_steps: usize| {
        if half_steps >= 2 * last {
            until
        } else {
            from + span.mul_f64(half_steps as f64 / (2 * last) as f64)
        }
    };
    let value = |n: usize| {
        let at = border(2 * n);
        let begin = n.checked_sub(1).map(|before| border(2 * before + 1));
        // What comes shortly before the end must not be hidden by the end.
        let end = if n + 1 >= last {
            until
        } else {
            border(2 * n + 1)
        };
        let mut values = stretches.iter().filter_map(|stretch| {
            let begin = begin.map_or(0, |begin| {
                stretch.partition_point(|&(point, _)| point <= begin)
            });
            let end = stretch.partition_point(|&(point, _)| point <= end);
            let here = stretch.get(begin..end).filter(|here| !here.is_empty())?;
            if n == last {
                return here.last().map(|&(_, value)| value);
            }
            let around = stretch
                .get(begin.saturating_sub(1)..(end + 1).min(stretch.len()))
                .unwrap_or_default();
            let is_steady =
                around.is_sorted_by(|a, b| a.1 <= b.1) || around.is_sorted_by(|a, b| a.1 >= b.1);
            let on_the_line = on_the_line(stretch, at).filter(|_| is_steady);
            on_the_line.or_else(|| here.iter().map(|&(_, value)| value).reduce(worst))
        });
        let value = if n == last {
            values.next_back()
        } else {
            values.reduce(worst)
        };
        value.or_else(|| {
            stretches
                .iter()
                .find_map(|stretch| on_the_line(stretch, at))
        })
    };
    (0..count).map(value).collect()
}

/// The value at a moment between two points.
fn on_the_line(stretch: &Points<f64>, at: Duration) -> Option<f64> {
    let next = stretch.partition_point(|&(point, _)| point < at);
    let &(after, to) = stretch.get(next)?;
    if after == at {
        return Some(to);
    }
    let &(before, from) = stretch.get(next.checked_sub(1)?)?;
    let share = (at - before).as_secs_f64() / (after - before).as_secs_f64();
    Some(from + (to - from) * share)
}

/// The lowest block, for what is done: nothing copied, or in sync.
const LOWEST: char = '▁';
/// The blocks above it.
const HIGHER: [char; 7] = ['▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// For no value.
const NONE: char = '·';

fn block(share: f64) -> char {
    let top = HIGHER.len() - 1;
    HIGHER
        .get(((share.clamp(0.0, 1.0) * top as f64).round() as usize).min(top))
        .copied()
        .unwrap_or(NONE)
}

/// The full sync as a line of blocks: the full block is 100 percent and nothing else, the lowest is zero.
pub fn copied_sparkline(series: &TimeSeries, width: usize) -> String {
    let draw = |percent: f64| match percent {
        percent if percent >= 100.0 => '█',
        percent if percent <= 0.0 => LOWEST,
        percent => block((percent / 100.0).min(0.84)),
    };
    series
        .copied_samples(width)
        .into_iter()
        .map(|value| value.map_or(NONE, draw))
        .collect()
}

/// The offset as a line of blocks, on its scale: the lowest block is in sync and nothing else.
pub fn offset_sparkline(series: &TimeSeries, max_offset: i64, width: usize) -> String {
    let limit = scaled(max_offset);
    let top = series
        .peak()
        .map_or(0.0, |(_, offset)| scaled(offset).abs());
    let draw = |value: f64| {
        if (0.0..=limit).contains(&value) {
            LOWEST
        } else {
            block(value.abs() / top)
        }
    };
    series
        .offset_samples(width)
        .into_iter()
        .map(|value| value.map_or(NONE, draw))
        .collect()
}

/// Which of the readings to show where there is room for some only: of each of `spans` equal spans of time the first,
/// the last, the one with the worst offset and the one with the least copied.
pub fn thin(readings: &[(Duration, Reading)], spans: usize) -> Vec<(Duration, Reading)> {
    let (Some((from, _)), Some((until, _))) = (readings.first(), readings.last()) else {
        return Vec::new();
    };
    let width = (*until - *from).as_secs_f64() / spans.max(1) as f64;
    let span_of = |at: Duration| {
        if width > 0.0 {
            ((at - *from).as_secs_f64() / width) as usize
        } else {
            0
        }
    };
    let mut kept = Vec::new();
    for span in readings.chunk_by(|(a, _), (b, _)| span_of(*a) == span_of(*b)) {
        let numbered = || span.iter().enumerate();
        let worst = numbered()
            .filter(|(_, (_, reading))| counts(reading))
            .max_by_key(|(_, (_, reading))| reading.offset.map(i64::unsigned_abs));
        let least =
            numbered().filter_map(|(n, (_, reading))| Some((n, reading.full_migration_progress?)));
        let least = least.min_by(|(_, a), (_, b)| a.total_cmp(b));
        let wanted = [
            Some(0),
            worst.map(|(n, _)| n),
            least.map(|(n, _)| n),
            span.len().checked_sub(1),
        ];
        kept.extend(
            numbered()
                .filter(|&(n, _)| wanted.contains(&Some(n)))
                .map(|(_, reading)| reading.clone()),
        );
    }
    kept
}

/// All readings, or so many of them that no more than `most` are left, as [`thin`] chooses them.
pub fn at_most(readings: &[(Duration, Reading)], most: usize) -> Vec<(Duration, Reading)> {
    // A span has up to four readings worth showing, and the newest reading can have a span to itself.
    if readings.len() <= most {
        readings.to_vec()
    } else {
        thin(readings, (most / 4).saturating_sub(1))
    }
}

/// An axis of time for a line of values at even distances, in whole numbers of a unit.
///
/// Whole numbers, because the versions of Mermaid differ in how they spread values over an axis: before 11 they add one
/// to its length, and up to 11.4 they add up fractions, until rounding has lost the last value: the one that
/// decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// The unit's name.
    pub unit: &'static str,
    /// Where the axis begins and ends, in that unit.
    pub range: (u64, u64),
    /// Values that go along it, both ends included; two at least.
    pub count: usize,
    unit_length: Duration,
}

impl Axis {
    /// The axis for what was seen between two times, with at most so many values.
    pub fn new(from: Duration, until: Duration, most: usize) -> Self {
        const MILLISECOND: Duration = Duration::from_millis(1);
        let (unit, unit_length) = match until.as_secs() {
            0..30 => ("milliseconds", MILLISECOND),
            30..1800 => ("seconds", Duration::from_secs(1)),
            1800..108_000 => ("minutes", Duration::from_secs(60)),
            _ => ("hours", Duration::from_secs(3600)),
        };
        let first = (from.as_millis() / unit_length.as_millis()) as u64;
        let last = until.as_millis().div_ceil(unit_length.as_millis()) as u64;
        let step = last
            .saturating_sub(first)
            .div_ceil((most as u64).saturating_sub(1).max(1))
            .max(1);
        let steps = last.saturating_sub(first).div_ceil(step).max(1);
        Self {
            unit,
            range: (first, first + steps * step),
            count: steps as usize + 1,
            unit_length,
        }
    }

    /// A line along it. Its ends reach the ends of the axis.
    pub fn sample(&self, points: &Points<f64>, worst: fn(f64, f64) -> f64) -> Vec<f64> {
        let time = |units: u64| {
            self.unit_length
                .saturating_mul(units.try_into().unwrap_or(u32::MAX))
        };
        let (from, until) = (time(self.range.0), time(self.range.1));
        let mut newest = points.first().map_or(0.0, |&(_, value)| value);
        let mut values = sample(std::slice::from_ref(points), from, until, self.count, worst);
        for value in &mut values {
            newest = *value.get_or_insert(newest);
        }
        // Rounded up to a whole unit, the axis goes on for a moment behind the newest point.
        if let (Some(last), Some(&(_, end))) = (values.last_mut(), points.last()) {
            *last = Some(end);
        }
        values.into_iter().flatten().collect()
    }
}

/// A number with at most so many decimals, and none that are needless.
pub fn decimal(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::task_with;
    use super::*;
    use proptest::prelude::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn points(values: &[(u64, f64)]) -> Points<f64> {
        values
            .iter()
            .map(|&(at, value)| (seconds(at), value))
            .collect()
    }

    #[test]
    fn offset_is_hidden_during_full_sync() {
        let task = task_with(&[
            (0, 0.0, Some(0)),
            (10, 50.0, Some(0)),
            (20, 100.0, Some(900)),
            (30, 100.0, None),
            (40, 100.0, Some(4)),
            (50, 10.0, Some(0)),
            (60, 100.0, Some(70)),
        ]);
        let series = TimeSeries::of(&task);
        let stretch = |values: &[(u64, i64)]| {
            values
                .iter()
                .map(|&(at, value)| (seconds(at), value))
                .collect()
        };
        let expected: [Points<i64>; 2] = [stretch(&[(20, 900), (40, 4)]), stretch(&[(60, 70)])];
        assert_eq!(series.offsets, expected);
        assert_eq!(
            series.copying,
            [(seconds(0), seconds(20)), (seconds(50), seconds(60))]
        );
        assert_eq!(series.last_stretch(), Some(&expected[0]));
        assert_eq!(series.peak(), Some((seconds(20), 900)));
    }

    #[test]
    fn scale_has_zero_and_sign() {
        assert_eq!([0, 9, 99, -9].map(scaled), [0.0, 1.0, 2.0, -1.0]);
        assert!(scaled(i64::MAX) < 19.0 && scaled(i64::MIN) > -19.0);
        assert!((unscaled(scaled(46_800)) - 46_800.0).abs() < 0.001);
    }

    #[test]
    fn one_reading_burst_stays_visible() {
        let mut values: Vec<(u64, f64)> = (0..=100_000).map(|n| (n, 0.0)).collect();
        values[77_777].1 = 5.0;
        values[99_999].1 = 3.0;
        let samples = sample(
            &[points(&values)],
            seconds(0),
            seconds(100_000),
            60,
            farther,
        );
        assert_eq!(
            samples.iter().filter(|&&value| value == Some(5.0)).count(),
            1
        );
        assert_eq!(samples[58], Some(3.0));
        assert_eq!(samples.last(), Some(&Some(0.0)));
    }

    #[test]
    fn line_exists_only_within_stretches() {
        let stretches = [
            points(&[(10, 0.0), (20, 10.0)]),
            points(&[(40, 7.0), (50, 7.0)]),
        ];
        assert_eq!(
            sample(&stretches, seconds(0), seconds(60), 13, farther),
            [
                None,
                None,
                Some(0.0),
                Some(5.0),
                Some(10.0),
                None,
                None,
                None,
                Some(7.0),
                Some(7.0),
                Some(7.0),
                None,
                None,
            ]
        );
        assert_eq!(
            sample(&[], seconds(0), seconds(60), 2, farther),
            [None, None]
        );
        assert_eq!(
            sample(&stretches, seconds(10), seconds(10), 1, farther),
            [Some(0.0)]
        );
        assert_eq!(sample(&stretches, seconds(10), seconds(10), 0, farther), []);
    }

    #[test]
    fn a_steady_course_has_no_stairs() {
        let values: Vec<(u64, f64)> = [0, 7, 11, 19, 30, 44, 52, 61, 75, 88, 100]
            .map(|at| (at, at as f64))
            .to_vec();
        for count in [2, 8, 11, 60] {
            let samples = sample(
                &[points(&values)],
                seconds(0),
                seconds(100),
                count,
                f64::min,
            );
            for (n, value) in samples.into_iter().enumerate() {
                let expected = 100.0 * n as f64 / (count - 1) as f64;
                assert!((value.unwrap() - expected).abs() < 1e-6, "{count}: {n}");
            }
        }
    }

    #[test]
    fn axis_is_whole_line_ends_newest() {
        let axis = |from, until| {
            let axis = Axis::new(
                Duration::from_millis(from),
                Duration::from_millis(until),
                60,
            );
            (axis.unit, axis.range, axis.count)
        };
        assert_eq!(axis(39, 7412), ("milliseconds", (39, 7414), 60));
        assert_eq!(axis(0, 880_500), ("seconds", (0, 885), 60));
        assert_eq!(axis(420_000, 3_600_000), ("minutes", (7, 60), 54));
        assert_eq!(axis(0, 604_800_000), ("hours", (0, 168), 57));
        assert_eq!(axis(5000, 5000), ("milliseconds", (5000, 5001), 2));
        let values = points(&[(100, 9.0), (200, 5.0), (880, 3.0)]);
        let line = Axis::new(seconds(100), seconds(880), 60).sample(&values, farther);
        assert_eq!((line.len(), line[0], line.last()), (57, 9.0, Some(&3.0)));
    }

    #[test]
    fn full_spark_means_done() {
        let task = task_with(&[
            (0, 0.0, None),
            (10, 99.9, None),
            (20, 100.0, Some(100_000)),
            (30, 100.0, Some(1)),
            (40, 100.0, Some(0)),
        ]);
        let series = TimeSeries::of(&task);
        assert_eq!(copied_sparkline(&series, 5), "▁▇███");
        assert_eq!(offset_sparkline(&series, 0, 5), "··█▂▁");
        assert_eq!(offset_sparkline(&series, 1, 5), "··█▁▁");
    }

    #[test]
    fn thinning_keeps_ends_and_bursts() {
        let readings: Vec<(Duration, Reading)> = (0..10_000_u64)
            .map(|n| {
                let percent = if n == 4321 { 3.0 } else { 100.0 };
                let offset = Some(if n == 1234 { -9 } else { 0 });
                (
                    seconds(n),
                    Reading {
                        offset,
                        full_migration_progress: Some(percent),
                        ..Reading::default()
                    },
                )
            })
            .collect();
        let kept = thin(&readings, 10);
        assert!((20..=44).contains(&kept.len()), "{}", kept.len());
        let times: Vec<u64> = kept.iter().map(|(at, _)| at.as_secs()).collect();
        assert!(
            times.is_sorted() && [0, 1234, 4321, 9999].iter().all(|at| times.contains(at)),
            "{times:?}"
        );
        assert_eq!(thin(&readings[..3], 10), readings[..3]);
        assert_eq!(thin(&[], 10), []);
    }

    #[test]
    fn numbers_have_no_needless_decimals() {
        assert_eq!(
            [0.0, 1.5, 100.0, -0.001, 2.345].map(|value| decimal(value, 2)),
            ["0", "1.5", "100", "0", "2.35"]
        );
        assert_eq!(decimal(120.0, 0), "120");
    }

    proptest! {
        #[test]
        fn whatever_was_read_can_be_drawn(
            values in proptest::collection::vec((0_u64..1000, proptest::option::of(-10.0..110.0_f64), proptest::option::of(any::<i64>())), 0..50),
            width in 0_usize..70,
        ) {
            let mut values = values;
            values.sort_by_key(|value| value.0);
            let mut task = task_with(&[]);
            task.history.readings = values
                .into_iter()
                .map(|(at, full_migration_progress, offset)| {
                    (seconds(at), Reading { full_migration_progress, offset, ..Reading::default() })
                })
                .collect();
            let series = TimeSeries::of(&task);
            prop_assert_eq!(copied_sparkline(&series, width).chars().count(), width);
            prop_assert_eq!(offset_sparkline(&series, 0, width).chars().count(), width);
            prop_assert!(series.offset_samples(width).into_iter().flatten().all(f64::is_finite));
            for stretch in &series.offsets {
                let (from, until) = (stretch[0].0, stretch.last().unwrap().0);
                let axis = Axis::new(from, until, 60);
                let line = axis.sample(&scaled_points(stretch), farther);
                prop_assert!((2..=60).contains(&axis.count) && line.len() == axis.count);
                prop_assert_eq!(line.last().copied(), stretch.last().map(|&(_, offset)| scaled(offset)));
            }
            prop_assert!(thin(&task.history.readings, 7).len() <= task.history.readings.len());
        }
    }
}
