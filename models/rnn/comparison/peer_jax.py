"""Layers in idiomatic JAX: one input product for all steps, then `lax.scan`."""

import jax
import jax.numpy as jnp
from jax import lax

from serve import answer


def lstm(parameters, x):
    w, u, b = parameters
    hidden = u.shape[0]
    products = jnp.swapaxes(x @ w + b, 0, 1)

    def step(state, product):
        h, c = state
        i, f, g, o = jnp.split(product + h @ u, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zero = jnp.zeros((x.shape[0], hidden))
    return jnp.swapaxes(lax.scan(step, (zero, zero), products)[1], 0, 1)


def gru(parameters, x):
    w, u, b = parameters
    hidden = u.shape[0]
    products = jnp.swapaxes(x @ w + b, 0, 1)

    def step(h, product):
        r, z, n = jnp.split(product, 3, axis=-1)
        u_r, u_z, u_n = jnp.split(h @ u, 3, axis=-1)
        r, z = jax.nn.sigmoid(r + u_r), jax.nn.sigmoid(z + u_z)
        n = jnp.tanh(n + r * u_n)
        h = (1 - z) * n + z * h
        return h, h

    return jnp.swapaxes(lax.scan(step, jnp.zeros((x.shape[0], hidden)), products)[1], 0, 1)


def prepare(cell, batch, time, inputs, hidden):
    layer, gates = {"lstm": (lstm, 4), "gru": (gru, 3)}[cell]
    keys = jax.random.split(jax.random.key(0), 3)
    scale = hidden**-0.5
    w = scale * jax.random.uniform(keys[0], (inputs, gates * hidden), minval=-1)
    u = scale * jax.random.uniform(keys[1], (hidden, gates * hidden), minval=-1)
    x = jax.random.normal(keys[2], (batch, time, inputs))
    parameters = (w, u, jnp.zeros(gates * hidden))
    forward = jax.jit(layer)
    train = jax.jit(jax.grad(lambda parameters, x: layer(parameters, x).sum(), argnums=(0, 1)))

    def run(function):
        return lambda: jax.block_until_ready(function(parameters, x))

    return {"forward_ms": run(forward), "train_ms": run(train)}


answer(prepare)
