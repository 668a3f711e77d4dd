//! Weight matrices with 8 bits per weight, for networks that run step by step. A step reads all weights once, so its
//! time depends on the size of the weights in memory.
//!
//! A row of a matrix has one scale: `weight = scale · q` with an integer q from −127 to 127. Inputs, sums and states
//! stay 32-bit floats. To convert q to a float, the kernel writes the byte `q + 128` into the upper bits of the
//! mantissa of 1.0, which gives `1.5 + q / 256`, and subtracts 1.5.

use std::ops::Range;

use pulp::{NullaryFnOnce, Simd};

use super::simd::{Sums, load};
use super::vectors;

/// The number of weights that a 32-bit word holds. They are consecutive weights of one row.
const PER_WORD: usize = 4;

/// A matrix `[gates × hidden, depth]` with 8 bits per weight, packed like
/// [`Panels::of_gates`](super::pack::Panels::of_gates): one panel per SIMD vector of hidden units has the weights of
/// all gates of these units. A panel has 32-bit words of four weights each, `[⌈depth / 4⌉, gates × lanes]`, and scales,
/// `[gates × lanes]`. The lanes are the hidden units of the vector.
pub(crate) struct Int8Panels {
    /// The 32-bit words of all panels, four weights per word.
    words: Vec<u32>,
    /// The scale of each row of the matrix, times 256. A weight is `scale · q` with an integer q, and [`weight`]
    /// returns `q / 256`.
    scales: Vec<f32>,
    /// The hidden units of each panel.
    panels: Vec<Range<usize>>,
    /// The number of weights per row of the matrix.
    depth: usize,
    /// The number of gates per hidden unit.
    gates: usize,
    /// The number of hidden units per SIMD vector.
    lanes: usize,
}

/// Returns the scale of a row of weights: the weight with the largest absolute value becomes ±127.
fn scale(row: &[f32]) -> f32 {
    row.iter().fold(0.0, |largest: f32, weight| largest.max(weight.abs())) / 127.0
}

impl Int8Panels {
    /// Quantizes and packs a weight matrix. If the weights have been rounded to 8 bits before, they do not change.
    pub fn of_gates(matrix: &[f32], hidden_size: usize, gates: usize, lanes: usize) -> Self {
        let depth = matrix.len() / (gates * hidden_size);
        let panels: Vec<_> = vectors(0..hidden_size, lanes).collect();
        let width = gates * lanes;
        let words = depth.div_ceil(PER_WORD);
        let mut packed = Self {
            // The byte 128 stands for the weight 0.
            words: vec![0x8080_8080; panels.len() * words * width],
            scales: vec![0.0; panels.len() * width],
            panels,
            depth,
            gates,
            lanes,
        };
        for (index, units) in packed.panels.iter().enumerate() {
            for (gate, unit) in (0..gates).flat_map(|gate| units.clone().map(move |unit| (gate, unit))) {
                let column = gate * lanes + unit - units.start;
                let row = &matrix[(gate * hidden_size + unit) * depth..][..depth];
                let scale = scale(row);
                packed.scales[index * width + column] = 256.0 * scale;
                for (word, weights) in row.chunks(PER_WORD).enumerate() {
                    let mut bytes = [128; PER_WORD];
                    for (byte, weight) in bytes.iter_mut().zip(weights) {
                        // A row of zeros has the scale 0. The result of 0 / 0, NaN, is converted to the integer 0.
                        *byte = ((weight / scale).round().clamp(-127.0, 127.0) as i32 + 128) as u8;
                    }
                    packed.words[(index * words + word) * width + column] = u32::from_le_bytes(bytes);
                }
            }
        }
        packed
    }

    /// The number of packed weights, including the padding of words and SIMD vectors.
    pub fn len(&self) -> usize {
        self.words.len() * PER_WORD
    }

    /// Returns the hidden units of a panel (block of columns of the packed matrix).
    #[inline(always)]
    pub fn units(&self, panel: usize) -> Range<usize> {
        self.panels[panel].clone()
    }

    /// Multiplies rows of `depth` values by a panel (block of columns). `rows` has the indices of the rows, at most
    /// [`MAX_ROWS`](super::simd::MAX_ROWS), and `row` returns the values of a row. Writes `start` plus the product of
    /// each row to `results`; entries beyond the last row do not change.
    #[inline(always)]
    pub fn multiply<'a, S: Simd, const G: usize>(
        &self,
        simd: S,
        panel: usize,
        rows: &[usize],
        row: impl Fn(usize) -> &'a [f32],
        start: &[S::f32s; G],
        results: &mut Sums<S, G>,
    ) {
        let width = self.gates * self.lanes;
        let length = self.depth.div_ceil(PER_WORD) * width;
        let words = S::as_simd_u32s(&self.words[panel * length..][..length]).0.as_chunks::<G>().0;
        for (rows, results) in rows.chunks(rows_at_once::<S>()).zip(results.chunks_mut(rows_at_once::<S>())) {
            let mut sums = [[simd.splat_f32s(0.0); G]; 4];
            match *rows {
                [a] => product::<S, G, 1>(simd, words, [row(a)], sums.as_chunks_mut().0),
                [a, b] => product::<S, G, 2>(simd, words, [row(a), row(b)], sums.as_chunks_mut().0),
                [a, b, c] => product::<S, G, 3>(simd, words, [row(a), row(b), row(c)], sums.as_chunks_mut().0),
                [a, b, c, d] => {
                    product::<S, G, 4>(simd, words, [row(a), row(b), row(c), row(d)], sums.as_chunks_mut().0)
                }
                _ => unreachable!("at most four rows are multiplied at once"),
            }
            for index in 0..rows.len() {
                for gate in 0..G {
                    let scale = load(simd, &self.scales[panel * width + gate * self.lanes..][..self.lanes]);
                    results[index][gate] = simd.mul_add_e_f32s(sums[index][gate], scale, start[gate]);
                }
            }
        }
    }
}

/// The number of rows that are multiplied at once. The weights are converted to floats once for these rows. The number
/// is limited so that the sums of all rows fit the registers.
const fn rows_at_once<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 4 } else { 2 }
}

/// Multiplies `R` rows by a panel (block of columns). Writes the products, one SIMD vector per row and gate, to
/// `sums[0]`; other elements of `sums` are not used. The function is not inlined, so that all registers are available
/// for the sums.
#[inline(never)]
fn product<S: Simd, const G: usize, const R: usize>(
    simd: S,
    panel: &[[S::u32s; G]],
    rows: [&[f32]; R],
    sums: &mut [[[S::f32s; G]; R]],
) {
    struct Product<'a, S: Simd, const G: usize, const R: usize> {
        simd: S,
        panel: &'a [[S::u32s; G]],
        rows: [&'a [f32]; R],
        sums: &'a mut [[[S::f32s; G]; R]],
    }
    impl<S: Simd, const G: usize, const R: usize> NullaryFnOnce for Product<'_, S, G, R> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let Self { simd, panel, rows, sums } = self;
            let mut totals = [[simd.splat_f32s(0.0); G]; R];
            for (index, words) in panel.iter().enumerate() {
                let mut values = [[0.0; PER_WORD]; R];
                for r in 0..R {
                    let rest = &rows[r][index * PER_WORD..];
                    match rest.first_chunk() {
                        Some(chunk) => values[r] = *chunk,
                        None => values[r][..rest.len()].copy_from_slice(rest),
                    }
                }
                for byte in 0..PER_WORD {
                    for gate in 0..G {
                        let weight = weight(simd, words[gate], byte);
                        for r in 0..R {
                            let value = simd.splat_f32s(values[r][byte]);
                            totals[r][gate] = simd.mul_add_e_f32s(value, weight, totals[r][gate]);
                        }
                    }
                }
            }
            if let Some(sums) = sums.first_mut() {
                *sums = totals;
            }
        }
    }
    simd.vectorize(Product { simd, panel, rows, sums });
}

/// Returns one of the four weights of each word as `q / 256`, where q is the integer weight from −127 to 127. `byte`,
/// from 0 to 3, selects the weight.
#[inline(always)]
fn weight<S: Simd>(simd: S, words: S::u32s, byte: usize) -> S::f32s {
    /// A mask for the bits 15 to 22 of a 32-bit float, the upper bits of the mantissa. The byte of a weight is moved to
    /// these bits.
    const BYTE: u32 = 0xff << 15;
    const ONE: u32 = 1.0f32.to_bits();
    let moved = match byte {
        0 => simd.wrapping_dyn_shl_u32s(words, simd.splat_u32s(15)),
        1 => simd.wrapping_dyn_shl_u32s(words, simd.splat_u32s(7)),
        2 => simd.wrapping_dyn_shr_u32s(words, simd.splat_u32s(1)),
        _ => simd.wrapping_dyn_shr_u32s(words, simd.splat_u32s(9)),
    };
    let mantissa = simd.and_u32s(moved, simd.splat_u32s(BYTE));
    let sum = simd.transmute_f32s_u32s(simd.or_u32s(mantissa, simd.splat_u32s(ONE)));
    simd.sub_f32s(sum, simd.splat_f32s(1.5))
}
