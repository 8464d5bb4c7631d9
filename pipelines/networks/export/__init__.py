"""Networks for elsewhere: ONNX, int8, pruned."""
