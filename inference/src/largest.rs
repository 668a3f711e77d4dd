//! The index of the largest value, such as the most probable class.

/// Returns the index of the largest value, such as the most probable class. If several values are largest, returns the
/// first index. Returns 0 if `values` is empty.
pub fn largest(values: &[f32]) -> usize {
    let better = |best: usize, index: usize| if values[index] > values[best] { index } else { best };
    (1..values.len()).fold(0, better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_largest_values_counts() {
        assert_eq!([&[0.1, 0.7, 0.7][..], &[f32::NAN, 1.0], &[]].map(largest), [1, 0, 0]);
    }
}
