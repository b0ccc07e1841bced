"""What is shown and remembered of a training: plots, plot data, model cards, MLflow runs and the model registry."""
