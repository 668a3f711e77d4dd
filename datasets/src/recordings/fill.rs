//! Interpolation of missing values.

use timesteps::mix;

/// Replaces the missing values (NaN) of a recording `[steps, width]`. Between two known values of a channel, missing
/// values are interpolated linearly in time. Missing values before the first known value of a channel are replaced by
/// the first known value, and missing values after the last known value by the last known value. `times` are the times
/// of the samples; `None` means equally spaced samples. Returns the number of replaced values.
///
/// # Errors
///
/// The index of a channel without any value.
pub(super) fn missing(values: &mut [f32], width: usize, times: Option<&[f64]>) -> Result<usize, usize> {
    let count = values.iter().filter(|value| value.is_nan()).count();
    if count == 0 {
        return Ok(0);
    }
    let steps = values.len() / width;
    let at = |step: usize| times.map_or(step as f64, |times| times[step]);
    for channel in 0..width {
        let known: Vec<usize> = (0..steps).filter(|step| !values[step * width + channel].is_nan()).collect();
        let (Some(&first), Some(&last)) = (known.first(), known.last()) else { return Err(channel) };
        (0..first).for_each(|step| values[step * width + channel] = values[first * width + channel]);
        (last..steps).for_each(|step| values[step * width + channel] = values[last * width + channel]);
        for pair in known.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            for step in from + 1..to {
                let share = (at(step) - at(from)) / (at(to) - at(from));
                values[step * width + channel] =
                    mix(values[from * width + channel], values[to * width + channel], share);
            }
        }
    }
    Ok(count)
}
