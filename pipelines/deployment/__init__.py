"""What leaves the house: a trained network as an ONNX file, in whole numbers, and with fewer channels."""
