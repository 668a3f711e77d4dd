//! The negative log-likelihood of the points of a part of the data, such as the test part.

use inference::by_length;
use training::{Interrupt, Measured, Metric, TaskResult};

use crate::predictor::Writer;
use crate::train::batch::{Batch, Losses, probable_pens};
use crate::train::data::Part;

/// The number of drawings in a batch.
const BATCH: usize = 64;

/// The negative log-likelihood of a part of the data (training, validation or test), and counts of its points. Each
/// value is a sum over all points of the part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Likelihood {
    /// The number of points.
    pub points: f64,
    /// The negative log-likelihood of the offsets from point to point, in nats. The first point of a drawing has no
    /// offset.
    pub offset: f64,
    /// The negative log-likelihood of the states of the pen, in nats.
    pub pen: f64,
    /// The number of points for which the pen state that the model finds most probable is the true state.
    pub right: f64,
}

impl Likelihood {
    /// Computes the metrics from the sums.
    ///
    /// - `nll`: the negative log-likelihood per point in nats, the sum of `offset_nll` and `pen_nll`
    /// - `offset_nll`: the negative log-likelihood of the offsets, which are divided by their root mean square in the
    ///   training part
    /// - `pen_nll`: the negative log-likelihood of the states of the pen
    /// - `pen_accuracy`: the share of the points for which the most probable state of the pen is the true state
    pub fn measured(self) -> Measured {
        let Self { points, offset, pen, right } = self;
        vec![
            Metric::lower("nll", (offset + pen) / points).with_unit("nats"),
            Metric::lower("offset_nll", offset / points).with_unit("nats"),
            Metric::lower("pen_nll", pen / points).with_unit("nats"),
            Metric::higher("pen_accuracy", right / points),
        ]
        .into()
    }
}

/// Computes the negative log-likelihood of all drawings of a part. The model predicts each point from the true points
/// before it.
///
/// # Errors
///
/// [`TaskError::Interrupted`](training::TaskError::Interrupted) if a stop was requested.
pub fn likelihood(model: &Writer, part: &Part, interrupt: &Interrupt) -> TaskResult<Likelihood> {
    let mut sum = Likelihood::default();
    for indices in by_length(part.examples.iter().map(|example| example.points.len()), BATCH) {
        interrupt.check()?;
        let examples: Vec<_> = indices.iter().map(|index| &part.examples[*index]).collect();
        let drawings: Vec<_> = examples.iter().map(|example| (example.points.as_slice(), example.class)).collect();
        let (Losses { offset, pen, points }, mixture) = Batch::new(&drawings, model.device()).losses(model.network());
        let [_, time] = offset.dims();
        sum.points += points as f64;
        sum.offset += offset.into_data().iter::<f64>().sum::<f64>();
        sum.pen += pen.into_data().iter::<f64>().sum::<f64>();
        for (found, example) in probable_pens(&mixture).chunks(time).zip(examples) {
            let right = found.iter().zip(&example.points).filter(|(found, point)| **found == point.pen as usize);
            sum.right += right.count() as f64;
        }
    }
    Ok(sum)
}
