import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import tensorflow as tf

from layers import CELLS, SHAPES, milliseconds, report

for shape in SHAPES:
    for cell in CELLS:
        batch, time, inputs, hidden = shape
        kind = {"lstm": tf.keras.layers.LSTM, "gru": tf.keras.layers.GRU}[cell]
        layer = kind(hidden, return_sequences=True)
        x = tf.random.normal([batch, time, inputs])
        layer(x)

        @tf.function
        def forward(x):
            return layer(x)

        @tf.function
        def train(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(layer(x))
            return tape.gradient(loss, [x, *layer.trainable_variables])

        def run(function):
            return milliseconds(lambda: tf.nest.map_structure(lambda result: result.numpy(), function(x)))

        report(cell, shape, forward_ms=run(forward), train_ms=run(train))
