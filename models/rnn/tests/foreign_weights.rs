//! Layers with weights in the layouts of Keras and ONNX. The expected outputs were computed from the published
//! equations in double precision. The orders of the gates are in the documentation of `Cell`.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rnn::{Cell, Rnn, RnnConfig};

const I: usize = 3;
const H: usize = 4;
const T: usize = 6;
const X: &[f32] = &[
    -0.6581444, 0.6253807, 0.4747943, -0.4408758, -0.0082168, -0.0909161, 0.2728674, 0.519702, -0.7310527, -0.8489745,
    0.6043772, -0.1210193, 0.4721042, -0.8962091, -0.0983031, 0.3987721, -0.488228, 0.8014872,
];
const LSTM_KERNEL: &[f32] = &[
    0.7225694, -0.844938, -0.8541975, 0.0745425, 0.7904685, -0.2138324, -0.5101211, -0.1401902, -0.8477266, -0.500955,
    -0.1118023, -0.007538, -0.480448, -0.4844402, -0.5061941, -0.0727138, -0.3783931, -0.8613185, 0.6076404, 0.1016178,
    0.2561298, -0.5653687, 0.8865781, 0.6479038, -0.6823981, -0.3011487, 0.3986719, 0.3801452, 0.7855931, -0.1402074,
    0.5940642, 0.30655, -0.3539367, 0.1576451, 0.6884622, 0.6231553, 0.0095109, 0.1602041, -0.8378535, -0.4630681,
    0.5353277, -0.1542348, -0.5885867, 0.0878378, 0.3654734, 0.3140745, -0.2255346, -0.1098691,
];
const LSTM_RECURRENT: &[f32] = &[
    0.0151677, 0.5011967, 0.0376892, -0.1921408, -0.0185517, -0.8467651, -0.8217229, 0.3660878, 0.8697379, 0.1677307,
    -0.1915206, -0.5933715, 0.0040294, 0.8677379, 0.4869417, 0.0713114, 0.6485216, -0.482083, 0.024789, 0.8144413,
    0.1400307, -0.0735629, -0.4152969, 0.0863934, 0.8228093, -0.8897236, 0.5105794, 0.5768746, 0.6951232, 0.4329061,
    0.5564518, 0.0336209, 0.1104442, -0.1330368, -0.7989781, 0.6660183, 0.1259988, -0.540289, 0.0084968, -0.0271348,
    -0.2577781, -0.2770597, 0.0692618, 0.222281, 0.2024144, -0.0753358, -0.849645, -0.4867109, -0.5810197, 0.1520296,
    0.649816, 0.5371901, 0.5347756, 0.5695873, -0.4404707, 0.6151407, 0.3116043, -0.7501785, -0.8699569, -0.8737921,
    0.4600562, -0.4507934, -0.7029205, 0.2246438,
];
const LSTM_BIAS: &[f32] = &[
    -0.2800388, -0.7748723, -0.6126741, 0.0492847, -0.5973391, -0.408754, 0.3808619, -0.0815371, -0.3203968,
    -0.0472122, -0.8574578, -0.2041972, -0.1423464, -0.5615292, -0.7042289, 0.7196733,
];
const LSTM_OUTPUT: &[f32] = &[
    0.0108031, 0.0031943, -0.1967235, 0.0335546, 0.0169407, 0.0370918, -0.2272481, -0.0742533, -0.1760444, 0.0010933,
    -0.2305115, -0.0621582, -0.0934741, 0.0400358, -0.3306022, 0.0061633, -0.0309256, 0.0225686, -0.0917721, -0.1392,
    -0.0043765, -0.0035233, -0.0913794, -0.107047,
];
const ONNX_LSTM_W: &[f32] = &[
    0.7225694, -0.3783931, -0.3539367, -0.844938, -0.8613185, 0.1576451, -0.8541975, 0.6076404, 0.6884622, 0.0745425,
    0.1016178, 0.6231553, -0.480448, 0.7855931, 0.3654734, -0.4844402, -0.1402074, 0.3140745, -0.5061941, 0.5940642,
    -0.2255346, -0.0727138, 0.30655, -0.1098691, 0.7904685, 0.2561298, 0.0095109, -0.2138324, -0.5653687, 0.1602041,
    -0.5101211, 0.8865781, -0.8378535, -0.1401902, 0.6479038, -0.4630681, -0.8477266, -0.6823981, 0.5353277, -0.500955,
    -0.3011487, -0.1542348, -0.1118023, 0.3986719, -0.5885867, -0.007538, 0.3801452, 0.0878378,
];
const ONNX_LSTM_R: &[f32] = &[
    0.0151677, 0.6485216, 0.1104442, -0.5810197, 0.5011967, -0.482083, -0.1330368, 0.1520296, 0.0376892, 0.024789,
    -0.7989781, 0.649816, -0.1921408, 0.8144413, 0.6660183, 0.5371901, 0.0040294, 0.6951232, 0.2024144, 0.4600562,
    0.8677379, 0.4329061, -0.0753358, -0.4507934, 0.4869417, 0.5564518, -0.849645, -0.7029205, 0.0713114, 0.0336209,
    -0.4867109, 0.2246438, -0.0185517, 0.1400307, 0.1259988, 0.5347756, -0.8467651, -0.0735629, -0.540289, 0.5695873,
    -0.8217229, -0.4152969, 0.0084968, -0.4404707, 0.3660878, 0.0863934, -0.0271348, 0.6151407, 0.8697379, 0.8228093,
    -0.2577781, 0.3116043, 0.1677307, -0.8897236, -0.2770597, -0.7501785, -0.1915206, 0.5105794, 0.0692618, -0.8699569,
    -0.5933715, 0.5768746, 0.222281, -0.8737921,
];
const ONNX_LSTM_B: &[f32] = &[
    -0.2800388, -0.7748723, -0.6126741, 0.0492847, -0.1423464, -0.5615292, -0.7042289, 0.7196733, -0.5973391,
    -0.408754, 0.3808619, -0.0815371, -0.3203968, -0.0472122, -0.8574578, -0.2041972, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
];
const GRU_KERNEL: &[f32] = &[
    0.0182088, -0.5236362, 0.1901675, 0.5706714, -0.8625274, -0.8678439, -0.6363689, 0.3939038, -0.6115903, 0.3682901,
    0.3207164, 0.0804639, -0.5029204, 0.8560701, 0.5360595, 0.0298791, -0.4982476, 0.2673116, -0.1891836, 0.1365227,
    -0.3217575, 0.2357062, -0.7941868, -0.3625093, 0.842226, 0.6759616, -0.3485041, 0.6453259, -0.3413455, 0.7907192,
    0.4389158, -0.1508899, -0.4457554, -0.8847355, 0.6816922, -0.8317502,
];
const GRU_RECURRENT: &[f32] = &[
    0.5749454, 0.831962, 0.126505, -0.5912692, 0.6620059, 0.8527954, 0.3672417, 0.0159727, -0.2196561, -0.2755244,
    -0.5296288, 0.3134754, -0.1206898, -0.5505864, -0.7120364, 0.2987236, -0.3670692, -0.0003601, -0.3143778,
    0.6689187, 0.7194209, -0.8674326, -0.5384646, -0.3100667, 0.8766895, 0.5088607, -0.2896278, -0.5165464, 0.3140191,
    0.6078619, 0.7779375, -0.2810703, 0.6883078, 0.3367983, -0.0279023, 0.8739148, -0.4776472, 0.4058373, -0.7475756,
    -0.5945505, 0.739778, -0.5166572, 0.4664091, 0.1803759, 0.614038, -0.2374056, -0.2874866, -0.3758125,
];
const GRU_BIAS_IN: &[f32] = &[
    0.6613557, 0.1871685, 0.8177534, 0.6970772, -0.6563772, 0.0921069, -0.712305, -0.829552, -0.7682518, 0.659103,
    0.5186096, 0.5913107,
];
const GRU_BIAS_REC: &[f32] = &[
    -0.2863846, 0.2073349, 0.5074265, -0.2195287, 0.1274068, -0.4973147, -0.7528621, -0.4198974, 0.7033826, 0.1160043,
    0.765121, -0.0760153,
];
const GRU_AFTER_OUTPUT: &[f32] = &[
    -0.1807885, 0.0367961, 0.0676178, -0.0382522, -0.1494838, 0.250864, 0.1584936, 0.216687, -0.3003361, 0.5615966,
    0.0892968, 0.4692114, 0.0799384, 0.5146513, -0.0030652, 0.373517, -0.0155908, 0.5351359, 0.3649925, 0.5035671,
    -0.1317718, 0.2541434, 0.6492771, 0.3861008,
];
const GRU_BEFORE_OUTPUT: &[f32] = &[
    -0.2113179, 0.0285716, 0.0396943, -0.0285566, -0.2811705, 0.2588517, 0.1393969, 0.1876702, -0.4474585, 0.616982,
    0.0165033, 0.4073485, -0.1936195, 0.4975829, -0.1807684, 0.3160574, -0.3104364, 0.5112038, 0.3587739, 0.4185858,
    -0.3782895, 0.1413186, 0.6876264, 0.3524696,
];

/// Puts the gates of a matrix `[gates · H, columns]` in another order.
fn reordered(values: &[f32], columns: usize, order: &[usize]) -> Vec<f32> {
    order.iter().flat_map(|gate| values[gate * H * columns..(gate + 1) * H * columns].to_vec()).collect()
}

/// Transposes a matrix `[rows, columns]`.
fn transposed(values: &[f32], rows: usize) -> Vec<f32> {
    let columns = values.len() / rows;
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

fn layer(cell: Cell, ih: Vec<f32>, hh: Vec<f32>, bias_ih: Vec<f32>, bias_hh: Vec<f32>) -> Rnn {
    let device = Device::flex();
    let mut rnn = RnnConfig::new(cell, I, H).init(&device);
    let gates = cell.gates() * H;
    let weights = &mut rnn.layers[0].forward;
    weights.weight_ih = Param::from_tensor(Tensor::from_data(TensorData::new(ih, [gates, I]), &device));
    weights.weight_hh = Param::from_tensor(Tensor::from_data(TensorData::new(hh, [gates, H]), &device));
    weights.bias_ih = Param::from_tensor(Tensor::from_data(TensorData::new(bias_ih, [gates]), &device));
    weights.bias_hh = Param::from_tensor(Tensor::from_data(TensorData::new(bias_hh, [gates]), &device));
    rnn
}

#[track_caller]
fn assert_output(rnn: &Rnn, expected: &[f32]) {
    let input = Tensor::<3>::from_data(TensorData::new(X.to_vec(), [1, T, I]), &Device::flex());
    let found: Vec<f32> = rnn.forward(input, None, None).0.into_data().iter::<f32>().collect();
    let largest = found.iter().zip(expected).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
    assert!(largest < 1e-5, "{largest}: {found:?} {expected:?}");
}

#[test]
fn keras_lstm() {
    let order = [0, 1, 2, 3]; // i f c o
    let ih = reordered(&transposed(LSTM_KERNEL, I), I, &order);
    let hh = reordered(&transposed(LSTM_RECURRENT, H), H, &order);
    assert_output(&layer(Cell::Lstm, ih, hh, LSTM_BIAS.to_vec(), vec![0.0; 4 * H]), LSTM_OUTPUT);
}

#[test]
fn onnx_lstm() {
    let order = [0, 2, 3, 1]; // i o f c
    let bias = |half: usize| reordered(&ONNX_LSTM_B[half * 4 * H..(half + 1) * 4 * H], 1, &order);
    let (ih, hh) = (reordered(ONNX_LSTM_W, I, &order), reordered(ONNX_LSTM_R, H, &order));
    assert_output(&layer(Cell::Lstm, ih, hh, bias(0), bias(1)), LSTM_OUTPUT);
}

#[test]
fn keras_gru_reset_after() {
    let order = [1, 0, 2]; // z r h
    let ih = reordered(&transposed(GRU_KERNEL, I), I, &order);
    let hh = reordered(&transposed(GRU_RECURRENT, H), H, &order);
    let (first, second) = (reordered(GRU_BIAS_IN, 1, &order), reordered(GRU_BIAS_REC, 1, &order));
    assert_output(&layer(Cell::Gru, ih, hh, first, second), GRU_AFTER_OUTPUT);
}

#[test]
fn keras_gru_reset_before() {
    let order = [1, 0, 2];
    let ih = reordered(&transposed(GRU_KERNEL, I), I, &order);
    let hh = reordered(&transposed(GRU_RECURRENT, H), H, &order);
    assert_output(
        &layer(Cell::GruResetBefore, ih, hh, reordered(GRU_BIAS_IN, 1, &order), vec![0.0; 3 * H]),
        GRU_BEFORE_OUTPUT,
    );
}

/// PyTorch's `pack_padded_sequence` refuses sequences of length 0.
#[test]
fn an_empty_sequence_in_both_directions() {
    let device = Device::flex();
    let rnn = RnnConfig::new(Cell::Lstm, I, H).with_num_layers(2).with_bidirectional(true).init(&device);
    let padding = Tensor::<3>::full([3, T, I], f32::NAN, &device);
    let input = padding.slice_assign([0..1, 0..T, 0..I], Tensor::ones([1, T, I], &device));
    let (output, state) = rnn.forward(input, Some(&[T, 0, 0]), None);
    assert!(output.into_data().iter::<f32>().all(f32::is_finite));
    assert!(state.hidden.into_data().iter::<f32>().all(f32::is_finite));
}
