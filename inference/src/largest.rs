//! The most probable class.

/// The index of the largest value; the first one if several are equal; 0 if there is none.
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
