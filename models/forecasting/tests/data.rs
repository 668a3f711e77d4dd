//! Tests on the published series in the folder `RNN_ZOO_DATA`.

#![allow(clippy::unwrap_used)]

use datasets::Locator;
use forecasting::train::data::{DataConfig, history};
use forecasting::train::measure::baselines;

fn has_data() -> bool {
    let has = std::env::var_os("RNN_ZOO_DATA").is_some_and(|dir| !dir.is_empty());
    if !has {
        eprintln!("skipped: RNN_ZOO_DATA is not set, so there are no weather, load and stock series to test on");
    }
    has
}

/// With the protocol of the literature, the errors of persistence equal the published errors (Zeng et al. 2023: 0.259
/// and 0.254) to within 3 %.
#[test]
fn persistence_has_its_published_errors() {
    if !has_data() {
        return;
    }
    let data: DataConfig =
        toml::from_str("set = 'jena'\nlook_back = 720\nhorizon = 96\nseason = 144\nsplit = [0.7, 0.1, 0.2]").unwrap();
    let series = data.load(&Locator::new(None)).unwrap().remove(0);
    let test = data.windows(&history(&series), &data.scaler(&series.past).unwrap()).unwrap().test;
    assert_eq!((test.len(), test.frame.targets), (10_444, 21));
    let rows = baselines(&test);
    let (_, persistence) = rows.iter().find(|(name, _)| name == "persistence").unwrap();
    for (name, published) in [("mse", 0.259), ("mae", 0.254)] {
        let metric = persistence.iter().find(|metric| metric.name == name).unwrap();
        approx::assert_relative_eq!(metric.value, published, max_relative = 0.03);
    }
}

/// Duplicate and missing hours are repaired, so that every window begins at midnight.
#[test]
fn the_load_has_every_hour_once() {
    if !has_data() {
        return;
    }
    let data: DataConfig =
        toml::from_str("set = 'pjm-east'\nlook_back = 168\nhorizon = 24\nstride = 24\nsplit = [113951, 8760, 22680]")
            .unwrap();
    let series = data.load(&Locator::new(None)).unwrap().remove(0);
    assert!(series.past.times.windows(2).all(|pair| pair[1].duration_since(pair[0]).as_secs() == 3600));
    let windows = data.windows(&history(&series), &data.scaler(&series.past).unwrap()).unwrap();
    for part in [windows.train, windows.valid, windows.test] {
        assert!(part.origins.iter().all(|&origin| part.frame.times[origin].hour() == 0));
    }
}
