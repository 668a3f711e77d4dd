//! Matrix products of the backward pass on a GPU. If the result is small and its sums have many terms, burn's product
//! uses few cubes (thread blocks) and takes ten times as long. The kernels of this module split each sum over many
//! cubes, and then add the partial sums in a fixed order.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::{empty, grid};

/// The largest number of rows and of columns of the result that one cube (thread block) computes.
const TILE: usize = 64;
/// The number of units (threads) of a cube (thread block), arranged in a square. The number is small, so that each unit
/// computes many values of the result, and loads fewer factors per value.
const UNITS: usize = 64;
/// The number of rows, and of columns, of the square in which the [`UNITS`] are arranged.
const SIDE: usize = 8;
/// The number of rows of the result that one unit (thread) computes: `TILE / SIDE`. A unit computes the same number of
/// columns, or half as many if the result has at most `TILE / 2` columns.
const MICRO: usize = 8;
/// The number of terms of each sum that a cube (thread block) adds per iteration. The factors of these terms are in
/// shared memory.
const DEPTH: usize = 16;
/// The intended number of cubes (thread blocks) of a product: each sum is split into so many parts, for different
/// cubes, that there are about this many cubes. The number is large enough to use the largest GPUs fully.
const CUBES: usize = 1024;
/// The smallest number of terms that one cube (thread block) adds, if a sum is split.
const LEAST_TERMS: usize = 128;

/// Consecutive columns of a row-major matrix.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// The whole matrix.
    pub matrix: CubeTensor,
    /// The number of columns of the whole matrix.
    pub stride: usize,
    /// The index of the first of the consecutive columns.
    pub first: usize,
    /// The number of consecutive columns.
    pub count: usize,
}

/// The two factors of one product `leftᵀ · right` in [`sum_of_outer_products`]. The product gives one block of rows of
/// the result. `left` and `right` are columns of two matrices with the same number of rows.
pub(super) struct Block {
    pub left: Columns,
    pub right: Columns,
}

/// Returns whether the device can run the kernels of this module.
pub(super) fn fits(client: &Client) -> bool {
    let hardware = &client.properties().hardware;
    hardware.max_units_per_cube as usize >= UNITS
        && 2 * DEPTH * TILE * size_of::<f32>() <= hardware.max_shared_memory_size
}

/// Computes the product `leftᵀ · right` of each block. Returns all products as one matrix, one below the other:
/// `[sum of the columns of all left factors, columns of right]`. Every factor has `rows` rows. Every right factor has
/// the same number of columns.
pub(super) fn sum_of_outer_products(blocks: Vec<Block>, rows: usize) -> CubeTensor {
    let height: usize = blocks.iter().map(|block| block.left.count).sum();
    let width = blocks[0].right.count;
    let like = blocks[0].left.matrix.clone();
    let tiles = blocks.iter().map(|block| block.left.count.div_ceil(TILE)).sum::<usize>() * width.div_ceil(TILE);
    let splits = splits(tiles, rows);
    let partial = empty(&like, [splits * height, width]);
    let mut first_row = 0;
    for Block { left, right } in blocks {
        let count = left.count;
        launch(
            Factors { left, right, transposed: true, terms: rows, height: count },
            &partial,
            first_row,
            height,
            splits,
        );
        first_row += count;
    }
    add_splits(partial, splits, [height, width])
}

/// Returns the product `left · right`, `[rows, columns of right]`. `rows` is the number of rows of `left`.
pub(super) fn product(left: Columns, right: Columns, rows: usize) -> CubeTensor {
    let (width, terms) = (right.count, left.count);
    let out = empty(&left.matrix, [rows, width]);
    launch(Factors { left, right, transposed: false, terms, height: rows }, &out, 0, rows, 1);
    out
}

/// Returns the sum of each of the given columns of a matrix with `rows` rows: `[1, columns]`.
pub(super) fn column_sums(matrix: Columns, rows: usize) -> CubeTensor {
    let Columns { matrix, stride, first, count } = matrix;
    let splits = splits(count.div_ceil(UNITS), rows);
    let partial = empty(&matrix, [splits, count]);
    // SAFETY: the kernel writes `count` values of each of `splits` rows.
    unsafe {
        add_rows::launch_unchecked(
            &matrix.client.clone(),
            CubeCount::Static(count.div_ceil(UNITS) as u32, splits as u32, 1),
            CubeDim::new_1d(UNITS as u32),
            matrix.into_buffer_arg(),
            partial.clone().into_buffer_arg(),
            stride,
            first,
            count,
            rows,
            rows.div_ceil(splits),
        );
    }
    add_splits(partial, splits, [1, count])
}

/// Returns the number of parts into which a sum of `terms` terms is split, if the result has `tiles` tiles (blocks that
/// one cube computes).
fn splits(tiles: usize, terms: usize) -> usize {
    (CUBES / tiles.max(1)).min(terms / LEAST_TERMS).max(1)
}

/// The factors of a product whose result has `height` rows, and whose sums have `terms` terms. `left` is
/// `[terms, height]` if `transposed` is true, and `[height, terms]` otherwise; `right` is `[terms, columns]`.
struct Factors {
    left: Columns,
    right: Columns,
    transposed: bool,
    terms: usize,
    height: usize,
}

/// Computes a product whose sums are split into `splits` parts. `out`, `[splits · rows, columns]`, has one matrix of
/// `rows` rows for each part, one below the other. The partial product of a part is written to the matrix of this part,
/// from row `first_row` on.
fn launch(factors: Factors, out: &CubeTensor, first_row: usize, rows: usize, splits: usize) {
    let Factors { left, right, transposed, terms, height } = factors;
    let width = right.count;
    let columns = if width <= TILE / 2 { MICRO / 2 } else { MICRO };
    let cubes = [height.div_ceil(TILE), width.div_ceil(columns * SIDE), splits].map(|count| count as u32);
    // SAFETY: the kernel reads the given columns, and writes to the rows `first_row..first_row + height` of each part
    // of `out`.
    unsafe {
        tiled_product::launch_unchecked(
            &out.client,
            CubeCount::Static(cubes[0], cubes[1], cubes[2]),
            CubeDim::new_1d(UNITS as u32),
            left.matrix.into_buffer_arg(),
            right.matrix.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            left.first,
            left.stride,
            right.first,
            right.stride,
            terms,
            terms.div_ceil(splits),
            height,
            width,
            first_row,
            rows,
            transposed,
            columns,
        );
    }
}

/// Adds the `splits` parts of `partial`, `[splits · rows, columns]`. `shape` is the shape of one part and of the
/// result.
fn add_splits(partial: CubeTensor, splits: usize, shape: [usize; 2]) -> CubeTensor {
    if splits == 1 {
        return partial;
    }
    let sums = empty(&partial, shape);
    let count = shape[0] * shape[1];
    // SAFETY: the kernel writes `count` values.
    unsafe {
        add_parts::launch_unchecked(
            &partial.client.clone(),
            grid(count.div_ceil(UNITS)),
            CubeDim::new_1d(UNITS as u32),
            partial.into_buffer_arg(),
            sums.clone().into_buffer_arg(),
            count,
            splits,
        );
    }
    sums
}

/// Computes partial sums of a product. Each cube (thread block) computes one tile (block of the result), over one part
/// of the terms of each sum.
#[cube(launch_unchecked)]
fn tiled_product(
    left: &[f32],
    right: &[f32],
    out: &mut [f32],
    left_first: usize,
    left_stride: usize,
    right_first: usize,
    right_stride: usize,
    terms: usize,
    part: usize,
    height: usize,
    width: usize,
    first_row: usize,
    rows: usize,
    #[comptime] transposed: bool,
    #[comptime] columns: usize,
) {
    let tile_width = comptime!(columns * SIDE);
    let mut left_tile = Shared::new_slice(comptime!(DEPTH * TILE)); // [DEPTH, TILE]
    let mut right_tile = Shared::new_slice(comptime!(DEPTH * columns * SIDE)); // [DEPTH, tile width]
    let mut sums = Array::<f32>::new(comptime!(MICRO * columns));
    #[unroll]
    for index in 0..comptime!(MICRO * columns) {
        sums[index] = 0.0f32;
    }
    let unit = UNIT_POS_X as usize;
    let row = CUBE_POS_X as usize * TILE;
    let column = CUBE_POS_Y as usize * tile_width;
    let start = CUBE_POS_Z as usize * part;
    let end = min(start + part, terms);

    let blocks = part.div_ceil(DEPTH);
    for block in 0..blocks {
        let first = start + block * DEPTH;
        // Neighbouring units read neighbouring values.
        #[unroll]
        for load in 0..comptime!(DEPTH * columns * SIDE / UNITS) {
            let across = unit % tile_width;
            let deep = unit / tile_width + load * comptime!(UNITS / (columns * SIDE));
            let term = first + deep;
            let value = if term < end && column + across < width {
                right[right_first + term * right_stride + column + across]
            } else {
                f32::new(0.0f32)
            };
            right_tile[deep * tile_width + across] = value;
        }
        #[unroll]
        for load in 0..DEPTH * TILE / UNITS {
            if transposed {
                let across = unit % TILE;
                let deep = unit / TILE + load * (UNITS / TILE);
                let term = first + deep;
                let value = if term < end && row + across < height {
                    left[left_first + term * left_stride + row + across]
                } else {
                    f32::new(0.0f32)
                };
                left_tile[deep * TILE + across] = value;
            } else {
                let deep = unit % DEPTH;
                let across = unit / DEPTH + load * (UNITS / DEPTH);
                let term = first + deep;
                let value = if term < end && row + across < height {
                    left[left_first + (row + across) * left_stride + term]
                } else {
                    f32::new(0.0f32)
                };
                left_tile[deep * TILE + across] = value;
            }
        }
        sync_cube();
        for deep in 0..DEPTH {
            let mut factors = Array::<f32>::new(columns);
            #[unroll]
            for index in 0..columns {
                factors[index] = right_tile[deep * tile_width + index * SIDE + unit % SIDE];
            }
            #[unroll]
            for y in 0..MICRO {
                let factor = left_tile[deep * TILE + y * SIDE + unit / SIDE];
                #[unroll]
                for x in 0..columns {
                    sums[y * columns + x] = fma(factor, factors[x], sums[y * columns + x]);
                }
            }
        }
        sync_cube();
    }

    let first = CUBE_POS_Z as usize * rows + first_row;
    #[unroll]
    for y in 0..MICRO {
        let row = row + y * SIDE + unit / SIDE;
        #[unroll]
        for x in 0..columns {
            let column = column + x * SIDE + unit % SIDE;
            if row < height && column < width {
                out[(first + row) * width + column] = sums[y * columns + x];
            }
        }
    }
}

/// Computes partial sums of columns. The cubes (thread blocks) at the y position `p` add the values of part `p` of the
/// rows, and write the sums to row `p` of `partial`.
#[cube(launch_unchecked)]
fn add_rows(matrix: &[f32], partial: &mut [f32], stride: usize, first: usize, count: usize, rows: usize, part: usize) {
    let column = ABSOLUTE_POS_X as usize;
    let start = CUBE_POS_Y as usize * part;
    let end = min(start + part, rows);
    if column < count {
        let mut sum = 0.0f32;
        for row in start..end {
            sum += matrix[row * stride + first + column];
        }
        partial[CUBE_POS_Y as usize * count + column] = sum;
    }
}

/// Adds all parts of `partial` elementwise.
#[cube(launch_unchecked)]
fn add_parts(partial: &[f32], sums: &mut [f32], count: usize, parts: usize) {
    let index = ABSOLUTE_POS;
    if index < count {
        let mut sum = 0.0f32;
        for part in 0..parts {
            sum += partial[part * count + index];
        }
        sums[index] = sum;
    }
}
