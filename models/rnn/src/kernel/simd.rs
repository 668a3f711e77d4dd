//! Vectors: loads and stores that end where a row ends, the gates' functions, and the product of few rows with a panel.

use std::ops::Range;

use pulp::{NullaryFnOnce, Simd};

use super::pack::Panels;

/// The first lanes of `from`; zeros where it is shorter than a vector.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, from: &[f32]) -> S::f32s {
    match S::as_simd_f32s(from).0.first() {
        Some(vector) => *vector,
        None => simd.partial_load_f32s(from),
    }
}

/// Writes as many lanes as `to` has room for.
#[inline(always)]
pub(crate) fn store<S: Simd>(simd: S, to: &mut [f32], vector: S::f32s) {
    match S::as_mut_simd_f32s(to).0.first_mut() {
        Some(whole) => *whole = vector,
        None => simd.partial_store_f32s(to, vector),
    }
}

/// tanh as `x · P(x²) / Q(x²)`, fitted to the least largest relative error on |x| ≤ 9, and constant beyond [`LARGEST`].
///
/// The error is below 4e-7 of the value; no value lies outside [-1, 1]; NaN stays NaN.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const P: [f32; 5] = [1.0, 0.133_810_28, 3.495_591e-3, 2.060_912_6e-5, 1.335_471_5e-8];
    const Q: [f32; 5] = [1.0, 0.467_143_45, 2.587_699_3e-2, 3.285_639_4e-4, 7.776_581_6e-7];
    let x = within(simd, x, LARGEST);
    let square = simd.mul_f32s(x, x);
    let above = simd.mul_f32s(x, polynomial(simd, square, P));
    simd.div_f32s(above, polynomial(simd, square, Q))
}

/// `c₀ + c₁ x + c₂ x² + …`
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, x: S::f32s, coefficients: [f32; N]) -> S::f32s {
    let mut sum = simd.splat_f32s(coefficients[N - 1]);
    for index in (0..N - 1).rev() {
        sum = simd.mul_add_f32s(sum, x, simd.splat_f32s(coefficients[index]));
    }
    sum
}

/// Where tanh is 1 but for 2e-7: a little above, the quotient can round to more than 1.
const LARGEST: f32 = 8.18;

/// The nearest value in `[-bound, bound]`, and NaN for NaN.
#[inline(always)]
fn within<S: Simd>(simd: S, x: S::f32s, bound: f32) -> S::f32s {
    let (high, low) = (simd.splat_f32s(bound), simd.splat_f32s(-bound));
    if S::F32_LANES == 1 {
        let x = simd.select_f32s(simd.greater_than_f32s(x, high), high, x);
        simd.select_f32s(simd.less_than_f32s(x, low), low, x)
    } else {
        // Of vectors, where one is NaN, the second is what comes out; of single numbers, the other.
        simd.min_f32s(high, simd.max_f32s(low, x))
    }
}

/// `max(0, x)`, and NaN for NaN.
#[inline(always)]
pub(crate) fn relu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.less_than_f32s(x, zero), zero, x)
}

/// The logistic function, `½ + ½ tanh(x / 2)`; its error is below 2e-7.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let half = simd.splat_f32s(0.5);
    simd.mul_add_f32s(tanh(simd, simd.mul_f32s(x, half)), half, half)
}

/// `eˣ` for x ≤ 0, with an error below 3e-7 of the value; 1e-38 instead of anything less.
///
/// `2ⁿ · eʳ` with a whole number n and |r| ≤ ½ ln 2. The polynomial is that of the Cephes library (Moshier 1989).
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    /// ln 2, cut off after a few bits, so that its products with n are exact; and the rest of it.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const P: [f32; 6] = [0.5, 0.166_666_65, 4.166_579_6e-2, 8.333_452e-3, 1.398_2e-3, 1.987_569_1e-4];
    /// Added to a small number, it leaves that number, rounded and plus 127, in the last bits.
    const ROUND: f32 = 12_582_912.0 + 127.0;
    let constant = |value: f32| simd.splat_f32s(value);
    // No maximum: it would drop NaN on some processors.
    let x = simd.select_f32s(simd.less_than_f32s(x, constant(-87.0)), constant(-87.0), x);
    let rounded = simd.mul_add_f32s(x, constant(std::f32::consts::LOG2_E), constant(ROUND));
    let n = simd.sub_f32s(rounded, constant(ROUND));
    let r = simd.negate_mul_add_f32s(n, constant(LN_2[0]), x);
    let r = simd.negate_mul_add_f32s(n, constant(LN_2[1]), r);
    let sum = polynomial(simd, r, P);
    let power = simd.mul_add_f32s(simd.mul_f32s(r, r), sum, simd.add_f32s(r, constant(1.0)));
    // The exponent of 2ⁿ is n + 127.
    let exponent = simd.wrapping_dyn_shl_u32s(simd.transmute_u32s_f32s(rounded), simd.splat_u32s(23));
    simd.mul_f32s(power, simd.transmute_f32s_u32s(exponent))
}

/// The most rows of any tile.
const MOST_ROWS: usize = 8;

/// The most vectors of a panel of columns.
const MOST_VECTORS: usize = 3;

/// The most vectors of a panel of columns: 8 rows' sums of 3 fill 32 registers, 6 rows' of 2 fill 16.
pub(crate) const fn most_vectors(registers: usize) -> usize {
    if registers >= 32 { MOST_VECTORS } else { 2 }
}

/// The most rows of a tile, up to [`MOST_ROWS`]: as many as leave a register for each vector of the panel and one for the row's
/// value, or, if that is less, for each row's value and one vector.
const fn most_rows(registers: usize, vectors: usize) -> usize {
    let rows = match (registers, vectors) {
        (32.., _) => 24 / vectors,
        // Not 4, though they fit: compilers keep one of the sums in memory, and every step waits for it.
        (_, 3) => 3,
        _ => 12 / vectors,
    };
    if rows > MOST_ROWS { MOST_ROWS } else { rows }
}

/// Cuts rows into tiles for [`multiply`] by panels of `V` vectors, and the panel `ahead`, if any, into what each fetches.
pub(crate) fn tiles<'a, S: Simd, const V: usize>(
    rows: &'a [usize],
    ahead: Option<&'a [f32]>,
) -> impl Iterator<Item = (&'a [usize], Option<&'a [f32]>)> {
    let count = rows.len().div_ceil(most_rows(S::REGISTER_COUNT, V));
    (0..count).map(move |tile| {
        let rows = &rows[rows.len() * tile / count..rows.len() * (tile + 1) / count];
        (rows, ahead.map(|ahead| &ahead[ahead.len() * tile / count..]))
    })
}

/// Of one of the [`tiles`] of rows of `depth` values, for each row `start` plus its product with a panel `[depth, V vectors]`;
/// what follows the last row's means nothing.
///
/// Meanwhile what is `ahead` is fetched to the cache: memory alone would be slower than the products.
///
/// Every sum runs over the depth in order, one fused multiply-add after the other, so that the result for a row does
/// not depend on which rows share its tile.
#[inline(always)]
pub(crate) fn multiply<'a, S: Simd, const V: usize>(
    simd: S,
    rows: &[usize],
    row: impl Fn(usize) -> &'a [f32],
    (panel, ahead): (&[f32], Option<&[f32]>),
    start: [S::f32s; V],
) -> [[S::f32s; V]; MOST_ROWS] {
    let (panel, _) = S::as_simd_f32s(panel).0.as_chunks::<V>();
    let most = const { most_rows(S::REGISTER_COUNT, V) };
    let mut all = [start; MOST_ROWS];
    macro_rules! add {
        ($($count:literal)*) => {
            match rows.len() {
                $($count if $count <= most => {
                    let mut values: [&[f32]; $count] = [&[]; $count];
                    for index in 0..$count {
                        values[index] = row(rows[index]);
                    }
                    if let Some((sums, _)) = all.split_first_chunk_mut() {
                        match ahead {
                            None => product::<S, $count, V, false>(simd, &values, 1, panel, &[], sums),
                            Some(ahead) => product::<S, $count, V, true>(simd, &values, 1, panel, ahead, sums),
                        }
                    }
                })*
                _ => unreachable!("a tile has 1 to {most} rows"),
            }
        };
    }
    add!(1 2 3 4 5 6 7 8);
    all
}

/// Writes the products of rows with a panel to rows, or adds them.
#[inline(always)]
pub(crate) fn multiply_to<'a, 'b, S: Simd>(
    simd: S,
    rows: &[usize],
    row: impl Fn(usize) -> &'a [f32],
    columns: &Panels,
    panel: usize,
    add: bool,
    to: impl Fn(usize, Range<usize>) -> &'b mut [f32],
) {
    let (panel, values) = columns.panel(panel);
    macro_rules! multiply_panel {
        ($($vectors:literal)*) => {
            match panel.vectors {
                $($vectors => for (rows, _) in tiles::<S, $vectors>(rows, None) {
                    let sums = multiply::<S, $vectors>(simd, rows, &row, (values, None), [simd.splat_f32s(0.0); $vectors]);
                    for index in 0..rows.len() {
                        write(simd, to(rows[index], panel.covers.clone()), sums[index], add);
                    }
                })*
                _ => unreachable!("panels have 1 to {MOST_VECTORS} vectors"),
            }
        };
    }
    multiply_panel!(1 2 3);
}

/// Adds the product of rows, whose values are `stride` apart, with a panel; fetches as many cache lines of `ahead` as the
/// panel is deep.
///
/// A function of its own, so that all registers are the sums'.
#[inline(never)]
fn product<S: Simd, const R: usize, const V: usize, const AHEAD: bool>(
    simd: S,
    rows: &[&[f32]; R],
    stride: usize,
    panel: &[[S::f32s; V]],
    ahead: &[f32],
    sums: &mut [[S::f32s; V]; R],
) {
    struct Product<'a, S: Simd, const R: usize, const V: usize, const AHEAD: bool> {
        simd: S,
        rows: &'a [&'a [f32]; R],
        stride: usize,
        panel: &'a [[S::f32s; V]],
        ahead: &'a [f32],
        sums: &'a mut [[S::f32s; V]; R],
    }
    impl<S: Simd, const R: usize, const V: usize, const AHEAD: bool> NullaryFnOnce for Product<'_, S, R, V, AHEAD> {
        type Output = ();
        #[inline(always)]
        fn call(self) {
            let Self { simd, rows, stride, panel, ahead, sums } = self;
            for row in rows {
                assert!(panel.is_empty() || row.len() > (panel.len() - 1) * stride);
            }
            let mut starts = [std::ptr::null(); R];
            for r in 0..R {
                starts[r] = rows[r].as_ptr();
            }
            let mut totals = *sums;
            for (k, vectors) in panel.iter().enumerate() {
                if AHEAD {
                    prefetch(ahead, k);
                }
                // SAFETY: no row ends before its value for the last vectors of the panel.
                let value = |r: usize| simd.splat_f32s(unsafe { *starts[r].add(k * stride) });
                // What is fewer, values or vectors, stays in registers.
                if R < V {
                    let mut values = [simd.splat_f32s(0.0); R];
                    for r in 0..R {
                        values[r] = value(r);
                    }
                    for v in 0..V {
                        for r in 0..R {
                            totals[r][v] = simd.mul_add_f32s(values[r], vectors[v], totals[r][v]);
                        }
                    }
                } else {
                    for r in 0..R {
                        let value = value(r);
                        for v in 0..V {
                            totals[r][v] = simd.mul_add_f32s(value, vectors[v], totals[r][v]);
                        }
                    }
                }
            }
            *sums = totals;
        }
    }
    simd.vectorize(Product::<S, R, V, AHEAD> { simd, rows, stride, panel, ahead, sums });
}

/// Has a cache line of values fetched, where the processor can be told to.
#[inline(always)]
fn prefetch(values: &[f32], line: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a hint, which any address may be given to.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(values.as_ptr().wrapping_add(16 * line).cast()) };
    }
}

#[inline(always)]
fn write<S: Simd, const V: usize>(simd: S, to: &mut [f32], sums: [S::f32s; V], add: bool) {
    for (to, sum) in to.chunks_mut(S::F32_LANES).zip(sums) {
        // What is written for the first time is not read: the kernel gives a page at the first access to it, and another
        // at the first write if that was no write.
        store(simd, to, if add { simd.add_f32s(load(simd, to), sum) } else { sum });
    }
}

/// The rows of a tile of [`outer`].
pub(crate) const TILE: usize = MOST_ROWS;

/// Writes the product of `left`, `[depth, TILE]`, transposed, with a panel to the first `count` rows, or adds it.
#[inline(always)]
pub(crate) fn outer<'a, S: Simd>(
    simd: S,
    left: &[f32],
    columns: &Panels,
    panel: usize,
    count: usize,
    add: bool,
    to: impl Fn(usize, Range<usize>) -> &'a mut [f32],
) {
    let (panel, values) = columns.panel(panel);
    macro_rules! multiply_panel {
        ($($vectors:literal)*) => {
            match panel.vectors {
                $($vectors => {
                    let mut sums = [[simd.splat_f32s(0.0); $vectors]; TILE];
                    let mut rows: [&[f32]; TILE] = [&[]; TILE];
                    for row in 0..TILE {
                        rows[row] = &left[row..];
                    }
                    let values = S::as_simd_f32s(values).0.as_chunks().0;
                    if const { most_rows(S::REGISTER_COUNT, $vectors) == TILE } {
                        product::<S, TILE, $vectors, false>(simd, &rows, TILE, values, &[], &mut sums);
                    } else {
                        let (rows, sums) = (rows.as_chunks::<{ TILE / 2 }>().0, sums.as_chunks_mut().0);
                        for (rows, sums) in rows.iter().zip(sums) {
                            product::<S, { TILE / 2 }, $vectors, false>(simd, rows, TILE, values, &[], sums);
                        }
                    }
                    for (row, sums) in sums.iter().enumerate().take(count) {
                        write(simd, to(row, panel.covers.clone()), *sums, add);
                    }
                })*
                _ => unreachable!("panels have 1 to {MOST_VECTORS} vectors"),
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

    /// On a million values, in the processor's vectors and in none.
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
            let [not_a_number, above, below] = special.map(f64::from);
            assert!(not_a_number.is_nan(), "{arch:?}");
            for (y, x) in [(above, f32::MAX), (below, f32::MIN)] {
                assert!(error(y, exact(x.into())) <= bound, "{y} at {x} in {arch:?}");
            }
        }
    }

    #[test]
    fn the_gates_functions_keep_their_bounds() {
        let relative = |y: f64, exact: f64| if exact == 0.0 { y.abs() } else { (y / exact - 1.0).abs() };
        check(Function::Tanh, f64::tanh, relative, 4e-7);
        check(Function::Sigmoid, |x| 1.0 / (1.0 + (-x).exp()), |y, exact| (y - exact).abs(), 2e-7);
        check(Function::Relu, |x| x.max(0.0), |y, exact| (y - exact).abs(), 0.0);
    }

    #[test]
    fn no_tanh_is_above_1() {
        for arch in [Arch::new(), Arch::Scalar] {
            let mut values: Vec<f32> = (7.5f32.to_bits()..=LARGEST.to_bits()).map(f32::from_bits).collect();
            arch.dispatch(Each(Function::Tanh, &mut values));
            assert!(values.iter().all(|&y| y <= 1.0), "{arch:?}");
        }
    }

    #[test]
    fn powers_of_e_keep_their_bound() {
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
