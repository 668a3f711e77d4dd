//! Tests of the plots.

use proptest::prelude::*;

use super::*;

fn line(name: &str, points: &[(f64, f64)]) -> Line {
    Line { name: name.to_owned(), points: points.to_vec(), faint: false }
}

#[test]
fn panels_have_labels_lines_bands_and_captions() {
    let lines = vec![line("truth", &[(0.0, 1.0), (90_000.0, f64::NAN), (180_000.0, 3.0)])];
    let bands = vec![Band { name: "80 %".to_owned(), points: vec![(90_000.0, [1.0, 2.0]), (180_000.0, [0.0, 4.0])] }];
    let panel = Panel {
        title: "load".to_owned(),
        x: "day".to_owned(),
        y: "MW".to_owned(),
        axis: Axis::Time,
        lines,
        bands,
        caption: "it rises".to_owned(),
        ..Panel::default()
    };
    let svg = draw(&[panel.clone(), Panel::default(), panel], 2, SIZE).unwrap();
    for part in [
        "load",
        "day",
        "MW",
        "truth",
        "80 %",
        "it rises",
        "Jan 2 00:00",
        "day (1970)",
        "<polygon",
        "width=\"900\" height=\"660\"",
    ] {
        assert!(svg.contains(part), "{part} is not in {svg}");
    }
    assert!(svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"));
}

proptest! {
    #[test]
    fn the_ends_of_an_axis_have_different_labels(value in -1e6..1e6f64, size in -6..6i32) {
        let value = value * 10f64.powi(size - 6);
        let range = shown_range(value, value);
        prop_assume!(range > 1e-7); // labels have at most eight decimal places
        prop_assert_ne!(short(value - 0.5 * range, range), short(value + 0.5 * range, range));
    }

    #[test]
    fn a_time_axis_names_its_year(start in 0..4_000_000_000u32, seconds in 60..1_000_000_000u32) {
        let (low, high) = (f64::from(start), f64::from(start) + f64::from(seconds));
        let (ticks, format) = ticks(low, high);
        let labels: Vec<String> = ticks.iter().map(|tick| format_time(*tick, format)).collect();
        let year = format_time(low, "%Y");
        prop_assert!(with_year("time", low, high, format).contains(&year) || format.contains("%Y"), "{:?}", labels);
    }

    #[test]
    fn a_legend_leaves_room_for_the_lines(entries in 1usize..8, height in 200u32..900) {
        let panel = Panel { lines: vec![line("a", &[(0.0, 1.0)]); entries], ..Panel::default() };
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, (400, height)).into_drawing_area();
        let room = panel.legend_room(&area);
        prop_assert!(room > 0.0 && room <= 1.0);
    }
}

#[test]
fn heat_maps_have_labels_and_a_caption() {
    let map = HeatMap {
        title: "gates".to_owned(),
        columns: vec!["the".to_owned(), "plot".to_owned()],
        rows: vec!["unit 1".to_owned()],
        values: vec![vec![0.0, 2.0]],
        caption: "dark is open ".repeat(20),
    };
    let svg = heat_map(&map).unwrap();
    for part in ["gates", ">\nthe", "plot", "unit 1", "rotate(270", "dark is open"] {
        assert!(svg.contains(part), "{part} is not in {svg}");
    }
    assert_eq!(wrapped(&map.caption, 480).len(), 4);
}

#[test]
fn time_axes_have_ticks_at_round_times() {
    const DAY: f64 = 86_400.0;
    let labels = |days: f64| {
        let (ticks, format) = ticks(2.9 * DAY, (2.9 + days) * DAY);
        assert!((2..=TICKS + 1).contains(&ticks.len()), "{days}: {ticks:?}");
        ticks.into_iter().map(|tick| format_time(tick, format)).collect::<Vec<_>>()
    };
    assert_eq!(labels(1.0)[..2], ["Jan 4 00:00", "Jan 4 06:00"]);
    assert_eq!(labels(6.0)[..2], ["Jan 4", "Jan 5"]);
    assert_eq!(labels(200.0)[..2], ["Mar 1970", "May 1970"]);
    assert_eq!(labels(3000.0)[..2], ["1972", "1974"]);
    for days in [0.3, 3.0, 30.0, 90.0, 400.0, 9000.0] {
        labels(days);
    }
}
