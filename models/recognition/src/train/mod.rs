//! Training and evaluation of recognizers (feature `train`).
//!
//! | file | contents |
//! |---|---|
//! | `task.rs` | [`RecognitionTask`], the [`training::Task`] |
//! | `data.rs` | the table `[data]` of recipes; the recordings of the training, validation and test parts |
//! | `augmentation.rs` | random changes of training sequences |
//! | `evaluation.rs` | accuracy, macro F1, calibration, results by person |
//! | `crossval.rs` | cross-validation by person |
//! | `picture.rs` | drawings with their predicted classes, and the confusion matrix |
//! | `dtw.rs`, `kernels.rs` | the baselines: nearest neighbour by dynamic time warping; random convolution kernels |

pub mod augmentation;
pub mod crossval;
pub mod data;
pub mod dtw;
pub mod evaluation;
pub mod kernels;
pub(crate) mod picture;
mod task;

pub use task::RecognitionTask;
