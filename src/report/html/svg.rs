//! The charts of the HTML report, as SVG.

use super::super::chart::{self, TimeSeries};
use super::super::history::Mark;
use super::super::messages::{self, Marked};
use super::super::templates::html as filters;
use super::super::view::{Happened, TaskView, View};
use super::Limits;
use crate::domain::Reading;
use askama::Template;
use std::fmt::Write as _;
use std::time::Duration;

/// A chart of the offset as small as a word; everything in it is said elsewhere.
pub(super) fn mini(series: &TimeSeries) -> String {
    let samples = series.offset_samples(24);
    let top = samples
        .iter()
        .flatten()
        .copied()
        .fold(0.0, chart::farther)
        .abs()
        .max(1.0);
    let mut path = String::new();
    let mut drawing = false;
    for (n, value) in samples.into_iter().enumerate() {
        if let Some(value) = value {
            let step = if drawing { 'L' } else { 'M' };
            let _ = write!(
                path,
                "{step}{} {}",
                4 * n + 2,
                chart::decimal(20.0 - 18.0 * value.abs() / top, 1)
            );
        }
        drawing = value.is_some();
    }
    if path.is_empty() {
        return "<span class=\"soft\">no values</span>".to_owned();
    }
    format!(
        "<svg class=\"mini\" viewBox=\"0 0 96 22\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <path class=\"offset\" d=\"{path}\"/></svg>"
    )
}

/// In pixels. Only heights are: across, everything is a share of the width that there is, so that the text has the same
/// size on a phone and on paper. What is beside the axes is in the margins that the style leaves.
const COPY_TOP: f64 = 28.0;
const COPY_BOTTOM: f64 = 108.0;
const OFFSET_TOP: f64 = 148.0;
const OFFSET_BOTTOM: f64 = 318.0;
/// Room for the axis of time.
const BELOW: f64 = 48.0;
/// The height of a row of labels above the picture, and how many rows there are at most.
const LABEL_ROW: f64 = 16.0;
const MOST_LABEL_ROWS: usize = 6;
/// Labels with the same words: of more marks, the sentence below has the number.
const MOST_SAME_LABELS: usize = 3;
/// A character of a label as a share of the width between the axes on a narrow phone, which is 230 pixels.
const CHARACTER: f64 = 7.0 / 230.0;
/// The width of a path's own coordinates.
const PATH_WIDTH: f64 = 1000.0;

/// One picture: the full sync above, the offset below, on one axis of time. The values of `templates/chart.svg`.
#[derive(Debug, Template)]
#[template(path = "chart.svg", config = "src/report/templates/askama.toml")]
pub(super) struct Chart {
    id: String,
    /// Room above for the labels of marks.
    above: f64,
    height: f64,
    /// Where the axis of time is.
    floor: f64,
    has_offsets: bool,
    is_full_only: bool,
    /// The picture in a sentence, for people who do not see it.
    description: String,
    labels: Vec<Label>,
    lines: Vec<Line>,
    /// While the data set was copied: from where, and how wide.
    copying: Vec<(f64, f64)>,
    /// While polls failed: the same.
    failing: Vec<(f64, f64)>,
    /// `max-offset`: where it is, and the number.
    limit: Option<(f64, String)>,
    paths: [Path; 2],
    marks: Vec<Labelled>,
    marked: Marked,
    events: Option<Vec<Moment>>,
    values: Vec<Value>,
}

#[derive(Debug)]
struct Label {
    x: f64,
    y: f64,
    /// Pixels beside `x`.
    beside: f64,
    anchor: &'static str,
    class: &'static str,
    text: String,
}

#[derive(Debug)]
struct Line {
    class: &'static str,
    from: (f64, f64),
    to: (f64, f64),
}

/// A mark, and its label where there is room for one.
#[derive(Debug)]
struct Labelled {
    x: f64,
    /// How high the line is, above the upper edge.
    top: f64,
    label: Option<Label>,
    title: String,
}

/// What happened at one moment.
#[derive(Debug)]
struct Moment {
    x: f64,
    text: String,
}

/// Values to point at.
#[derive(Debug)]
struct Value {
    x: f64,
    left: f64,
    width: f64,
    text: String,
    dots: Vec<(&'static str, f64)>,
}

/// A line through points, with holes, and the value at its end in words.
#[derive(Debug, Default)]
struct Path {
    class: &'static str,
    data: String,
    drawing: bool,
    last: Option<(f64, f64)>,
    label: String,
}

impl Path {
    fn new(class: &'static str) -> Self {
        Self {
            class,
            ..Self::default()
        }
    }

    fn to(&mut self, x: f64, y: f64, label: String) {
        let step = if self.drawing { 'L' } else { 'M' };
        let _ = write!(
            self.data,
            "{step}{} {}",
            chart::decimal(x * PATH_WIDTH, 1),
            chart::decimal(y, 1)
        );
        // A point without neighbours would not be seen.
        if !self.drawing {
            self.data.push_str("h.1");
        }
        self.drawing = true;
        self.last = Some((x, y));
        self.label = label;
    }

    fn lift(&mut self) {
        self.drawing = false;
    }
}

impl Chart {
    pub(super) fn of(
        view: &View<'_>,
        task: &TaskView<'_>,
        events: &[Happened],
        limits: Limits,
    ) -> Self {
        let series = &task.series;
        let history = &task.task.history;
        let scale = Scale::of(series, view.report.max_offset());
        let readings = chart::thin(&history.readings, limits.spans);
        let has_offsets = scale.has_offsets;
        let decades = if has_offsets {
            scale.decades()
        } else {
            Vec::new()
        };
        let ticks = ticks(series.until);
        let copying: &[_] = if has_offsets { &series.copying } else { &[] };
        let max_offset = view.report.max_offset();
        let marks = scale.marks(&history.marks);
        let above = marks.iter().map(|mark| mark.top).fold(0.0, f64::max);
        let failing = history.failing.iter();
        let is_full_only = task.task.is_full_only();
        Self {
            id: task.id.to_owned(),
            above,
            height: above + scale.floor + BELOW,
            floor: scale.floor,
            has_offsets,
            is_full_only,
            description: description(task),
            labels: scale.labels(&decades, &ticks),
            lines: scale.lines(&decades, &ticks),
            copying: copying
                .iter()
                .map(|&(from, until)| scale.span(from, until))
                .collect(),
            failing: failing
                .map(|&(from, until)| scale.span(from, until.unwrap_or(series.until)))
                .collect(),
            limit: (max_offset > 0 && has_offsets).then(|| {
                let y = scale.offset_y(chart::scaled(max_offset));
                (y, messages::count(max_offset))
            }),
            paths: scale.paths(&readings),
            marks,
            marked: task.marked.clone(),
            events: (events.len() <= limits.marks).then(|| scale.moments(events)),
            values: scale.values(&readings, is_full_only),
        }
    }
}

fn description(task: &TaskView<'_>) -> String {
    let series = &task.series;
    let mut text = format!("From the start to {}.", messages::duration(series.until));
    if let (Some((_, from)), Some((_, until))) = (series.copied.first(), series.copied.last()) {
        text.push_str(&format!(
            " Full sync from {} to {}.",
            messages::percent(*from),
            messages::percent(*until)
        ));
    }
    if let Some(numbers) = messages::offset_summary(series) {
        text.push_str(&format!(" Offset: {numbers}."));
    }
    let marked = task.marked.in_words();
    if !marked.is_empty() {
        text.push_str(&format!(" {}", messages::sentence(&marked)));
    }
    text.push_str(" The table of numbers follows.");
    text
}

/// Where values are in the picture.
struct Scale {
    until: Duration,
    has_offsets: bool,
    /// The ends of the offset's axis, on its logarithmic scale.
    bottom: f64,
    top: f64,
    /// Where the axis of time is.
    floor: f64,
}

impl Scale {
    fn of(series: &TimeSeries, max_offset: i64) -> Self {
        let offsets = series.offsets.iter().flatten();
        let (bottom, top) = offsets.map(|&(_, offset)| chart::scaled(offset)).fold(
            (0.0, chart::scaled(max_offset).max(1.0)),
            |(bottom, top): (f64, f64), value| (bottom.min(value), top.max(value)),
        );
        // A full migration has no offset.
        let has_offsets = !series.offsets.is_empty();
        Self {
            until: series.until,
            has_offsets,
            bottom: bottom.floor(),
            top: top.ceil(),
            floor: if has_offsets {
                OFFSET_BOTTOM
            } else {
                COPY_BOTTOM
            },
        }
    }

    /// A share of the width.
    fn x(&self, at: Duration) -> f64 {
        let until = self.until.as_secs_f64();
        if until > 0.0 {
            (at.as_secs_f64() / until).min(1.0)
        } else {
            0.0
        }
    }

    /// Where a span of time begins, and how wide it is.
    fn span(&self, from: Duration, until: Duration) -> (f64, f64) {
        (self.x(from), self.x(until) - self.x(from))
    }

    fn copy_y(percent: f64) -> f64 {
        COPY_BOTTOM - (COPY_BOTTOM - COPY_TOP) * percent.clamp(0.0, 100.0) / 100.0
    }

    fn offset_y(&self, scaled: f64) -> f64 {
        OFFSET_BOTTOM
            - (OFFSET_BOTTOM - OFFSET_TOP) * (scaled - self.bottom) / (self.top - self.bottom)
    }

    /// How many orders of magnitude there are from line to line: with many, every second or third one has room.
    fn stride(&self) -> u32 {
        self.steps() / 7 + 1
    }

    fn steps(&self) -> u32 {
        (self.top.max(-self.bottom) as u32).min(19)
    }

    /// Offsets worth a line: zero and powers of ten, with their places on the scale.
    fn decades(&self) -> Vec<(f64, i64)> {
        let powers = (0..self.steps())
            .step_by(self.stride() as usize)
            .filter_map(|power| 10_i64.checked_pow(power));
        let both = powers.flat_map(|offset| [offset, -offset]).chain([0]);
        let placed = both.map(|offset| (chart::scaled(offset), offset));
        let apart = |scaled: f64| {
            scaled == 0.0 || (self.offset_y(scaled) - self.offset_y(0.0)).abs() > 14.0
        };
        placed
            .filter(|&(scaled, _)| scaled <= self.top && scaled >= self.bottom && apart(scaled))
            .collect()
    }

    /// The axis in words, for people who have never seen such a scale.
    fn offset_heading(&self) -> String {
        let times = messages::count(10_i64.checked_pow(self.stride()).unwrap_or(i64::MAX));
        format!("Offset: each line is {times} times more")
    }

    fn labels(&self, decades: &[(f64, i64)], ticks: &[Duration]) -> Vec<Label> {
        let label = |(x, y), anchor, class, text: &str| Label {
            x,
            y,
            beside: 0.0,
            anchor,
            class,
            text: text.to_owned(),
        };
        let beside = |y: f64, text: &str| Label {
            beside: -8.0,
            ..label((0.0, y + 4.0), "end", "", text)
        };
        let mut labels = vec![label((0.0, COPY_TOP - 12.0), "start", "name", "Full sync")];
        if self.has_offsets {
            let heading = self.offset_heading();
            labels.push(label((0.0, OFFSET_TOP - 12.0), "start", "name", &heading));
        }
        labels.extend(
            [0.0, 50.0, 100.0]
                .map(|percent| beside(Self::copy_y(percent), &messages::percent(percent))),
        );
        labels.extend(
            decades
                .iter()
                .map(|&(scaled, offset)| beside(self.offset_y(scaled), &power(offset))),
        );
        labels.extend(ticks.iter().enumerate().map(|(n, &tick)| {
            let place = (self.x(tick), self.floor + 24.0);
            let class = if n % 2 == 1 { "second" } else { "" };
            label(place, "middle", class, &tick_label(tick))
        }));
        let what = (1.0, self.floor + 42.0);
        labels.push(label(what, "end", "", "time since the start"));
        labels
    }

    fn lines(&self, decades: &[(f64, i64)], ticks: &[Duration]) -> Vec<Line> {
        let across = |class, y| Line {
            class,
            from: (0.0, y),
            to: (1.0, y),
        };
        let mut lines: Vec<Line> = [50.0, 100.0]
            .map(|percent| across("grid", Self::copy_y(percent)))
            .into();
        let decades = decades.iter().filter(|&&(scaled, _)| scaled != 0.0);
        lines.extend(decades.map(|&(scaled, _)| across("grid", self.offset_y(scaled))));
        lines.extend(ticks.iter().map(|&tick| Line {
            class: "axis",
            from: (self.x(tick), self.floor),
            to: (self.x(tick), self.floor + 6.0),
        }));
        lines.push(across("axis", COPY_BOTTOM));
        if self.has_offsets {
            lines.push(across("axis", self.offset_y(0.0)));
        }
        lines
    }

    fn paths(&self, readings: &[(Duration, Reading)]) -> [Path; 2] {
        let (mut copy, mut offset) = (Path::new("copy"), Path::new("offset"));
        for (at, reading) in readings {
            let x = self.x(*at);
            if let Some(percent) = reading.full_migration_progress {
                copy.to(x, Self::copy_y(percent), messages::percent(percent));
            }
            if !chart::counts(reading) {
                offset.lift();
            } else if let Some(value) = reading.offset {
                offset.to(x, self.offset_y(chart::scaled(value)), short(value));
            }
        }
        [copy, offset]
    }

    /// Each mark with its label in the lowest row where that hides no other. A label begins at its line, or ends there
    /// where the line is on the right.
    fn marks(&self, marks: &[(Duration, Mark)]) -> Vec<Labelled> {
        let mut ends = [f64::NEG_INFINITY; MOST_LABEL_ROWS];
        let labelled = |(n, &(at, mark)): (usize, &(Duration, Mark))| {
            let before = marks.iter().take(n).filter(|(_, other)| *other == mark);
            let is_labelled = before.count() < MOST_SAME_LABELS;
            let text = messages::label(mark);
            let x = self.x(at);
            let width = (text.len() as f64 + 2.0) * CHARACTER;
            let is_left = x + width <= 1.1;
            let (from, until) = if is_left {
                (x, x + width)
            } else {
                (x - width, x)
            };
            let mut rows = ends.iter_mut().enumerate();
            let row = rows.find(|(_, end)| is_labelled && **end <= from);
            let label = row.map(|(row, end)| {
                *end = until;
                Label {
                    x,
                    y: -LABEL_ROW * row as f64,
                    beside: if is_left { 4.0 } else { -4.0 },
                    anchor: if is_left { "start" } else { "end" },
                    class: "strong",
                    text: text.to_owned(),
                }
            });
            Labelled {
                x,
                top: label.as_ref().map_or(0.0, |label| LABEL_ROW - label.y),
                label,
                title: format!("{}: {text}", messages::duration(at)),
            }
        };
        marks.iter().enumerate().map(labelled).collect()
    }

    fn moments(&self, events: &[Happened]) -> Vec<Moment> {
        let moments = events.chunk_by(|(a, _), (b, _)| a == b);
        moments
            .filter_map(|moment| {
                let (at, _) = moment.first()?;
                let what: Vec<String> = moment
                    .iter()
                    .map(|(_, what)| what.replace('`', ""))
                    .collect();
                Some(Moment {
                    x: self.x(*at),
                    text: format!("{}: {}", messages::duration(*at), what.join("; ")),
                })
            })
            .collect()
    }

    /// A column for each reading, half-way to its neighbours.
    fn values(&self, readings: &[(Duration, Reading)], is_full_only: bool) -> Vec<Value> {
        let places: Vec<f64> = readings.iter().map(|(at, _)| self.x(*at)).collect();
        let value = |(n, (at, reading)): (usize, &(Duration, Reading))| {
            let x = self.x(*at);
            let half_way = |neighbour: Option<&f64>, end: f64| {
                neighbour.map_or(end, |there| f64::midpoint(x, *there))
            };
            let before = n.checked_sub(1).and_then(|before| places.get(before));
            let left = half_way(before, x - 0.005);
            let right = half_way(places.get(n + 1), x + 0.005);
            let does_count = chart::counts(reading);
            let copied = reading.full_migration_progress;
            let copy_dot = copied.map(|percent| ("copy", Self::copy_y(percent)));
            let offset_dot = reading
                .offset
                .filter(|_| does_count)
                .map(|offset| ("offset", self.offset_y(chart::scaled(offset))));
            Value {
                x,
                left,
                width: (right - left).max(0.0),
                text: format!(
                    "{}: full sync {}, offset {}{}, keys {} → {}",
                    messages::duration(*at),
                    messages::known_percent(copied),
                    messages::known_offset(reading.offset, is_full_only),
                    if does_count || reading.offset.is_none() {
                        ""
                    } else {
                        " (does not count yet)"
                    },
                    messages::known(reading.source_dbsize),
                    messages::known(reading.target_dbsize),
                ),
                dots: copy_dot.into_iter().chain(offset_dot).collect(),
            }
        };
        readings.iter().enumerate().map(value).collect()
    }
}

/// A power of ten beside an axis, as a number that people read.
pub(super) fn power(offset: i64) -> String {
    const UNITS: [(u64, i64, &str); 3] = [
        (1_000_000_000_000, 1_000_000_000_000, "trillion"),
        (1_000_000_000, 1_000_000_000, "billion"),
        (10_000_000, 1_000_000, "million"),
    ];
    let size = offset.unsigned_abs();
    match UNITS.iter().find(|&&(least, ..)| size >= least) {
        Some((_, unit, name)) => format!("{} {name}", messages::count(offset / unit)),
        None => messages::count(offset),
    }
}

/// A number that fits beside an axis.
pub(super) fn short(offset: i64) -> String {
    const UNITS: [(u64, &str); 5] = [
        (1_000_000_000_000_000, "P"),
        (1_000_000_000_000, "T"),
        (1_000_000_000, "G"),
        (1_000_000, "M"),
        (10_000, "k"),
    ];
    let size = offset.unsigned_abs();
    let Some(&(_, unit)) = UNITS.iter().find(|&&(least, _)| size >= least) else {
        return messages::count(offset);
    };
    let divisor = match unit {
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        _ => 1e15,
    };
    format!("{}{unit}", chart::decimal(offset as f64 / divisor, 1))
}

/// A round time beside an axis, where there is no room for two units of it.
fn tick_label(tick: Duration) -> String {
    if tick.subsec_millis() == 0 {
        messages::duration(tick)
    } else {
        format!("{}s", chart::decimal(tick.as_secs_f64(), 2))
    }
}

/// Round times for an axis that ends at `until`, at most eight steps apart.
pub(super) fn ticks(until: Duration) -> Vec<Duration> {
    const MINUTE: u64 = 60_000;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const STEPS: [u64; 26] = [
        50,
        100,
        200,
        500,
        1000,
        2000,
        5000,
        10_000,
        15_000,
        30_000,
        MINUTE,
        2 * MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        3 * HOUR,
        6 * HOUR,
        12 * HOUR,
        DAY,
        2 * DAY,
        5 * DAY,
        10 * DAY,
        30 * DAY,
    ];
    let end = until.as_millis() as u64;
    let step = STEPS
        .into_iter()
        .find(|step| end / step <= 8)
        .unwrap_or(end.max(1));
    (0..=end / step)
        .map(|n| Duration::from_millis(n * step))
        .collect()
}
