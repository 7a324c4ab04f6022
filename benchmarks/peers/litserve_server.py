"""A run served by LitServe, written as its documentation does: RUN PORT WORKERS."""

from __future__ import annotations

import os
import sys

import litserve
import numpy as np
import torch
from PIL import Image

import pellucid

RUN, PORT, WORKERS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


class Api(litserve.LitAPI):
    def setup(self, device):
        run = pellucid.open_run(RUN)
        self.network, self.preprocessing, self.classes = run.network(), run.preprocessing, run.classes
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // WORKERS))

    def decode_request(self, request):
        height, width = self.preprocessing.height, self.preprocessing.width
        with Image.open(request["image"].file) as picture:
            fitted = picture.convert("RGB" if self.preprocessing.channels == 3 else "L").resize((width, height))
        return torch.from_numpy(np.array(fitted).reshape(height, width, -1))

    def batch(self, inputs):
        return torch.stack(inputs)

    def predict(self, batch):
        with torch.inference_mode():
            return self.network(self.preprocessing(batch)).softmax(1)

    def unbatch(self, output):
        return list(output)

    def encode_response(self, output):
        return {"class": self.classes[int(output.argmax())], "probabilities": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(
        Api(max_batch_size=32, batch_timeout=0.005), accelerator="cpu", workers_per_device=WORKERS
    )
    server.run(port=PORT, generate_client_file=False, log_level="error")
