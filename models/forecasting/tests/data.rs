//! On the real series, where `RNN_ZOO_DATA` says they are.

#![allow(clippy::unwrap_used)]

use forecasting::data::DataConfig;
use forecasting::measure::yardsticks;

fn has_data() -> bool {
    let has = std::env::var_os("RNN_ZOO_DATA").is_some_and(|dir| !dir.is_empty());
    if !has {
        eprintln!("skipped: RNN_ZOO_DATA is not set, so there are no weather, load and stock series to test on");
    }
    has
}

/// The protocol of the papers: persistence comes out as they have it (Zeng et al. 2023, 0.259 and 0.254), to 3 %.
#[test]
fn persistence_is_as_good_as_it_is_published_to_be() {
    if !has_data() {
        return;
    }
    let data: DataConfig =
        toml::from_str("set = 'jena'\nlook_back = 720\nhorizon = 96\nseason = 144\nsplit = [0.7, 0.1, 0.2]").unwrap();
    let series = data.load(None).unwrap();
    let test = data.windows(&series, &data.scaler(&series).unwrap()).unwrap().test;
    assert_eq!((test.len(), test.frame.targets), (10_444, 21));
    let rows = yardsticks(&test);
    let persistence = &rows["persistence"];
    approx::assert_relative_eq!(persistence["mse"], 0.259, max_relative = 0.03);
    approx::assert_relative_eq!(persistence["mae"], 0.254, max_relative = 0.03);
}

/// Hours doubled and left out are mended, so that every day begins where the one before ended.
#[test]
fn the_load_has_every_hour_once() {
    if !has_data() {
        return;
    }
    let data: DataConfig =
        toml::from_str("set = 'pjm-east'\nlook_back = 168\nhorizon = 24\nstride = 24\nsplit = [113951, 8760, 22680]")
            .unwrap();
    let series = data.load(None).unwrap();
    assert!(series.times.windows(2).all(|pair| pair[1].duration_since(pair[0]).as_secs() == 3600));
    let windows = data.windows(&series, &data.scaler(&series).unwrap()).unwrap();
    for part in [windows.train, windows.valid, windows.test] {
        assert!(part.origins.iter().all(|&origin| part.frame.times[origin].hour() == 0));
    }
}
