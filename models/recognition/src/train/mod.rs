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

mod augmentation;
pub(crate) mod crossval;
mod data;
mod dtw;
mod evaluation;
mod kernels;
mod picture;
mod task;

pub use augmentation::Augmentation;
pub use data::DataConfig;
pub use task::RecognitionTask;
