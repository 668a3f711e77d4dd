//! SIMD code: loads and stores of whole and of partly filled vectors, activation functions, and the product of a few
//! rows with a packed panel of columns (the micro-kernel).
//!
//! All multiply-adds use `mul_add_e`: one fused instruction if the processor has it, otherwise two operations.
//! WebAssembly would compute a fused multiply-add in software, which takes ten times as long.

use std::ops::Range;
use std::sync::atomic::{Ordering, compiler_fence};

use pulp::{NullaryFnOnce, Simd};

use super::pack::Panels;

/// Loads one SIMD vector from the start of `from`. If `from` is shorter than a vector, the missing lanes are zero.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, from: &[f32]) -> S::f32s {
    match S::as_simd_f32s(from).0.first() {
        Some(vector) => *vector,
        None => simd.partial_load_f32s(from),
    }
}

/// Stores a SIMD vector to the start of `to`, truncated to the length of `to`.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, to: &mut [f32], vector: S::f32s) {
    match S::as_mut_simd_f32s(to).0.first_mut() {
        Some(whole) => *whole = vector,
        None => simd.partial_store_f32s(to, vector),
    }
}

/// Evaluates tanh as the rational function `x · P(x²) / Q(x²)`. The coefficients minimise the largest relative error on
/// |x| ≤ 9. The result is constant for |x| beyond [`TANH_LIMIT`].
///
/// The relative error is below 4e-7. All results lie in [-1, 1]. NaN gives NaN.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const P: [f32; 5] = [1.0, 0.133_810_28, 3.495_591e-3, 2.060_912_6e-5, 1.335_471_5e-8];
    const Q: [f32; 5] = [1.0, 0.467_143_45, 2.587_699_3e-2, 3.285_639_4e-4, 7.776_581_6e-7];
    let x = clamp(simd, x, TANH_LIMIT);
    let square = simd.mul_f32s(x, x);
    let numerator = simd.mul_f32s(x, polynomial(simd, square, P));
    simd.div_f32s(numerator, polynomial(simd, square, Q))
}

/// Evaluates the polynomial `c₀ + c₁ x + c₂ x² + …` by Horner's scheme.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, x: S::f32s, coefficients: [f32; N]) -> S::f32s {
    let mut sum = simd.splat_f32s(coefficients[N - 1]);
    for index in (0..N - 1).rev() {
        sum = simd.mul_add_e_f32s(sum, x, simd.splat_f32s(coefficients[index]));
    }
    sum
}

/// The largest |x| for which [`tanh`] evaluates its quotient; [`tanh`] clamps larger |x| to this limit. tanh(8.177)
/// differs from 1 by 2e-7. Slightly above the limit, rounding can make the quotient larger than 1.
const TANH_LIMIT: f32 = 8.177;

/// Clamps the lanes of `x` to `[-bound, bound]`. NaN gives NaN.
#[inline(always)]
fn clamp<S: Simd>(simd: S, x: S::f32s, bound: f32) -> S::f32s {
    let (high, low) = (simd.splat_f32s(bound), simd.splat_f32s(-bound));
    if S::F32_LANES == 1 {
        let x = simd.select_f32s(simd.greater_than_f32s(x, high), high, x);
        simd.select_f32s(simd.less_than_f32s(x, low), low, x)
    } else {
        // If an operand is NaN, the vector minimum and maximum return the second operand; the scalar versions return
        // the operand that is not NaN.
        simd.min_f32s(high, simd.max_f32s(low, x))
    }
}

/// The ReLU, `max(0, x)`. NaN gives NaN.
#[inline(always)]
pub(crate) fn relu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.less_than_f32s(x, zero), zero, x)
}

/// The logistic function, `½ + ½ tanh(x / 2)`. The absolute error is below 2e-7.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let half = simd.splat_f32s(0.5);
    simd.mul_add_e_f32s(tanh(simd, simd.mul_f32s(x, half)), half, half)
}

/// Evaluates `eˣ` for x ≤ 0, with a relative error below 3e-7 for x ≥ −87. For smaller x, the result is that of −87,
/// about 1.6e-38.
///
/// The function computes `2ⁿ · eʳ` with an integer n and |r| ≤ ½ ln 2. The polynomial for `eʳ` is from the Cephes
/// library (Moshier 1989).
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    /// ln 2 as the sum of two numbers. The first number has few bits, so that its product with an integer n is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const P: [f32; 6] = [0.5, 0.166_666_65, 4.166_579_6e-2, 8.333_452e-3, 1.398_2e-3, 1.987_569_1e-4];
    /// If this constant is added to a small number, the low bits of the mantissa of the sum are the number, rounded to
    /// an integer, plus 127. The exponent bias of a 32-bit float is 127.
    const ROUND: f32 = 12_582_912.0 + 127.0;
    let constant = |value: f32| simd.splat_f32s(value);
    // The code uses a select instead of a maximum, because the maximum of some processors would replace NaN by −87.
    let x = simd.select_f32s(simd.less_than_f32s(x, constant(-87.0)), constant(-87.0), x);
    let rounded = simd.mul_add_e_f32s(x, constant(std::f32::consts::LOG2_E), constant(ROUND));
    let n = simd.sub_f32s(rounded, constant(ROUND));
    let r = simd.negate_mul_add_e_f32s(n, constant(LN_2[0]), x);
    let r = simd.negate_mul_add_e_f32s(n, constant(LN_2[1]), r);
    let sum = polynomial(simd, r, P);
    let power = simd.mul_add_e_f32s(simd.mul_f32s(r, r), sum, simd.add_f32s(r, constant(1.0)));
    // The exponent of 2ⁿ is n + 127.
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(rounded), simd.splat_u32s(23));
    simd.mul_f32s(power, simd.transmute_f32s_u32s(exponent))
}

/// The largest number of rows that [`multiply`] multiplies with a panel at once.
pub(crate) const MAX_ROWS: usize = 8;

/// The results of [`multiply`]: `V` SIMD vectors for each row that is multiplied. The caller provides the buffer,
/// because a returned array of this size would be copied.
pub(crate) type Sums<S, const V: usize> = [[<S as Simd>::f32s; V]; MAX_ROWS];

/// Returns a buffer for [`multiply`], filled with zeros.
#[inline(always)]
pub(crate) fn sums_buffer<S: Simd, const V: usize>(simd: S) -> Sums<S, V> {
    [[simd.splat_f32s(0.0); V]; MAX_ROWS]
}

/// The largest number of SIMD vectors per row in a panel that [`Panels::of_columns`] or [`Panels::of_rows`] packs, on
/// any processor.
const MAX_VECTORS: usize = 3;

/// The largest number of SIMD vectors per row in a panel that [`Panels::of_columns`] or [`Panels::of_rows`] packs, for
/// a processor with this number of vector registers. The sums of 8 rows × 3 vectors use 24 of 32 registers; those of 6
/// rows × 2 vectors use 12 of 16.
pub(crate) const fn max_vectors(registers: usize) -> usize {
    if registers >= 32 { MAX_VECTORS } else { 2 }
}

/// The largest number of rows, at most [`MAX_ROWS`], that are multiplied at once with a panel of `vectors` SIMD vectors
/// per row. The sums use one register per row and vector. The factors need registers too: one per vector plus one, or
/// one per row plus one, whichever is less.
const fn max_rows(registers: usize, vectors: usize) -> usize {
    let rows = match (registers, vectors) {
        (32.., _) => 24 / vectors,
        _ => 12 / vectors,
    };
    if rows > MAX_ROWS { MAX_ROWS } else { rows }
}

/// Splits rows into tiles (groups of rows) that [`multiply`] multiplies at once with a panel of `V` SIMD vectors per
/// row. `ahead` has the values of the next panel, and each tile prefetches a part of them. Each item of the result is a
/// tile and the values of `ahead` from the start of its part on.
pub(crate) fn tiles<'a, S: Simd, const V: usize>(
    rows: &'a [usize],
    ahead: Option<&'a [f32]>,
) -> impl Iterator<Item = (&'a [usize], Option<&'a [f32]>)> {
    let count = rows.len().div_ceil(max_rows(S::REGISTER_COUNT, V));
    (0..count).map(move |tile| {
        let rows = &rows[rows.len() * tile / count..rows.len() * (tile + 1) / count];
        (rows, ahead.map(|ahead| &ahead[ahead.len() * tile / count..]))
    })
}

/// Multiplies one group of rows from [`tiles`] by a packed panel of columns, `[depth, V vectors]`. Writes `start` plus
/// the product of each row to `sums`; entries beyond the last row do not change.
///
/// Prefetches `ahead`, the values of the next panel, so that the next products do not wait for memory.
///
/// Each sum runs over the depth in order, with one multiply-add per term. The result of a row therefore does not depend
/// on the other rows of the group.
#[inline(always)]
pub(crate) fn multiply<'a, S: Simd, const V: usize>(
    simd: S,
    rows: &[usize],
    row: impl Fn(usize) -> &'a [f32],
    (panel, ahead): (&[f32], Option<&[f32]>),
    start: &[S::f32s; V],
    sums: &mut Sums<S, V>,
) {
    let (panel, _) = S::as_simd_f32s(panel).0.as_chunks::<V>();
    let max = const { max_rows(S::REGISTER_COUNT, V) };
    macro_rules! multiply_rows {
        ($($count:literal)*) => {
            match rows.len() {
                $($count if $count <= max => {
                    let mut values: [&[f32]; $count] = [&[]; $count];
                    for index in 0..$count {
                        values[index] = row(rows[index]);
                    }
                    if let Some((sums, _)) = sums.split_first_chunk_mut() {
                        match ahead {
                            None => product::<S, $count, V, false>(simd, &values, 1, panel, &[], start, sums),
                            Some(ahead) => product::<S, $count, V, true>(simd, &values, 1, panel, ahead, start, sums),
                        }
                    }
                })*
                _ => unreachable!("a tile must have 1 to {max} rows"),
            }
        };
    }
    multiply_rows!(1 2 3 4 5 6 7 8);
}

/// What is added to a matrix product.
#[derive(Clone, Copy)]
pub(crate) enum Plus<'a> {
    Nothing,
    /// The same values for all rows, one per column.
    Bias(&'a [f32]),
    /// The values that are in the output buffer before the product is written: the product is added to them.
    Old,
}

/// Multiplies rows by one packed panel of columns. `rows` has the indices of the rows, and `row` returns the values of
/// a row. Writes the products, to which `plus` is added, to the rows that `to` returns.
#[inline(always)]
pub(crate) fn multiply_to<'a, 'b, S: Simd>(
    simd: S,
    rows: &[usize],
    row: impl Fn(usize) -> &'a [f32],
    columns: &Panels,
    panel: usize,
    plus: Plus,
    to: impl Fn(usize, Range<usize>) -> &'b mut [f32],
) {
    let (panel, values) = columns.panel(panel);
    let add = matches!(plus, Plus::Old);
    macro_rules! multiply_panel {
        ($($vectors:literal)*) => {
            match panel.vectors {
                $($vectors => {
                    let start = start::<S, $vectors>(simd, plus, &panel.covers);
                    let mut sums = sums_buffer::<S, $vectors>(simd);
                    for (rows, _) in tiles::<S, $vectors>(rows, None) {
                        multiply::<S, $vectors>(simd, rows, &row, (values, None), &start, &mut sums);
                        for index in 0..rows.len() {
                            write(simd, to(rows[index], panel.covers.clone()), sums[index], add);
                        }
                    }
                })*
                _ => unreachable!("a panel must have 1 to {MAX_VECTORS} SIMD vectors per row"),
            }
        };
    }
    multiply_panel!(1 2 3);
}

/// Returns the initial values of the sums for a panel (block of columns): the bias, or zeros.
#[inline(always)]
fn start<S: Simd, const V: usize>(simd: S, plus: Plus, columns: &Range<usize>) -> [S::f32s; V] {
    let mut start = [simd.splat_f32s(0.0); V];
    if let Plus::Bias(bias) = plus {
        for (start, bias) in start.iter_mut().zip(bias[columns.clone()].chunks(S::F32_LANES)) {
            *start = load(simd, bias);
        }
    }
    start
}

/// The innermost loop of all matrix products: writes `start` plus the product of `R` rows with a panel of columns to
/// `sums`. `stride` is the distance in memory between the values of a row. If `AHEAD` is true, each iteration
/// prefetches one cache line of `ahead`.
///
/// The function is not inlined, so that all registers are available for the sums.
#[inline(never)]
fn product<S: Simd, const R: usize, const V: usize, const AHEAD: bool>(
    simd: S,
    rows: &[&[f32]; R],
    stride: usize,
    panel: &[[S::f32s; V]],
    ahead: &[f32],
    start: &[S::f32s; V],
    sums: &mut [[S::f32s; V]; R],
) {
    struct Product<'a, S: Simd, const R: usize, const V: usize, const AHEAD: bool> {
        simd: S,
        rows: &'a [&'a [f32]; R],
        stride: usize,
        panel: &'a [[S::f32s; V]],
        ahead: &'a [f32],
        start: &'a [S::f32s; V],
        sums: &'a mut [[S::f32s; V]; R],
    }
    impl<S: Simd, const R: usize, const V: usize, const AHEAD: bool> NullaryFnOnce for Product<'_, S, R, V, AHEAD> {
        type Output = ();
        #[inline(always)]
        fn call(self) {
            let Self { simd, rows, stride, panel, ahead, start, sums } = self;
            for row in rows {
                assert!(panel.is_empty() || row.len() > (panel.len() - 1) * stride);
            }
            let mut starts = [std::ptr::null(); R];
            for r in 0..R {
                starts[r] = rows[r].as_ptr();
            }
            let mut totals = [*start; R];
            // Whether the sums, the vectors of the panel and one value fill all registers. Compilers then keep one of the
            // sums in memory, so that every iteration waits for memory. To prevent this, the code loads the last vector
            // again for every row, and the fence keeps compilers from loading it only once.
            let full = R * V + V + 1 == S::REGISTER_COUNT;
            for (k, in_memory) in panel.iter().enumerate() {
                let vectors = *in_memory;
                if AHEAD {
                    prefetch::<TO_L2>(ahead, k);
                }
                // SAFETY: the assertion above checks that every row has a value for each row of the panel.
                let value = |r: usize| simd.splat_f32s(unsafe { *starts[r].add(k * stride) });
                // Keep the values of the rows or the vectors of the panel in registers, whichever are fewer.
                if R < V {
                    let mut values = [simd.splat_f32s(0.0); R];
                    for r in 0..R {
                        values[r] = value(r);
                    }
                    for v in 0..V {
                        for r in 0..R {
                            totals[r][v] = simd.mul_add_e_f32s(values[r], vectors[v], totals[r][v]);
                        }
                    }
                } else {
                    for r in 0..R {
                        let value = value(r);
                        for v in 0..V {
                            let vector = if full && v == V - 1 { in_memory[v] } else { vectors[v] };
                            totals[r][v] = simd.mul_add_e_f32s(value, vector, totals[r][v]);
                        }
                        if full {
                            compiler_fence(Ordering::SeqCst);
                        }
                    }
                }
            }
            *sums = totals;
        }
    }
    simd.vectorize(Product::<S, R, V, AHEAD> { simd, rows, stride, panel, ahead, start, sums });
}

/// The hint of [`prefetch`] that loads values into the L1 cache.
const TO_L1: i32 = 3;

/// The hint of [`prefetch`] that loads values into the L2 cache, but not into the L1 cache.
const TO_L2: i32 = 2;

/// Prefetches cache line number `line` of `values`, on processors that have a prefetch instruction. `HINT` is [`TO_L1`]
/// or [`TO_L2`].
#[inline(always)]
fn prefetch<const HINT: i32>(values: &[f32], line: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::_mm_prefetch;
        // SAFETY: a prefetch is a hint and valid for any address.
        unsafe { _mm_prefetch::<HINT>(values.as_ptr().wrapping_add(16 * line).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, line);
}

#[inline(always)]
fn write<S: Simd, const V: usize>(simd: S, to: &mut [f32], sums: [S::f32s; V], add: bool) {
    for (to, sum) in to.chunks_mut(S::F32_LANES).zip(sums) {
        // If `add` is false, the code does not read the buffer. In new memory, a read before the first write would cost
        // time: the operating system would map a page of zeros for the read, and another page for the write.
        store(simd, to, if add { simd.add_f32s(load(simd, to), sum) } else { sum });
    }
}

/// The number `T` of columns of `left` in [`outer`] for processors with 32 and with 16 vector registers: the number of
/// rows of the product whose sums fit the registers.
pub(crate) const TILES: [usize; 2] = [max_rows(32, max_vectors(32)), max_rows(16, max_vectors(16))];

/// Returns whether a processor with this number of vector registers uses the first of [`TILES`].
pub(crate) const fn has_wide_tiles(registers: usize) -> bool {
    registers >= 32
}

/// Multiplies the transpose of `left`, `[depth, T]`, by one packed panel of columns. Writes the first `count` rows of
/// the product to the rows that `to` returns.
#[inline(always)]
pub(crate) fn outer<'a, S: Simd, const T: usize>(
    simd: S,
    left: &[f32],
    columns: &Panels,
    panel: usize,
    count: usize,
    plus: Plus,
    to: impl Fn(usize, Range<usize>) -> &'a mut [f32],
) {
    let (panel, values) = columns.panel(panel);
    macro_rules! multiply_panel {
        ($($vectors:literal)*) => {
            match panel.vectors {
                $($vectors => {
                    let start = start::<S, $vectors>(simd, plus, &panel.covers);
                    let mut sums = [start; T];
                    let mut rows: [&[f32]; T] = [&[]; T];
                    for row in 0..T {
                        rows[row] = &left[row..];
                    }
                    // The rows of the destination are far apart in memory. The cache loads them during the product.
                    for row in 0..count {
                        let to = to(row, panel.covers.clone());
                        (0..=to.len() / 16).for_each(|line| prefetch::<TO_L1>(to, line));
                    }
                    let values = S::as_simd_f32s(values).0.as_chunks().0;
                    product::<S, T, $vectors, false>(simd, &rows, T, values, &[], &start, &mut sums);
                    for (row, sums) in sums.iter().enumerate().take(count) {
                        write(simd, to(row, panel.covers.clone()), *sums, matches!(plus, Plus::Old));
                    }
                })*
                _ => unreachable!("a panel must have 1 to {MAX_VECTORS} SIMD vectors per row"),
            }
        };
    }
    multiply_panel!(1 2 3);
}

#[cfg(test)]
mod tests {
    use pulp::{Arch, WithSimd};

    use super::*;

    #[derive(Clone, Copy)]
    enum Function {
        Tanh,
        Sigmoid,
        Relu,
        Exp,
    }

    struct Each<'a>(Function, &'a mut [f32]);

    impl WithSimd for Each<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let function = match self.0 {
                Function::Tanh => tanh,
                Function::Sigmoid => sigmoid,
                Function::Relu => relu,
                Function::Exp => exp,
            };
            for values in self.1.chunks_mut(S::F32_LANES) {
                let result = function(simd, load(simd, values));
                store(simd, values, result);
            }
        }
    }

    /// Checks the errors of `function` at a million arguments, once computed with the processor's SIMD vectors and once
    /// with scalar code.
    fn check(function: Function, exact: fn(f64) -> f64, error: fn(f64, f64) -> f64, bound: f64) {
        let arguments: Vec<f32> = (0..1_000_003).map(|index| (index as f32 - 500_001.0) / 25_000.0).collect();
        for arch in [Arch::new(), Arch::Scalar] {
            let mut values = arguments.clone();
            arch.dispatch(Each(function, &mut values));
            for (&x, &y) in arguments.iter().zip(&values) {
                let error = error(y.into(), exact(x.into()));
                assert!(error <= bound, "{error:e} at {x} in {arch:?}");
            }
            let mut special = [f32::NAN, f32::MAX, f32::MIN];
            arch.dispatch(Each(function, &mut special));
            let [nan, above, below] = special.map(f64::from);
            assert!(nan.is_nan(), "{arch:?}");
            for (y, x) in [(above, f32::MAX), (below, f32::MIN)] {
                assert!(error(y, exact(x.into())) <= bound, "{y} at {x} in {arch:?}");
            }
        }
    }

    #[test]
    fn errors_of_activation_functions_are_bounded() {
        let relative = |y: f64, exact: f64| if exact == 0.0 { y.abs() } else { (y / exact - 1.0).abs() };
        check(Function::Tanh, f64::tanh, relative, 4e-7);
        check(Function::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()), |y, exact| (y - exact).abs(), 2e-7);
        check(Function::Relu, |x| x.max(0.0), |y, exact| (y - exact).abs(), 0.0);
    }

    #[test]
    fn tanh_is_never_above_1() {
        for arch in [Arch::new(), Arch::Scalar] {
            let mut values: Vec<f32> = (7.5f32.to_bits()..=TANH_LIMIT.to_bits()).map(f32::from_bits).collect();
            arch.dispatch(Each(Function::Tanh, &mut values));
            assert!(values.iter().all(|&y| y <= 1.0), "{arch:?}");
        }
    }

    #[test]
    fn error_of_exp_is_bounded() {
        let arguments: Vec<f32> = (0..=1_000_000).map(|index| index as f32 * -87e-6).collect();
        for arch in [Arch::new(), Arch::Scalar] {
            let mut values = arguments.clone();
            arch.dispatch(Each(Function::Exp, &mut values));
            for (&x, &y) in arguments.iter().zip(&values) {
                let error = (f64::from(y) / f64::from(x).exp() - 1.0).abs();
                assert!(error <= 3e-7, "{error:e} at {x} in {arch:?}");
            }
            let mut special = [f32::NAN, f32::NEG_INFINITY, 0.0];
            arch.dispatch(Each(Function::Exp, &mut special));
            assert!(special[0].is_nan() && special[1] < 2e-38 && special[2] == 1.0, "{special:?} in {arch:?}");
        }
    }
}
