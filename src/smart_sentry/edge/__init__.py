"""Small, portable models: ONNX of the champion and an int8 model for devices at the machine."""
