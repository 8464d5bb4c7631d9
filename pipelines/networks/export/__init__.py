"""Exporting networks: ONNX, int8, pruned."""
