//! Short programs that teach, each runnable in under a minute on the CPU.
//!
//! | program | what it shows |
//! |---|---|
//! | `cargo run -p examples --example elman_by_hand` | forward and backward pass of a recurrent network written out on arrays, equal to burn's |
//! | `cargo run -p examples --example vanishing_gradients` | how far back a gradient reaches, for Elman's network, LSTM and GRU; draws `vanishing_gradients.svg` |
//! | `cargo run -p examples --example long_memory` | which cell learns to remember how long; draws `long_memory.svg` |
//! | `cargo run -p examples --example sine_wave` | a stacked LSTM forecasts a noisy sine wave; draws `sine_wave.svg` |
//! | `cargo run -p examples --example training_step` | a training step without the trainer, and how long it takes |
