use serde::{Deserialize, Serialize};

/// The recurrence that a layer applies at every step.
///
/// In the equations, `x` is the input of the step, `h` and `c` are the hidden and cell state before the step, and `h'`
/// and `c'` are the states after it. `σ` is the logistic function and `⊙` the elementwise product. Each `W`, `U` and
/// `b` is the block of rows of one gate in `weight_ih`, `weight_hh` and `bias_ih + bias_hh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// The simple recurrent network of Elman (1990), PyTorch's `nn.RNN`:
    ///
    /// ```text
    /// h' = tanh(W·x + U·h + b)
    /// ```
    Elman,

    /// The simple recurrent network with ReLU (Le, Jaitly & Hinton 2015), PyTorch's `nn.RNN(nonlinearity="relu")`:
    ///
    /// ```text
    /// h' = max(0, W·x + U·h + b)
    /// ```
    ElmanRelu,

    /// Long short-term memory (Hochreiter & Schmidhuber 1997) with the forget gate of Gers et al. (2000), PyTorch's
    /// `nn.LSTM`; gates in the order `i, f, g, o`:
    ///
    /// ```text
    /// i  = σ(Wᵢ·x + Uᵢ·h + bᵢ)       input gate
    /// f  = σ(W_f·x + U_f·h + b_f)    forget gate
    /// g  = tanh(W_g·x + U_g·h + b_g) candidate
    /// o  = σ(Wₒ·x + Uₒ·h + bₒ)       output gate
    /// c' = f ⊙ c + i ⊙ g
    /// h' = o ⊙ tanh(c')
    /// ```
    Lstm,

    /// The gated recurrent unit of PyTorch's `nn.GRU`. The reset gate acts *after* the recurrent product, so one
    /// product serves all gates. Gates are in the order `r, z, n`:
    ///
    /// ```text
    /// r  = σ(W_r·x + U_r·h + b_r)    reset gate
    /// z  = σ(W_z·x + U_z·h + b_z)    update gate
    /// n  = tanh(W_n·x + b_ih,n + r ⊙ (U_n·h + b_hh,n))    candidate
    /// h' = (1 − z) ⊙ n + z ⊙ h
    /// ```
    Gru,

    /// The gated recurrent unit of Cho et al. (2014), `reset_after=False` in Keras. The reset gate acts *before* the
    /// recurrent product. It differs from [`Gru`](Cell::Gru) in the candidate:
    ///
    /// ```text
    /// n  = tanh(W_n·x + U_n·(r ⊙ h) + b_n)
    /// ```
    GruResetBefore,
}

impl Cell {
    /// The number of gates: each weight matrix has `gates × hidden_size` rows.
    pub fn gates(self) -> usize {
        match self {
            Cell::Elman | Cell::ElmanRelu => 1,
            Cell::Gru | Cell::GruResetBefore => 3,
            Cell::Lstm => 4,
        }
    }

    /// Whether the cell has a cell state `c` in addition to the hidden state `h`.
    pub fn has_memory(self) -> bool {
        self == Cell::Lstm
    }
}
