"""A trained run at work: pictures of any size in, predictions out."""

from pixelwise.predict.predictor import Predicted, Predictor, Tiles

__all__ = ["Predicted", "Predictor", "Tiles"]
