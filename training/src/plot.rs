//! Plots as SVG: panels with lines and bands, and heat maps.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, DefaultFormatting, KeyPointHint, Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::error::{Result, TrainingError};

/// The usual size of a panel in pixels: width and height.
pub const SIZE: (u32, u32) = (450, 330);
const COLORS: [RGBColor; 8] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 90, 20),
    RGBColor(44, 140, 60),
    RGBColor(148, 103, 189),
    RGBColor(200, 40, 50),
    RGBColor(140, 86, 75),
    RGBColor(23, 160, 175),
    RGBColor(90, 90, 90),
];
/// If no line of a panel has more points than this number, each point is marked with a dot.
const DOTTED: usize = 40;

type Drawn = std::result::Result<(), Box<dyn std::error::Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// One plot with its axes. An SVG file may contain several panels.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    /// The title above the panel.
    pub title: String,
    /// The label of the horizontal axis, with its unit.
    pub x: String,
    /// The label of the vertical axis, with its unit; may be empty if the title is enough.
    pub y: String,
    /// The kind of the horizontal axis.
    pub axis: Axis,
    /// The bands, which are drawn behind the lines.
    pub bands: Vec<Band>,
    /// The lines of the panel.
    pub lines: Vec<Line>,
    /// The upper limit of the vertical axis. Larger values of the data do not extend the axis. `None` for no limit.
    pub highest: Option<f64>,
    /// The caption below the panel.
    pub caption: String,
    /// The position of the legend in the panel.
    pub legend: Legend,
}

/// The position of the legend in a panel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Legend {
    /// The legend is in the middle of the right side.
    #[default]
    Right,
    /// The legend is in the upper left corner, with additional room above the data.
    UpperLeft,
    /// The legend is in the lower left corner.
    LowerLeft,
}

/// A heat map: a table of values that are drawn as colors.
#[derive(Clone, Debug, Default)]
pub struct HeatMap {
    /// The title above the heat map.
    pub title: String,
    /// Labels of the columns, such as the words of a sentence.
    pub columns: Vec<String>,
    /// Labels of the rows.
    pub rows: Vec<String>,
    /// Values from 0 (white) to 1 (dark), `[rows][columns]`.
    pub values: Vec<Vec<f64>>,
    /// The caption below the heat map.
    pub caption: String,
}

/// The kind of a horizontal axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    /// A linear scale of numbers.
    #[default]
    Number,
    /// A logarithmic scale of numbers.
    Logarithm,
    /// Whole numbers from 1, such as epochs.
    Count,
    /// Points in time, in seconds since 1970-01-01.
    Time,
}

/// A line of a plot.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// The name in the legend; empty for a line without an entry in the legend.
    pub name: String,
    /// The points (x, y) of the line, from left to right.
    pub points: Vec<(f64, f64)>,
    /// Whether the line is thin, gray and semi-transparent.
    pub faint: bool,
}

/// An area between two curves, such as a prediction interval.
#[derive(Clone, Debug, Default)]
pub struct Band {
    /// The name in the legend.
    pub name: String,
    /// The points (x, [lower y, upper y]) of the band, from left to right.
    pub points: Vec<(f64, [f64; 2])>,
}

/// Draws panels as SVG, in a grid with `columns` columns. `size` is the size of one panel in pixels.
pub fn draw(panels: &[Panel], columns: usize, size: (u32, u32)) -> Result<String> {
    let columns = columns.max(1);
    let rows = panels.len().div_ceil(columns).max(1);
    svg((size.0 * columns as u32, size.1 * rows as u32), |root| {
        let areas = root.split_evenly((rows, columns));
        areas.iter().zip(panels).try_for_each(|(area, panel)| panel.draw(&captioned(area, &panel.caption)?))
    })
}

/// Draws a heat map as SVG.
pub fn heat_map(map: &HeatMap) -> Result<String> {
    // Sizes in pixels: of a cell, of the labels of the rows, and of the vertical labels of the columns.
    const CELL: (i32, i32) = (26, 22);
    const LEFT: i32 = 110;
    const TOP: i32 = 110;
    let width = (LEFT + CELL.0 * map.columns.len() as i32 + 12).max(480);
    let text = wrapped(&map.caption, width).len() as i32 * LINE;
    let size = (width as u32, (TOP + CELL.1 * map.rows.len() as i32 + text + 24) as u32);
    svg(size, |root| {
        let area = captioned(root, &map.caption)?;
        let font = ("sans-serif", 13).into_font();
        area.draw(&Text::new(map.title.as_str(), (12, 10), ("sans-serif", 17).into_font()))?;
        for (column, name) in map.columns.iter().enumerate() {
            let vertical = font.transform(FontTransform::Rotate270);
            let place = (LEFT + CELL.0 * column as i32 + 6, TOP - 6);
            area.draw(&Text::new(name.as_str(), place, vertical))?;
        }
        for (row, (name, values)) in map.rows.iter().zip(&map.values).enumerate() {
            let top = TOP + CELL.1 * row as i32;
            area.draw(&Text::new(name.as_str(), (12, top + 5), font.clone()))?;
            for (column, value) in values.iter().enumerate() {
                let left = LEFT + CELL.0 * column as i32;
                let corners = [(left, top), (left + CELL.0 - 1, top + CELL.1 - 1)];
                area.draw(&Rectangle::new(corners, COLORS[0].mix(value.clamp(0.0, 1.0)).filled()))?;
                area.draw(&Rectangle::new(corners, BLACK.mix(0.15)))?;
            }
        }
        Ok(())
    })
}

fn svg(size: (u32, u32), draw: impl FnOnce(&Area) -> Drawn) -> Result<String> {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    let drawn = root.fill(&WHITE).map_err(Into::into).and_then(|()| draw(&root)).and_then(|()| Ok(root.present()?));
    drawn.map_err(|error: Box<dyn std::error::Error>| TrainingError::Task(error.to_string().into()))?;
    drop(root);
    Ok(svg)
}

/// The height of one line of a caption in pixels.
const LINE: i32 = 18;

/// Writes a caption at the bottom of an area. Returns the remaining area above the caption.
fn captioned<'a>(area: &Area<'a>, caption: &str) -> std::result::Result<Area<'a>, Box<dyn std::error::Error>> {
    let (width, height) = area.dim_in_pixel();
    let lines = wrapped(caption, width as i32);
    if lines.is_empty() {
        return Ok(area.clone());
    }
    let (rest, below) = area.split_vertically(height as i32 - LINE * lines.len() as i32 - 6);
    for (line, text) in lines.iter().enumerate() {
        below.draw(&Text::new(text.as_str(), (16, LINE * line as i32), ("sans-serif", 13).into_font()))?;
    }
    Ok(rest)
}

/// Breaks a text into lines of at most `width` pixels, with an estimated width per character.
fn wrapped(text: &str, width: i32) -> Vec<String> {
    let max = (width - 32) as usize / 6;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < max => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |bounds, value| {
        let (low, high) = bounds.unwrap_or((value, value));
        Some((value.min(low), value.max(high)))
    })
}

impl Panel {
    fn draw(&self, area: &Area) -> Drawn {
        let line_values = self.lines.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x));
        let (low, high) =
            bounds(line_values.chain(self.bands.iter().flat_map(|band| band.points.iter().map(|(x, _)| *x))))
                .unwrap_or((1.0, 1.0));
        match self.axis {
            Axis::Number => self.chart(area, low..high.max(low + 1e-9), &|x| short(x, high - low), 8),
            Axis::Logarithm => self.chart(area, (low..high).log_scale(), &|x| format!("{x:.0e}"), 8),
            Axis::Count => {
                let last = high.max(1.0);
                self.chart(area, 0.9..last + 0.1, &|x| format!("{x:.0}"), (last as usize).min(10))
            }
            Axis::Time => {
                let (ticks, format) = ticks(low, high);
                let axis = TimeAxis { range: low..high.max(low + 1.0), ticks };
                let panel = Self { x: with_year(&self.x, low, high, format), ..self.clone() };
                panel.chart(area, axis, &|x| format_time(x, format), TICKS)
            }
        }
    }

    /// Returns how much empty space the panel needs above the data, so that the legend does not cover the data. The
    /// result is a fraction of the height of the data in the panel, at most 1.
    fn legend_room(&self, area: &Area) -> f64 {
        // Heights in pixels: of an entry of the legend, of its border, and of everything in a panel except the lines.
        const ENTRY: f64 = 16.0;
        const BORDER: f64 = 24.0;
        const OTHERS: f64 = 90.0;
        let entries = self.bands.len() + self.lines.iter().filter(|line| !line.name.is_empty()).count();
        let legend = ENTRY * entries as f64 + BORDER;
        let lines = f64::from(area.dim_in_pixel().1) - OTHERS - legend;
        (legend / lines.max(legend)).min(1.0)
    }

    fn chart<X>(&self, area: &Area, x: X, label: &dyn Fn(f64) -> String, labels: usize) -> Drawn
    where
        X: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
    {
        let line_values = self.lines.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value));
        let all =
            line_values.chain(self.bands.iter().flat_map(|band| band.points.iter().flat_map(|(_, bounds)| *bounds)));
        let highest = self.highest.unwrap_or(f64::INFINITY);
        let (low, high) = bounds(all.filter(|value| *value <= highest)).unwrap_or((0.0, 1.0));
        let range = shown_range(low, high);
        let margin = if high > low { (0.08 * range).max(1e-3 * high.abs()) } else { 0.5 * range };
        let room = if self.legend == Legend::UpperLeft { self.legend_room(area) * range } else { 0.0 };
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, ("sans-serif", 17))
            .margin(12)
            .margin_right(40) // for the right half of the last label of the horizontal axis
            .x_label_area_size(36)
            .y_label_area_size(64)
            .build_cartesian_2d(x, low - margin..high + margin + room)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(&self.x)
            .y_desc(&self.y)
            .x_labels(labels)
            .x_label_formatter(&|x| label(*x))
            .y_label_formatter(&|value| short(*value, range))
            .draw()?;
        // The bands are ordered from the widest to the narrowest, and later ones are darker.
        for (index, Band { name, points }) in self.bands.iter().enumerate() {
            let style = COLORS[0].mix(0.15 + 0.15 * index as f64).filled();
            let upper = points.iter().map(|(x, [_, high])| (*x, *high));
            let outline: Vec<_> = upper.chain(points.iter().rev().map(|(x, [low, _])| (*x, *low))).collect();
            let drawn = chart.draw_series([Polygon::new(outline, style)])?;
            drawn.label(name).legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 18, y + 5)], style));
        }
        let dotted = self.lines.iter().all(|line| line.points.len() <= DOTTED);
        for (Line { name, points, faint }, color) in self.lines.iter().zip(COLORS.iter().cycle()) {
            let style = if *faint { BLACK.mix(0.25).stroke_width(1) } else { color.stroke_width(2) };
            let shown = points.iter().copied().filter(|(_, value)| value.is_finite());
            let line = LineSeries::new(shown, style).point_size(if dotted { 3 } else { 0 });
            let drawn = chart.draw_series(line)?;
            if !name.is_empty() {
                drawn.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
            }
        }
        if self.lines.iter().any(|line| !line.name.is_empty()) {
            let mut legend = chart.configure_series_labels();
            let place = match self.legend {
                Legend::Right => SeriesLabelPosition::MiddleRight,
                Legend::UpperLeft => SeriesLabelPosition::UpperLeft,
                Legend::LowerLeft => SeriesLabelPosition::LowerLeft,
            };
            legend.position(place).background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.3)).draw()?;
        }
        Ok(())
    }
}

/// A horizontal axis of points in time, with ticks at the given positions.
struct TimeAxis {
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Ranged for TimeAxis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let fraction = (value - self.range.start) / (self.range.end - self.range.start);
        first + (fraction * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Returns the length of the range that the vertical axis shows for values from `low` to `high`: `high − low`. If both
/// are equal, returns a fifth of the absolute value, or 0.2 for the value 0, so that the axis does not have the length
/// 0.
fn shown_range(low: f64, high: f64) -> f64 {
    let constant = 0.2 * if high == 0.0 { 1.0 } else { high.abs() };
    if high > low { high - low } else { constant }
}

/// Returns the label of a time axis: `name`, and the year if the tick labels do not show it. `low` and `high` are the
/// ends of the axis, in seconds since 1970-01-01. `format` is the time format of the tick labels.
fn with_year(name: &str, low: f64, high: f64, format: &str) -> String {
    let [first, last] = [low, high].map(|time| format_time(time, "%Y"));
    match (format.contains("%Y"), first == last) {
        (true, _) => name.to_owned(),
        (false, true) => format!("{name} ({first})"),
        (false, false) => format!("{name} ({first} to {last})"),
    }
}

/// Formats a number as a label of an axis. `range` is the difference between the largest and the smallest value on the
/// axis: the smaller it is, the more decimal places the label has.
fn short(value: f64, range: f64) -> String {
    let digits = (1.0 - range.max(1e-9).log10().floor()).clamp(0.0, 8.0) as usize;
    format!("{value:.digits$}")
}

/// The largest number of ticks on a time axis.
const TICKS: usize = 7;

/// Returns the positions of the ticks on a time axis from `low` to `high`, and the time format of the tick labels. All
/// times are in seconds since 1970-01-01. The ticks are at the start of hours, days, months or years.
fn ticks(low: f64, high: f64) -> (Vec<f64>, &'static str) {
    const HOUR: f64 = 3600.0;
    const DAY: f64 = 24.0 * HOUR;
    let spans = [1.0, 3.0, 6.0, 12.0].map(|hours| (hours * HOUR, "%b %-d %H:%M"));
    let days = [1.0, 2.0, 7.0, 14.0].map(|days| (days * DAY, "%b %-d"));
    if let Some((span, format)) = spans.into_iter().chain(days).find(|(span, _)| (high - low) / span <= TICKS as f64) {
        let first = (low / span).ceil() as i64;
        return ((first..).map(|tick| tick as f64 * span).take_while(|tick| *tick <= high).collect(), format);
    }
    let month = |number: i64| {
        let (year, month) = (1970 + number.div_euclid(12), 1 + number.rem_euclid(12));
        let date = jiff::civil::Date::new(year as i16, month as i8, 1).ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second() as f64)
    };
    let number = |seconds: f64| (seconds / (30.436_875 * DAY)) as i64;
    let months = number(high) - number(low) + 1;
    let span = [1, 2, 3, 6, 12, 24, 60, 120].into_iter().find(|span| months / span < TICKS as i64).unwrap_or(600);
    let first = number(low).div_euclid(span) * span;
    let inside =
        (0..=2 * TICKS as i64).filter_map(|tick| month(first + tick * span)).filter(|tick| (low..=high).contains(tick));
    (inside.collect(), if span < 12 { "%b %Y" } else { "%Y" })
}

fn format_time(seconds: f64, format: &str) -> String {
    let time = jiff::Timestamp::from_second(seconds as i64);
    time.map_or(String::new(), |time| time.to_zoned(jiff::tz::TimeZone::UTC).strftime(format).to_string())
}

#[cfg(test)]
mod tests;
