#!/usr/bin/env python3
"""The times of PyTorch with cuDNN for the layers of `cargo run -p rnn --example gpu_speed --features vulkan`, in milliseconds.

32-bit floats; matrix products without TF32, as in the example."""

import statistics
import time

import torch

SHAPES = [(32, 200, 128, 128), (20, 20, 200, 200), (20, 35, 650, 650), (64, 120, 7, 32), (128, 48, 321, 512)]
WARM_UP, ROUNDS = 5, 15


def median(work):
    times = []
    for index in range(WARM_UP + ROUNDS):
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        if index >= WARM_UP:
            times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def main():
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    print(torch.cuda.get_device_name(), torch.__version__, "cuDNN", torch.backends.cudnn.version())
    for batch, steps, size, hidden in SHAPES:
        for name, layer in [("Lstm", torch.nn.LSTM), ("Gru", torch.nn.GRU)]:
            network = layer(size, hidden, batch_first=True).cuda()
            inputs = torch.rand(batch, steps, size, device="cuda")
            with torch.no_grad():
                forward = median(lambda: network(inputs))
            tracked = inputs.clone().requires_grad_()
            training = median(lambda: network(tracked)[0].sum().backward())
            print(f"{name:>5} {batch}×{steps}×{size}→{hidden:<5} {forward:12.3f} {training:12.3f}")


if __name__ == "__main__":
    main()
