use serde::{Deserialize, Serialize};

/// The recurrence that a layer applies at every step.
///
/// In the equations, `x` is the input of the step, `h` and `c` are the hidden and cell state before the step, and `h'`
/// and `c'` are the states after the step. `σ` is the logistic function and `⊙` the elementwise product. For each gate,
/// `W`, `U` and `b` are the rows of the gate in `weight_ih`, in `weight_hh`, and in the sum `bias_ih + bias_hh`.
///
/// # Weights of other frameworks
///
/// PyTorch's weights need no change. The gates of Keras and ONNX have another order, and the weights of Keras are
/// transposed: `kernel` is `[input_size, gates × hidden_size]`, and `recurrent_kernel` is
/// `[hidden_size, gates × hidden_size]`.
///
/// | cell | gates here, as in PyTorch | gates in Keras | gates in ONNX |
/// |---|---|---|---|
/// | [`Lstm`](Cell::Lstm) | `i f g o` | `i f c o` (`c` is `g`) | `i o f c` (`c` is `g`) |
/// | [`Gru`](Cell::Gru) | `r z n` | `z r h`, with `reset_after=True` | `z r h`, with `linear_before_reset=1` |
/// | [`GruResetBefore`](Cell::GruResetBefore) | `r z n` | `z r h`, with `reset_after=False` | `z r h`, with `linear_before_reset=0` |
///
/// In the GRU rows of this table, the gate `h` of Keras and ONNX is the candidate `n`. The biases have these layouts:
///
/// - Keras has one bias per gate, which becomes `bias_ih`, and `bias_hh` becomes zero. A GRU with `reset_after=True`
///   has a bias of shape `[2, gates × hidden_size]`: the first row is `bias_ih`, and the second is `bias_hh`.
/// - In ONNX, the input `B` has one row per direction: `bias_ih`, followed by `bias_hh`. `W` and `R` have the layout of
///   `weight_ih` and `weight_hh`. Peephole weights (`P`) have no counterpart here.
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

    /// The gated recurrent unit of PyTorch's `nn.GRU`. The reset gate acts *after* the recurrent product, so one matrix
    /// product with `h` computes the recurrent products of all gates. Gates are in the order `r, z, n`:
    ///
    /// ```text
    /// r  = σ(W_r·x + U_r·h + b_r)    reset gate
    /// z  = σ(W_z·x + U_z·h + b_z)    update gate
    /// n  = tanh(W_n·x + b_ih,n + r ⊙ (U_n·h + b_hh,n))    candidate
    /// h' = (1 − z) ⊙ n + z ⊙ h
    /// ```
    Gru,

    /// The gated recurrent unit of Cho et al. (2014), `reset_after=False` in Keras. The reset gate acts *before* the
    /// recurrent product. This cell differs from [`Gru`](Cell::Gru) in the candidate:
    ///
    /// ```text
    /// n  = tanh(W_n·x + U_n·(r ⊙ h) + b_n)
    /// ```
    GruResetBefore,
}

impl Cell {
    /// Returns the number of gates: each weight matrix has `gates × hidden_size` rows.
    pub fn gates(self) -> usize {
        match self {
            Cell::Elman | Cell::ElmanRelu => 1,
            Cell::Gru | Cell::GruResetBefore => 3,
            Cell::Lstm => 4,
        }
    }

    /// Returns whether the cell has a cell state `c` in addition to the hidden state `h`.
    pub fn has_memory(self) -> bool {
        self == Cell::Lstm
    }
}
