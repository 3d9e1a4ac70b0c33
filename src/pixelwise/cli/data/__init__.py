"""The commands about pictures: `pixelwise start` and `pixelwise data`."""
