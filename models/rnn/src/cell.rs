use serde::{Deserialize, Serialize};

/// The recurrence that a layer applies at every step.
///
/// Below, `x` is the input of the step, `h` (and `c`) the state before it, `h'` (and `c'`) the state after it, `σ` the
/// logistic function and `⊙` the product of elements. Each `W`, `U`, `b` is one gate's block of rows of `weight_ih`,
/// `weight_hh`, and `bias_ih + bias_hh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// The simple recurrent network of Elman (1990), PyTorch's `nn.RNN`:
    ///
    /// ```text
    /// h' = tanh(W·x + U·h + b)
    /// ```
    Elman,

    /// Elman's network with a rectifier (Le, Jaitly & Hinton 2015), PyTorch's `nn.RNN(nonlinearity="relu")`:
    ///
    /// ```text
    /// h' = max(0, W·x + U·h + b)
    /// ```
    ElmanRelu,

    /// Long short-term memory (Hochreiter & Schmidhuber 1997) with the forget gate of Gers et al. (2000), PyTorch's
    /// `nn.LSTM`; gates in the order `i, f, g, o`:
    ///
    /// ```text
    /// i  = σ(Wᵢ·x + Uᵢ·h + bᵢ)       what to write
    /// f  = σ(W_f·x + U_f·h + b_f)    what to keep
    /// g  = tanh(W_g·x + U_g·h + b_g) the candidate
    /// o  = σ(Wₒ·x + Uₒ·h + bₒ)       what to show
    /// c' = f ⊙ c + i ⊙ g
    /// h' = o ⊙ tanh(c')
    /// ```
    Lstm,

    /// The gated recurrent unit as PyTorch's `nn.GRU` computes it, the reset gate applied *after* the recurrent product
    /// (which can then be one product for all gates); gates in the order `r, z, n`:
    ///
    /// ```text
    /// r  = σ(W_r·x + U_r·h + b_r)    what to forget
    /// z  = σ(W_z·x + U_z·h + b_z)    what to leave as it was
    /// n  = tanh(W_n·x + b_ih,n + r ⊙ (U_n·h + b_hh,n))
    /// h' = (1 − z) ⊙ n + z ⊙ h
    /// ```
    Gru,

    /// The gated recurrent unit as Cho et al. (2014) and textbooks write it, the reset gate applied *before* the
    /// recurrent product (`reset_after=False` in Keras). As [`Gru`](Cell::Gru) but for
    ///
    /// ```text
    /// n  = tanh(W_n·x + U_n·(r ⊙ h) + b_n)
    /// ```
    GruResetBefore,
}

impl Cell {
    /// The number of gates: how many blocks of `hidden_size` rows the weights hold.
    pub fn gates(self) -> usize {
        match self {
            Cell::Elman | Cell::ElmanRelu => 1,
            Cell::Gru | Cell::GruResetBefore => 3,
            Cell::Lstm => 4,
        }
    }

    /// Whether the state has a cell `c` beside the hidden `h`.
    pub fn has_memory(self) -> bool {
        self == Cell::Lstm
    }
}
