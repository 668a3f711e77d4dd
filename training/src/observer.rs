//! Events of a training, and the [`Observer`] that receives them. The library itself prints nothing.

use std::path::Path;

use crate::metric::Measured;
use crate::run::Epoch;

/// Receives the events of a training, in the thread that trains.
///
/// A run emits `Started` and `Fitting`; then, for each epoch, one `Step` or `Skipped` per optimizer step and one
/// `Epoch`; then `Stopped`, `Measuring` and `Measured`. `Note` may come at any time. Every closure that takes an
/// [`Event`] is an observer:
///
/// ```
/// use training::{Event, Observer};
///
/// let mut epochs = 0;
/// let mut observer = |event: &Event| {
///     if let Event::Epoch { .. } = event {
///         epochs += 1;
///     }
/// };
/// observer.observe(&Event::Measuring);
/// ```
pub trait Observer {
    /// Receives one event.
    fn observe(&mut self, event: &Event);
}

impl<F: FnMut(&Event)> Observer for F {
    fn observe(&mut self, event: &Event) {
        self(event);
    }
}

/// An observer that ignores all events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&mut self, _: &Event) {}
}

/// An event that a training reports.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A message for the user, such as a note that gaps in the data were repaired.
    Note(&'a str),
    /// A run has started or is resumed.
    Started {
        /// The name of the recipe.
        recipe: &'a str,
        /// The description of the recipe.
        about: &'a str,
        /// The run folder.
        run: &'a Path,
    },
    /// The optimizer steps start.
    Fitting {
        /// The number of batches in all epochs of the run.
        batches: usize,
        /// The number of batches that were trained before the run was resumed; 0 for a new run.
        done: usize,
    },
    /// An optimizer step has been computed.
    Step(Step),
    /// An optimizer step was skipped because its loss or gradient is NaN or infinite.
    Skipped {
        /// The quantity that is not finite: `loss` or `gradient norm`.
        what: &'static str,
        /// The value of the quantity: NaN or infinity.
        value: f64,
        /// The batches of the step, such as `batches 3 to 4`.
        batch: &'a str,
        /// The number of the epoch, counted from 1.
        epoch: usize,
        /// The number of batches in the skipped step.
        batches: usize,
    },
    /// An epoch has ended, and the model has been validated.
    Epoch {
        /// The metrics of the epoch, as in `metrics.jsonl`.
        epoch: &'a Epoch,
        /// The number of epochs in the recipe.
        epochs: usize,
        /// Whether the validation metric is the best so far, so that the weights of this epoch are stored as the best
        /// weights. Always false if the recipe keeps the last epoch ([`Keep::Last`](crate::recipe::Keep::Last)).
        is_best: bool,
        /// The time since this process started or resumed the run, in seconds.
        seconds: f64,
    },
    /// The evaluation of the model on the test part starts.
    Measuring,
    /// The model has been evaluated on the test part and is stored with the results. The evaluation of the baselines
    /// starts.
    Measured {
        /// The metrics of the model on the test part.
        test: &'a Measured,
    },
    /// The optimizer steps have ended: training is done, interrupted or failed.
    Stopped,
}

/// The results of one optimizer step.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The number of batches whose gradients were accumulated in the step.
    pub batches: usize,
    /// The number of items, such as sentences or tokens, in the batches of the step.
    pub items: usize,
    /// The mean loss over the items of the step.
    pub loss: f64,
    /// The global norm of the gradient before clipping.
    pub norm: f64,
    /// The learning rate of the step.
    pub lr: f64,
    /// The number of the epoch, counted from 1.
    pub epoch: usize,
    /// The number of epochs in the recipe.
    pub epochs: usize,
    /// The number of the best epoch so far, counted from 1, and its validation metric; `None` before the end of the
    /// first epoch.
    pub best: Option<(usize, f64)>,
    /// The name of the metric that determines the best epoch.
    pub monitor: &'static str,
}
