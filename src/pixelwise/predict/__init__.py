"""Predictions of a trained run for pictures of any size."""

from pixelwise.predict.predictor import Predicted, Predictor, Tiles

__all__ = ["Predicted", "Predictor", "Tiles"]
