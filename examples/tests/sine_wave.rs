use super::*;

#[test]
fn the_recursive_forecast_beats_the_last_value() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let series = noisy(2000, &mut rng);
    let model = train(&series, STEPS, &mut rng);
    let forecast = model.forecast(&series[1900..], 80, &Device::flex());
    let truth: Vec<f32> = (0..80).map(|step| clean(2000 + step)).collect();
    let error = mean_absolute_error(&forecast, &truth);
    let repeated = vec![series[1999]; 80];
    assert!(error < 0.25 * mean_absolute_error(&repeated, &truth) && error < 0.15, "{error}");
}
