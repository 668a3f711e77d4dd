//! Batches of sequences of similar length, for inference.

/// Sorts sequences by length and splits them into batches of at most `size` sequences. Returns the indices of the
/// sequences in each batch. The sequences of a batch have similar lengths, and therefore need little padding.
///
/// # Panics
///
/// If `size` is 0.
pub fn by_length(lengths: impl IntoIterator<Item = usize>, size: usize) -> Vec<Vec<usize>> {
    let lengths: Vec<usize> = lengths.into_iter().collect();
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|index| lengths[*index]);
    order.chunks(size).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_ordered_by_length_and_then_by_position() {
        assert_eq!(by_length([3, 1, 3, 2, 1], 2), [vec![1, 4], vec![3, 0], vec![2]]);
        assert!(by_length([], 2).is_empty());
    }
}
