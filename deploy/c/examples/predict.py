#!/usr/bin/env python3
"""Asks a model from Python, with nothing but the standard library: predict.py LIBRARY MODEL REQUEST

    cargo build --release -p zoo-c
    deploy/c/examples/predict.py target/release/librnn_zoo.so imdb-lstm '{"input": "Wonderfully acted."}'
"""

import ctypes
import json
import sys


class ZooError(Exception):
    """An error of the library: `code`, `message` and, for `bad_input`, `field`."""

    def __init__(self, code, message, field=None):
        super().__init__(message)
        self.code, self.field = code, field


class Zoo:
    """The library."""

    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        # A pointer, and not c_char_p: ctypes would copy the text, and lose the pointer that is to be freed.
        for name, arguments in [("zoo_open", 1), ("zoo_predict_json", 2)]:
            function = getattr(self.library, name)
            function.argtypes = [ctypes.c_void_p] * (arguments - 1) + [ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p)]
            function.restype = ctypes.c_void_p
        self.library.zoo_free.argtypes = self.library.zoo_string_free.argtypes = [ctypes.c_void_p]

    def call(self, function, *arguments):
        """Calls a function that stores an error."""
        error = ctypes.c_void_p()
        result = function(*arguments, ctypes.byref(error))
        if error.value:
            raise ZooError(**json.loads(self.text(error.value)))
        return result

    def text(self, pointer):
        """Copies a text of the library, and releases it."""
        copy = ctypes.string_at(pointer)
        self.library.zoo_string_free(pointer)
        return copy


class Model:
    """A trained model."""

    def __init__(self, zoo, name):
        self.zoo, self.pointer = zoo, None
        self.pointer = zoo.call(zoo.library.zoo_open, name.encode())

    def predict(self, request):
        """Answers {"input": X} with {"output": Y}, and {"inputs": [X, …]} with {"outputs": [Y, …]}."""
        answer = self.zoo.call(self.zoo.library.zoo_predict_json, self.pointer, json.dumps(request).encode())
        return json.loads(self.zoo.text(answer))

    def __del__(self):
        self.zoo.library.zoo_free(self.pointer)


if __name__ == "__main__":
    library, name, request = sys.argv[1:]
    print(json.dumps(Model(Zoo(library), name).predict(json.loads(request)), ensure_ascii=False))
