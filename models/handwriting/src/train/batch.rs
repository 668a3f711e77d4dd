//! The tensors of a batch of drawings, and the likelihood of their points.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rnn::Rows;
use training::collective::Share;

use crate::drawing::{Pen, Point};
use crate::mixture::Mixture;
use crate::model::Network;

/// A batch of drawings, padded to the longest one. B is the number of drawings, and T the number of points.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The inputs of the network, `[B, T, 5]`: for each point, the features of the previous point.
    inputs: Tensor<3>,
    /// The class id of the drawing, repeated for each point, `[B, T]`.
    classes: Tensor<2, Int>,
    /// The number of points of each drawing.
    lengths: Vec<usize>,
    /// The offset of each point, `[B, T, 2]`.
    offsets: Tensor<3>,
    /// The state of the pen after each point, as its index in [`Pen::ALL`]: `[B, T]`.
    pens: Tensor<2, Int>,
    /// 1 where there is an offset to predict, and 0 in the padding and at the first point of each drawing: `[B, T]`.
    has_offset: Tensor<2>,
    /// 1 where there is a point, and 0 in the padding: `[B, T]`.
    is_point: Tensor<2>,
    /// Which rows of the whole batch this process computes.
    rows: Rows,
}

/// The losses of the points of a batch. They are 0 in the padding.
#[derive(Debug)]
pub struct Losses {
    /// The negative log-likelihood of the offsets in nats, `[B, T]`; 0 at the first points.
    pub offset: Tensor<2>,
    /// The negative log-likelihood of the states of the pen in nats, `[B, T]`.
    pub pen: Tensor<2>,
    /// The number of points, without padding.
    pub points: usize,
}

impl Batch {
    /// Makes a batch from drawings, each given as its points and its class id.
    pub fn new(drawings: &[(&[Point], usize)], device: &Device) -> Self {
        let lengths: Vec<usize> = drawings.iter().map(|(points, _)| points.len()).collect();
        let shape = [drawings.len(), lengths.iter().copied().max().unwrap_or(0)];
        let cells = shape[0] * shape[1];
        let (mut inputs, mut offsets) = (vec![0.0; cells * Point::FEATURES], vec![0.0; cells * 2]);
        let (mut classes, mut pens) = (vec![0; cells], vec![0; cells]);
        let (mut has_offset, mut is_point) = (vec![0.0; cells], vec![0.0; cells]);
        for (row, (points, class)) in drawings.iter().enumerate() {
            let mut before = &Point::START;
            for (time, point) in points.iter().enumerate() {
                let cell = row * shape[1] + time;
                inputs[cell * Point::FEATURES..][..Point::FEATURES].copy_from_slice(&before.features());
                offsets[cell * 2..][..2].copy_from_slice(&point.offset);
                (classes[cell], pens[cell]) = (*class as i32, point.pen as i32);
                (has_offset[cell], is_point[cell]) = (f32::from(u8::from(time > 0)), 1.0);
                before = point;
            }
        }
        let wide =
            |values: Vec<f32>, width| Tensor::from_data(TensorData::new(values, [shape[0], shape[1], width]), device);
        let floats = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, shape), device);
        let ints = |values: Vec<i32>| Tensor::from_data(TensorData::new(values, shape), device);
        Self {
            inputs: wide(inputs, Point::FEATURES),
            classes: ints(classes),
            lengths,
            offsets: wide(offsets, 2),
            pens: ints(pens),
            has_offset: floats(has_offset),
            is_point: floats(is_point),
            rows: Rows::all(drawings.len()),
        }
    }

    /// Returns the drawings of the batch that one rank (process) of a data-parallel training computes; `None` if there
    /// are none.
    pub fn part(self, share: Share) -> Option<Self> {
        let own = share.own_rows(self.rows.of)?;
        let (start, count) = (own.start, own.len());
        Some(Self {
            inputs: self.inputs.narrow(0, start, count),
            classes: self.classes.narrow(0, start, count),
            lengths: self.lengths[own.clone()].to_vec(),
            offsets: self.offsets.narrow(0, start, count),
            pens: self.pens.narrow(0, start, count),
            has_offset: self.has_offset.narrow(0, start, count),
            is_point: self.is_point.narrow(0, start, count),
            rows: self.rows.part(own),
        })
    }

    /// Predicts each point from the points before it. Returns the losses, and the distributions of the points.
    pub fn losses(self, network: &Network) -> (Losses, Mixture) {
        let forward = || network.forward(self.inputs, self.classes, Some(&self.lengths), None);
        let (parameters, _) = self.rows.within(forward);
        let mixture = Mixture::new(parameters);
        let losses = Losses {
            offset: mixture.offset_nll(self.offsets) * self.has_offset,
            pen: mixture.pen_nll(self.pens) * self.is_point,
            points: self.lengths.iter().sum(),
        };
        (losses, mixture)
    }
}

/// Returns the index of the most probable state of the pen after each point, `[B · T]`.
pub fn probable_pens(mixture: &Mixture) -> Vec<usize> {
    let logits: Vec<f32> = mixture.pen.clone().into_data().iter().collect();
    let (rows, _) = logits.as_chunks::<{ Pen::ALL.len() }>();
    rows.iter()
        .map(|row| (1..row.len()).fold(0, |best, index| if row[index] > row[best] { index } else { best }))
        .collect()
}

#[cfg(test)]
mod tests {
    use rnn::Cell;

    use super::*;
    use crate::model::tests::config;

    fn drawing(points: usize) -> Vec<Point> {
        let point = |index: usize| Point {
            offset: if index == 0 { [0.0; 2] } else { [(index as f32).sin(), 0.3 * index as f32] },
            pen: Pen::ALL[if index + 1 == points { 2 } else { usize::from(index % 4 == 3) }],
        };
        (0..points).map(point).collect()
    }

    fn sums(losses: &Losses) -> [Vec<f32>; 2] {
        [&losses.offset, &losses.pen].map(|losses| losses.clone().sum_dim(1).into_data().iter().collect())
    }

    #[test]
    fn padding_and_first_offsets_cost_nothing() {
        let device = Device::flex();
        let network = config(Cell::Gru, 2).init(3, &device);
        let (long, short) = (drawing(11), drawing(5));
        let (together, _) = Batch::new(&[(&long, 0), (&short, 2)], &device).losses(&network);
        assert_eq!(together.points, 16);
        let found = sums(&together);
        for (row, (points, class)) in [(&long, 0), (&short, 2)].into_iter().enumerate() {
            let (alone, _) = Batch::new(&[(points, class)], &device).losses(&network);
            for (found, alone) in found.iter().zip(sums(&alone)) {
                approx::assert_abs_diff_eq!(found[row], alone[0], epsilon = 1e-4);
            }
        }
        let first: Vec<f32> = together.offset.narrow(1, 0, 1).into_data().iter().collect();
        assert_eq!(first, [0.0, 0.0]);
        // A drawing of a point alone has a state of the pen to predict, and no offset.
        let [offset, pen] = sums(&Batch::new(&[(&drawing(1), 1)], &device).losses(&network).0);
        assert!(offset == [0.0] && pen[0] > 0.0);
    }

    #[test]
    fn each_point_is_predicted_from_the_points_before_it() {
        let device = Device::flex();
        let network = config(Cell::Lstm, 1).init(3, &device);
        let losses = |points: &[Point]| -> Vec<f32> {
            let (losses, _) = Batch::new(&[(points, 1)], &device).losses(&network);
            (losses.offset + losses.pen).into_data().iter().collect()
        };
        let points = drawing(9);
        let mut changed = points.clone();
        changed[5] = Point { offset: [3.0, 3.0], pen: Pen::Up };
        let (one, other) = (losses(&points), losses(&changed));
        assert_eq!(one[..5], other[..5]);
        assert!((5..9).all(|place| one[place] != other[place]), "{one:?} {other:?}");
    }
}
