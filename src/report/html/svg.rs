//! The charts of the HTML report, as SVG.

use super::super::chart::{self, TimeSeries};
use super::super::{Report, TaskReport, messages};
use super::{Limits, copied};
use crate::escape::html as escape;
use std::fmt::Write as _;
use std::time::Duration;

/// A chart of the offset as small as a word; everything in it is said elsewhere.
pub(super) fn mini(course: &TimeSeries) -> String {
    let samples = course.offset_samples(24);
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
        return "<span class=\"soft\">none</span>".to_owned();
    }
    format!(
        "<svg class=\"mini\" viewBox=\"0 0 96 22\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <path class=\"offset\" d=\"{path}\"/></svg>"
    )
}

/// One picture: the full sync above, the offset below, on one axis of time.
pub(super) struct Drawing<'a> {
    report: &'a Report,
    task: &'a TaskReport,
    course: &'a TimeSeries,
    room: Limits,
    max_offset: i64,
    /// The ends of the offset's axis, on its scale.
    bottom: f64,
    top: f64,
    /// Where the picture's axis of time is.
    floor: f64,
}

const WIDTH: f64 = 800.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 730.0;
const COPY_TOP: f64 = 28.0;
const COPY_BOTTOM: f64 = 108.0;
const OFFSET_TOP: f64 = 148.0;
const OFFSET_BOTTOM: f64 = 318.0;
/// Room for the axis of time.
const BELOW: f64 = 48.0;

impl<'a> Drawing<'a> {
    pub(super) fn new(
        report: &'a Report,
        task: &'a TaskReport,
        course: &'a TimeSeries,
        room: Limits,
    ) -> Self {
        let max_offset = report.max_offset();
        let scaled = || {
            course
                .offsets
                .iter()
                .flatten()
                .map(|&(_, offset)| chart::scaled(offset))
        };
        let top = scaled()
            .chain([chart::scaled(max_offset), 1.0])
            .fold(0.0, f64::max)
            .ceil();
        let bottom = scaled().fold(0.0, f64::min).floor();
        // A full migration has no offset.
        let floor = if course.offsets.is_empty() {
            COPY_BOTTOM
        } else {
            OFFSET_BOTTOM
        };
        Self {
            report,
            task,
            course,
            room,
            max_offset,
            bottom,
            top,
            floor,
        }
    }

    fn x(&self, at: Duration) -> f64 {
        let until = self.course.until.as_secs_f64();
        LEFT + if until > 0.0 {
            (RIGHT - LEFT) * at.as_secs_f64() / until
        } else {
            0.0
        }
    }

    fn copy_y(percent: f64) -> f64 {
        COPY_BOTTOM - (COPY_BOTTOM - COPY_TOP) * percent.clamp(0.0, 100.0) / 100.0
    }

    fn offset_y(&self, scaled: f64) -> f64 {
        OFFSET_BOTTOM
            - (OFFSET_BOTTOM - OFFSET_TOP) * (scaled - self.bottom) / (self.top - self.bottom)
    }

    pub(super) fn draw(&self, page: &mut String) {
        let id = escape(self.task.id.as_str());
        let _ = writeln!(
            page,
            "<figure><div class=\"wide\"><svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-labelledby=\"title-{id} desc-{id}\">\
             <title id=\"title-{id}\">Full sync and offset over time</title><desc id=\"desc-{id}\">{}</desc>",
            one(self.floor + BELOW),
            escape(&self.description())
        );
        self.axes(page);
        self.lines(page);
        let events = messages::time_line(self.report, Some(self.task));
        let marks = events.len() <= self.room.marks;
        if marks {
            self.marks(page, &events);
        }
        self.values(page);
        page.push_str("</svg></div>\n<figcaption>");
        if self.has_offsets() {
            page.push_str("The offset's scale is logarithmic, with a zero. ");
            if !self.course.copying.is_empty() {
                page.push_str(
                    "Hatched: the data set is being copied, and the offset means nothing yet. ",
                );
            }
        }
        if marks {
            page.push_str("Marks on the axis of time are events. ");
        }
        page.push_str("<span class=\"screen\">Point at the picture for values.</span></figcaption></figure>\n");
    }

    fn has_offsets(&self) -> bool {
        !self.course.offsets.is_empty()
    }

    /// The picture in a sentence, for whoever does not see it.
    fn description(&self) -> String {
        let mut text = format!(
            "From the start to {}.",
            messages::duration(self.course.until)
        );
        if let (Some((_, from)), Some((_, until))) =
            (self.course.copied.first(), self.course.copied.last())
        {
            text.push_str(&format!(
                " Full sync from {} to {}.",
                messages::percent(*from),
                messages::percent(*until)
            ));
        }
        if let Some(numbers) = messages::offset_course(self.course) {
            text.push_str(&format!(" Offset: {numbers}."));
        }
        text.push_str(" The table of numbers follows.");
        text
    }

    fn axes(&self, page: &mut String) {
        let decades = if self.has_offsets() {
            self.decades()
        } else {
            Vec::new()
        };
        let ticks = ticks(self.course.until);
        self.axis_labels(page, &decades, &ticks);
        self.axis_lines(page, &decades, &ticks);
        page.push('\n');
    }

    fn axis_labels(&self, page: &mut String, decades: &[(f64, i64)], ticks: &[Duration]) {
        let mut label = |x: f64, y: f64, anchor: &str, class: &str, text: &str| {
            let class = if class.is_empty() {
                String::new()
            } else {
                format!(" class=\"{class}\"")
            };
            let _ = write!(
                page,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\"{class}>{}</text>",
                one(x),
                one(y),
                escape(text)
            );
        };
        label(LEFT, COPY_TOP - 12.0, "start", "name", "Full sync");
        if self.has_offsets() {
            label(LEFT, OFFSET_TOP - 12.0, "start", "name", "Offset");
        }
        for percent in [0.0, 50.0, 100.0] {
            label(
                LEFT - 8.0,
                Self::copy_y(percent) + 4.0,
                "end",
                "",
                &messages::percent(percent),
            );
        }
        for &(scaled, offset) in decades {
            label(
                LEFT - 8.0,
                self.offset_y(scaled) + 4.0,
                "end",
                "",
                &short(offset),
            );
        }
        for &tick in ticks {
            label(
                self.x(tick),
                self.floor + 24.0,
                "middle",
                "",
                &messages::duration(tick),
            );
        }
        label(RIGHT, self.floor + 42.0, "end", "", "time since the start");
    }

    fn axis_lines(&self, page: &mut String, decades: &[(f64, i64)], ticks: &[Duration]) {
        let mut line = |class: &str, x1: f64, y1: f64, x2: f64, y2: f64| {
            let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(one);
            let _ = write!(
                page,
                "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"
            );
        };
        for percent in [50.0, 100.0] {
            line(
                "grid",
                LEFT,
                Self::copy_y(percent),
                RIGHT,
                Self::copy_y(percent),
            );
        }
        for &(scaled, _) in decades.iter().filter(|&&(scaled, _)| scaled != 0.0) {
            line(
                "grid",
                LEFT,
                self.offset_y(scaled),
                RIGHT,
                self.offset_y(scaled),
            );
        }
        for &tick in ticks {
            line(
                "axis",
                self.x(tick),
                self.floor,
                self.x(tick),
                self.floor + 6.0,
            );
        }
        line("axis", LEFT, COPY_BOTTOM, RIGHT, COPY_BOTTOM);
        if !self.has_offsets() {
            return;
        }
        line("axis", LEFT, self.offset_y(0.0), RIGHT, self.offset_y(0.0));
        for &(from, until) in &self.course.copying {
            let (x, width) = (self.x(from), self.x(until) - self.x(from));
            let [x, y, width, height] = [x, OFFSET_TOP, width, OFFSET_BOTTOM - OFFSET_TOP].map(one);
            let _ = write!(
                page,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"url(#hatch)\"/>"
            );
        }
    }

    /// Offsets worth a line: zero and powers of ten, with their places on the scale.
    fn decades(&self) -> Vec<(f64, i64)> {
        let steps = (self.top.max(-self.bottom) as u32).min(19);
        // With many orders of magnitude, every second or third one has room.
        let stride = (steps / 7 + 1) as usize;
        let powers = (0..steps)
            .step_by(stride)
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

    fn lines(&self, page: &mut String) {
        let shown = chart::thin(&self.task.history.readings, self.room.spans);
        let mut copy = Path::default();
        let mut offset = Path::default();
        for (at, reading) in &shown {
            let x = self.x(*at);
            if let Some(percent) = reading.full_migration_progress {
                copy.to(x, Self::copy_y(percent));
            }
            if !chart::counts(reading) {
                offset.lift();
            } else if let Some(value) = reading.offset {
                offset.to(x, self.offset_y(chart::scaled(value)));
            }
        }
        if self.max_offset > 0 && self.has_offsets() {
            let y = self.offset_y(chart::scaled(self.max_offset));
            let _ = writeln!(
                page,
                "<line class=\"limit\" x1=\"{LEFT}\" y1=\"{0}\" x2=\"{RIGHT}\" y2=\"{0}\"/>\
                 <text x=\"{3}\" y=\"{1}\">max-offset {2}</text>",
                one(y),
                one(y - 5.0),
                messages::count(self.max_offset),
                LEFT + 6.0,
            );
        }
        copy.draw(page, "copy", &self.last_copied());
        offset.draw(page, "offset", &self.last_offset());
    }

    fn last_copied(&self) -> String {
        self.course
            .copied
            .last()
            .map(|&(_, percent)| messages::percent(percent))
            .unwrap_or_default()
    }

    fn last_offset(&self) -> String {
        let last = self
            .course
            .offsets
            .last()
            .and_then(|stretch| stretch.last());
        last.map(|&(_, offset)| short(offset)).unwrap_or_default()
    }

    fn marks(&self, page: &mut String, events: &[(Duration, String)]) {
        for moment in events.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((at, _)) = moment.first() else {
                continue;
            };
            let what: Vec<String> = moment
                .iter()
                .map(|(_, what)| what.replace('`', ""))
                .collect();
            let _ = write!(
                page,
                "<g><title>{}: {}</title><line class=\"event\" x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{}\"/></g>",
                messages::duration(*at),
                escape(&what.join("; ")),
                self.floor,
                self.floor + 10.0,
                x = one(self.x(*at)),
            );
        }
        page.push('\n');
    }

    /// Values to point at: a column for each reading, half-way to its neighbours.
    fn values(&self, page: &mut String) {
        let shown = chart::thin(&self.task.history.readings, self.room.spans);
        let places: Vec<f64> = shown.iter().map(|(at, _)| self.x(*at)).collect();
        for (n, (at, reading)) in shown.iter().enumerate() {
            let x = self.x(*at);
            let half_way = |neighbour: Option<&f64>, end: f64| {
                neighbour.map_or(end, |there| f64::midpoint(x, *there))
            };
            let left = half_way(
                n.checked_sub(1).and_then(|before| places.get(before)),
                x - 4.0,
            );
            let right = half_way(places.get(n + 1), x + 4.0);
            let _ = write!(
                page,
                "<g class=\"at\"><title>{}: full sync {}, offset {}{}, keys {} → {}</title>\
                 <rect class=\"hit\" x=\"{}\" y=\"{COPY_TOP}\" width=\"{}\" height=\"{}\"/>\
                 <line x1=\"{x}\" y1=\"{COPY_TOP}\" x2=\"{x}\" y2=\"{}\"/>",
                messages::duration(*at),
                copied(reading),
                messages::known(reading.offset),
                if chart::counts(reading) || reading.offset.is_none() {
                    ""
                } else {
                    " (does not count yet)"
                },
                messages::known(reading.source_dbsize),
                messages::known(reading.target_dbsize),
                one(left),
                one((right - left).max(0.0)),
                self.floor - COPY_TOP,
                self.floor,
                x = one(x),
            );
            let mut dot = |class: &str, y: f64| {
                let _ = write!(
                    page,
                    "<circle class=\"dot-{class}\" cx=\"{}\" cy=\"{}\" r=\"4\"/>",
                    one(x),
                    one(y)
                );
            };
            if let Some(percent) = reading.full_migration_progress {
                dot("copy", Self::copy_y(percent));
            }
            if let Some(offset) = reading.offset.filter(|_| chart::counts(reading)) {
                dot("offset", self.offset_y(chart::scaled(offset)));
            }
            page.push_str("</g>\n");
        }
    }
}

/// A line through points, with holes.
#[derive(Debug, Default)]
struct Path {
    data: String,
    drawing: bool,
    last: Option<(f64, f64)>,
}

impl Path {
    fn to(&mut self, x: f64, y: f64) {
        let step = if self.drawing { 'L' } else { 'M' };
        let _ = write!(self.data, "{step}{} {}", one(x), one(y));
        // A point without neighbours would not be seen.
        if !self.drawing {
            self.data.push_str("h.1");
        }
        self.drawing = true;
        self.last = Some((x, y));
    }

    fn lift(&mut self) {
        self.drawing = false;
    }

    /// The line, a dot at its end, and the value there in words.
    fn draw(&self, page: &mut String, class: &str, label: &str) {
        let Some((x, y)) = self.last else { return };
        let _ = writeln!(
            page,
            "<path class=\"{class}\" d=\"{}\"/><circle class=\"dot-{class}\" cx=\"{x}\" cy=\"{y}\" r=\"4\"/>\
             <text class=\"last\" x=\"{}\" y=\"{}\">{}</text>",
            self.data,
            one(x + 9.0),
            one(self.last.map_or(0.0, |(_, y)| y) + 4.0),
            escape(label),
            x = one(x),
            y = one(y),
        );
    }
}

/// A coordinate, to a tenth.
fn one(value: f64) -> String {
    chart::decimal(value, 1)
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
